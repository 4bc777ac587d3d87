//! One connection to one broker: rskafka's Messenger with deadlines, throttling, events and our errors.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use kafka_protocol::messages::{ApiVersionsRequest, ProduceRequest};
use parking_lot::Mutex;
use rskafka::messenger::{Messenger, RequestError};
use rskafka::protocol::frame;
use serde_json::json;
use tokio::sync::{RwLockReadGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::dial::io_failure;
use super::endpoint::Endpoint;
use super::messenger;
use super::sasl::{Session, Standing};
use super::stream::{Switch, Transport, WireStream};
use super::version_ranges::VersionRanges;
use crate::clock::now_ms;
use crate::config::ClusterConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventName, Level, Reporter};
use crate::protocol::versions::{ApiSpec, TABLE};
use crate::protocol::wire::{
    self, Body, Frame, KafkaRequest, MESSENGER_KEY, MESSENGER_RANGE, Trace, WireResponse,
};

/// Largest answer we accept. The biggest ones are fetches, which we bound by `maxBytes` but which may exceed it by one
/// record batch.
pub const MAX_FRAME: usize = 256 * 1024 * 1024;

/// An acks-0 produce is never answered, so the Messenger keeps about 120 bytes for each until the connection ends.
/// After this many the connection is retired: at most 12 MB.
pub const MAX_UNANSWERED: u32 = 100_000;

/// Longest that a broker can ask us to stay quiet. It holds a connection that it throttles back itself as well
/// (KIP-219), so what is sent earlier waits there, under the deadline of a request.
pub const MAX_QUIET: Duration = Duration::from_secs(60);

/// How long a request may take.
#[derive(Debug, Clone, Copy, Default)]
pub enum Deadline {
    /// `requestTimeout`.
    #[default]
    Default,
    /// `requestTimeout`, or this if it is longer: for requests that wait at the broker.
    AtLeast(Duration),
    /// This, whatever `requestTimeout` says.
    Exactly(Duration),
}

/// See the module text.
#[derive(Debug)]
pub struct Connection {
    endpoint: Endpoint,
    messenger: Messenger<WireStream>,
    switch: Arc<Switch>,
    versions: Arc<VersionRanges>,
    config: Arc<ClusterConfig>,
    reporter: Reporter,
    quiet_until: Mutex<Option<Instant>>,
    in_flight: Option<Semaphore>,
    queued: AtomicUsize,
    unanswered: AtomicU32,
    retired: AtomicBool,
    session: Option<Session>,
}

