//! Cases that readers report after deployment.

use acft_project::{ClassId, Origin};

use crate::server::{Server, adopted, current, honest};
use crate::site::{Site, draw, key};

#[test]
fn a_reported_case_joins_and_is_learned_with_the_rest() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    server.label_until(honest, |ledger| adopted(ledger) == 1);
    let missed = draw(99);
    let told = server.post_image("/api/feedback?class=bright&name=a%20missed%20one", &missed);
    assert_eq!(told["new"], true);
    let again = server.post_image("/api/feedback?class=1", &missed);
    assert_eq!(again["new"], false);
    assert_eq!(again["candidate"], told["candidate"]);

    let labeled = server.label_until(honest, |ledger| adopted(ledger) == 2);
    // It counts as one of four.
    assert_eq!(labeled.len(), 3);
    let candidate = told["candidate"].as_str().unwrap();
    assert_eq!(candidate, blake3::hash(&missed).to_hex().as_str());
    let project = site.look();
    let ledger = project.ledger();
    let id = ledger.find(&key(candidate)).unwrap();
    let row = &ledger.candidates()[id.index()];
    assert_eq!(
        (row.origin, row.name.as_str()),
        (Origin::Feedback, "a missed one")
    );
    assert!(current(ledger).learned.contains(&(id, ClassId(1))));
    assert_eq!(current(ledger).learned.len(), 4);
    server.stop();
    site.told("check p");
}
