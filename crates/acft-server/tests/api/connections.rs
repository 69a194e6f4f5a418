//! Connections, limited in number and in time: clients that say nothing, say it
//! slowly, or do not listen.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use acft_server::Limits;
use tokio::task::spawn_blocking;

use crate::serving::{listen_within, talk};
use crate::site::Site;

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

const QUICK: Limits = Limits {
    connections: 512,
    headers: SHORT,
    stall: SHORT,
    idle: SHORT,
    patience: SHORT,
};

fn connect(address: SocketAddr, said: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(said).unwrap();
    stream
}

/// Waits until the server has closed the connection; what it said before.
async fn closed(mut stream: TcpStream) -> String {
    let read = spawn_blocking(move || {
        let mut said = Vec::new();
        match stream.read_to_end(&mut said) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8_lossy(&said).into_owned(),
        }
    });
    read.await.unwrap()
}

async fn health(address: SocketAddr) -> bool {
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    talk(address, request).await.starts_with("HTTP/1.1 200 OK")
}

#[tokio::test]
async fn a_client_that_keeps_the_server_waiting_is_let_go() {
    let site = Site::new();
    let (address, stop, served) = listen_within(&site, QUICK).await;
    let post = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n";
    for said in [
        String::new(),
        "GET /health HTT".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nA: b".to_owned(),
        format!("{post}Content-Length: 1000\r\n\r\nima"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nima\r\n"),
    ] {
        assert_eq!(
            closed(connect(address, said.as_bytes())).await,
            "",
            "{said:?}"
        );
    }
    let get = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // After an answer too.
    let idle = closed(connect(address, get.as_bytes())).await;
    assert!(idle.starts_with("HTTP/1.1 200 OK"), "{idle}");
    assert!(health(address).await);
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn more_of_the_headers_buys_no_more_time() {
    let site = Site::new();
    let (address, stop, served) = listen_within(&site, QUICK).await;
    let begun = Instant::now();
    let dripping = spawn_blocking(move || {
        let mut stream = connect(address, b"GET / HTTP/1.1\r\nHost: x\r\n");
        while begun.elapsed() < LONG {
            std::thread::sleep(SHORT / 10);
            if stream.write_all(b"A: b\r\n").is_err() {
                return;
            }
        }
    });
    dripping.await.unwrap();
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn a_slow_body_is_waited_for_as_long_as_it_comes() {
    let site = Site::new();
    let limits = Limits {
        stall: 4 * SHORT,
        ..QUICK
    };
    let (address, stop, served) = listen_within(&site, limits).await;
    let answer = spawn_blocking(move || {
        let begun = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                      Content-Type: image/png\r\nContent-Length: 8\r\n\r\n";
        let mut stream = connect(address, begun);
        for letter in b"an image" {
            std::thread::sleep(SHORT);
            stream.write_all(&[*letter]).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn headers_are_kept_up_to_a_limit() {
    let site = Site::new();
    let (address, stop, served) = listen_within(&site, Limits::default()).await;
    let mut said = b"GET / HTTP/1.1\r\nHost: x\r\nA: ".to_vec();
    said.resize(70 << 10, b'a');
    let refused = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // The server may have closed before all was sent.
        let _ = stream.write_all(&said);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    let answer = refused.await.unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(health(address).await);
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn a_flood_of_silent_connections_keeps_nobody_out() {
    let site = Site::new();
    let limits = Limits {
        connections: 20,
        headers: LONG,
        idle: LONG,
        stall: LONG,
        patience: SHORT,
    };
    let (address, stop, served) = listen_within(&site, limits).await;
    // An expert's connection, from before.
    let get = format!("GET /api/session HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let ask = get.clone();
    let mut expert = connect(address, ask.as_bytes());
    let mut some = [0; 12];
    spawn_blocking(move || {
        expert.read_exact(&mut some).unwrap();
        assert_eq!(&some, b"HTTP/1.1 200");
        let silent: Vec<TcpStream> = (0..50)
            .map(|at| match at % 2 {
                0 => connect(address, b""),
                _ => connect(
                    address,
                    b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\n",
                ),
            })
            .collect();
        // It is still there, because it was let in once.
        std::thread::sleep(SHORT);
        expert.write_all(get.as_bytes()).unwrap();
        let mut answers = Vec::new();
        while answers
            .windows(12)
            .filter(|part| part == b"HTTP/1.1 200")
            .count()
            < 1
        {
            let mut more = [0; 4096];
            let read = expert.read(&mut more).unwrap();
            assert!(read > 0, "the expert's connection was closed");
            answers.extend_from_slice(&more[..read]);
        }
        let begun = Instant::now();
        let last = get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let mut newcomer = connect(address, last.as_bytes());
        let mut answer = String::new();
        newcomer.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        drop(silent);
    })
    .await
    .unwrap();
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn the_end_waits_for_nobody_who_does_not_go_on() {
    let site = Site::new();
    let limits = Limits {
        patience: SHORT,
        ..Limits::default()
    };
    let (address, stop, served) = listen_within(&site, limits).await;
    let post = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n";
    let open: Vec<TcpStream> = [
        String::new(),
        "GET /health HTT".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        format!("{post}Content-Length: 1000\r\n\r\nima"),
    ]
    .iter()
    .map(|said| connect(address, said.as_bytes()))
    .collect();
    // And one that the network is busy with.
    site.sight.slow.store(true, Ordering::SeqCst);
    let busy = connect(
        address,
        format!("{post}Content-Length: 5\r\n\r\nimage").as_bytes(),
    );
    while site.sight.predictions.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = Instant::now();
    stop.send(()).unwrap();
    served.await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    site.sight.slow.store(false, Ordering::SeqCst);
    drop((open, busy));
}
