//! Which model is used: the gate, and people.

use acft_project::Ledger;
use serde_json::json;

use crate::server::{Served, Server, adopted, current, honest};
use crate::site::{Site, draw};

/// Says the truth of holdouts, and what is wrong of all that is learned from.
fn liar(one: &Served) -> u16 {
    match one.draw.as_str() {
        "holdout" => honest(one),
        _ => 1 - honest(one),
    }
}

fn last(ledger: &Ledger) -> acft_project::ModelMade {
    ledger.models().all().last().unwrap().model.clone()
}

#[test]
fn a_worse_model_is_not_used_and_its_labels_wait_for_as_many_more() {
    // It forgets what it learned before, so that lies show at once.
    let site = Site::new(
        "learn = \"q\"\nlr = 0.01\nlr-ratio = 1.0\nepochs = 15\nholdout-one-in = 3\nholdout-per-class = 1",
    );
    let server = Server::start(&site);
    server.label_until(honest, |ledger| {
        let verdict = current(ledger).verdict;
        verdict.is_some_and(|verdict| verdict.enough && verdict.after.unwrap_or(0.0) > 0.9)
    });
    let good = current(site.look().ledger()).hash.clone();
    let before = site.look().ledger().models().all().len();

    server.label_until(liar, |ledger| ledger.models().all().len() > before);
    let refused = last(site.look().ledger());
    assert!(!refused.adopted, "{:?}", refused.verdict);
    assert!(refused.why.contains("its AUC is"), "{}", refused.why);
    assert_eq!(current(site.look().ledger()).hash, good);
    let seen = server.post_image("/api/predict", &draw(60));
    assert_eq!(seen["model"], good.as_str());
    // Said also after the next ranking, and by a server that was not there.
    server.hear("the new model is not used");
    server.stop();
    let server = Server::start(&site);
    server.hear("the new model is not used");

    // The labels stay in Q, and are tried again with as many more.
    let count = refused.learned.len();
    assert_eq!(site.look().ledger().unlearned_count(), count);
    server.label_until(liar, |ledger| ledger.unlearned_count() == count + 3);
    assert_eq!(site.look().ledger().models().all().len(), before + 1);
    server.label_until(liar, |ledger| ledger.models().all().len() > before + 1);
    assert_eq!(last(site.look().ledger()).learned.len(), count + 4);
}

#[test]
fn a_model_that_is_chosen_while_another_is_trained_stays() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    server.label_until(honest, |ledger| adopted(ledger) == 1);
    server.stop();
    let first = site.look().ledger().models().all()[0].model.hash.clone();

    site.set("epochs = 200");
    let server = Server::start(&site);
    server.label_so_many(3);
    let one = server.next().unwrap();
    server.label(&one, honest(&one));
    server.wait("a training", || server.work()["phase"] == "training");
    // The network answers meanwhile, and labels are taken.
    let seen = server.post_image("/api/predict", &draw(60));
    assert_eq!(seen["probabilities"].as_array().unwrap().len(), 2);
    let (status, _) = server.ask("POST /api/predict", "image/png", b"no image");
    assert_eq!(status, 422);
    let ahead = server.next().unwrap();
    assert_eq!(ahead.draw, "ahead");
    server.post("/api/models/use", &json!({"model": first}));
    assert_eq!(server.work()["phase"], "training");

    server.settle();
    let project = site.look();
    let ledger = project.ledger();
    assert_eq!(current(ledger).hash, first);
    let made = last(ledger);
    assert_eq!((made.step, made.adopted), (2, false));
    assert!(made.why.contains("was chosen"), "{}", made.why);
    server.hear("was chosen");
    assert_eq!(
        ledger.ranking().unwrap().model.as_ref(),
        Some(&first),
        "U is ranked by the model that was chosen"
    );
    // Whoever wants it after all takes it.
    server.post("/api/models/use", &json!({"model": made.hash}));
    server.settle();
    assert_eq!(server.work()["message"], "");
    let seen = server.post_image("/api/predict", &draw(60));
    assert_eq!(seen["model"], made.hash.as_str());
}

#[test]
fn a_training_is_given_up_within_a_second_or_two() {
    let site = Site::new("holdout-one-in = 0\nepochs = 100000");
    let server = Server::start(&site);
    server.settle();
    let first = current(site.look().ledger()).hash.clone();
    for _ in 0..4 {
        let one = server.next().unwrap();
        server.label(&one, honest(&one));
    }
    server.wait("a training", || server.work()["epoch"].as_u64() > Some(1));
    let work = server.work();
    assert!(work["seconds_left"].is_number(), "{work}");
    assert!(server.stop().as_secs_f64() < 4.0);
    let project = site.look();
    assert_eq!(current(project.ledger()).hash, first);
    assert_eq!(project.ledger().unlearned_count(), 4);
    site.told("check p");
}
