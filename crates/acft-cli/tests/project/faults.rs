//! What goes wrong around it.

use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::json;

use crate::server::{Server, adopted, current, honest};
use crate::site::{IMAGES, Site, draw};

#[test]
fn an_image_that_is_cut_off_is_set_aside_and_nothing_stops() {
    let site = Site::new("holdout-one-in = 0");
    let bad = [4, 9, 30];
    for number in bad {
        let whole = fs::read(site.scan(number)).unwrap();
        fs::write(site.scan(number), &whole[..whole.len() / 2]).unwrap();
    }
    // One that is gone is no sign that all are, and not at fault.
    fs::remove_file(site.scan(11)).unwrap();
    let server = Server::start(&site);
    let labeled = server.label_until(honest, |ledger| adopted(ledger) == 2);
    for number in bad.iter().chain(&[11]) {
        assert!(!labeled.contains(&format!("{number:02}.png")));
    }
    let progress = server.get("/api/progress");
    assert_eq!(progress["unreadable"], 3);
    assert_eq!(progress["changed"], 3);
    assert_eq!(progress["away"], 1);
    let project = site.look();
    let ledger = project.ledger();
    for (id, reason) in ledger.unreadable() {
        let name = &ledger.candidates()[id.index()].name;
        assert!(reason.contains("truncated"), "{name}: {reason}");
        assert!(
            reason.contains("not the image that joined"),
            "{name}: {reason}"
        );
        assert!(!ledger.in_pool(id));
    }
}

#[test]
fn a_disk_that_is_gone_for_a_while_costs_no_image() {
    let site = Site::new("holdout-one-in = 0");
    fs::rename(site.path("scans"), site.path("away")).unwrap();
    let server = Server::start(&site);
    server.hear(&format!("{IMAGES} of {IMAGES} image files are missing"));
    let nothing = site.look();
    assert_eq!(nothing.ledger().unreadable().len(), 0);
    assert_eq!(nothing.ledger().pool().len(), IMAGES as usize);

    // Back again, and nobody has to do anything.
    fs::rename(site.path("away"), site.path("scans")).unwrap();
    server.settle();
    assert_eq!(server.work()["message"], "");
    server.label_until(honest, |ledger| adopted(ledger) == 1);
}

#[test]
fn files_that_were_away_are_asked_about_once_they_are_back() {
    let site = Site::new("holdout-one-in = 0");
    let names: Vec<_> = (0..3).map(|number| site.scan(number)).collect();
    let beside: Vec<_> = (0..3)
        .map(|number| site.path(&format!("away-{number}")))
        .collect();
    for (name, beside) in names.iter().zip(&beside) {
        fs::rename(name, beside).unwrap();
    }
    let server = Server::start(&site);
    server.settle();
    assert_eq!(server.get("/api/progress")["away"], 3);
    for (name, beside) in names.iter().zip(&beside) {
        fs::rename(beside, name).unwrap();
    }
    server.wait("they are back", || server.get("/api/progress")["away"] == 0);
    let labeled = server.label_until(honest, |ledger| ledger.spent() == IMAGES as usize);
    assert!(labeled.contains(&"00.png".to_owned()));
    assert_eq!(server.get("/api/progress")["unreadable"], 0);
}

#[test]
fn another_image_in_the_place_of_one_is_not_labeled_for_it() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    let one = server.next().unwrap();
    fs::write(site.path(&format!("scans/{}", one.name)), draw(70)).unwrap();
    let next = server.next().unwrap();
    assert_ne!(next.key, one.key);
    assert_eq!(server.get("/api/progress")["changed"], 1);
    let project = site.look();
    let changed = project.ledger().changed();
    assert_eq!(changed.len(), 1);
    for id in changed {
        assert_eq!(project.ledger().candidates()[id.index()].name, one.name);
    }
}

#[test]
fn a_training_waits_for_a_disk_that_is_gone() {
    let site = Site::new("holdout-one-in = 0\ncache = 0\ndisk-cache-mib = 0");
    let server = Server::start(&site);
    server.label_so_many(3);
    let one = server.next().unwrap();
    fs::rename(site.path("scans"), site.path("away")).unwrap();
    server.label(&one, honest(&one));
    server.hear("4 of 4 image files are missing");
    fs::rename(site.path("away"), site.path("scans")).unwrap();
    // Without another label.
    server.settle();
    let project = site.look();
    assert_eq!(adopted(project.ledger()), 1);
    assert_eq!(current(project.ledger()).learned.len(), 4);
    assert_eq!(project.ledger().unreadable().len(), 0);
    assert_eq!(server.work()["message"], "");
}

#[test]
fn a_damaged_model_is_refused_and_the_one_before_goes_on() {
    let site = Site::new("holdout-one-in = 0");
    let server = Server::start(&site);
    server.label_until(honest, |ledger| adopted(ledger) == 2);
    let project = site.look();
    let all = project.ledger().models().all();
    let (first, last) = (all[1].model.hash.clone(), all[2].model.hash.clone());
    let path = site.path(&format!("p/models/{first}.safetensors"));
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, &damaged).unwrap();

    server.post("/api/models/use", &json!({"model": first}));
    server.hear("is damaged");
    // What answers is the last that could be read.
    let seen = server.post_image("/api/predict", &draw(50));
    assert_eq!(seen["model"], last.as_str());
    // Labels are taken meanwhile.
    let one = server.next().unwrap();
    server.label(&one, honest(&one));
    // It rests longer each time, but not once there is a model to go on with.
    thread::sleep(Duration::from_secs(7));
    server.post("/api/models/use", &json!({"model": last}));
    let begun = Instant::now();
    server.wait("the message is gone", || server.work()["message"] == "");
    assert!(begun.elapsed() < Duration::from_secs(4));
    server.post("/api/models/use", &json!({"model": first}));
    server.hear("is damaged");
    server.stop();
    let output = site.acft("serve p --port 0").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("acft check"), "{told}");

    fs::write(&path, whole).unwrap();
    let server = Server::start(&site);
    server.settle();
    assert_eq!(current(site.look().ledger()).hash, first);
    let seen = server.post_image("/api/predict", &draw(50));
    assert_eq!(seen["model"], first.as_str());
}
