//! A project that is served, without a socket.

use std::sync::Arc;

use acft_project::ledger::Standing;
use acft_project::{
    ClassId, Created, Draw, Event, EventId, Keeper, Ledger, Member, Moment, Origin, Project, Role,
    Rules, token_hash,
};
use acft_server::{ServeSettings, Served, Work, app};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::asking::authorized;
use crate::rows::{candidate, foreseen};
use crate::schema::Description;
use crate::vision::Sight;

pub(crate) use crate::asking::{Reply, get, post, post_builder, post_image, text, token};
pub(crate) use crate::rows::{BENIGN, MALIGNANT, MODEL, key, model};

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

    /// Puts a file where that of a model is looked for.
    pub(crate) fn keep_model(&self, hash: &str) {
        let models = self.folder.path().join("models");
        std::fs::create_dir_all(&models).unwrap();
        std::fs::write(models.join(format!("{hash}.safetensors")), b"").unwrap();
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
            role: Role::Annotator,
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
            short: false,
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
