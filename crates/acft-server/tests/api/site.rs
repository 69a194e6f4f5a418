//! A project that is served, without a socket.

use std::sync::Arc;

use acft::{CandidateId, CandidateKey, Score};
use acft_project::ledger::Standing;
use acft_project::{
    Candidate, ClassId, Created, Draw, Event, EventId, Keeper, Ledger, Member, ModelMade, Moment,
    Origin, Part, Project, Rules, Verdict, token_hash,
};
use acft_server::{ServeSettings, Served, Work, app};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::schema::Description;
use crate::vision::Sight;

pub(crate) const BENIGN: ClassId = ClassId(0);
pub(crate) const MALIGNANT: ClassId = ClassId(1);
pub(crate) const MODEL: &str = "aa11000000000000000000000000000000000000000000000000000000000000";

/// What a site is made with.
pub(crate) struct Plan {
    pub(crate) pool: usize,
    pub(crate) rules: Rules,
    pub(crate) settings: ServeSettings,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            pool: 20,
            rules: Rules {
                holdout_one_in: 0,
                ..Rules::default()
            },
            settings: ServeSettings::new("lesions", "0.1.0"),
        }
    }
}

/// A running server on a project in a folder of its own.
pub(crate) struct Site {
    folder: Arc<TempDir>,
    rules: Rules,
    settings: ServeSettings,
    router: Router,
    description: Description,
    pub(crate) keeper: Keeper,
    pub(crate) sight: Arc<Sight>,
    pub(crate) work: Arc<Work>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(Plan::default())
    }

    pub(crate) fn of(plan: Plan) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let created = Created {
            seed: 7,
            version: "0.1.0".to_owned(),
            classes: vec!["benign".to_owned(), "malignant".to_owned()],
        };
        let rules = plan.rules;
        let now = Moment(1_000);
        let mut project = Project::create(folder.path(), created, rules.clone(), now).unwrap();
        let rows = (0..plan.pool).map(candidate).collect();
        project.add_candidates(now, Origin::Listed, rows).unwrap();
        Self::start(folder, project, rules, plan.settings)
    }

    fn start(
        folder: Arc<TempDir>,
        project: Project,
        rules: Rules,
        settings: ServeSettings,
    ) -> Self {
        let keeper = Keeper::start(project);
        let sight = Arc::new(Sight::default());
        let work = Arc::new(Work::new());
        let router = app(Served {
            keeper: keeper.clone(),
            vision: Arc::clone(&sight) as _,
            work: Arc::clone(&work),
            settings: settings.clone(),
        });
        Self {
            folder,
            rules,
            settings,
            router,
            description: Description::read(),
            keeper,
            sight,
            work,
        }
    }

    /// The server is stopped and another started.
    pub(crate) fn restart(self) -> Self {
        let folder = Arc::clone(&self.folder);
        let (rules, settings) = (self.rules.clone(), self.settings.clone());
        drop(self);
        let project = Project::open(folder.path(), rules.clone(), "a test").unwrap();
        Self::start(folder, project, rules, settings)
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("acft.db")
    }

    /// Looks at the state.
    pub(crate) fn see<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> T {
        self.keeper
            .call(move |project| Ok(look(project.ledger())))
            .unwrap()
    }

    pub(crate) fn last(&self) -> EventId {
        self.see(Ledger::last)
    }

    /// What everything has come to, for comparing.
    pub(crate) fn standing(&self) -> Standing {
        self.see(|ledger| ledger.standing().clone())
    }

    pub(crate) fn append(&self, events: Vec<Event>) {
        self.keeper
            .call(move |project| project.append(Moment(2_000), events))
            .unwrap();
    }

    pub(crate) fn add_annotators(&self, names: &[&str]) {
        let added = names.iter().map(|name| Event::AnnotatorAdded {
            name: (*name).to_owned(),
            token: token_hash(&token(name)),
        });
        self.append(added.collect());
    }

    /// A model, a ranking of `all` by it, and its best as a batch.
    pub(crate) fn query(&self, all: &[u32], size: usize) {
        let members: Vec<Member> = all
            .iter()
            .enumerate()
            .map(|(at, id)| foreseen(*id, at))
            .collect();
        let (batch, ranking) =
            self.see(|ledger| (ledger.batches().len() as u32 + 1, ledger.rankings() + 1));
        let mut events = Vec::new();
        if self.see(|ledger| ledger.models().current().is_none()) {
            events.push(Event::ModelMade(model(MODEL, 0)));
        }
        events.push(Event::Ranked {
            ranking,
            model: Some(MODEL.to_owned()),
            scored: all.len(),
            reserve: members.clone(),
        });
        events.push(Event::BatchDrawn {
            batch,
            draw: Draw::Query,
            ranking: Some(ranking),
            members: members[..size].to_vec(),
        });
        self.append(events);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let reply = Reply::read(response).await;
        reply.check_headers();
        self.description.check(&method, &path, &reply);
        reply
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(post(path, &body)).await
    }

    /// As somebody with a token, or, where the project has none, a name.
    pub(crate) async fn get_as(&self, name: &str, path: &str) -> Reply {
        let request = authorized(get(path), name).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn post_as(&self, name: &str, path: &str, body: Value) -> Reply {
        let request = authorized(post_builder(path), name);
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.send(request).await
    }

    /// The keys of the next candidates of an annotator.
    pub(crate) async fn next_of(&self, name: &str, count: usize) -> Vec<String> {
        let next = self
            .post_as(name, "/api/next", json!({ "count": count }))
            .await;
        let next = next.ok();
        let assignments = next["assignments"].as_array().unwrap();
        assignments
            .iter()
            .map(|one| text(one, "candidate"))
            .collect()
    }

    /// The keys of the next candidates.
    pub(crate) async fn next(&self, count: usize) -> Vec<String> {
        self.next_of("expert", count).await
    }

    /// Labels one; says at which event.
    pub(crate) async fn label(&self, key: &str, class: ClassId) -> i64 {
        let said = json!({ "candidate": key, "class": class, "seconds": 2.0 });
        let kept = self.post("/api/label", said).await.ok();
        kept["event"].as_i64().unwrap()
    }
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// No answer is without these, whatever it answers.
    fn check_headers(&self) {
        assert!(
            self.header("content-security-policy")
                .contains("default-src 'self'")
        );
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("x-frame-options"), "DENY");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert_eq!(self.header("cross-origin-resource-policy"), "same-origin");
        assert!(!self.header("cache-control").is_empty());
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer that must be a good one.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// An answer that must be an error, and say `words`.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        let problem = self.json();
        let said = format!("{} / {}", text(&problem, "error"), text(&problem, "help"));
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
        assert!(text(&problem, "error").len() > 10 && text(&problem, "help").len() > 10);
    }
}

