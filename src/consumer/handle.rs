//! [`Session`]: one run of a consumer, from joining its group to leaving it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::decode::{EncodedBatch, Fetched, FetchedBatch, Registered, decode_with, record_error};
use super::partitions::{HandedOut, Partitions};
use super::subscription::TopicPartitions;
use crate::cluster::ClusterHandle;
use crate::cluster::offsets::Isolation;
use crate::config::{RetryConfig, milliseconds};
use crate::error::{Error, Result};
use crate::event::EventName;
use crate::group::poll_interval::Lease;
use crate::group::{Group, Joined, Subscription, TopicPartition};
use crate::tasks::Tasks;

/// Options of fetching, checked by `src/options.js`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchConfig {
    /// Bytes of one partition in one answer.
    pub max_bytes_per_partition: i32,
    /// Bytes for which the broker waits.
    pub min_bytes: i32,
    /// Bytes of one answer.
    pub max_bytes: i32,
    /// How long the broker waits for `min_bytes`.
    #[serde(deserialize_with = "milliseconds")]
    pub max_wait_time_in_ms: Duration,
    /// Where this consumer is (KIP-392); empty if unknown.
    pub rack_id: String,
    /// Bytes read ahead, answers on their way included.
    pub max_buffered_bytes: usize,
    /// Which records count.
    pub isolation: Isolation,
    /// Whether a seek stores its offset with the group.
    pub auto_commit: bool,
    /// The consumer's back-off.
    pub retry: RetryConfig,
}

/// What a group assigned, and where reading begins without a stored offset.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Partitions by topic.
    pub assignment: Vec<(String, Vec<i32>)>,
    /// Topics that begin at their beginning.
    pub from_beginning: HashMap<String, bool>,
}

pub(super) struct Shared {
    pub(super) cluster: ClusterHandle,
    pub(super) group: Group,
    pub(super) config: FetchConfig,
    tasks: Tasks,
    tracker: TaskTracker,
    pub(super) partitions: Mutex<Partitions<Fetched>>,
    /// Batches whose sections JavaScript is decompressing.
    decompressing: Mutex<HashMap<Lease, EncodedBatch>>,
    from_beginning: Mutex<HashMap<String, bool>>,
    registered: AtomicU32,
    /// Counts changes that may give a connection something to ask for.
    changes: watch::Sender<u64>,
    pub(super) refresh_wanted: Notify,
    /// Ends the tasks of the current assignment.
    fetching: Mutex<CancellationToken>,
    on_ready: Box<dyn Fn() + Send + Sync>,
}

