//! Fetches from one broker.
//!
//! A broker has two connections. On the first, a long poll asks for whatever may be asked for. A partition that becomes
//! due while it waits (its buffer has run empty, it was resumed or sought) must not wait with it: the second connection
//! asks for it at once and without waiting, until the long poll is over and takes it in.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::fetch_request::FetchRequest;
use kafka_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use kafka_protocol::protocol::StrBytes;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::decode::{Decoded, decode, record_error, takes_long};
use super::fetch_request::{read_from, topics};
use super::handle::Session;
use super::partitions::{Ask, Plan};
use crate::cluster::Role;
use crate::cluster::offsets::Isolation;
use crate::cluster::retry::Backoff;
use crate::error::{Error, Result};
use crate::event::{EventName, Level, with_fields};
use crate::group::TopicPartition;
use crate::network::Deadline;
use crate::protocol::compression::Decompressor;
use crate::protocol::records::RecordError;

/// Pause of the second connection after an answer without data.
const IDLE_PAUSE: Duration = Duration::from_millis(25);

/// The broker may take so much longer than it was told to wait.
const WAIT_GRACE: Duration = Duration::from_millis(100);

/// Pause of a partition whose leader is being looked for.
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// Pause of a partition whose answer brought nobody further: none at all, or records from before what was asked for. A
/// broker that lies must not be asked as fast as it can answer.
const USELESS_PAUSE: Duration = Duration::from_millis(100);

/// A broker that is gone has its partitions led by others soon. For so long it is missed, whatever the back-off says,
/// while the rest of the cluster answers.
const FAILOVER: Duration = Duration::from_secs(30);

/// Pause between attempts to reach such a broker.
const FAILOVER_PAUSE: Duration = Duration::from_secs(1);

/// Connections per broker.
const LANES: usize = 2;

/// Kafka error codes of a fetch.
mod code {
    pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(super) const REPLICA_NOT_AVAILABLE: i16 = 9;
    pub(super) const KAFKA_STORAGE_ERROR: i16 = 56;
    pub(super) const OFFSET_NOT_AVAILABLE: i16 = 78;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    LongPoll,
    AtOnce,
}

/// What a connection has asked for. Its task may end at any wait, when the broker leaves the cluster: the partitions, which
/// have another leader by then, must not wait for an answer that nobody reads.
#[derive(Debug)]
struct Outstanding {
    session: Session,
    asks: Vec<Ask>,
}

impl Outstanding {
    fn settled(mut self) {
        self.asks.clear();
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        if !self.asks.is_empty() {
            self.session.0.partitions.lock().abandoned(&self.asks);
            self.session.note_change();
        }
    }
}

/// One connection to one broker.
#[derive(Debug)]
pub(super) struct Lane {
    session: Session,
    node: i32,
    kind: Kind,
    brokers: usize,
    /// Whether the long poll of this broker is under way.
    polling: Arc<AtomicBool>,
    changes: watch::Receiver<u64>,
    backoff: Option<Backoff>,
    failing_since: Option<Instant>,
    decompressor: Decompressor,
}

/// The connections to one broker.
pub(super) struct Lanes;

impl Lanes {
    /// `brokers`: how many share the buffer.
    pub(super) fn of(session: &Session, node: i32, brokers: usize) -> [Lane; LANES] {
        let polling = Arc::new(AtomicBool::new(false));
        [Kind::LongPoll, Kind::AtOnce].map(|kind| Lane {
            session: session.clone(),
            node,
            kind,
            brokers,
            polling: Arc::clone(&polling),
            changes: session.changes(),
            backoff: None,
            failing_since: None,
            decompressor: Decompressor::default(),
        })
    }
}

impl Lane {
    /// Fetches until the future is dropped.
    pub(super) async fn run(mut self) {
        // The start of the first fetch was announced when the assignment was taken over.
        let mut idle_since = Some(Instant::now());
        loop {
            self.changes.borrow_and_update();
            let is_long_poll = self.kind == Kind::LongPoll;
            if is_long_poll {
                // Raised before planning: what becomes due from now on is for the other connection.
                self.polling.store(true, Ordering::SeqCst);
            } else if !self.polling.load(Ordering::SeqCst) {
                drop(self.changes.changed().await);
                continue;
            }
            match self.plan() {
                Plan::Fetch(asks) => {
                    let since = idle_since.take().unwrap_or_else(|| self.announce());
                    let brought_nothing = self.fetch(asks, since).await;
                    if is_long_poll {
                        self.polling.store(false, Ordering::SeqCst);
                    } else if brought_nothing {
                        tokio::time::sleep(IDLE_PAUSE).await;
                    }
                    self.session.note_change();
                }
                Plan::Wait(until) if is_long_poll => {
                    self.polling.store(false, Ordering::SeqCst);
                    let since = idle_since.take().unwrap_or_else(|| self.announce());
                    idle_since = self.idle(until, since).await;
                }
                Plan::Wait(until) => self.change_or(until).await,
            }
        }
    }