/// Held while a request is on its way.
struct Admission<'a> {
    _pass: Option<RwLockReadGuard<'a, Standing>>,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Connection {
    /// Speaks over `transport`; no byte is sent yet. Until [`Connection::learn_versions`] only ApiVersions can be sent.
    pub fn over(
        transport: Box<dyn Transport>,
        endpoint: Endpoint,
        config: Arc<ClusterConfig>,
        reporter: Reporter,
    ) -> Self {
        let (stream, switch) = WireStream::new(transport, MAX_FRAME);
        let mut messenger = Messenger::new(stream, MAX_FRAME, Arc::from(config.client_id.as_str()));
        let row = |key: i16| TABLE.iter().find(|row| row.key == key);
        let bootstrap = VersionRanges::new(row(18).map(|row| (row.key, (row.min, row.max))), 0);
        messenger.override_version_ranges(HashMap::from([(MESSENGER_KEY, MESSENGER_RANGE)]));
        Self {
            endpoint,
            messenger,
            switch,
            versions: Arc::new(bootstrap),
            quiet_until: Mutex::new(None),
            // kafkajs dead-locks on 0; the options layer refuses it, so at least one may fly here.
            in_flight: config
                .max_in_flight_requests
                .map(|limit| Semaphore::new(limit.max(1) as usize)),
            queued: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
            retired: AtomicBool::new(false),
            session: None,
            config,
            reporter,
        }
    }

    /// From now on requests go by this session: it is renewed before it ends.
    pub(super) fn begin_session(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Takes over what the broker speaks.
    pub fn learn_versions(&mut self, versions: Arc<VersionRanges>) {
        self.versions = versions;
    }

    /// Versions this connection was told of.
    pub fn versions(&self) -> &Arc<VersionRanges> {
        &self.versions
    }

    /// Version that `R` would be sent in, if both sides have one in common.
    pub fn version_of<R: KafkaRequest>(&self) -> Option<i16> {
        self.version_for(&R::SPEC)
    }

    fn version_for(&self, spec: &ApiSpec) -> Option<i16> {
        let (min, max) = self.versions.get(spec.key)?;
        (min <= max && min <= spec.max && spec.min <= max).then(|| spec.max.min(max))
    }

    /// Where this connection goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether this connection should be used for another request. One that is retired should not, but it stays until
    /// those that are under way have been answered.
    pub fn is_open(&self) -> bool {
        !self.switch.is_closed() && !self.retired.load(Ordering::Relaxed)
    }

    /// Ends the connection; everyone who waits on it is told at once. Idempotent.
    pub fn close(&self) {
        self.switch.close();
    }

    /// Sends `request` and waits for its answer.
    ///
    /// # Errors
    /// `KafkaJSRequestTimeoutError` after the deadline (the connection is closed then, because an answer that comes
    /// later would find nobody), `KafkaJSConnectionError` / `KafkaJSConnectionClosedError` when the connection ends
    /// before, `KafkaJSServerDoesNotSupportApiKey` when there is no common version.
    pub async fn send<R: KafkaRequest>(&self, request: R, deadline: Deadline) -> Result<R::Response> {
        let response = self.exchange(request, deadline).await?;
        self.note_throttle::<R>(R::throttle_ms(&response.body));
        Ok(response.body)
    }

    /// As [`Connection::send`], for a request that waits at the broker: giving the future up closes the connection,
    /// because whatever followed on it would wait behind that request.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_or_close<R: KafkaRequest>(
        &self,
        request: R,
        deadline: Deadline,
    ) -> Result<R::Response> {
        let mut guard = CloseUnlessDone {
            connection: self,
            done: false,
        };
        let response = self.send(request, deadline).await;
        guard.done = true;
        response
    }

    /// As [`Connection::send`], without closing the connection when the answer cannot be read: for probing versions.
    pub(super) async fn exchange<R: KafkaRequest>(
        &self,
        request: R,
        deadline: Deadline,
    ) -> Result<WireResponse<R::Response>> {
        let created_at = now_ms();
        let admission = self.admit().await?;
        let outcome = self.deliver(request, deadline, created_at).await;
        drop(admission);
        outcome
    }

    /// Sends a request that neither waits for others nor holds them up: for authentication.
    pub(super) async fn transmit<R: KafkaRequest>(
        &self,
        request: R,
        deadline: Deadline,
    ) -> Result<R::Response> {
        Ok(self.deliver(request, deadline, now_ms()).await?.body)
    }

    async fn deliver<R: KafkaRequest>(
        &self,
        request: R,
        deadline: Deadline,
        created_at: i64,
    ) -> Result<WireResponse<R::Response>> {
        let mut answered = self.round_trip(&request, &R::SPEC, deadline, created_at).await?;
        match wire::decode(std::mem::take(&mut answered.frame.body), answered.version) {
            Ok(body) => {
                self.report_answer(&R::SPEC, &answered, created_at);
                let size = answered.frame.size;
                Ok(WireResponse { body, size })
            }
            Err(error) => Err(self.unreadable(&R::SPEC, &error)),
        }
    }

    /// The part of [`Connection::deliver`] that is the same for all requests.
    async fn round_trip(
        &self,
        request: &dyn Body,
        spec: &ApiSpec,
        deadline: Deadline,
        created_at: i64,
    ) -> Result<Answered> {
        let sent_at = now_ms();
        let started = Instant::now();
        let version = self.version_for(spec).ok_or_else(|| not_spoken(spec))?;
        let trace = Trace::default();
        let answer = messenger::request(&self.messenger, spec, version, request, &trace, None);
        let outcome = match self.limit(deadline) {
            None => Ok(answer.await),
            Some(limit) => tokio::time::timeout(limit, answer).await,
        };
        match outcome {
            Ok(Ok(frame)) => Ok(Answered {
                frame,
                version,
                correlation_id: trace.correlation_id(),
                sent_at,
                duration: started.elapsed(),
            }),
            Ok(Err(error)) => Err(self.failed(spec, &error)),
            Err(_elapsed) => Err(self.expired(spec, version, &trace, created_at, sent_at)),
        }
    }

    fn report_answer(&self, spec: &ApiSpec, answered: &Answered, created_at: i64) {
        self.reporter.event(EventName::Request, || {
            json!({
                "broker": self.endpoint.to_string(),
                "clientId": self.config.client_id,
                "correlationId": answered.correlation_id,
                "size": answered.frame.size,
                "createdAt": created_at,
                "sentAt": answered.sent_at,
                "pendingDuration": answered.sent_at - created_at,
                "duration": u64::try_from(answered.duration.as_millis()).unwrap_or(u64::MAX),
                "apiName": spec.name,
                "apiKey": spec.key,
                "apiVersion": answered.version,
            })
        });
    }

    /// Sends an acks-0 produce: done when the transport has taken it, since no answer comes.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_unanswered(&self, request: ProduceRequest) -> Result<()> {
        let spec = &ProduceRequest::SPEC;
        let admission = self.admit().await?;
        let version = self.version_for(spec).ok_or_else(|| not_spoken(spec))?;
        let trace = Trace::default();
        let sent = Mutex::new(None);
        let hook = |correlation_id| *sent.lock() = Some(self.switch.await_sent(correlation_id));
        let answer = messenger::request(&self.messenger, spec, version, &request, &trace, Some(&hook));
        let mut answer = std::pin::pin!(answer);
        let left = std::future::poll_fn(|cx| {
            // The answer never comes, but polling it is what writes the frame.
            if let std::task::Poll::Ready(result) = answer.as_mut().poll(cx) {
                return std::task::Poll::Ready(Some(result.map(drop)));
            }
            match sent.lock().as_mut() {
                Some(receiver) => std::pin::Pin::new(receiver).poll(cx).map(|_| None),
                None => std::task::Poll::Pending,
            }
        });
        let outcome = match self.limit(Deadline::Default) {
            None => Ok(left.await),
            Some(limit) => tokio::time::timeout(limit, left).await,
        };
        drop(admission);
        if self.unanswered.fetch_add(1, Ordering::Relaxed) >= MAX_UNANSWERED {
            self.retired.store(true, Ordering::Relaxed);
        }
        match outcome {
            Ok(None) if !self.switch.is_closed() || trace.request_size() > 0 => Ok(()),
            Ok(None | Some(Ok(()))) => Err(self.closed_error()),
            Ok(Some(Err(error))) => Err(self.failed(spec, &error)),
            Err(_elapsed) => {
                let now = now_ms();
                Err(self.expired(spec, version, &trace, now, now))
            }
        }
    }

    fn limit(&self, deadline: Deadline) -> Option<Duration> {
        match deadline {
            Deadline::Exactly(limit) => Some(limit),
            _ if !self.config.enforce_request_timeout => None,
            Deadline::Default => Some(self.config.request_timeout),
            Deadline::AtLeast(least) => Some(self.config.request_timeout.max(least)),
        }
    }

    /// Waits until the broker wants to hear from us again (KIP-219), the session is good (KIP-368) and a place in flight
    /// is free.
    async fn admit(&self) -> Result<Admission<'_>> {
        let quiet_until = *self.quiet_until.lock();
        if let Some(until) = quiet_until {
            tokio::time::sleep_until(until).await;
        }
        if self.switch.is_closed() {
            return Err(self.closed_error());
        }
        let pass = match &self.session {
            None => None,
            Some(session) => session.pass(self).await?,
        };
        Ok(Admission {
            _pass: pass,
            _permit: self.take_place().await?,
        })
    }

    async fn take_place(&self) -> Result<Option<SemaphorePermit<'_>>> {
        let Some(semaphore) = &self.in_flight else {
            return Ok(None);
        };
        if let Ok(permit) = semaphore.try_acquire() {
            return Ok(Some(permit));
        }
        self.report_queue(self.queued.fetch_add(1, Ordering::Relaxed) + 1);
        let permit = semaphore.acquire().await;
        self.report_queue(self.queued.fetch_sub(1, Ordering::Relaxed).saturating_sub(1));
        permit.map(Some).map_err(|_| self.closed_error())
    }

    fn report_queue(&self, size: usize) {
        self.reporter.event(EventName::RequestQueueSize, || {
            json!({ "broker": self.endpoint.to_string(), "clientId": self.config.client_id, "queueSize": size })
        });
    }

    fn note_throttle<R: KafkaRequest>(&self, throttle_ms: i32) {
        let Ok(throttle @ 1..) = u64::try_from(throttle_ms) else {
            return;
        };
        let until = Instant::now() + Duration::from_millis(throttle).min(MAX_QUIET);
        let mut quiet_until = self.quiet_until.lock();
        *quiet_until = Some(quiet_until.map_or(until, |earlier| earlier.max(until)));
        drop(quiet_until);
        self.reporter.log(Level::Debug, "Connection", || {
            let broker = self.endpoint.to_string();
            let text = format!("{} throttled by the broker", R::SPEC.name);
            (
                text,
                json!({ "broker": broker, "clientId": self.config.client_id, "throttleTime": throttle }),
            )
        });
    }

    fn closed_error(&self) -> Error {
        Error::connection_closed(&self.endpoint.host, self.endpoint.port)
    }

    fn expired(&self, spec: &ApiSpec, version: i16, trace: &Trace, created_at: i64, sent_at: i64) -> Error {
        self.close();
        let details = json!({
            "broker": self.endpoint.to_string(),
            "clientId": self.config.client_id,
            "correlationId": trace.correlation_id(),
            "createdAt": created_at,
            "sentAt": sent_at,
            "pendingDuration": sent_at - created_at,
            "apiName": spec.name,
            "apiKey": spec.key,
            "apiVersion": version,
        });
        self.reporter.event(EventName::RequestTimeout, || details.clone());
        let text = format!(
            "Request {}(key: {}, version: {version}) timed out",
            spec.name, spec.key
        );
        let mut error = Error::new(ErrorKind::RequestTimeout, text);
        for name in [
            "broker",
            "correlationId",
            "createdAt",
            "sentAt",
            "pendingDuration",
        ] {
            error = error.with(name, details.get(name).cloned().unwrap_or_default());
        }
        error
    }

    fn failed(&self, spec: &ApiSpec, error: &RequestError) -> Error {
        match error {
            RequestError::Poisoned(cause) => {
                self.close();
                self.failed(spec, cause)
            }
            RequestError::IO(io) | RequestError::ReadFramedMessageError(frame::ReadError::IO(io)) => {
                self.io_failed("read", io)
            }
            RequestError::WriteMessageError(frame::WriteError::IO(io)) => self.io_failed("write", io),
            // The request could not be written: the connection has not seen it.
            RequestError::WriteError(cause) => self.malformed(spec, cause),
            other => self.unreadable(spec, other),
        }
    }

    /// An answer that has come and cannot be read.
    fn unreadable(&self, spec: &ApiSpec, cause: &dyn Display) -> Error {
        // Nothing that follows on this connection can be trusted. The exception is ApiVersions, where an old broker
        // answers a version it was not asked for.
        if spec.key != ApiVersionsRequest::SPEC.key {
            self.close();
        }
        self.malformed(spec, cause)
    }

    fn malformed(&self, spec: &ApiSpec, cause: &dyn Display) -> Error {
        let text = format!("Malformed {} exchange with {}: {cause}", spec.name, self.endpoint);
        Error::new(ErrorKind::Connection, text).with("broker", json!(self.endpoint.to_string()))
    }

    fn io_failed(&self, syscall: &str, error: &std::io::Error) -> Error {
        self.close();
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionAborted => self.closed_error(),
            _ => io_failure(&self.endpoint, syscall, error),
        }
    }
}

struct CloseUnlessDone<'a> {
    connection: &'a Connection,
    done: bool,
}

impl Drop for CloseUnlessDone<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.connection.close();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.switch.close();
    }
}

/// An answer that has come, and when.
struct Answered {
    frame: Frame,
    version: i16,
    correlation_id: i32,
    sent_at: i64,
    duration: Duration,
}

fn not_spoken(spec: &ApiSpec) -> Error {
    Error::new(
        ErrorKind::UnsupportedApi,
        "The Kafka server does not support the requested API version",
    )
    .with("apiKey", json!(spec.key))
    .with("apiName", json!(spec.name))
}