/// Cheap clone; see the module text.
#[derive(Clone)]
pub struct Session(pub(super) Arc<Shared>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("group", &self.0.group)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Not a member yet, and fetching nothing. `on_ready` is called whenever a batch can be handed out; it must not
    /// block.
    pub fn new(
        group: Group,
        tasks: Tasks,
        config: FetchConfig,
        on_ready: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let partition_limit = usize::try_from(config.max_bytes_per_partition)
            .unwrap_or_default()
            .max(1);
        Self(Arc::new(Shared {
            cluster: group.cluster().clone(),
            group,
            tasks,
            tracker: TaskTracker::new(),
            partitions: Mutex::new(Partitions::new(config.max_buffered_bytes, partition_limit)),
            decompressing: Mutex::new(HashMap::new()),
            from_beginning: Mutex::new(HashMap::new()),
            registered: AtomicU32::new(0),
            changes: watch::Sender::new(0),
            refresh_wanted: Notify::new(),
            fetching: Mutex::new(CancellationToken::new()),
            on_ready,
            config,
        }))
    }

    /// The membership.
    pub fn group(&self) -> &Group {
        &self.0.group
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Something changed that may give a connection something to ask for.
    pub(super) fn note_change(&self) {
        self.0.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Batches may be ready to be handed out.
    pub(super) fn note_ready(&self) {
        if self.has_ready() {
            (self.0.on_ready)();
        }
    }

    pub(super) fn begins_at_beginning(&self, topic: &str) -> bool {
        self.0
            .from_beginning
            .lock()
            .get(topic)
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn registered(&self) -> Registered {
        Registered(self.0.registered.load(Ordering::Relaxed))
    }

    /// Tells JavaScript that the run cannot go on.
    pub(super) fn fail(&self, error: &Error) {
        self.0.group.signal("failed", json!({ "error": error.payload() }));
    }

    /// Runs `task` until it ends, `ended` is cancelled or the client ends.
    pub(super) fn spawn(&self, ended: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_boxed(ended, Box::pin(task));
    }

    fn spawn_boxed(&self, ended: CancellationToken, task: BoxFuture<'static, ()>) {
        self.0.tasks.spawn(self.0.tracker.track_future(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = task => {}
            }
        }));
    }

    /// Joins the group, or joins it again: then fetching stops first.
    ///
    /// # Errors
    /// As [`Group::join`].
    pub async fn join(&self, subscription: Subscription) -> Result<Joined> {
        self.stop_fetching();
        self.0.group.join(subscription).await
    }

    fn stop_fetching(&self) {
        self.0.partitions.lock().freeze();
        self.0.fetching.lock().cancel();
    }

    /// Takes over an assignment and begins to fetch. Gives the number of the assignment and its partitions in order.
    ///
    /// # Errors
    /// When metadata that turned out to be needed cannot be had.
    pub async fn start_fetching(&self, start: Start) -> Result<Value> {
        self.stop_fetching();
        let assigned: Vec<TopicPartition> = start
            .assignment
            .iter()
            .flat_map(|(topic, partitions)| {
                let topic: Arc<str> = Arc::from(topic.as_str());
                partitions
                    .iter()
                    .map(move |partition| TopicPartition::new(Arc::clone(&topic), *partition))
            })
            .collect();
        self.0.group.take_assignment(&assigned).await?;
        *self.0.from_beginning.lock() = start.from_beginning;
        let rows: Vec<Value> = assigned
            .iter()
            .map(|partition| json!([&*partition.topic, partition.partition]))
            .collect();
        let number = self.0.partitions.lock().assign(assigned, Instant::now());
        let ended = self.0.group.stopped().child_token();
        *self.0.fetching.lock() = ended.clone();
        if !ended.is_cancelled() {
            for node in self.0.cluster.metadata().brokers.keys() {
                self.0
                    .cluster
                    .reporter()
                    .event(EventName::FetchStart, || json!({ "nodeId": node.to_string() }));
            }
            self.spawn(ended.clone(), self.clone().find_positions());
            self.spawn(ended.clone(), self.clone().supervise(ended));
        }
        Ok(json!({ "assignment": number, "partitions": rows }))
    }

    /// Whether a batch can be handed out.
    pub fn has_ready(&self) -> bool {
        self.0.group.rebalance_code().is_none() && self.0.partitions.lock().has_ready()
    }

    /// Hands out the next batch, unless the group has to be joined again.
    pub fn take(&self) -> Option<HandedOut<Fetched>> {
        if self.0.group.rebalance_code().is_some() {
            return None;
        }
        let out = self.0.partitions.lock().take()?;
        self.0.group.note_begun(out.lease);
        if out.made_room {
            self.note_change();
        }
        Some(out)
    }

    /// Keeps a batch until its sections are decompressed.
    pub fn keep(&self, lease: Lease, encoded: EncodedBatch) {
        self.0.decompressing.lock().insert(lease, encoded);
    }

    /// Reads a batch whose sections are decompressed. `None` when nothing is in it that counts for anybody.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn decode(&self, lease: Lease, sections: Vec<Bytes>) -> Result<Option<FetchedBatch>> {
        let Some(encoded) = self.0.decompressing.lock().remove(&lease) else {
            return Ok(None);
        };
        decode_with(encoded, sections).map_err(|error| record_error(&error, "batch", -1))
    }

    /// Takes a batch back. `resume`: where to go on if not behind it. `first`: before any other partition.
    pub fn give_back(&self, lease: Lease, resume: Option<i64>, first: bool) {
        self.0.decompressing.lock().remove(&lease);
        self.0.group.note_finished(lease);
        let moves = self
            .0
            .partitions
            .lock()
            .give_back(lease, resume, first, Instant::now());
        // Otherwise there is nothing to ask for that was not there before, and waking the fetchers is not free. (Of the
        // room that was left for others the next batch to be taken tells: one lies there.)
        if moves {
            self.note_change();
        }
        self.note_ready();
    }

    /// Reads a partition from another offset on.
    pub fn seek(&self, partition: TopicPartition, offset: i64) {
        self.0.partitions.lock().seek(partition, offset, Instant::now());
        self.note_change();
    }

    /// Pauses topics or partitions.
    pub fn pause(&self, targets: &[TopicPartitions]) {
        self.0.partitions.lock().pause(targets, Instant::now());
        self.note_change();
    }

    /// Resumes topics or partitions.
    pub fn resume(&self, targets: &[TopicPartitions]) {
        self.0.partitions.lock().resume(targets);
        self.note_change();
    }

    /// Numbers of the paused partitions in the current assignment.
    pub fn paused(&self) -> Vec<usize> {
        self.0.partitions.lock().paused()
    }

    /// Which of `partitions` of `topic` are paused, assigned or not.
    pub fn paused_of(&self, topic: &str, partitions: Vec<i32>) -> Vec<i32> {
        self.0.partitions.lock().paused_of(topic, partitions)
    }

    /// Which codecs the program has registered: bit n stands for codec n. Holds for what is fetched from now on.
    pub fn set_registered_codecs(&self, codecs: u32) {
        self.0.registered.store(codecs, Ordering::Relaxed);
    }

    /// Ends the run: stops fetching, gives up a join under way, leaves the group. What waits for a batch is told.
    pub async fn stop(&self) {
        self.stop_fetching();
        self.0.group.leave().await;
        self.0.tracker.close();
        self.0.tracker.wait().await;
        (self.0.on_ready)();
    }
}
