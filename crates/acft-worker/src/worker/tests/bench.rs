//! A project of drawn images, and a session of labeling it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acft::CandidateId;
use acft_project::{Candidate, ClassId, Draw, Event, Keeper, LabelOrigin, Ledger, Origin, Project};
use acft_run::settings::Flags;
use acft_server::Work;
use acft_server::now;
use acft_server::work::Phase;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::super::decide::{Decision, Pace, decide};
use super::super::glance::Glance;
use super::super::{Worker, pace};
use crate::create::{Draft, KnownLabels};
use crate::open::Opened;
use crate::vision::ProjectVision;

/// How many images there are.
pub(in crate::worker) const IMAGES: u32 = 36;

/// Longer than anything here takes, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(120);

/// A folder with images and a project.
pub(in crate::worker) struct Home(TempDir);

impl Home {
    /// With these lines of the table of labeling.
    pub(in crate::worker) fn new(labeling: &str) -> Self {
        Self::with("", labeling)
    }

    /// With these lines of settings too.
    pub(in crate::worker) fn with(settings: &str, labeling: &str) -> Self {
        Self::in_groups(settings, labeling, 1)
    }

    /// With so many images to a group.
    pub(in crate::worker) fn in_groups(settings: &str, labeling: &str, group: u32) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(home.0.path().join("scans")).unwrap();
        let mut rows = String::from("file,patient\n");
        for number in 0..IMAGES {
            draw(number).save(home.image_path(number)).unwrap();
            rows += &format!("{number:02}.png,{}\n", number / group);
        }
        std::fs::write(home.0.path().join("scans/labels.csv"), rows).unwrap();
        let base = "from-scratch = true\nmodel = 'demo'\ninput = 16\npatches = 'crop:8'\n\
                    alpha = 0.5\nbatch = 4\nepochs = 2\nminibatch = 16\nlr = 0.003\nseed = 3";
        let flags: Flags = toml::from_str(base).unwrap();
        let flags = Flags {
            data: Some(home.0.path().join("scans")),
            classes: Some(vec!["dark".to_owned(), "bright".to_owned()]),
            ..flags
        };
        let flags = toml::from_str::<Flags>(settings).unwrap().over(flags);
        let draft = Draft::new(&home.root(), &flags.unwrap(), KnownLabels::Take, &|_, _| {});
        draft.unwrap().make(&home.root()).unwrap();
        home.set(labeling);
        home
    }

    /// Changes lines of its settings.
    pub(in crate::worker) fn set(&self, lines: &str) {
        let path = self.root().join("acft.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for line in lines.lines() {
            let name = line.split(' ').next().unwrap();
            let old = text
                .lines()
                .find(|old| old.starts_with(&format!("{name} ")))
                .unwrap()
                .to_owned();
            text = text.replace(&old, line);
        }
        std::fs::write(&path, text).unwrap();
    }

    pub(in crate::worker) fn root(&self) -> PathBuf {
        self.0.path().join("project")
    }

    pub(in crate::worker) fn image_path(&self, number: u32) -> PathBuf {
        self.0.path().join(format!("scans/{number:02}.png"))
    }

    pub(in crate::worker) fn image(&self, number: u32) -> Vec<u8> {
        std::fs::read(self.image_path(number)).unwrap()
    }

    /// An image that is not in the project.
    pub(in crate::worker) fn draw_another(&self) -> Vec<u8> {
        let path = self.0.path().join("another.png");
        draw(99).save(&path).unwrap();
        std::fs::read(path).unwrap()
    }

    pub(in crate::worker) fn open(&self) -> Opened {
        Opened::write(self.root(), "a test").unwrap()
    }

    /// What an honest expert says.
    pub(in crate::worker) fn truth(&self, ledger: &Ledger, id: CandidateId) -> ClassId {
        truth(&ledger.candidates()[id.index()])
    }

    /// Says it.
    pub(in crate::worker) fn say(&self, project: &mut Project, id: CandidateId, class: ClassId) {
        project.label("ada", id, class, None, now()).unwrap();
    }

    /// Opens the project with a worker.
    pub(in crate::worker) fn serve(&self) -> Session<'_> {
        let Opened {
            root,
            settings,
            project,
        } = self.open();
        let pace = pace(&settings);
        let vision = Arc::new(ProjectVision::open(&root, &settings, &project).unwrap());
        let work = Arc::new(Work::new());
        let keeper = Keeper::start(project);
        let worker = Worker::start(
            &root,
            settings,
            keeper.clone(),
            Arc::clone(&vision),
            Arc::clone(&work),
        );
        Session {
            _home: self,
            pace,
            keeper,
            vision,
            work,
            worker: Some(worker.unwrap()),
        }
    }
}

/// A project that is served.
pub(in crate::worker) struct Session<'a> {
    _home: &'a Home,
    pace: Pace,
    keeper: Keeper,
    vision: Arc<ProjectVision>,
    work: Arc<Work>,
    /// None once it was ended.
    worker: Option<Worker>,
}