    fn plan(&self) -> Plan {
        let metadata = self.session.0.cluster.metadata();
        let now = Instant::now();
        self.session
            .0
            .partitions
            .lock()
            .plan(self.node, now, |partition, preferred| {
                read_from(&metadata, partition, preferred)
            })
    }

    fn announce(&self) -> Instant {
        if self.kind == Kind::LongPoll {
            let node = self.node.to_string();
            self.session
                .0
                .cluster
                .reporter()
                .event(EventName::FetchStart, || json!({ "nodeId": node }));
        }
        Instant::now()
    }

    fn report(&self, since: Instant) {
        if self.kind == Kind::LongPoll {
            let node = self.node.to_string();
            self.session.0.cluster.reporter().event(EventName::Fetch, || {
                let duration = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                json!({ "numberOfBatches": 0, "duration": duration, "nodeId": node })
            });
        }
    }

    /// Nothing to ask for: as in kafkajs, that looks like a fetch that brought nothing. Gives the beginning of that
    /// fetch if it is not over.
    async fn idle(&mut self, until: Option<Instant>, since: Instant) -> Option<Instant> {
        let end = since + self.session.0.config.max_wait_time_in_ms.max(IDLE_PAUSE);
        self.change_or(Some(until.map_or(end, |until| until.min(end))))
            .await;
        if Instant::now() < end {
            return Some(since);
        }
        self.report(since);
        None
    }

    async fn change_or(&mut self, until: Option<Instant>) {
        let changed = self.changes.changed();
        match until {
            None => drop(changed.await),
            Some(at) => drop(tokio::time::timeout_at(at, changed).await),
        }
    }

    /// Says whether no data came.
    async fn fetch(&mut self, asks: Vec<Ask>, since: Instant) -> bool {
        let outstanding = Outstanding {
            session: self.session.clone(),
            asks,
        };
        let answered = self.send(&outstanding.asks).await;
        self.report(since);
        let brought_nothing = match answered {
            Ok(response) => {
                self.backoff = None;
                self.failing_since = None;
                self.absorb(&outstanding.asks, response).await
            }
            Err(error) => {
                self.give_up_or_wait(&outstanding.asks, error).await;
                true
            }
        };
        outstanding.settled();
        brought_nothing
    }

    async fn send(&self, asks: &[Ask]) -> Result<FetchResponse> {
        let config = &self.session.0.config;
        let (role, wait) = match self.kind {
            Kind::LongPoll => (Role::Fetch, config.max_wait_time_in_ms),
            Kind::AtOnce => (Role::FetchNow, Duration::ZERO),
        };
        let limit = self
            .session
            .0
            .partitions
            .lock()
            .answer_limit(self.brokers * LANES);
        let max_bytes = config.max_bytes.min(i32::try_from(limit).unwrap_or(i32::MAX));
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(config.min_bytes)
            .with_max_bytes(max_bytes)
            .with_isolation_level(config.isolation as i8)
            .with_session_epoch(-1)
            .with_topics(topics(asks))
            .with_rack_id(StrBytes::from_string(config.rack_id.clone()));
        let connection = self.session.0.cluster.connection(self.node, role).await?;
        connection
            .send_or_close(request, Deadline::AtLeast(wait + WAIT_GRACE))
            .await
    }

    /// Whether the cluster has answered since this broker could not be reached, and that is not long ago.
    fn may_be_failover(&mut self) -> bool {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let refreshed_at = self.session.0.cluster.metadata().refreshed_at;
        since.elapsed() < FAILOVER && refreshed_at.is_some_and(|at| at > since)
    }

