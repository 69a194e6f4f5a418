//! `acft serve`: says where it is, holds the project, and ends in good order.
//! What it answers is tested where it is made.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::project::{Home, refused};

/// A server that ends with the test, whatever comes.
struct Server {
    child: Child,
    /// Host and port.
    at: String,
}

impl Server {
    fn start(home: &Home) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_acft"))
            .args(["serve", "lungs", "--port", "0"])
            .current_dir(home.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let at = line.trim().strip_prefix("http://").unwrap();
        Self {
            at: at.trim_end_matches('/').to_owned(),
            child,
        }
    }

    /// The status and the body of an answer.
    fn ask(&self, request: &str, body: &str) -> (u16, serde_json::Value) {
        self.ask_with("", request, body)
    }

    /// The same with a token.
    fn ask_as(&self, token: &str, request: &str, body: &str) -> (u16, serde_json::Value) {
        self.ask_with(&format!("Authorization: Bearer {token}\r\n"), request, body)
    }

    fn ask_with(&self, header: &str, request: &str, body: &str) -> (u16, serde_json::Value) {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {}\r\n{header}Connection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// Ends it as a service manager does; its exit code.
    #[cfg(unix)]
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn it_serves_holds_the_project_and_ends_in_good_order() {
    let home = Home::with_project();
    let server = Server::start(&home);
    assert_eq!(server.ask("GET /health", "").0, 200);
    let (status, next) = server.ask("POST /api/next", "{\"count\":1}");
    assert_eq!(status, 200, "{next}");
    let candidate = next["assignments"][0]["candidate"]
        .as_str()
        .unwrap()
        .to_owned();
    let label = format!("{{\"candidate\":\"{candidate}\",\"class\":1,\"seconds\":2.0}}");
    assert_eq!(server.ask("POST /api/label", &label).0, 200);

    let output = home.acft(&["train", "lungs"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("in use by acft serve on http://127.0.0.1:"),
        "{told}"
    );
    assert!(
        told.contains(&format!("(process {})", server.child.id())),
        "{told}"
    );
    let status = home.json(&["status", "lungs", "--json"]);
    assert_eq!(status["labels"], 1);

    assert_eq!(server.stop(), Some(0));
    let labels = home.told(&["export", "labels", "lungs", "--format", "jsonl"]);
    let label: serde_json::Value = serde_json::from_str(labels.trim()).unwrap();
    assert_eq!(
        (&label["key"], &label["label"]),
        (&candidate.into(), &"bright".into())
    );
    home.told(&["check", "lungs"]);
}

#[test]
fn an_address_that_cannot_be_served_is_refused() {
    let home = Home::with_project();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, expected) in [
        (&["--port", port.as_str()][..], "choose another with --port"),
        (
            &["--address", "0.0.0.0", "--port", "0"],
            "acft annotator add",
        ),
        (&["--address", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (&["--address", "here"], "invalid"),
        (&["--port", "70000"], "invalid"),
    ] {
        let told = refused(home.acft(&["serve", "lungs"]).args(arguments));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn tokens_are_made_and_taken_back_while_it_serves() {
    let home = Home::with_project();
    home.told(&["annotator", "add", "root", "lungs", "--admin"]);
    let server = Server::start(&home);
    let ada = home.told(&["annotator", "add", "ada", "lungs"]);
    let bob = home.json(&["annotator", "add", "bob", "lungs", "--json"]);
    let (ada, bob) = (ada.trim(), bob["token"].as_str().unwrap());
    for token in [ada, bob] {
        assert_eq!(server.ask_as(token, "GET /api/session", "").0, 200);
    }
    home.told(&["annotator", "revoke", "ada", "lungs"]);
    assert_eq!(server.ask_as(ada, "GET /api/session", "").0, 401);
    assert_eq!(server.ask_as(bob, "GET /api/session", "").0, 200);
    // As without a server: the same rules, and the same exit codes.
    for (arguments, expected) in [
        (&["annotator", "revoke", "ada", "lungs"][..], "no annotator"),
        (&["annotator", "add", "bob", "lungs"], "already"),
        (
            &["annotator", "add", "manifest", "lungs"],
            "choose another name",
        ),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
    let listed = home.json(&["annotator", "list", "lungs", "--json"]);
    let active = |name: &str| {
        let rows = listed.as_array().unwrap().iter();
        let mut row = rows.filter(|row| row["annotator"] == name);
        row.next().map(|row| row["role"].clone())
    };
    assert_eq!(active("root").unwrap(), "administrator");
    assert_eq!(active("bob").unwrap(), "annotator");
    assert!(active("ada").is_none_or(|role| role.is_null()));
}

#[test]
fn a_server_that_was_killed_leaves_a_project_that_can_be_opened() {
    let home = Home::with_project();
    let server = Server::start(&home);
    assert!(home.files("lungs").contains(&"acft.serving".to_owned()));
    drop(server);
    // The file of the dead server misleads nobody.
    home.told(&["annotator", "add", "ada", "lungs"]);
    home.told(&["annotator", "revoke", "ada", "lungs"]);
}

#[test]
fn behind_a_proxy_everybody_needs_a_token() {
    let home = Home::with_project();
    let serve = |url: &str| home.refused(&["serve", "lungs", "--port", "0", "--public-url", url]);
    assert!(serve("https://label.example.org/").contains("acft annotator add"));
    assert!(serve("label.example.org").contains("https://"));
    assert!(serve("https://label.example.org/acft/").contains("root of a name"));
}

#[cfg(unix)]
#[test]
fn it_ends_within_five_seconds_whatever_clients_do() {
    let home = Home::with_project();
    let server = Server::start(&home);
    let silent: Vec<TcpStream> = [
        "",
        "GET / HTTP/1.1\r\nHost: x\r\nA: ",
        "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n\
         Content-Length: 100000\r\n\r\nsome of it",
    ]
    .iter()
    .map(|said| {
        let mut stream = TcpStream::connect(&server.at).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        stream
    })
    .collect();
    assert_eq!(server.ask("GET /health", "").0, 200);
    let begun = std::time::Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    assert!(!home.files("lungs").contains(&"acft.serving".to_owned()));
    drop(silent);
}