impl Session<'_> {
    pub(in crate::worker) fn vision(&self) -> &ProjectVision {
        &self.vision
    }

    pub(in crate::worker) fn work(&self) -> &Work {
        &self.work
    }

    pub(in crate::worker) fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> T {
        self.keeper
            .call(|project| Ok(look(project.ledger())))
            .unwrap()
    }

    pub(in crate::worker) fn append(&self, event: Event) {
        self.keeper
            .call(|project| project.append(now(), vec![event]))
            .unwrap();
    }

    /// Waits until the worker waits, and the model in use answers.
    pub(in crate::worker) fn settle(&self) {
        let begun = Instant::now();
        let pace = self.pace;
        loop {
            let glance = self.keeper.call(|project| Ok(Glance::at(project))).unwrap();
            let waits = matches!(decide(&glance, pace, None), Decision::Wait(_));
            let current = glance.current.map(|model| model.hash);
            let answers = Some(self.vision.in_use().hash) == current;
            if waits && answers && self.work.report().phase == Phase::Idle {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{:?}", self.work.report());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the worker says something.
    pub(in crate::worker) fn wait_to_hear(&self, text: &str) {
        let begun = Instant::now();
        while !self.work.report().message.contains(text) {
            assert!(begun.elapsed() < LIMIT, "{:?}", self.work.report());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Labels one candidate after another, each once the worker waits, until
    /// something holds; says which.
    pub(in crate::worker) fn say_until(
        &self,
        expert: impl Fn(&Candidate) -> ClassId + Send + Clone + 'static,
        holds: impl Fn(&Ledger) -> bool + Send + Clone + 'static,
    ) -> Vec<CandidateId> {
        let mut labeled = Vec::new();
        loop {
            self.settle();
            if self.look(holds.clone()) {
                return labeled;
            }
            let (id, _) = self.say(expert.clone()).expect("there is more to label");
            labeled.push(id);
        }
    }

    pub(in crate::worker) fn label_until(
        &self,
        holds: impl Fn(&Ledger) -> bool + Send + Clone + 'static,
    ) -> Vec<CandidateId> {
        self.say_until(truth, holds)
    }

    /// Says what is wrong of all that is learned from, and the truth of holdouts.
    pub(in crate::worker) fn mislead_until(
        &self,
        holds: impl Fn(&Ledger) -> bool + Send + Clone + 'static,
    ) {
        loop {
            self.settle();
            if self.look(holds.clone()) {
                return;
            }
            self.keeper
                .call(|project| {
                    let next = project.next("ada", 1, now())?;
                    let one = next.assignments.first().expect("there is more to label");
                    let told = truth(&project.ledger().candidates()[one.candidate.index()]);
                    let class = match one.draw {
                        Draw::Holdout => told,
                        _ => ClassId(1 - told.0),
                    };
                    project.label("ada", one.candidate, class, None, now())
                })
                .unwrap();
        }
    }

    /// Labels so many at once, of two classes, whatever the worker does.
    pub(in crate::worker) fn say_all(&self, count: usize) {
        self.settle();
        for at in 0..count {
            let class = ClassId((at % 2) as u16);
            assert!(self.say(move |_| class).is_some());
        }
    }

    /// Labels one, whatever the worker does; how it was drawn.
    pub(in crate::worker) fn say_one(&self) -> Draw {
        self.say(truth).expect("there is more to label").1
    }

    fn say(
        &self,
        expert: impl Fn(&Candidate) -> ClassId + Send + 'static,
    ) -> Option<(CandidateId, Draw)> {
        self.keeper
            .call(move |project| {
                let next = project.next("ada", 1, now())?;
                let Some(one) = next.assignments.first() else {
                    return Ok(None);
                };
                let class = expert(&project.ledger().candidates()[one.candidate.index()]);
                project.label("ada", one.candidate, class, Some(1.5), now())?;
                Ok(Some((one.candidate, one.draw)))
            })
            .unwrap()
    }

    /// A case that a reader reports.
    pub(in crate::worker) fn report(&self, row: Candidate, class: ClassId) {
        self.keeper
            .call(move |project| {
                let id = CandidateId(project.ledger().candidates().len() as u32);
                project.add_candidates(now(), Origin::Feedback, vec![row])?;
                let label = Event::Labeled {
                    candidate: id,
                    class,
                    annotator: "reader".to_owned(),
                    seconds: None,
                    supersedes: None,
                    origin: LabelOrigin::Feedback,
                };
                project.append(now(), vec![label])
            })
            .unwrap();
    }

    /// As the server ends.
    pub(in crate::worker) fn end(self) {}
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop();
        }
        self.keeper.stop();
    }
}

/// Every third is bright.
fn truth(candidate: &Candidate) -> ClassId {
    let name = candidate.name.rsplit('/').next().unwrap_or_default();
    let number: u32 = name.trim_end_matches(".png").parse().unwrap();
    ClassId(u16::from(number.is_multiple_of(3)))
}

/// An image whose pixels are a function of its number.
fn draw(number: u32) -> RgbImage {
    let mut state = (number + 1).wrapping_mul(2_654_435_761).max(1);
    let base = if number.is_multiple_of(3) { 150 } else { 30 };
    let mut image = RgbImage::new(20, 20);
    for pixel in image.pixels_mut() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let value = base + (state % 90) as u8;
        *pixel = Rgb([value, value, value / 2]);
    }
    image
}
