//! Asks the server that has a project to change who may label.

use std::time::Duration;

use acft_project::{Error, Role};
use acft_run::bad_input;
use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::project::commands::at::At;
use crate::project::commands::serve::Channel;

/// How long a server is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take a server on this machine to take a connection.
const KNOCK: Duration = Duration::from_secs(2);

/// A server that has a project.
pub(super) struct Server {
    channel: Channel,
}

/// The server that has the project which could not be opened.
///
/// # Errors
/// The project could not be opened for another reason, or no server has it.
pub(super) fn server(at: &At, error: anyhow::Error) -> anyhow::Result<Server> {
    let is_locked = matches!(error.downcast_ref(), Some(Error::Locked { .. }));
    // The file of a server that was killed leads nowhere: the error then says
    // who has the project.
    let listens =
        |channel: &Channel| std::net::TcpStream::connect_timeout(&channel.address, KNOCK).is_ok();
    let channel = Channel::of(&at.root()?).filter(|channel| is_locked && listens(channel));
    match channel {
        Some(channel) => Ok(Server { channel }),
        None => Err(error),
    }
}

impl Server {
    /// Adds a person; gives their token.
    pub(super) fn add(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let said = json!({"annotator": name, "role": role});
        let added = self.ask(Method::POST, "/api/annotators/add", &said)?;
        let token = added["token"].as_str();
        Ok(token.context("the server gave no token")?.to_owned())
    }

    /// Takes a token back; says whether anybody still has one.
    pub(super) fn revoke(&self, name: &str) -> anyhow::Result<bool> {
        let said = json!({"annotator": name});
        self.ask(Method::POST, "/api/annotators/revoke", &said)?;
        let people = self.ask(Method::GET, "/api/annotators", &Value::Null)?;
        let mut people = people.as_array().into_iter().flatten();
        Ok(people.any(|one| !one["role"].is_null()))
    }

    fn ask(&self, method: Method, path: &str, said: &Value) -> anyhow::Result<Value> {
        let address = self.channel.address;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot wait for the server")?;
        let answer = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.exchange(method, path, said)).await
        });
        let (status, body) = answer
            .with_context(|| format!("the server on {address} does not answer"))?
            .with_context(|| format!("cannot ask the server on {address} that has the project"))?;
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        match status {
            200 => Ok(body),
            400..500 => Err(bad_input!("{}; {}", text("error"), text("help"))),
            _ => bail!(
                "the server answered {status}: {}; {}",
                text("error"),
                text("help")
            ),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        said: &Value,
    ) -> anyhow::Result<(u16, Value)> {
        let stream = TcpStream::connect(self.channel.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.channel.address.to_string())
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.channel.key),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(said.to_string())))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }
}
