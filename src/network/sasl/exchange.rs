//! One authentication over a connection: agree on the mechanism, ask for credentials, exchange messages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::aws::AwsCredentials;
use super::courier::Couriers;
use super::oauthbearer::{GIVE_UP, OauthBearerCredentials};
use super::plain::PlainCredentials;
use super::scram::{self, ClientFirst, Hash, ScramCredentials};
use super::session::Standing;
use crate::config::ClusterConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Level, Reporter};
use crate::network::connection::{Connection, Deadline};

const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// Authenticates the connections of one client.
#[derive(Debug, Clone)]
pub struct Authenticator {
    mechanism: Mechanism,
    timeout: Duration,
    couriers: Arc<Couriers>,
    reporter: Reporter,
}

/// Mechanisms whose messages we make, and all others, which need an `authenticationProvider`.
#[derive(Debug, Clone)]
enum Mechanism {
    Plain,
    Scram(Hash),
    OauthBearer,
    Aws,
    Other(String),
}

impl Mechanism {
    fn of(name: &str) -> Self {
        match name {
            "PLAIN" => Self::Plain,
            "SCRAM-SHA-256" => Self::Scram(Hash::Sha256),
            "SCRAM-SHA-512" => Self::Scram(Hash::Sha512),
            "OAUTHBEARER" => Self::OauthBearer,
            "AWS" => Self::Aws,
            other => Self::Other(other.to_owned()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha512) => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Aws => "AWS",
            Self::Other(name) => name,
        }
    }

    /// What kafkajs' messages begin with.
    fn title(&self) -> String {
        match self {
            Self::Scram(hash) => format!("SASL SCRAM {}", hash.name()),
            Self::Aws => "SASL AWS-IAM".into(),
            other => format!("SASL {}", other.name()),
        }
    }

    fn namespace(&self) -> &'static str {
        match self {
            Self::Plain => "SaslAuthenticator-PLAIN",
            Self::Scram(Hash::Sha256) => "SaslAuthenticator-SCRAM-SHA-256",
            Self::Scram(Hash::Sha512) => "SaslAuthenticator-SCRAM-SHA-512",
            Self::OauthBearer => "SaslAuthenticator-OAUTHBEARER",
            Self::Aws => "SaslAuthenticator-AWS",
            Self::Other(_) => "SaslAuthenticator",
        }
    }
}

impl Authenticator {
    /// For the client with this configuration; `None` if it does not authenticate.
    pub fn new(config: &ClusterConfig, couriers: &Arc<Couriers>, reporter: &Reporter) -> Option<Self> {
        config.security.sasl.as_ref().map(|sasl| Self {
            mechanism: Mechanism::of(&sasl.mechanism),
            timeout: config.authentication_timeout,
            couriers: Arc::clone(couriers),
            reporter: reporter.clone(),
        })
    }

    /// Authenticates `connection`, for the first time or again. It must not carry other requests meanwhile.
    ///
    /// # Errors
    /// `KafkaJSSASLAuthenticationError` when the broker refuses or is not who it should be, `KafkaJSProtocolError` for
    /// a mechanism it does not have, connection errors as they are, and whatever a function of the user threw.
    pub async fn authenticate(&self, connection: &Connection) -> Result<Standing> {
        let asked_at = Instant::now();
        let mut dialogue = Dialogue {
            connection,
            timeout: self.timeout,
            lifetime: Duration::ZERO,
        };
        let outcome = tokio::time::timeout(self.timeout, Box::pin(self.converse(&mut dialogue))).await;
        outcome.unwrap_or_else(|_| {
            let broker = connection.endpoint().to_string();
            Err(Error::new(ErrorKind::Connection, "Authentication timeout").with("broker", json!(broker)))
        })?;
        Ok(Standing::new(asked_at, Instant::now(), dialogue.lifetime))
    }

    async fn converse(&self, dialogue: &mut Dialogue<'_>) -> Result<()> {
        dialogue.agree_on(self.mechanism.name()).await?;
        let credentials = self.ask(dialogue).await?;
        if credentials.is_null() {
            // The user's authenticationProvider has done it all.
            return Ok(());
        }
        match self.exchange(dialogue, credentials).await {
            Ok(()) => {
                self.log(Level::Debug, dialogue, || {
                    format!("{} authentication successful", self.mechanism.title())
                });
                Ok(())
            }
            // A connection that breaks says nothing about the credentials.
            Err(error) if error.is_connection() => Err(error),
            Err(error) => {
                let text = format!(
                    "{} authentication failed: {}",
                    self.mechanism.title(),
                    error.message()
                );
                self.log(Level::Error, dialogue, || text.clone());
                Err(Error::new(ErrorKind::SaslAuthentication, text))
            }
        }
    }

    fn log(&self, level: Level, dialogue: &Dialogue<'_>, text: impl FnOnce() -> String) {
        self.reporter.log(level, self.mechanism.namespace(), || {
            (
                text(),
                json!({ "broker": dialogue.connection.endpoint().to_string() }),
            )
        });
    }