    /// The broker cannot be reached, or refuses the whole fetch.
    async fn give_up_or_wait(&mut self, asks: &[Ask], error: Error) {
        let retry = self.session.0.config.retry;
        let is_failover = error.is_connection() && self.may_be_failover();
        let backoff = self
            .backoff
            .get_or_insert_with(|| Backoff::new(retry, fastrand::f64()));
        let wait = if error.is_retriable() {
            backoff
                .next(fastrand::f64())
                .or(is_failover.then_some(FAILOVER_PAUSE))
        } else {
            None
        };
        let Some(wait) = wait else {
            let error = if error.is_retriable() {
                backoff.exceeded(error)
            } else {
                error
            };
            self.session.fail(&error);
            // Whoever hears of it ends this task.
            return std::future::pending().await;
        };
        self.session
            .0
            .cluster
            .reporter()
            .log(Level::Debug, "ConsumerGroup", || {
                let extra = with_fields(
                    self.session.0.group.describe(),
                    json!({ "error": error.message(), "nodeId": self.node }),
                );
                ("Fetch failed, trying again".into(), extra)
            });
        // The partitions may have a new leader by now.
        self.session.0.refresh_wanted.notify_one();
        {
            let until = Instant::now() + wait;
            let mut partitions = self.session.0.partitions.lock();
            for ask in asks {
                partitions.postponed(ask, until);
            }
        }
        self.polling.store(false, Ordering::SeqCst);
        tokio::time::sleep(wait).await;
    }

    /// Says whether no data came.
    async fn absorb(&mut self, asks: &[Ask], response: FetchResponse) -> bool {
        if response.error_code != 0 {
            return self.all_failed(asks, response.error_code);
        }
        let mut asked: HashMap<(Arc<str>, i32), &Ask> = asks
            .iter()
            .map(|ask| ((Arc::clone(&ask.partition.topic), ask.partition.partition), ask))
            .collect();
        let mut brought_nothing = true;
        for topic in response.responses {
            let name: Arc<str> = Arc::from(topic.topic.as_str());
            for partition in topic.partitions {
                if let Some(ask) = asked.remove(&(Arc::clone(&name), partition.partition_index)) {
                    brought_nothing &= !self.absorb_partition(ask, partition).await;
                }
            }
        }
        let now = Instant::now();
        let mut partitions = self.session.0.partitions.lock();
        for ask in asked.values() {
            partitions.postponed(ask, now + USELESS_PAUSE);
        }
        drop(partitions);
        brought_nothing
    }

    fn all_failed(&self, asks: &[Ask], code: i16) -> bool {
        for ask in asks {
            self.partition_failed(ask, &Error::protocol(code));
        }
        true
    }

    /// Says whether something to hand out came.
    async fn absorb_partition(&mut self, ask: &Ask, data: PartitionData) -> bool {
        match data.error_code {
            0 => {}
            code::OFFSET_OUT_OF_RANGE => {
                self.out_of_range(ask);
                return false;
            }
            code => {
                self.note_leader_hint(ask, &data);
                self.partition_failed(ask, &Error::protocol(code));
                return false;
            }
        }
        let now = Instant::now();
        let is_empty = data.records.as_ref().is_none_or(bytes::Bytes::is_empty);
        if is_empty && data.preferred_read_replica.0 >= 0 && data.preferred_read_replica.0 != self.node {
            self.prefer_replica(ask, data.preferred_read_replica.0, now);
            return false;
        }
        // Decoding takes time; an answer nobody waits for any more is not worth it.
        if !self.session.0.partitions.lock().is_wanted(ask) {
            self.session.0.partitions.lock().postponed(ask, now);
            return false;
        }
        let end = match self.session.0.config.isolation {
            Isolation::ReadCommitted if data.last_stable_offset >= 0 => data.last_stable_offset,
            _ => data.high_watermark,
        };
        let wire_bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
        match self.decode(ask.offset, data).await {
            Ok(decoded) => {
                // Decompressing may have taken a while.
                let now = Instant::now();
                let mut partitions = self.session.0.partitions.lock();
                match decoded.fetched {
                    Some(fetched) => {
                        partitions.note_expansion(ask, wire_bytes, decoded.bytes);
                        let is_kept = partitions.put(ask, fetched, decoded.bytes, decoded.next, end, now);
                        drop(partitions);
                        self.session.note_ready();
                        is_kept
                    }
                    None if !is_empty && decoded.next <= ask.offset => {
                        partitions.postponed(ask, now + USELESS_PAUSE);
                        false
                    }
                    None => {
                        partitions.nothing(ask, decoded.next, end, now);
                        false
                    }
                }
            }
            Err(RecordError::Incomplete { .. }) => {
                self.session.0.partitions.lock().cut_off(ask);
                false
            }
            Err(error) => {
                self.unreadable(ask, &error);
                false
            }
        }
    }

