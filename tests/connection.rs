//! One connection against a scripted peer over an in-memory stream: what a broker, or whoever answers on its port, can
//! do to us.

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

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiVersionsResponse, HeartbeatRequest, MetadataRequest, MetadataResponse, ProduceRequest,
};
use kafkajs_rs::config::ClusterConfig;
use kafkajs_rs::error::{Error, ErrorKind};
use kafkajs_rs::event::{EventName, Observer, Report, Reporter};
use kafkajs_rs::network::{Connection, Deadline, Dialer, Endpoint};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const ANSWER: Duration = Duration::from_secs(5);

fn config() -> ClusterConfig {
    ClusterConfig::impatient(ANSWER)
}

fn endpoint() -> Endpoint {
    Endpoint {
        host: "broker".into(),
        port: 9092,
    }
}

/// The peer's side of the stream.
struct Peer(DuplexStream);

impl Peer {
    /// Reads one request: api key, api version, correlation id.
    async fn request(&mut self) -> (i16, i16, i32) {
        let length = self.0.read_i32().await.expect("a request");
        let mut frame = vec![0; usize::try_from(length).expect("positive")];
        self.0.read_exact(&mut frame).await.expect("the whole request");
        let key = i16::from_be_bytes([frame[0], frame[1]]);
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        (
            key,
            version,
            i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]),
        )
    }

    async fn answer(&mut self, correlation_id: i32, body: &[u8]) {
        let length = i32::try_from(body.len() + 4).expect("small");
        let frame = [&length.to_be_bytes()[..], &correlation_id.to_be_bytes(), body].concat();
        self.0.write_all(&frame).await.expect("room");
    }

    /// Answers the version exchange: Metadata up to `metadata` and Produce 3 to 8.
    async fn shake_hands(&mut self, metadata: i16) {
        let (key, version, id) = self.request().await;
        assert_eq!(key, 18);
        let api = |key, min, max| {
            ApiVersion::default()
                .with_api_key(key)
                .with_min_version(min)
                .with_max_version(max)
        };
        let response = ApiVersionsResponse::default().with_api_keys(vec![api(0, 3, 8), api(3, 0, metadata)]);
        // The encoder of responses is only built for brokers, so the bytes are written here: error code, then the keys.
        assert_eq!(version, 3);
        let mut body = vec![0, 0, u8::try_from(response.api_keys.len() + 1).expect("few")];
        for api in &response.api_keys {
            for number in [api.api_key, api.min_version, api.max_version] {
                body.extend_from_slice(&number.to_be_bytes());
            }
            body.push(0);
        }
        body.extend_from_slice(&[0, 0, 0, 0, 0]);
        self.answer(id, &body).await;
    }

    async fn answer_metadata(&mut self, id: i32) {
        self.answer(id, &metadata_of(9)).await;
    }
}

/// Metadata v4 without throttling, brokers, cluster id and topics.
fn metadata_of(controller: u8) -> [u8; 18] {
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, controller, 0, 0, 0, 0,
    ]
}

async fn connect(reporter: Reporter) -> (Connection, Peer) {
    connect_with(config(), reporter).await
}

async fn connect_with(config: ClusterConfig, reporter: Reporter) -> (Connection, Peer) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let mut peer = Peer(theirs);
    let dialer = Dialer::new(Arc::new(config), reporter);
    let (connection, ()) = tokio::join!(
        async {
            dialer
                .establish(Box::new(ours), &endpoint(), None)
                .await
                .expect("hand shaken")
        },
        peer.shake_hands(4),
    );
    (connection, peer)
}

async fn metadata(connection: &Connection) -> Result<MetadataResponse, Error> {
    connection
        .send(MetadataRequest::default(), Deadline::Default)
        .await
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (first, second, ()) = tokio::join!(metadata(&connection), metadata(&connection), async {
        let (_, _, first) = peer.request().await;
        let (_, _, second) = peer.request().await;
        peer.answer(second, &metadata_of(2)).await;
        peer.answer(first, &metadata_of(1)).await;
    });
    assert_eq!(first.expect("answered").controller_id.0, 1);
    assert_eq!(second.expect("answered").controller_id.0, 2);
}

#[tokio::test]
async fn a_peer_that_hangs_up_fails_every_waiter_at_once() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (first, second, ()) = tokio::join!(metadata(&connection), metadata(&connection), async move {
        peer.request().await;
        peer.request().await;
    });
    for error in [first.expect_err("closed"), second.expect_err("closed")] {
        assert_eq!(error.kind(), ErrorKind::ConnectionClosed);
        assert_eq!(error.message(), "Closed connection");
        assert_eq!(error.field("host").and_then(|host| host.as_str()), Some("broker"));
    }
    assert!(!connection.is_open());
    assert_eq!(
        metadata(&connection).await.expect_err("still closed").kind(),
        ErrorKind::ConnectionClosed
    );
}