    /// What the user's `sasl` object holds now. A provider of the user may speak to the broker first.
    async fn ask(&self, dialogue: &mut Dialogue<'_>) -> Result<Value> {
        let endpoint = dialogue.connection.endpoint();
        let mut round = self.couriers.open();
        let details = json!({ "round": round.id, "host": endpoint.host, "port": endpoint.port });
        let mut answer = std::pin::pin!(self.reporter.ask("sasl", details, Vec::new()));
        loop {
            tokio::select! {
                Some((bytes, reply)) = round.parcels.recv() => {
                    let answer = dialogue.say(bytes).await;
                    // JavaScript may have stopped waiting; its answer tells.
                    let _ = reply.send(answer);
                }
                answer = &mut answer => return given(answer?.value),
            }
        }
    }

    async fn exchange(&self, dialogue: &mut Dialogue<'_>, credentials: Value) -> Result<()> {
        self.log(Level::Debug, dialogue, || match self.mechanism {
            Mechanism::Scram(_) => "Exchanging first client message".into(),
            _ => format!("Authenticate with {}", self.mechanism.title()),
        });
        match &self.mechanism {
            Mechanism::Plain => {
                let credentials: PlainCredentials = read(credentials)?;
                dialogue.say(credentials.message().into()).await.map(drop)
            }
            Mechanism::Aws => {
                let credentials: AwsCredentials = read(credentials)?;
                dialogue.say(credentials.message().into()).await.map(drop)
            }
            Mechanism::OauthBearer => {
                let credentials: OauthBearerCredentials = read(credentials)?;
                let refusal = dialogue.say(credentials.message().into()).await?;
                if refusal.is_empty() {
                    return Ok(());
                }
                dialogue.say(Bytes::from_static(GIVE_UP)).await?;
                Err(Error::non_retriable(
                    String::from_utf8_lossy(&refusal).into_owned(),
                ))
            }
            Mechanism::Scram(hash) => {
                let nonce = scram::nonce().map_err(Error::non_retriable)?;
                let first = ClientFirst::new(*hash, read::<ScramCredentials>(credentials)?, nonce);
                let server_first = dialogue.say(first.message().into()).await?;
                // Thousands of hashes: not on a thread that serves connections.
                let last = tokio::task::spawn_blocking(move || first.answer(&server_first)).await;
                let last = last
                    .map_err(|_| Error::non_retriable("the runtime has ended"))?
                    .map_err(Error::non_retriable)?;
                self.log(Level::Debug, dialogue, || "Sending final message".into());
                let server_final = dialogue.say(last.message().into()).await?;
                last.verify(&server_final).map_err(Error::non_retriable)
            }
            Mechanism::Other(name) => Err(Error::non_retriable(format!(
                "{name} needs a sasl.authenticationProvider"
            ))),
        }
    }
}

/// An object with `refused` says what is missing in the user's object.
fn given(value: Value) -> Result<Value> {
    match value.get("refused").and_then(Value::as_str) {
        Some(text) => Err(Error::new(ErrorKind::SaslAuthentication, text.to_owned())),
        None => Ok(value),
    }
}

/// Our own JavaScript has put them together, so a misfit is a defect of ours; its text would repeat a secret.
fn read<T: DeserializeOwned>(credentials: Value) -> Result<T> {
    serde_json::from_value(credentials).map_err(|_| Error::non_retriable("Invalid credentials"))
}

/// The messages of one authentication.
struct Dialogue<'a> {
    connection: &'a Connection,
    timeout: Duration,
    lifetime: Duration,
}

impl Dialogue<'_> {
    async fn agree_on(&self, mechanism: &str) -> Result<()> {
        let request =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(mechanism.to_owned()));
        let response = self
            .connection
            .transmit(request, Deadline::Exactly(self.timeout))
            .await?;
        if response.error_code != 0 {
            return Err(Error::protocol(response.error_code));
        }
        if !response
            .mechanisms
            .iter()
            .any(|enabled| enabled.as_str() == mechanism)
        {
            let text = format!("SASL {mechanism} mechanism is not supported by the server");
            return Err(Error::new(ErrorKind::SaslAuthentication, text));
        }
        Ok(())
    }

    /// Sends a message of the mechanism and gives back the broker's.
    async fn say(&mut self, message: Bytes) -> Result<Bytes> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message);
        let response = self
            .connection
            .transmit(request, Deadline::Exactly(self.timeout))
            .await?;
        let text = response
            .error_message
            .as_ref()
            .map(StrBytes::as_str)
            .filter(|text| !text.is_empty());
        match (response.error_code, text) {
            (0, _) => {
                let ms = u64::try_from(response.session_lifetime_ms).unwrap_or_default();
                self.lifetime = Duration::from_millis(ms);
                Ok(response.auth_bytes)
            }
            // The broker's text is the message, as in kafkajs: it says what is wrong with the credentials.
            (SASL_AUTHENTICATION_FAILED, Some(text)) => {
                let kind = ErrorKind::Protocol(SASL_AUTHENTICATION_FAILED);
                Err(Error::new(kind, text.to_owned()).with("message", json!(text)))
            }
            (code, text) => Err(Error::protocol_with(code, text)),
        }
    }
}
