//! SASL over one connection, against a scripted broker on an in-memory stream.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests may be blunt"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use kafka_protocol::messages::MetadataRequest;
use kafkajs_rs::config::{ClusterConfig, SaslConfig, SecurityConfig};
use kafkajs_rs::error::{Error, ErrorKind};
use kafkajs_rs::event::{Answer, EventName, Observer, Question, Report, Reporter};
use kafkajs_rs::network::{Connection, Deadline, Dialer, Endpoint};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const SECOND: Duration = Duration::from_secs(1);
const PASSWORD: &str = "correct horse battery staple";

const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const SASL_AUTHENTICATE: i16 = 36;

fn config(mechanism: &str) -> ClusterConfig {
    ClusterConfig {
        request_timeout: 30 * SECOND,
        security: SecurityConfig {
            sasl: Some(SaslConfig {
                mechanism: mechanism.into(),
            }),
            reauthentication_threshold: 10 * SECOND,
            ..SecurityConfig::default()
        },
        ..ClusterConfig::impatient(5 * SECOND)
    }
}

fn endpoint() -> Endpoint {
    Endpoint {
        host: "broker".into(),
        port: 9092,
    }
}

/// JavaScript's part: gives `credentials`, and keeps all that is reported.
struct Face {
    credentials: Result<Value, Error>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Observer for Face {
    fn report(&self, report: Report) {
        self.seen.lock().push(format!("{report:?}"));
    }

    fn ask(&self, question: Question) {
        assert_eq!(question.name, "sasl");
        self.seen.lock().push(format!("{question:?}"));
        let answer = self
            .credentials
            .clone()
            .map(|value| Answer { value, bytes: None });
        question.reply.send(answer).expect("somebody waits");
    }
}

struct Client {
    dialer: Dialer,
    seen: Arc<Mutex<Vec<String>>>,
}

fn client(mechanism: &str, credentials: Result<Value, Error>) -> Client {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reporter = Reporter::new(Box::new(Face {
        credentials,
        seen: Arc::clone(&seen),
    }));
    reporter.set_level(5);
    reporter.set_events(EventName::Request as u32 | EventName::RequestTimeout as u32);
    Client {
        dialer: Dialer::new(Arc::new(config(mechanism)), reporter),
        seen,
    }
}

fn plain() -> Result<Value, Error> {
    Ok(json!({ "authorizationIdentity": null, "username": "alice", "password": PASSWORD }))
}

impl Client {
    async fn connect(&self, ours: DuplexStream) -> Result<Connection, Error> {
        self.dialer.establish(Box::new(ours), &endpoint(), None).await
    }

    /// Connects while `script` plays the broker.
    async fn against(&self, script: impl AsyncFnOnce(&mut Broker)) -> (Result<Connection, Error>, Broker) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let mut broker = Broker(theirs);
        let (connection, ()) = tokio::join!(self.connect(ours), async {
            broker.tell_versions().await;
            script(&mut broker).await;
        });
        (connection, broker)
    }
}

struct Broker(DuplexStream);

impl Broker {
    /// Reads one request: api key, correlation id, body.
    async fn request(&mut self) -> (i16, i32, Vec<u8>) {
        let length = self.0.read_i32().await.expect("a request");
        let mut frame = vec![0; usize::try_from(length).expect("positive")];
        self.0.read_exact(&mut frame).await.expect("the whole request");
        let mut frame = &frame[..];
        let (key, _version, id) = (frame.get_i16(), frame.get_i16(), frame.get_i32());
        let client_id = usize::try_from(frame.get_i16()).expect("a client id");
        frame.advance(client_id);
        (key, id, frame.to_vec())
    }

    async fn answer(&mut self, id: i32, body: &[u8]) {
        let length = i32::try_from(body.len() + 4).expect("small");
        let frame = [&length.to_be_bytes()[..], &id.to_be_bytes(), body].concat();
        self.0.write_all(&frame).await.expect("room");
    }

    async fn tell_versions(&mut self) {
        let (key, id, _) = self.request().await;
        assert_eq!(key, API_VERSIONS);
        let mut body = vec![0, 0, 4];
        for (key, version) in [(METADATA, 4), (SASL_HANDSHAKE, 1), (SASL_AUTHENTICATE, 1)] {
            for number in [key, 0, version] {
                body.put_i16(number);
            }
            body.put_u8(0);
        }
        body.extend_from_slice(&[0, 0, 0, 0, 0]);
        self.answer(id, &body).await;
    }

    /// Answers SaslHandshake with `code` and `enabled`; gives the mechanism that was asked for.
    async fn agree(&mut self, code: i16, enabled: &[&str]) -> String {
        let (key, id, body) = self.request().await;
        assert_eq!(key, SASL_HANDSHAKE);
        let mut answer = Vec::new();
        answer.put_i16(code);
        answer.put_i32(i32::try_from(enabled.len()).expect("few"));
        for name in enabled {
            answer.put_i16(i16::try_from(name.len()).expect("short"));
            answer.put_slice(name.as_bytes());
        }
        self.answer(id, &answer).await;
        String::from_utf8(body[2..].to_vec()).expect("a name")
    }