    /// Decodes in a thread of its own what would hold up all other tasks.
    async fn decode(&mut self, offset: i64, data: PartitionData) -> Result<Decoded, RecordError> {
        let registered = self.session.registered();
        if !takes_long(&data) {
            return decode(&data, offset, registered, &mut self.decompressor);
        }
        let mut decompressor = std::mem::take(&mut self.decompressor);
        let decoding = tokio::task::spawn_blocking(move || {
            let decoded = decode(&data, offset, registered, &mut decompressor);
            (decoded, decompressor)
        });
        match decoding.await {
            Ok((decoded, decompressor)) => {
                self.decompressor = decompressor;
                decoded
            }
            // Only when the runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    fn unreadable(&self, ask: &Ask, error: &RecordError) {
        let TopicPartition { topic, partition } = &ask.partition;
        let error = record_error(error, topic, *partition);
        self.session
            .0
            .cluster
            .reporter()
            .log(Level::Error, "ConsumerGroup", || {
                let extra = with_fields(
                    self.session.0.group.describe(),
                    json!({ "topic": &**topic, "partition": partition, "offset": ask.offset.to_string() }),
                );
                (error.message().to_owned(), extra)
            });
        self.partition_failed(ask, &error);
    }

    fn partition_failed(&self, ask: &Ask, error: &Error) {
        let is_moving = error.is_stale_metadata()
            || matches!(
                error.code(),
                Some(code::REPLICA_NOT_AVAILABLE | code::KAFKA_STORAGE_ERROR)
            );
        let now = Instant::now();
        if is_moving || error.code() == Some(code::OFFSET_NOT_AVAILABLE) {
            // A new leader is elected, or has to catch up: that takes as long as it takes.
            self.session
                .0
                .partitions
                .lock()
                .postponed(ask, now + LEADER_PAUSE);
            self.session.0.refresh_wanted.notify_one();
            return;
        }
        if !error.is_retriable() {
            return self.session.fail(error);
        }
        let retry = self.session.0.config.retry;
        let given_up = self
            .session
            .0
            .partitions
            .lock()
            .failed(ask, retry, now, fastrand::f64(), error);
        if let Some(error) = given_up {
            self.session.fail(&error);
        }
    }

    /// KIP-951: whoever leads no more may know who does.
    fn note_leader_hint(&self, ask: &Ask, data: &PartitionData) {
        let leader = &data.current_leader;
        if leader.leader_id.0 >= 0 && leader.leader_epoch >= 0 {
            let TopicPartition { topic, partition } = &ask.partition;
            self.session.0.cluster.note_leader(
                topic,
                *partition,
                leader.leader_id.0,
                leader.leader_epoch,
                &[],
            );
        }
    }

    fn out_of_range(&self, ask: &Ask) {
        let resets = self.session.0.partitions.lock().out_of_range(ask, Instant::now());
        let (level, text) = if resets {
            (Level::Error, "Offset out of range, resetting to default offset")
        } else {
            (
                Level::Info,
                "Offset out of range while fetching from follower, retrying with leader",
            )
        };
        self.log_partition(level, ask, text.to_owned());
    }

    fn prefer_replica(&self, ask: &Ask, replica: i32, now: Instant) {
        let validity = self.session.0.cluster.config().metadata_max_age;
        let is_news = self
            .session
            .0
            .partitions
            .lock()
            .prefer_replica(ask, replica, now, validity);
        if is_news {
            self.log_partition(
                Level::Info,
                ask,
                format!("Preferred read replica is now {replica}"),
            );
        }
    }

    fn log_partition(&self, level: Level, ask: &Ask, text: String) {
        self.session.0.cluster.reporter().log(level, "ConsumerGroup", || {
            let extra = with_fields(
                self.session.0.group.describe(),
                json!({ "topic": &*ask.partition.topic, "partition": ask.partition.partition }),
            );
            (text, extra)
        });
    }
}