/// A request of a browser on this machine.
pub(crate) fn get(path: &str) -> axum::http::request::Builder {
    Request::get(path).header(header::HOST, "127.0.0.1:8500")
}

pub(crate) fn post_builder(path: &str) -> axum::http::request::Builder {
    Request::post(path)
        .header(header::HOST, "127.0.0.1:8500")
        .header(header::CONTENT_TYPE, "application/json")
}

pub(crate) fn post(path: &str, body: &Value) -> Request<Body> {
    post_builder(path)
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(crate) fn post_image(path: &str, image: &[u8]) -> Request<Body> {
    Request::post(path)
        .header(header::HOST, "127.0.0.1:8500")
        .header(header::CONTENT_TYPE, "image/png")
        .body(Body::from(image.to_vec()))
        .unwrap()
}

/// Both ways of saying who asks; without annotators only the name counts, and
/// a token would be refused.
fn authorized(request: axum::http::request::Builder, name: &str) -> axum::http::request::Builder {
    match name.strip_prefix('@') {
        Some(name) => request.header(header::AUTHORIZATION, format!("Bearer {}", token(name))),
        None => request.header("X-Annotator", name),
    }
}

/// The token of an annotator.
pub(crate) fn token(name: &str) -> String {
    format!("token-of-{name}")
}

#[track_caller]
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

pub(crate) fn key_of(at: usize) -> CandidateKey {
    CandidateKey(*blake3::hash(&at.to_be_bytes()).as_bytes())
}

/// The key of a candidate as the API names it.
pub(crate) fn key(at: usize) -> String {
    key_of(at).to_string()
}

pub(crate) fn candidate(at: usize) -> Candidate {
    Candidate {
        key: key_of(at),
        name: format!("case {at}"),
        path: format!("images/{at}.png"),
        region: (at % 2 == 1).then_some([4, 4, 20, 16]),
        group: Some(format!("patient {}", at / 5)),
        part: Part::Pool,
        origin: Origin::Listed,
    }
}

/// A candidate of a ranking: two patches, of which the network takes one for
/// malignant with certainty.
fn foreseen(id: u32, at: usize) -> Member {
    Member {
        candidate: CandidateId(id),
        rank: Some(at + 1),
        score: Some(Score {
            dominant: 1,
            kept: 2,
            entropy: 0.5,
            diversity: 0.25,
            value: 1.0 - at as f64 / 100.0,
        }),
        predictions: vec![vec![0.0, 1.0], vec![0.5, 0.5]],
    }
}

pub(crate) fn model(hash: &str, step: u32) -> ModelMade {
    ModelMade {
        hash: hash.to_owned(),
        parent: (step > 0).then(|| MODEL.to_owned()),
        step,
        classes: vec![BENIGN, MALIGNANT],
        labels: step as usize * 10,
        verdict: Some(Verdict {
            before: Some(0.5),
            after: Some(0.75),
            candidates: 4,
            enough: false,
        }),
        adopted: true,
        why: "nothing to judge by yet".to_owned(),
        ..ModelMade::default()
    }
}
