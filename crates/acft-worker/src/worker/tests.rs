//! The worker on projects of drawn images, which an honest expert labels.

pub(super) mod bench;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use acft::CandidateId;
use acft_project::{ClassId, Draw, Event, Ledger};
use acft_server::work::Phase;
use acft_server::{Vision, VisionError, Work};

use super::lab::Lab;
use super::observer::Watch;
use super::snapshot::Snapshot;
use super::{AtomicBool, Cancelled, Ordering};
use crate::vision::InUse;
use bench::{Home, Session};

fn adopted(ledger: &Ledger) -> usize {
    let models = ledger.models().all().iter().map(|made| &made.model);
    models.filter(|made| made.step > 0 && made.adopted).count()
}

fn hash(ledger: &Ledger) -> String {
    ledger.models().current().unwrap().model.hash.clone()
}

#[test]
fn from_no_label_to_three_models() {
    let home = Home::new("holdout-per-class = 1");
    let session = home.serve();
    let labeled = session.label_until(|ledger| adopted(ledger) == 3);
    // 4 labels each, and one in ten beside.
    assert!((12..=14).contains(&labeled.len()), "{labeled:?}");
    session.look(|ledger| {
        let ranking = ledger.ranking().unwrap();
        assert_eq!(ranking.model.as_ref(), Some(&hash(ledger)));
        assert_eq!(ledger.unlearned_count(), 0);
        let queries: Vec<_> = ledger
            .batches()
            .iter()
            .filter(|batch| batch.draw == Draw::Query)
            .collect();
        assert_eq!(queries.len(), 4);
        for member in queries.iter().flat_map(|batch| &batch.members) {
            assert!(member.rank.is_some() && member.score.is_some());
            assert_eq!(member.predictions.len(), 8);
            for row in &member.predictions {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            }
        }
        assert!(
            ledger
                .batches()
                .iter()
                .all(|batch| batch.draw != Draw::Random)
        );
    });
    assert_eq!(session.work().report().phase, Phase::Idle);
    let root = home.root();
    session.end();
    let opened = home.open();
    assert_eq!(acft_project::check_database(&root).unwrap(), []);
    for made in opened.project.ledger().models().all() {
        let hash = &made.model.hash;
        let bytes = std::fs::read(root.join(format!("models/{hash}.safetensors"))).unwrap();
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash);
    }
}

#[test]
fn a_restart_between_two_labels_changes_no_query() {
    let unbroken = {
        let home = Home::new("");
        let session = home.serve();
        let labeled = session.label_until(|ledger| ledger.spent() == 14);
        (labeled, session.look(hash))
    };
    let home = Home::new("");
    let mut labeled = Vec::new();
    let mut model = String::new();
    for stop in [3, 8, 9, 14] {
        let session = home.serve();
        labeled.extend(session.label_until(move |ledger| ledger.spent() == stop));
        model = session.look(hash);
        session.end();
    }
    assert_eq!((labeled, model), unbroken);
}

#[test]
fn the_commands_do_what_the_worker_does() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    let labeled = session.label_until(|ledger| adopted(ledger) == 2);
    let model = session.look(hash);
    session.end();

    let home = Home::new("holdout-one-in = 0");
    let mut opened = home.open();
    let mut same = Vec::new();
    for _ in 0..2 {
        super::query_once(&mut opened.project, &opened.settings, None, &Work::new()).unwrap();
        let batch = opened.project.ledger().batches().last().unwrap().clone();
        for member in batch.members {
            let class = home.truth(opened.project.ledger(), member.candidate);
            home.say(&mut opened.project, member.candidate, class);
            same.push(member.candidate);
        }
        super::train_once(&mut opened.project, &opened.settings, &Work::new()).unwrap();
    }
    assert_eq!((same, hash(opened.project.ledger())), (labeled, model));
}

