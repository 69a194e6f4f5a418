//! From no label to models, and what must hold on the way.

use std::collections::BTreeMap;
use std::fs;

use acft_project::Draw;

use crate::server::{Server, adopted, current, honest};
use crate::site::{IMAGES, Site};

#[test]
fn from_no_label_to_three_models() {
    let site = Site::new("");
    let server = Server::start(&site);
    let labeled = server.label_until(honest, |ledger| adopted(ledger) == 3);
    // Four each, and one in ten beside for the holdout.
    assert!((12..=14).contains(&labeled.len()), "{labeled:?}");
    let models = server.get("/api/models");
    let models = models.as_array().unwrap();
    assert_eq!(models.len(), 4);
    for (step, model) in models.iter().enumerate() {
        assert_eq!(model["step"], step);
        assert_eq!(model["current"], step == 3);
        let why = model["why"].as_str().unwrap();
        assert!(step == 0 || why.contains("without a check"), "{why}");
        let hash = model["hash"].as_str().unwrap();
        let file = fs::read(site.path(&format!("p/models/{hash}.safetensors"))).unwrap();
        assert_eq!(blake3::hash(&file).to_hex().as_str(), hash);
    }
    server.stop();
    site.told("check p");
    let project = site.look();
    let ledger = project.ledger();
    assert_eq!(ledger.unlearned_count(), 0);
    let mut queried = 0;
    for batch in ledger.batches() {
        assert_ne!(batch.draw, Draw::Random);
        for member in &batch.members {
            // What a network was asked about says so; a holdout is no choice.
            let is_asked = batch.draw != Draw::Holdout;
            assert_eq!(member.rank.is_some(), is_asked);
            assert_eq!(member.score.is_some(), is_asked);
            assert_eq!(member.predictions.len(), if is_asked { 4 } else { 0 });
            queried += usize::from(batch.draw == Draw::Query);
        }
    }
    // Three batches that were labeled, and one that waits.
    assert_eq!(queried, 16);
    for made in ledger.models().all().iter().skip(1) {
        assert_eq!(made.model.learned.len(), 4);
        assert_eq!(made.model.replayed, 4 * (made.model.step as usize - 1));
    }
}

#[test]
fn a_restart_in_the_middle_changes_no_query() {
    let unbroken = Site::new("");
    let labeled = Server::start(&unbroken).label_so_many(15);

    let broken = Site::new("");
    let mut same = Vec::new();
    for (count, is_killed) in [(3, false), (6, true), (1, true), (5, false)] {
        let server = Server::start(&broken);
        same.extend(server.label_so_many(count));
        if is_killed {
            server.kill();
        } else {
            server.stop();
        }
    }
    assert_eq!(same, labeled);
    assert_eq!(broken.drawn(), unbroken.drawn());
    assert_eq!(
        current(broken.look().ledger()).hash,
        current(unbroken.look().ledger()).hash
    );
}

#[test]
fn a_batch_holds_no_more_of_a_group_than_it_may() {
    // Seven patients: one of each is less than two batches.
    let site = Site::with_groups("max-per-group = 1\nholdout-one-in = 0", IMAGES / 7 + 1);
    let server = Server::start(&site);
    server.label_until(honest, |ledger| adopted(ledger) == 3);
    let project = site.look();
    let ledger = project.ledger();
    // Once for each model, though less than a batch was left of each ranking.
    assert_eq!(ledger.rankings(), 4);
    let mut held: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for batch in ledger.batches() {
        for member in &batch.members {
            let group = &ledger.candidates()[member.candidate.index()].group;
            let from = (batch.ranking.unwrap(), group.as_deref().unwrap());
            *held.entry(from).or_default() += 1;
        }
    }
    assert!(held.values().all(|count| *count == 1), "{held:?}");
}

#[test]
fn strategies_that_do_not_ask_the_network_draw_at_random_and_start_anew() {
    let site = Site::new("query = \"random\"\nlearn = \"reset-lq\"\nholdout-one-in = 0");
    let server = Server::start(&site);
    // Nobody ranks, so nothing is waited for but the models.
    for step in 1..=2 {
        for _ in 0..4 {
            let one = server.next().unwrap();
            assert_eq!(one.draw, "random");
            server.label(&one, honest(&one));
        }
        server.wait("a model", || adopted(site.look().ledger()) == step);
    }
    let project = site.look();
    let ledger = project.ledger();
    assert_eq!(ledger.rankings(), 0);
    let all = ledger.models().all();
    assert_eq!(all[2].model.parent.as_ref(), Some(&all[1].model.hash));
    assert_eq!((all[2].model.learned.len(), all[2].model.replayed), (4, 4));
}

#[test]
fn the_last_labels_that_the_budget_buys_are_learned() {
    let site = Site::new("max-labels = 6\nholdout-one-in = 0");
    let server = Server::start(&site);
    server.label_so_many(4);
    for _ in 0..2 {
        let one = server.next().unwrap();
        server.label(&one, honest(&one));
    }
    server.wait("the last two are learned", || {
        let project = site.look();
        project.ledger().unlearned_count() == 0 && server.work()["phase"] == "idle"
    });
    assert!(server.next().is_none());
    let project = site.look();
    let learned: Vec<usize> = project
        .ledger()
        .models()
        .all()
        .iter()
        .map(|made| made.model.learned.len())
        .collect();
    assert_eq!(learned, [0, 4, 2]);
    // No ranking that nobody would be served from.
    assert_eq!(project.ledger().rankings(), 2);
}
