//! Classes that change in the middle.

use acft_project::ClassId;

use crate::server::{Server, current};
use crate::site::{Site, draw, key};

fn classes(numbers: &[u16]) -> Vec<ClassId> {
    numbers.iter().copied().map(ClassId).collect()
}

#[test]
fn a_class_joins_and_one_goes_and_all_is_learned_again() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    server.label_so_many(4);
    server.settle();
    server.stop();

    site.told("classes add middling p");
    let server = Server::start(&site);
    server.settle();
    let project = site.look();
    let all = project.ledger().models().all();
    // M_0, a fine-tuning, the fresh head, a fine-tuning of that.
    let steps: Vec<u32> = all.iter().map(|made| made.model.step).collect();
    assert_eq!(steps, [0, 1, 0, 2]);
    let (head, tuned) = (&all[2].model, &all[3].model);
    assert_eq!((&head.parent, head.adopted), (&None, true));
    assert!(head.why.contains("middling"), "{}", head.why);
    assert_eq!(tuned.parent.as_ref(), Some(&head.hash));
    assert_eq!(tuned.classes, classes(&[0, 1, 2]));
    assert_eq!(tuned.learned.len(), 4);
    let seen = server.post_image("/api/predict", &draw(3));
    assert_eq!(seen["probabilities"].as_array().unwrap().len(), 3);

    // One of the new class, so that its label has to follow.
    let one = server.next().unwrap();
    server.label(&one, 2);
    server.stop();
    site.told("classes merge middling bright p");
    let server = Server::start(&site);
    server.settle();
    let project = site.look();
    let ledger = project.ledger();
    let now = current(ledger);
    assert_eq!(now.classes, classes(&[0, 1]));
    assert_eq!(now.learned.len(), 5);
    let id = ledger.find(&key(&one.key)).unwrap();
    assert!(now.learned.contains(&(id, ClassId(1))));
    let seen = server.post_image("/api/predict", &draw(3));
    assert_eq!(seen["probabilities"].as_array().unwrap().len(), 2);
    let ranking = ledger.ranking().unwrap();
    assert_eq!(ranking.model.as_ref(), Some(&now.hash));
    server.stop();
    site.told("check p");
}