#[test]
fn a_worse_model_is_not_used_and_not_tried_again_at_once() {
    // It forgets what it learned before, so that lies show.
    let home = Home::with(
        "learn = 'q'\nquery = 'active'\nlr = 0.01\nlr-ratio = 1.0\nepochs = 30",
        "holdout-one-in = 3\nholdout-per-class = 1",
    );
    let session = home.serve();
    session.label_until(|ledger| {
        let current = &ledger.models().current().unwrap().model;
        current.verdict.is_some_and(|verdict| verdict.enough)
    });
    let good = session.look(hash);

    let made = |ledger: &Ledger| ledger.models().all().len();
    let before = session.look(made);
    session.mislead_until(move |ledger| made(ledger) > before);
    let last = session.look(|ledger| ledger.models().all().last().unwrap().model.clone());
    assert!(!last.adopted, "{:?}", last.verdict);
    assert!(last.why.contains("its AUC is"), "{}", last.why);
    assert_eq!(session.look(hash), good);
    session.wait_to_hear("not used");
    assert_eq!(
        session
            .vision()
            .predict(&home.image(1), None)
            .unwrap()
            .model,
        good
    );

    // The labels stay in Q, and the next try waits for as many more.
    let (refused, waiting) = (last.learned.len(), session.look(Ledger::unlearned_count));
    assert_eq!(waiting, refused);
    session.mislead_until(move |ledger| ledger.unlearned_count() == refused + 3);
    assert_eq!(session.look(made), before + 1);
    session.mislead_until(move |ledger| made(ledger) == before + 2);
    let last = session.look(|ledger| ledger.models().all().last().unwrap().model.clone());
    assert_eq!(last.learned.len(), refused + 4);
}

#[test]
fn who_goes_back_to_a_model_stays_with_it() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    session.label_until(|ledger| adopted(ledger) == 2);
    let first = session.look(|ledger| ledger.models().all()[1].model.hash.clone());
    let model = first.clone();
    session.append(Event::ModelUsed {
        model,
        by: "ada".to_owned(),
    });
    session.settle();
    assert_eq!(session.look(hash), first);
    assert_eq!(session.look(|ledger| ledger.models().steps()), 2);
    assert_eq!(
        session
            .vision()
            .predict(&home.image(1), None)
            .unwrap()
            .model,
        first
    );
    session.label_until(|ledger| adopted(ledger) == 3);
    let last = session.look(|ledger| ledger.models().current().unwrap().model.clone());
    assert_eq!(last.parent, Some(first));
    assert_eq!(last.learned.len(), 8);
}

#[test]
fn a_class_that_is_added_gets_a_place_in_the_network() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    session.label_until(|ledger| adopted(ledger) == 1);
    session.append(Event::ClassAdded {
        class: ClassId(2),
        name: "middling".to_owned(),
    });
    session.settle();
    // The new head, and a fine-tuning of it on all that was labeled.
    session.look(|ledger| {
        let all = ledger.models().all();
        let head = &all[all.len() - 2].model;
        assert_eq!((head.parent.as_ref(), head.step), (None, 0));
        let current = &ledger.models().current().unwrap().model;
        assert_eq!(current.classes, [ClassId(0), ClassId(1), ClassId(2)]);
        assert_eq!(current.learned.len(), 4);
    });
    let seen = session.vision().predict(&home.image(1), None).unwrap();
    assert_eq!(seen.mean.len(), 3);
    session.append(Event::ClassMerged {
        from: ClassId(2),
        into: ClassId(0),
    });
    session.settle();
    let seen = session.vision().predict(&home.image(1), None).unwrap();
    assert_eq!(seen.classes, [ClassId(0), ClassId(1)]);
}

#[test]
fn one_class_alone_is_waited_with() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    session.say_until(|_| ClassId(0), |ledger| ledger.spent() == 6);
    assert_eq!(session.look(|ledger| ledger.models().steps()), 0);
    session.wait_to_hear("second class");
    session.say_until(|_| ClassId(1), |ledger| adopted(ledger) == 1);
}

#[test]
fn the_last_labels_are_learned_and_nothing_is_left() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    let labeled = session.label_until(|ledger| ledger.spent() == bench::IMAGES as usize);
    assert_eq!(labeled.len(), bench::IMAGES as usize);
    session.look(|ledger| {
        assert_eq!(ledger.unlearned_count(), 0);
        assert_eq!(ledger.pool().len(), 0);
    });
}

