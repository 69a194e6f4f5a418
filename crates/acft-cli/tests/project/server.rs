//! `acft serve` as a process, an expert at its page, and waiting for its worker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acft_project::{Ledger, ModelMade};
use serde_json::{Value, json};

use crate::site::{Site, truth};

/// Longer than anything here takes, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(180);

/// A server that ends with the test, whatever comes.
pub(crate) struct Server<'a> {
    site: &'a Site,
    child: Child,
    /// Host and port.
    at: String,
}

/// A candidate that was served.
pub(crate) struct Served {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) draw: String,
}

impl<'a> Server<'a> {
    pub(crate) fn start(site: &'a Site) -> Self {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_acft"))
            .args(["serve", "p", "--port", "0"])
            .current_dir(site.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let at = line.trim().trim_start_matches("http://");
        Self {
            site,
            child,
            at: at.trim_end_matches('/').to_owned(),
        }
    }

    /// The status and the body of an answer.
    pub(crate) fn ask(&self, request: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.at,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// What is answered to something that is in order.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let (status, answer) =
            self.ask(&format!("POST {path}"), "application/json", body.as_bytes());
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    pub(crate) fn post_image(&self, path: &str, image: &[u8]) -> Value {
        let (status, answer) = self.ask(&format!("POST {path}"), "image/png", image);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(&format!("GET {path}"), "text/plain", b"");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// What the worker is doing.
    pub(crate) fn work(&self) -> Value {
        self.get("/api/progress")["work"].clone()
    }

    pub(crate) fn next(&self) -> Option<Served> {
        let next = self.post("/api/next", &json!({"count": 1}));
        let one = next["assignments"].as_array().unwrap().first()?;
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        Some(Served {
            key: text("candidate"),
            name: text("name"),
            draw: text("draw"),
        })
    }

    pub(crate) fn label(&self, one: &Served, class: u16) {
        let label = json!({"candidate": one.key, "class": class, "seconds": 1.5});
        self.post("/api/label", &label);
    }

    /// Labels one candidate after another, each once the worker waits, until
    /// `holds`; says which, by name.
    pub(crate) fn label_until(
        &self,
        expert: impl Fn(&Served) -> u16,
        holds: impl Fn(&Ledger) -> bool,
    ) -> Vec<String> {
        let mut labeled = Vec::new();
        loop {
            self.settle();
            if holds(self.site.look().ledger()) {
                return labeled;
            }
            let one = self.next().expect("there is more to label");
            self.label(&one, expert(&one));
            labeled.push(one.name);
        }
    }

    /// Labels so many honestly, each once the worker waits.
    pub(crate) fn label_so_many(&self, count: usize) -> Vec<String> {
        let before = self.site.look().ledger().spent();
        self.label_until(honest, move |ledger| ledger.spent() == before + count)
    }

    /// Waits until the worker has nothing to do: it rests, and rests still with
    /// everything that it could do done.
    pub(crate) fn settle(&self) {
        self.wait("the worker rests", || {
            self.work()["phase"] == "idle" && is_done(self.site.look().ledger())
        });
        self.wait("the worker rests", || self.work()["phase"] == "idle");
    }

    /// Waits until the worker says something.
    pub(crate) fn hear(&self, text: &str) {
        let says = || self.work()["message"].as_str().unwrap().contains(text);
        self.wait(text, says);
    }

    pub(crate) fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < LIMIT, "{what}: {}", self.work());
            thread::sleep(Duration::from_millis(15));
        }
    }

    /// Ends it as a service manager does; how long it took.
    pub(crate) fn stop(mut self) -> Duration {
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        begun.elapsed()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn honest(one: &Served) -> u16 {
    truth(&one.name)
}

pub(crate) fn current(ledger: &Ledger) -> &ModelMade {
    &ledger.models().current().unwrap().model
}

/// How many fine-tuned models were adopted.
pub(crate) fn adopted(ledger: &Ledger) -> usize {
    let models = ledger.models().all().iter().map(|made| &made.model);
    models.filter(|made| made.step > 0 && made.adopted).count()
}

/// Whether the worker of a project of batches of four has nothing left to do.
fn is_done(ledger: &Ledger) -> bool {
    let current = current(ledger);
    let mut made = ledger.models().all().iter().rev().map(|made| &made.model);
    let refused = made
        .find(|made| made.step > 0)
        .filter(|made| !made.adopted && made.parent.as_ref() == Some(&current.hash))
        .map(|made| made.learned.len());
    let waits_for = match refused.max(ledger.chosen()) {
        Some(before) => before + 4,
        None if ledger.pool().len() == 0 && ledger.waiting() == 0 => 1,
        None => 4,
    };
    let is_ranked = ledger.pool().len() == 0
        || ledger.advice().is_some()
        || ledger.ranking().and_then(|ranking| ranking.model.as_ref()) == Some(&current.hash);
    current
        .classes
        .iter()
        .copied()
        .eq(ledger.classes().current())
        && ledger.unlearned_count() < waits_for
        && is_ranked
}
