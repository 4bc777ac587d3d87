//! Fetches from one broker.
//!
//! A broker has two connections. On the first, a long poll asks for whatever may be asked for. A partition that becomes
//! due while it waits (its buffer has run empty, it was resumed or sought) must not wait with it: the second connection
//! asks for it at once and without waiting, until the long poll is over and takes it in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::fetch_request::FetchRequest;
use kafka_protocol::messages::fetch_response::FetchResponse;
use kafka_protocol::protocol::StrBytes;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fetch_request::{read_from, topics};
use super::handle::Session;
use super::partitions::{Ask, Plan};
use crate::cluster::Role;
use crate::cluster::retry::Backoff;
use crate::error::{Error, Result};
use crate::event::{EventName, Level, with_fields};
use crate::network::Deadline;
use crate::protocol::compression::Decompressor;

/// Pause of the second connection after an answer without data.
const IDLE_PAUSE: Duration = Duration::from_millis(25);

/// The broker may take so much longer than it was told to wait.
const WAIT_GRACE: Duration = Duration::from_millis(100);

/// A broker that is gone has its partitions led by others soon. For so long it is missed, whatever the back-off says,
/// while the rest of the cluster answers.
const FAILOVER: Duration = Duration::from_secs(30);

/// Pause between attempts to reach such a broker.
const FAILOVER_PAUSE: Duration = Duration::from_secs(1);

/// Connections per broker.
const LANES: usize = 2;

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
    pub(super) session: Session,
    pub(super) node: i32,
    kind: Kind,
    brokers: usize,
    /// Whether the long poll of this broker is under way.
    polling: Arc<AtomicBool>,
    changes: watch::Receiver<u64>,
    backoff: Option<Backoff>,
    failing_since: Option<Instant>,
    pub(super) decompressor: Decompressor,
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
}
