//! Connections, limited in number and in time, before anyone has shown a token.

mod activity;
mod limits;
mod table;
mod watched;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::ServiceExt;

pub(crate) use activity::Welcome;
pub use limits::Limits;

use activity::Activity;
use table::{Slot, Table};
use watched::{Incoming, Outgoing, Socket};

/// The most bytes of headers, and of what is kept of a connection's stream.
const BUFFER: usize = 64 << 10;
/// How long to wait where the system gives no connection.
const NO_FILES: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done. What was begun by then is ended first, for
/// as long as the limits say; whoever sends half a request, or does not read
/// the answer, is not waited for longer.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let limits = limits.fitted();
    let table = Table::new(limits.connections);
    let mut shutdown = pin!(shutdown);
    loop {
        let admitted = async {
            let stream = accept(&listener).await;
            (stream, table.admit().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (stream, slot) = admitted => {
                tokio::spawn(connection(stream, router.clone(), slot, limits));
            }
        }
    }
    drop(listener);
    table.close(limits.patience).await;
}

/// The next connection, whatever becomes of others.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!("a connection cannot be taken: {error}");
                tokio::time::sleep(NO_FILES).await;
            }
        }
    }
}

/// Serves one connection until it ends, or keeps the server waiting too long,
/// or has to make room.
async fn connection(stream: TcpStream, router: Router, slot: Slot, limits: Limits) {
    // Answers are written at once: without this a small one waits for the
    // client's acknowledgement of the one before it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("no TCP_NODELAY: {error}");
    }
    let activity = Arc::clone(&slot.activity);
    let socket = Socket {
        stream,
        activity: Arc::clone(&activity),
    };
    let service = service_fn(|request| answer(router.clone(), Arc::clone(&activity), request));
    let connection = http1::Builder::new()
        // The limits here tell idle connections from slow ones; hyper's does not.
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection broke: {error}");
                }
                return;
            }
            () = activity.leave.notified() => return,
            () = activity.close.notified() => connection.as_mut().graceful_shutdown(),
            () = activity.changed.notified() => {}
            () = until(activity.deadline(&limits)) => {
                let deadline = activity.deadline(&limits);
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    tracing::debug!("a client was silent for too long");
                    return;
                }
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn answer(
    router: Router,
    activity: Arc<Activity>,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<hyper::Response<Outgoing>, Infallible> {
    activity.begin();
    let request = request.map(|body| {
        Body::new(Incoming {
            body,
            activity: Arc::clone(&activity),
        })
    });
    let response = router.oneshot(request).await?;
    activity.answering(response.extensions().get::<Welcome>().is_some());
    Ok(response.map(|body| Outgoing { body, activity }))
}