    /// Answers SaslAuthenticate; gives the client's message.
    async fn hear(&mut self, code: i16, text: &str, bytes: &[u8], lifetime: Duration) -> Vec<u8> {
        let (key, id, body) = self.request().await;
        assert_eq!(key, SASL_AUTHENTICATE);
        let mut answer = Vec::new();
        answer.put_i16(code);
        answer.put_i16(i16::try_from(text.len()).expect("short"));
        answer.put_slice(text.as_bytes());
        answer.put_i32(i32::try_from(bytes.len()).expect("short"));
        answer.put_slice(bytes);
        answer.put_i64(i64::try_from(lifetime.as_millis()).expect("short"));
        self.answer(id, &answer).await;
        body[4..].to_vec()
    }

    async fn let_in(&mut self, lifetime: Duration) -> Vec<u8> {
        assert_eq!(self.agree(0, &["PLAIN"]).await, "PLAIN");
        self.hear(0, "", b"", lifetime).await
    }

    /// Answers one Metadata request, naming broker `controller` as the controller.
    async fn serve(&mut self, controller: i32) {
        let (key, id, _) = self.request().await;
        assert_eq!(key, METADATA);
        self.answer_metadata(id, controller).await;
    }

    async fn answer_metadata(&mut self, id: i32, controller: i32) {
        // Version 4: not throttled, no brokers, no cluster id, the controller, no topics.
        let body = [&[0; 8][..], &[0xff, 0xff], &controller.to_be_bytes(), &[0; 4]].concat();
        self.answer(id, &body).await;
    }

    /// Nothing comes within a virtual second.
    async fn stays_silent(&mut self) {
        assert!(
            tokio::time::timeout(SECOND, self.0.read_u8()).await.is_err(),
            "a byte came"
        );
    }
}

async fn metadata(connection: &Connection) -> Result<i32, Error> {
    let response = connection
        .send(MetadataRequest::default(), Deadline::Default)
        .await?;
    Ok(response.controller_id.0)
}

#[tokio::test]
async fn authenticates_before_the_connection_is_handed_out() {
    let client = client("PLAIN", plain());
    let (connection, mut broker) = client
        .against(async |broker| {
            assert_eq!(
                broker.let_in(Duration::ZERO).await,
                format!("\0alice\0{PASSWORD}").into_bytes()
            );
        })
        .await;
    let connection = connection.expect("let in");
    let (answer, ()) = tokio::join!(metadata(&connection), broker.serve(7));
    assert_eq!(answer.expect("served"), 7);
}

#[tokio::test]
async fn a_refusal_has_the_brokers_words_and_is_not_worth_a_retry() {
    let client = client("PLAIN", plain());
    let (connection, mut broker) = client
        .against(async |broker| {
            broker.agree(0, &["PLAIN"]).await;
            broker
                .hear(
                    58,
                    "Authentication failed: Invalid username or password",
                    b"",
                    Duration::ZERO,
                )
                .await;
        })
        .await;
    let error = connection.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::SaslAuthentication);
    assert_eq!(
        error.message(),
        "SASL PLAIN authentication failed: Authentication failed: Invalid username or password"
    );
    assert!(!error.is_retriable());
    assert_eq!(
        broker.0.read(&mut [0]).await.expect("an end"),
        0,
        "the connection is closed"
    );
}

#[tokio::test]
async fn a_mechanism_the_broker_does_not_have() {
    let client = client("PLAIN", plain());
    let (connection, _) = client
        .against(async |broker| drop(broker.agree(33, &["GSSAPI"]).await))
        .await;
    assert_eq!(connection.expect_err("refused").kind(), ErrorKind::Protocol(33));

    let (connection, _) = client
        .against(async |broker| drop(broker.agree(0, &["GSSAPI"]).await))
        .await;
    let error = connection.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::SaslAuthentication);
    assert_eq!(
        error.message(),
        "SASL PLAIN mechanism is not supported by the server"
    );
}

#[tokio::test]
async fn what_the_users_object_lacks_is_said_after_the_mechanism_was_agreed_on() {
    let text = "SASL Plain: Invalid username or password";
    let client = client("PLAIN", Ok(json!({ "refused": text })));
    let (connection, _) = client
        .against(async |broker| drop(broker.agree(0, &["PLAIN"]).await))
        .await;
    let error = connection.expect_err("incomplete");
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::SaslAuthentication, text)
    );
}

#[tokio::test]
async fn what_the_users_function_threw_comes_through() {
    let thrown = Error::new(ErrorKind::User, "no token today").with("ref", json!(5));
    let client = client("OAUTHBEARER", Err(thrown));
    let (connection, _) = client
        .against(async |broker| drop(broker.agree(0, &["OAUTHBEARER"]).await))
        .await;
    let error = connection.expect_err("no token");
    assert_eq!(
        (error.kind(), error.field("ref")),
        (ErrorKind::User, Some(&json!(5)))
    );
}

