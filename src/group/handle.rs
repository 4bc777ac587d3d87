//! [`Group`]: one membership, from the first join to leaving.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::member::Known;
use super::offsets::Offsets;
use super::poll_interval::{Lease, PollInterval};
use super::state::MemberState;
use super::topic_partition::TopicPartition;
use crate::cluster::{ClusterHandle, CoordinatorKind};
use crate::config::{RetryConfig, milliseconds};
use crate::error::{Error, Result};
use crate::tasks::Tasks;

/// Options of a membership, checked by `src/options.js`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConfig {
    /// Number of the run this membership serves; signals carry it, so that those of an earlier run are told apart.
    pub session: u32,
    /// Group id.
    pub group_id: String,
    /// The coordinator forgets a member it has not heard of for so long.
    #[serde(deserialize_with = "milliseconds")]
    pub session_timeout: Duration,
    /// How long members have to join again once a rebalance begins.
    #[serde(deserialize_with = "milliseconds")]
    pub rebalance_timeout: Duration,
    /// Time between heartbeats.
    #[serde(deserialize_with = "milliseconds")]
    pub heartbeat_interval: Duration,
    /// How long a handler may show no progress before the member leaves (KIP-62).
    #[serde(deserialize_with = "milliseconds")]
    pub max_poll_interval: Duration,
    /// Whether only decided records are read: stored offsets that a transaction is about to change are waited for.
    pub read_committed: bool,
    /// The consumer's back-off.
    pub retry: RetryConfig,
}

/// Answer of a program's assigner: assignments by member id, or that it threw.
pub(super) type AssignerAnswer = Result<Vec<(String, bytes::Bytes)>>;

pub(super) struct Shared {
    pub(super) cluster: ClusterHandle,
    pub(super) tasks: Tasks,
    pub(super) config: GroupConfig,
    pub(super) state: Mutex<MemberState>,
    pub(super) polls: Mutex<PollInterval>,
    pub(super) offsets: Mutex<Offsets>,
    /// Partitions of the subscribed topics that this member knew when it joined.
    pub(super) known: Mutex<Known>,
    /// Commits go out one after the other: whoever waits finds what the one before has left.
    pub(super) committing: AsyncMutex<()>,
    pub(super) asked_assigners: Mutex<HashMap<u32, oneshot::Sender<AssignerAnswer>>>,
    pub(super) next_question: AtomicU32,
    pub(super) stopped: CancellationToken,
    /// Ends the heartbeats of the current generation.
    pub(super) beating: Mutex<CancellationToken>,
}

/// Cheap clone; see the module text.
#[derive(Clone)]
pub struct Group(pub(super) Arc<Shared>);

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("groupId", &self.0.config.group_id)
            .finish_non_exhaustive()
    }
}

impl Group {
    /// Not a member yet.
    pub fn new(cluster: ClusterHandle, tasks: Tasks, config: GroupConfig) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(MemberState::new(config.heartbeat_interval)),
            polls: Mutex::new(PollInterval::new(config.max_poll_interval)),
            offsets: Mutex::new(Offsets::default()),
            known: Mutex::new(Known::default()),
            committing: AsyncMutex::new(()),
            asked_assigners: Mutex::new(HashMap::new()),
            next_question: AtomicU32::new(1),
            stopped: CancellationToken::new(),
            beating: Mutex::new(CancellationToken::new()),
            cluster,
            tasks,
            config,
        }))
    }

    /// The cluster this group lives in.
    pub fn cluster(&self) -> &ClusterHandle {
        &self.0.cluster
    }

    /// Options.
    pub fn config(&self) -> &GroupConfig {
        &self.0.config
    }

    /// Cancelled once the member leaves for good.
    pub fn stopped(&self) -> &CancellationToken {
        &self.0.stopped
    }

    /// Why the group has to be joined again, as a Kafka error code, if it has.
    pub fn rebalance_code(&self) -> Option<i16> {
        self.0.state.lock().rebalance_code()
    }

    /// `groupId` and `memberId`, for log lines.
    pub fn describe(&self) -> Value {
        json!({ "groupId": self.0.config.group_id, "memberId": self.0.state.lock().member_id() })
    }

    /// A batch was handed out.
    pub fn note_begun(&self, lease: Lease) {
        self.0.polls.lock().begun(lease, Instant::now());
    }

    /// The handler of a batch got on.
    pub fn note_progress(&self, lease: Lease) {
        self.0.polls.lock().progress(lease, Instant::now());
    }

    /// A batch came back.
    pub fn note_finished(&self, lease: Lease) {
        self.0.polls.lock().finished(lease);
    }

    /// Reading of `partition` begins at `offset`.
    pub fn begin_at(&self, partition: &TopicPartition, offset: i64) {
        self.0.offsets.lock().begin_at(partition, offset);
    }

    /// Everything of `partition` before `next` was handled; `false` if it is not assigned.
    pub fn resolve(&self, partition: &TopicPartition, next: i64) -> bool {
        self.0.offsets.lock().resolve(partition, next)
    }

    pub(super) async fn coordinator(&self) -> Result<i32> {
        self.0
            .cluster
            .coordinator(CoordinatorKind::Group, &self.0.config.group_id)
            .await
    }

    pub(super) fn forget_coordinator(&self) {
        self.0
            .cluster
            .forget_coordinator(CoordinatorKind::Group, &self.0.config.group_id);
    }

    /// Sends a signal of the current generation of this run to JavaScript; `details` is an object.
    pub fn signal(&self, name: &'static str, details: Value) {
        let generation = self.0.state.lock().generation();
        self.signal_of(generation, name, details);
    }

    /// As [`Group::signal`], of a generation that may be over: whoever has joined again since does not care.
    pub(super) fn signal_of(&self, generation: i32, name: &'static str, mut details: Value) {
        if let Some(fields) = details.as_object_mut() {
            fields.insert("session".into(), json!(self.0.config.session));
            fields.insert("generation".into(), json!(generation));
        }
        self.0.cluster.reporter().signal(name, details);
    }

    pub(super) fn stopped_error() -> Error {
        Error::retriable_error("The consumer was stopped while the operation was under way")
    }
}