#[test]
fn images_that_cannot_be_read_are_set_aside() {
    let home = Home::new("holdout-one-in = 0");
    for number in [4, 9] {
        let path = home.image_path(number);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    }
    let session = home.serve();
    let labeled = session.label_until(|ledger| adopted(ledger) == 2);
    session.look(move |ledger| {
        let unreadable: Vec<(CandidateId, &str)> = ledger.unreadable().collect();
        assert_eq!(unreadable.len(), 2);
        for (id, reason) in unreadable {
            assert!(!labeled.contains(&id));
            assert!(!reason.is_empty());
        }
    });
}

#[test]
fn files_that_cannot_be_opened_stay_in_the_pool() {
    let home = Home::new("holdout-one-in = 0");
    let away = |number: u32| home.root().join(format!("away-{number}"));
    for number in [4, 9] {
        std::fs::rename(home.image_path(number), away(number)).unwrap();
    }
    let session = home.serve();
    session.settle();
    session.look(|ledger| {
        assert_eq!((ledger.away().len(), ledger.unreadable().len()), (2, 0));
        assert_eq!(ledger.ranking().unwrap().scored, bench::IMAGES as usize - 2);
    });
    for number in [4, 9] {
        std::fs::rename(away(number), home.image_path(number)).unwrap();
    }
    let labeled = session.label_until(|ledger| ledger.spent() == bench::IMAGES as usize);
    assert_eq!(labeled.len(), bench::IMAGES as usize);
    session.look(|ledger| assert!(ledger.away().is_empty()));
}

#[test]
fn a_file_that_is_another_image_by_now_is_not_learned_from() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    let labeled = session.label_until(|ledger| adopted(ledger) == 1);
    let first = labeled[0];
    // What is kept of it in memory and in the cache's folder is as it was.
    let number = session.look(move |ledger| {
        let name = &ledger.candidates()[first.index()].name;
        name[..2].parse::<u32>().unwrap()
    });
    std::fs::write(home.image_path(number), home.draw_another()).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    session.label_until(|ledger| adopted(ledger) == 2);
    session.look(move |ledger| {
        assert!(ledger.changed().contains(&first));
        assert!(ledger.lesson().iter().all(|(id, _)| *id != first));
    });
    // What is in the pool is found out before it is asked about.
    let other = session.look(|ledger| ledger.pool().next().unwrap());
    let number = session.look(move |ledger| {
        let name = &ledger.candidates()[other.index()].name;
        name[..2].parse::<u32>().unwrap()
    });
    std::fs::write(home.image_path(number), home.draw_another()).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    session.label_until(|ledger| adopted(ledger) == 3);
    session.look(move |ledger| assert!(ledger.changed().contains(&other)));
}

#[test]
fn a_batch_holds_few_of_a_group_and_the_next_waits_for_it() {
    let home = Home::in_groups("max-per-group = 1", "holdout-one-in = 0", 12);
    let session = home.serve();
    // 3 groups of 12: a batch of 4 has 3, and there is no second at once.
    let waiting = |ledger: &Ledger| (ledger.batches().len(), ledger.rankings());
    session.settle();
    assert_eq!(session.look(waiting), (1, 1));
    session.label_until(|ledger| adopted(ledger) == 2);
    session.look(|ledger| {
        assert!(ledger.rankings() < 10, "{}", ledger.rankings());
        let mut of_ranking: BTreeMap<(u32, &str), usize> = BTreeMap::new();
        for batch in ledger.batches() {
            for member in &batch.members {
                let group = &ledger.candidates()[member.candidate.index()].group;
                let key = (batch.ranking.unwrap(), group.as_deref().unwrap());
                *of_ranking.entry(key).or_default() += 1;
            }
        }
        assert!(
            of_ranking.values().all(|count| *count == 1),
            "{of_ranking:?}"
        );
    });
}

#[test]
fn the_plateau_is_told_once_and_who_goes_on_is_let() {
    let home = Home::with("plateau = 1", "holdout-one-in = 3\nholdout-per-class = 1");
    let session = home.serve();
    session.label_until(|ledger| ledger.advice().is_some());
    session.look(|ledger| assert!(ledger.advice().unwrap().contains("flat")));
    let batches = session.look(|ledger| ledger.batches().len());
    session.append(Event::WentOn {
        by: "ada".to_owned(),
    });
    session.settle();
    assert!(session.look(|ledger| ledger.advice().is_none()));
    session.label_until(move |ledger| ledger.batches().len() > batches);
}