#[tokio::test]
async fn a_refused_token_is_given_up_so_that_the_broker_says_why() {
    let client = client(
        "OAUTHBEARER",
        Ok(json!({ "authorizationIdentity": null, "value": "t", "extensions": [] })),
    );
    let (connection, _) = client
        .against(async |broker| {
            broker.agree(0, &["OAUTHBEARER"]).await;
            let challenge = br#"{"status":"invalid_token"}"#;
            assert_eq!(
                broker.hear(0, "", challenge, Duration::ZERO).await,
                b"n,,\x01auth=Bearer t\x01\x01"
            );
            assert_eq!(
                broker
                    .hear(58, "the token has expired", b"", Duration::ZERO)
                    .await,
                b"\x01"
            );
        })
        .await;
    let error = connection.expect_err("refused");
    assert_eq!(
        error.message(),
        "SASL OAUTHBEARER authentication failed: the token has expired"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_says_nothing_about_the_credentials() {
    let client = client("PLAIN", plain());
    let (ours, theirs) = tokio::io::duplex(1024);
    let mut broker = Broker(theirs);
    let (connection, ()) = tokio::join!(client.connect(ours), async move {
        broker.tell_versions().await;
        broker.agree(0, &["PLAIN"]).await;
        broker.request().await;
    });
    let error = connection.expect_err("closed");
    assert!(error.is_connection() && error.is_retriable(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_answering_is_given_up() {
    let client = client("PLAIN", plain());
    let (ours, theirs) = tokio::io::duplex(1024);
    let mut broker = Broker(theirs);
    let (connection, _) = tokio::join!(client.connect(ours), async {
        broker.tell_versions().await;
        broker.request().await;
    });
    let error = connection.expect_err("silence");
    assert!(error.is_connection() && error.is_retriable(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_the_next_request_and_requests_wait_for_it() {
    let client = client("PLAIN", plain());
    let (connection, mut broker) = client
        .against(async |broker| drop(broker.let_in(60 * SECOND).await))
        .await;
    let connection = connection.expect("let in");

    tokio::time::advance(49 * SECOND).await;
    let (early, ()) = tokio::join!(metadata(&connection), broker.serve(1));
    assert_eq!(early.expect("served"), 1);

    tokio::time::advance(2 * SECOND).await;
    let (first, second, ()) = tokio::join!(metadata(&connection), metadata(&connection), async {
        broker.let_in(60 * SECOND).await;
        broker.serve(2).await;
        broker.serve(2).await;
    });
    assert_eq!((first.expect("served"), second.expect("served")), (2, 2));

    tokio::time::advance(40 * SECOND).await;
    let (late, ()) = tokio::join!(metadata(&connection), broker.serve(3));
    assert_eq!(late.expect("served"), 3, "the session began anew");
}

#[tokio::test(start_paused = true)]
async fn renewal_waits_for_requests_in_flight() {
    let client = client("PLAIN", plain());
    let (connection, mut broker) = client
        .against(async |broker| drop(broker.let_in(60 * SECOND).await))
        .await;
    let connection = connection.expect("let in");

    tokio::time::advance(45 * SECOND).await;
    let (polled, next, ()) = tokio::join!(
        metadata(&connection),
        async {
            tokio::time::sleep(6 * SECOND).await;
            metadata(&connection).await
        },
        async {
            let (key, id, _) = broker.request().await;
            assert_eq!(key, METADATA);
            tokio::time::sleep(8 * SECOND).await;
            broker.stays_silent().await;
            broker.answer_metadata(id, 1).await;
            broker.let_in(60 * SECOND).await;
            broker.serve(2).await;
        }
    );
    assert_eq!((polled.expect("served"), next.expect("served")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_fails_the_request_and_ends_the_connection() {
    for (code, kind) in [
        (58, ErrorKind::SaslAuthentication),
        (34, ErrorKind::ConnectionClosed),
    ] {
        let client = client("PLAIN", plain());
        let (connection, mut broker) = client
            .against(async |broker| drop(broker.let_in(60 * SECOND).await))
            .await;
        let connection = connection.expect("let in");
        tokio::time::advance(55 * SECOND).await;
        let (answer, ()) = tokio::join!(metadata(&connection), async {
            if code == 34 {
                broker.agree(34, &[]).await;
            } else {
                broker.agree(0, &["PLAIN"]).await;
                broker.hear(code, "changed", b"", Duration::ZERO).await;
            }
        });
        assert_eq!(answer.expect_err("not renewed").kind(), kind);
        assert!(!connection.is_open());
    }
}

#[tokio::test]
async fn the_password_is_in_no_report_and_no_error() {
    let client = client("PLAIN", plain());
    let (connection, _) = client
        .against(async |broker| {
            broker.agree(0, &["PLAIN"]).await;
            broker.hear(58, "no", b"", Duration::ZERO).await;
        })
        .await;
    let error = connection.expect_err("refused");
    let seen = client.seen.lock().join("\n");
    assert!(
        seen.contains("SaslAuthenticator-PLAIN"),
        "something was reported: {seen}"
    );
    for output in [
        seen,
        format!("{error:?} {error} {}", error.payload()),
        format!("{:?}", client.dialer),
    ] {
        assert!(!output.contains(PASSWORD), "{output}");
    }
}
