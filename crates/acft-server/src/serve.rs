//! The application on a socket.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::settings::REQUEST_TIMEOUT;

/// How long the end waits for what was begun: longer than any request may take.
const PATIENCE: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(5));

/// Serves until `shutdown` is done; what was begun by then is ended first.
/// Whoever sends half a request, or does not read the answer, is not waited
/// for beyond the time that a request may take.
///
/// # Errors
/// The socket fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_within(listener, router, shutdown, PATIENCE).await
}

async fn serve_within(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
) -> io::Result<()> {
    // Answers are written at once: without this a small one waits for the
    // client's acknowledgement of the one before it.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("no TCP_NODELAY: {error}");
        }
    });
    let (tell, told) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // Nobody listens where the socket has failed already.
        let _ = tell.send(());
    };
    let late = async move {
        match told.await {
            Ok(()) => tokio::time::sleep(patience).await,
            // The server ended by itself: that is the answer.
            Err(_) => std::future::pending().await,
        }
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown);
    tokio::select! {
        ended = served.into_future() => ended,
        () = late => {
            tracing::warn!("stopping although a connection is still open");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::net::TcpStream;

    use super::*;

    /// Whether a server ends that is told to while a client has sent `begun`.
    async fn ends(begun: &[u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let patience = Duration::from_millis(50);
        let served = tokio::spawn(serve_within(listener, Router::new(), shutdown, patience));
        stream.writable().await.unwrap();
        assert_eq!(stream.try_write(begun).unwrap(), begun.len());
        // Until the server has taken the connection and read what came.
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), served).await;
        // Open until here.
        drop(stream);
        ended.is_ok_and(|served| served.unwrap().is_ok())
    }

    #[tokio::test]
    async fn half_a_request_does_not_keep_the_server_from_ending() {
        for begun in [
            &b""[..],
            b"GET /health HTT",
            b"GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            assert!(ends(begun).await, "{:?}", String::from_utf8_lossy(begun));
        }
    }
}