#[test]
fn a_network_is_asked_while_another_is_trained_and_that_can_be_given_up() {
    let home = Home::with("epochs = 100000", "holdout-one-in = 0");
    let session = home.serve();
    session.say_all(4);
    let begun = Instant::now();
    while session.work().report().epoch < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let first = session.look(hash);
    let seen = session.vision().predict(&home.image(0), None).unwrap();
    assert_eq!(seen.model, first);
    assert!((seen.mean.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let error = session.vision().predict(b"no image", None).unwrap_err();
    assert!(matches!(error, VisionError::Input(_)), "{error}");
    // Labels are taken meanwhile, served from the last ranking.
    let draw = session.say_one();
    assert_eq!(draw, Draw::Ahead);
    let report = session.work().report();
    assert_eq!(report.phase, Phase::Training);
    assert!(report.seconds_left.is_some());

    let begun = Instant::now();
    session.end();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let opened = home.open();
    assert_eq!(hash(opened.project.ledger()), first);
    assert_eq!(opened.project.ledger().unlearned_count(), 5);
}

#[test]
fn reported_cases_are_learned_with_the_rest() {
    let home = Home::new("holdout-one-in = 0");
    let session = home.serve();
    session.label_until(|ledger| adopted(ledger) == 1);
    let row = session
        .vision()
        .admit(&home.draw_another(), None, "a missed one")
        .unwrap();
    let key = row.key;
    session.report(row, ClassId(1));
    session.label_until(|ledger| adopted(ledger) == 2);
    session.look(move |ledger| {
        let id = ledger.find(&key).unwrap();
        let learned = &ledger.models().current().unwrap().model.learned;
        assert!(learned.contains(&(id, ClassId(1))));
    });
}

#[test]
fn a_fine_tuning_that_fails_is_told_of_and_not_tried_again_at_once() {
    let home = Home::with("lr = 1e30", "holdout-one-in = 0");
    let session = home.serve();
    session.say_all(4);
    session.wait_to_hear("the last fine-tuning failed");
    let told = session.work().report().message;
    assert!(told.contains("use a lower learning rate"), "{told}");
    // It is not forgotten over the next labels, which are taken all the same.
    for _ in 0..3 {
        session.say_one();
    }
    session.wait_to_hear("the last fine-tuning failed");
    session.look(|ledger| {
        assert_eq!(ledger.models().all().len(), 1);
        assert_eq!(ledger.unlearned_count(), 7);
    });
    session.end();
    // Who lowers the rate and starts again has lost nothing.
    home.set("lr = 0.003");
    let session = home.serve();
    session.settle();
    session.look(|ledger| {
        assert_eq!(ledger.models().current().unwrap().model.learned.len(), 7);
    });
    assert_eq!(session.work().report().message, "");
}

#[test]
fn scoring_is_given_up_where_the_server_stops() {
    let home = Home::new("");
    let opened = home.open();
    let in_use = InUse::of(&opened.project).unwrap();
    let mut lab = Lab::new(&home.root(), opened.settings, in_use).unwrap();
    let now = Snapshot::of(opened.project.ledger(), 0);
    lab.follow(&now).unwrap();
    let (work, stop) = (Work::new(), AtomicBool::new(true));
    let error = lab
        .rank(&now, 4, &mut Watch::new(&work, &stop))
        .unwrap_err();
    assert!(error.is::<Cancelled>(), "{error:#}");
    assert!(work.report().done <= 1);
    stop.store(false, Ordering::Relaxed);
    let mut watch = Watch::new(&work, &stop);
    let (events, scored) = lab.rank(&now, 4, &mut watch).unwrap();
    assert_eq!((events.len(), scored), (2, bench::IMAGES as usize));
}

#[test]
fn sessions_end_without_a_label() {
    let home = Home::new("");
    let session: Session<'_> = home.serve();
    session.end();
    home.serve().end();
}
