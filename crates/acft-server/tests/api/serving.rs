//! On a socket: what only a connection shows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use acft_server::{Limits, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::site::Site;

/// The site on a socket, and how to stop it.
async fn listen(site: &Site) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    listen_within(site, Limits::default()).await
}

/// The same with other limits.
pub(crate) async fn listen_within(
    site: &Site,
    limits: Limits,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move { drop(stopped.await) };
    let served = tokio::spawn(serve(listener, site.router(), limits, shutdown));
    (address, stop, served)
}

/// Sends a request as it is and reads until the server closes the connection.
pub(crate) async fn talk(address: SocketAddr, request: String) -> String {
    let spoken = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    });
    spoken.await.unwrap()
}

fn post(address: SocketAddr, path: &str, kind: &str, length: usize, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn what_was_begun_is_ended_before_the_server_stops() {
    let site = Site::new();
    let (address, stop, served) = listen(&site).await;
    let health = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    assert!(
        talk(address, health)
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );

    site.sight.slow.store(true, Ordering::SeqCst);
    let predict = tokio::spawn(talk(
        address,
        post(address, "/api/predict", "image/png", 5, "image"),
    ));
    while site.sight.predictions.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!served.is_finished());
    site.sight.slow.store(false, Ordering::SeqCst);
    let answer = predict.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"dominant\":1"), "{answer}");
    served.await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let site = Site::new();
    let (address, stop, served) = listen(&site).await;
    let before = site.last();
    for (path, kind) in [
        ("/api/label", "application/json"),
        ("/api/predict", "image/png"),
    ] {
        // None of the body is sent: the answer does not wait for it.
        let answer = talk(address, post(address, path, kind, 100_000_000, "")).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
            "{answer}"
        );
        assert!(answer.contains("\"help\":"), "{answer}");
    }
    assert_eq!(site.last(), before);
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn a_host_that_stands_in_the_request_line_is_a_host_too() {
    let site = Site::new();
    let (address, stop, served) = listen(&site).await;
    for (line, host, status) in [
        ("http://localhost/api/session", "localhost", "200"),
        ("/api/session", "example.org", "403"),
        ("http://localhost/api/session", "example.org", "403"),
        ("/api/../../etc/passwd", "localhost", "404"),
        ("/assets/../Cargo.toml", "localhost", "404"),
    ] {
        let request = format!("GET {line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = talk(address, request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
    }
    stop.send(()).unwrap();
    served.await.unwrap();
}