#[tokio::test]
async fn a_negative_or_monstrous_size_and_half_a_frame_close_the_connection() {
    let answers: [&[u8]; 4] = [
        &(-5_i32).to_be_bytes(),
        &i32::MAX.to_be_bytes(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0, 0, 0, 100, 0, 0, 0, 2, 0],
    ];
    for bytes in answers {
        let (connection, mut peer) = connect(Reporter::silent()).await;
        let (result, ()) = tokio::join!(metadata(&connection), async move {
            peer.request().await;
            peer.0.write_all(bytes).await.expect("room");
        });
        let error = result.expect_err("not an answer");
        assert!(
            error.is_connection() && error.is_retriable(),
            "{bytes:?}: {error:?}"
        );
        assert!(!connection.is_open(), "{bytes:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_garbage_fails_its_request_and_closes_the_connection() {
    let trailing = [&metadata_of(1)[..], &[7]].concat();
    let bodies: [&[u8]; 3] = [&[0xff; 40], &[], &trailing];
    for body in bodies {
        let (connection, mut peer) = connect(Reporter::silent()).await;
        let (result, ()) = tokio::join!(metadata(&connection), async {
            let (_, _, id) = peer.request().await;
            peer.answer(id, body).await;
        });
        let error = result.expect_err("garbage");
        assert!(
            error
                .message()
                .starts_with("Malformed Metadata exchange with broker:9092"),
            "{error}"
        );
        assert!(!connection.is_open());
    }
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_ignored() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (result, ()) = tokio::join!(metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        peer.answer(id + 1000, &[1, 2, 3]).await;
        peer.answer_metadata(id).await;
    });
    assert_eq!(result.expect("answered").controller_id.0, 9);
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_second_answer_to_the_same_request_is_ignored() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (first, second, ()) = tokio::join!(metadata(&connection), metadata(&connection), async {
        let (_, _, first) = peer.request().await;
        let (_, _, second) = peer.request().await;
        peer.answer(first, &metadata_of(1)).await;
        peer.answer(first, &metadata_of(3)).await;
        peer.answer(second, &metadata_of(2)).await;
    });
    assert_eq!(first.expect("answered").controller_id.0, 1);
    assert_eq!(second.expect("answered").controller_id.0, 2);
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_count_that_the_frame_cannot_hold_is_named_and_closes_the_connection() {
    // Metadata v4: throttle time, then the count of brokers.
    for (count, text) in [
        (i32::MAX, "brokers announces 2147483647 where 10 bytes are left"),
        (-2, "brokers announces -2"),
        (i32::MIN, "brokers announces -2147483648"),
    ] {
        let (connection, mut peer) = connect(Reporter::silent()).await;
        let (result, ()) = tokio::join!(metadata(&connection), async {
            let (_, _, id) = peer.request().await;
            let mut body = metadata_of(1);
            body[4..8].copy_from_slice(&count.to_be_bytes());
            peer.answer(id, &body).await;
        });
        let error = result.expect_err("a lie");
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.message().contains(text), "{error}");
        assert!(!connection.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_cannot_silence_a_connection_for_days() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let mut body = metadata_of(1);
    body[..4].copy_from_slice(&i32::MAX.to_be_bytes());
    let (result, ()) = tokio::join!(metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        peer.answer(id, &body).await;
    });
    result.expect("answered");
    let started = tokio::time::Instant::now();
    let (result, quiet) = tokio::join!(metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        let quiet = started.elapsed();
        peer.answer_metadata(id).await;
        quiet
    });
    result.expect("answered");
    assert!(
        quiet >= Duration::from_secs(59) && quiet <= Duration::from_secs(61),
        "{quiet:?}"
    );
}

#[tokio::test]
async fn a_frame_that_arrives_byte_by_byte_is_read_whole() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (result, ()) = tokio::join!(metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        let frame = [&[0, 0, 0, 22][..], &id.to_be_bytes(), &metadata_of(9)].concat();
        for byte in frame {
            peer.0.write_all(&[byte]).await.expect("room");
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(result.expect("answered").controller_id.0, 9);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_answer_times_out_in_kafkajs_words_and_ends_the_connection() {
    struct Seen(Arc<Mutex<Vec<Report>>>);
    impl Observer for Seen {
        fn report(&self, report: Report) {
            self.0.lock().push(report);
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reporter = Reporter::new(Box::new(Seen(Arc::clone(&seen))));
    reporter.set_events(EventName::RequestTimeout as u32);
    let (connection, mut peer) = connect(reporter).await;
    let (result, _) = tokio::join!(metadata(&connection), peer.request());
    let error = result.expect_err("late");
    assert_eq!(error.kind(), ErrorKind::RequestTimeout);
    assert_eq!(error.message(), "Request Metadata(key: 3, version: 4) timed out");
    for field in [
        "broker",
        "correlationId",
        "createdAt",
        "sentAt",
        "pendingDuration",
    ] {
        assert!(error.field(field).is_some(), "{field}");
    }
    assert!(!connection.is_open());
    let reports = seen.lock();
    assert!(
        matches!(reports.as_slice(), [Report::Event { name: EventName::RequestTimeout, payload }]
        if payload["apiName"] == "Metadata" && payload["clientId"] == "test")
    );
}

#[tokio::test]
async fn a_request_event_carries_kafkajs_payload() {
    struct Seen(Arc<Mutex<Vec<serde_json::Value>>>);
    impl Observer for Seen {
        fn report(&self, report: Report) {
            if let Report::Event { payload, .. } = report {
                self.0.lock().push(payload);
            }
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reporter = Reporter::new(Box::new(Seen(Arc::clone(&seen))));
    let (connection, mut peer) = connect(reporter.clone()).await;
    reporter.set_events(EventName::Request as u32);
    let (result, ()) = tokio::join!(metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        peer.answer_metadata(id).await;
    });
    result.expect("answered");
    let payloads = seen.lock();
    let [payload] = payloads.as_slice() else {
        panic!("one event, not {payloads:?}")
    };
    assert_eq!(payload["broker"], "broker:9092");
    assert_eq!(payload["apiKey"], 3);
    assert_eq!(payload["apiVersion"], 4);
    assert_eq!(payload["size"], 22);
    for field in [
        "correlationId",
        "createdAt",
        "sentAt",
        "pendingDuration",
        "duration",
    ] {
        assert!(payload[field].is_number(), "{field}");
    }
}

#[tokio::test]
async fn an_api_the_broker_does_not_have_is_named() {
    let (connection, _peer) = connect(Reporter::silent()).await;
    let result = connection
        .send(HeartbeatRequest::default(), Deadline::Default)
        .await;
    let error = result.expect_err("not spoken");
    assert_eq!(error.kind(), ErrorKind::UnsupportedApi);
    assert_eq!(
        error.message(),
        "The Kafka server does not support the requested API version"
    );
    assert_eq!(
        error.field("apiName").and_then(|name| name.as_str()),
        Some("Heartbeat")
    );
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_produce_nobody_answers_is_done_when_it_has_left() {
    let (connection, mut peer) = connect(Reporter::silent()).await;
    let (result, (key, _, _)) = tokio::join!(
        connection.send_unanswered(ProduceRequest::default().with_acks(0)),
        peer.request()
    );
    result.expect("sent");
    assert_eq!(key, 0);
    drop(peer);
    let (result, late) = tokio::join!(metadata(&connection), async {});
    assert!(result.is_err());
    let () = late;
    let after = connection
        .send_unanswered(ProduceRequest::default().with_acks(0))
        .await;
    assert_eq!(after.expect_err("closed").kind(), ErrorKind::ConnectionClosed);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_fly_than_allowed() {
    let limited = ClusterConfig {
        max_in_flight_requests: Some(1),
        ..config()
    };
    let (connection, mut peer) = connect_with(limited, Reporter::silent()).await;
    let (first, second, ()) = tokio::join!(metadata(&connection), metadata(&connection), async {
        let (_, _, id) = peer.request().await;
        let premature = tokio::time::timeout(Duration::from_secs(1), peer.0.read_u8()).await;
        assert!(premature.is_err(), "the second waits for the first");
        peer.answer_metadata(id).await;
        let (_, _, id) = peer.request().await;
        peer.answer_metadata(id).await;
    });
    first.expect("answered");
    second.expect("answered");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_says_nothing_is_given_up() {
    let (ours, _theirs) = tokio::io::duplex(1024);
    let dialer = Dialer::new(Arc::new(config()), Reporter::silent());
    let result = dialer.establish(Box::new(ours), &endpoint(), None).await;
    assert_eq!(result.expect_err("silence").kind(), ErrorKind::RequestTimeout);
}

#[tokio::test]
async fn an_old_broker_is_asked_again_in_version_0() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let mut peer = Peer(theirs);
    let dialer = Dialer::new(Arc::new(config()), Reporter::silent());
    let (result, ()) = tokio::join!(
        async { dialer.establish(Box::new(ours), &endpoint(), None).await },
        async {
            let (_, version, id) = peer.request().await;
            assert_eq!(version, 3);
            peer.answer(id, &[0, 35, 0, 0, 0, 0]).await;
            let (_, version, id) = peer.request().await;
            assert_eq!(version, 0);
            peer.answer(id, &[0, 0, 0, 0, 0, 1, 0, 3, 0, 1, 0, 5]).await;
        }
    );
    assert_eq!(
        result.expect("hand shaken").version_of::<MetadataRequest>(),
        Some(5)
    );
}
