//! The producer: what it shares, and what its callers can ask of it.
//!
//! Lock order: the state lock is never held while the cluster's are taken for longer than a look at the snapshot, and
//! never across an await. Calls are settled after it is released.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::accumulator::Accumulator;
use super::batch::{Batch, Slot};
use super::call::CallSink;
use super::coordinate::TransactionOffsets;
use super::idempotence::Identity;
use super::intake::{Submission, Taken, Waiting};
use super::partitioner::{Partitioner, Strategy};
use super::transaction::Transaction;
use crate::cluster::ClusterHandle;
use crate::config::{RetryConfig, milliseconds};
use crate::error::{Error, Result};
use crate::tasks::Tasks;

/// Requests one leader may have under way when the user set no limit. Kafka serves a connection in order, so more would
/// only wait there instead of gathering here.
const DEFAULT_IN_FLIGHT: usize = 5;

/// Options of one producer; complete and checked (`src/options.js`).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerConfig {
    /// Back-off of sends.
    pub retry: RetryConfig,
    /// Rule for records without key and partition.
    pub partitioner: Strategy,
    /// Whether batches carry sequence numbers.
    pub idempotent: bool,
    /// Set for a producer all of whose records are transactional; it has to be idempotent, too.
    pub transactional_id: Option<String>,
    /// After which the coordinator aborts an open transaction, ms.
    pub transaction_timeout: i32,
    /// Requests in flight to one broker; `None` is our default.
    pub max_in_flight_requests: Option<u32>,
    /// How long a batch waits for company.
    #[serde(deserialize_with = "milliseconds")]
    pub linger: Duration,
    /// Bytes a batch may grow to before compression.
    pub batch_size: usize,
    /// Bytes of records the producer holds at most; further calls wait.
    pub max_buffered_bytes: usize,
}

/// Numbers for topic names, so that the hot path compares numbers.
#[derive(Debug, Default)]
pub(super) struct Topics {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Topics {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let name: Arc<str> = Arc::from(name);
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    pub(super) fn name(&self, number: u32) -> Option<&Arc<str>> {
        self.names.get(usize::try_from(number).ok()?)
    }
}

pub(super) struct State {
    pub(super) accumulator: Accumulator,
    pub(super) topics: Topics,
    pub(super) partitioner: Partitioner,
    /// Parts of calls whose topic is being looked up, in the order of the calls.
    pub(super) loading: HashMap<u32, VecDeque<Waiting>>,
    /// Calls that wait for memory, in order.
    pub(super) blocked: VecDeque<(Submission, Instant)>,
    pub(super) buffered: usize,
    pub(super) senders: HashMap<i32, Arc<Notify>>,
    /// Partitions whose senders are not told before the turn of the event loop ends.
    pub(super) gathered: Vec<Slot>,
    /// The leader of a request that left on its caller's thread and is under way.
    pub(super) alone: Option<i32>,
    /// Per leader, the end of the turn of the request that was made last.
    pub(super) last_turns: HashMap<i32, oneshot::Receiver<()>>,
    pub(super) identity: Identity,
    pub(super) identifying: bool,
    pub(super) transaction: Transaction,
    /// Why nothing is accepted any more.
    pub(super) closed: Option<Error>,
    /// Whether the time for what was accepted is over, too.
    pub(super) flushed: bool,
}

impl State {
    /// Why nothing more is accepted: the producer is closed, fenced, or in a transaction that has to be aborted.
    pub(super) fn refusal(&self) -> Option<Error> {
        let refusals = [
            self.closed.as_ref(),
            self.transaction.fatal(),
            self.transaction.broken(),
        ];
        refusals.into_iter().flatten().next().cloned()
    }

    /// Why a batch that comes back is not sent again.
    pub(super) fn abandoned(&self) -> Option<Error> {
        if self.flushed {
            return Some(unsent());
        }
        self.transaction.fatal().or(self.transaction.broken()).cloned()
    }
}

pub(super) struct Shared {
    pub(super) cluster: ClusterHandle,
    pub(super) config: ProducerConfig,
    pub(super) sink: Arc<dyn CallSink>,
    pub(super) tasks: Tasks,
    pub(super) state: Mutex<State>,
    /// Wakes the refresher, which keeps it beyond the producer's end.
    pub(super) stale: Arc<Notify>,
    /// Wakes whoever waits for the producer to become idle.
    pub(super) progress: Notify,
    /// Whether anything was sent since metadata was last refreshed for its age.
    pub(super) used: AtomicBool,
}

/// Cheap clone; see the module text.
#[derive(Clone)]
pub struct ProducerHandle(pub(super) Arc<Shared>);

impl std::fmt::Debug for ProducerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProducerHandle").finish_non_exhaustive()
    }
}

impl ProducerHandle {
    /// A producer that is closed until [`ProducerHandle::open`].
    pub fn new(
        cluster: ClusterHandle,
        config: ProducerConfig,
        sink: Arc<dyn CallSink>,
        tasks: Tasks,
    ) -> Self {
        let state = State {
            accumulator: Accumulator::new(config.batch_size, config.linger),
            topics: Topics::default(),
            partitioner: Partitioner::new(config.partitioner, config.batch_size),
            loading: HashMap::new(),
            blocked: VecDeque::new(),
            buffered: 0,
            senders: HashMap::new(),
            gathered: Vec::new(),
            alone: None,
            last_turns: HashMap::new(),
            identity: Identity::default(),
            identifying: false,
            transaction: Transaction::default(),
            closed: Some(disconnected()),
            flushed: true,
        };
        let handle = Self(Arc::new(Shared {
            cluster,
            config,
            sink,
            tasks,
            state: Mutex::new(state),
            stale: Arc::default(),
            progress: Notify::new(),
            used: AtomicBool::new(false),
        }));
        super::refresher::start(&handle.0);
        handle
    }

    /// Accepts calls from now on. An idempotent producer gets its id here, a transactional one from its coordinator.
    ///
    /// # Errors
    /// What InitProducerId failed with.
    pub async fn open(&self) -> Result<()> {
        {
            let mut state = self.0.state.lock();
            (state.closed, state.flushed) = (None, false);
            state.accumulator.set_flushing(false);
        }
        if self.0.config.idempotent && self.0.state.lock().identity.current().0 < 0 {
            if self.0.is_transactional() {
                super::coordinate::init_transactions(&self.0).await?;
            } else {
                super::identify::init_producer_id(&self.0).await?;
            }
        }
        Ok(())
    }

    /// Begins a transaction; nothing is sent.
    ///
    /// # Errors
    /// The error that ended this producer for good, such as PRODUCER_FENCED.
    pub fn begin_transaction(&self) -> Result<()> {
        self.0.state.lock().transaction.begin()
    }

    /// Makes consumed offsets part of the open transaction.
    ///
    /// # Errors
    /// The coordinators' errors.
    pub async fn send_offsets(&self, offsets: TransactionOffsets) -> Result<()> {
        super::coordinate::send_offsets(&self.0, &offsets).await
    }

    /// Commits (after delivering what was accepted) or aborts (dropping what has not left) the open transaction.
    ///
    /// # Errors
    /// The coordinator's error.
    pub async fn end_transaction(&self, commit: bool) -> Result<()> {
        super::coordinate::end(&self.0, commit).await
    }

    /// The number of a topic in [`Submission::topics`].
    pub fn topic_number(&self, name: &str) -> u32 {
        self.0.state.lock().topics.number(name)
    }

    /// Takes over one call. Its outcome goes to the sink, exactly once, unless an error or [`Taken::Over`] is returned.
    ///
    /// A call is over at once with acks 0, where nothing will be known but that the bytes were handed to an open
    /// connection: as soon as it waits for one. What it takes of `max_buffered_bytes` is given back when it has been
    /// written.
    ///
    /// # Errors
    /// When the producer is closed, or the packing does not add up.
    pub fn submit(&self, submission: Submission) -> Result<Taken> {
        super::intake::submit(&self.0, submission)
    }

    /// Lets go what has gathered since the last time, see [`Taken::Gathers`].
    pub fn flush(&self) {
        super::at_once::flush(&self.0);
    }

    /// Stops accepting, waits until what was accepted has been delivered or `deadline` has passed, and rejects the rest.
    pub async fn close(&self, deadline: Instant) {
        {
            let mut state = self.0.state.lock();
            state.closed = Some(disconnecting());
            state.accumulator.set_flushing(true);
        }
        self.0.ring_all();
        self.0.settle_all(deadline).await;
        {
            let mut state = self.0.state.lock();
            // A connection may have been made again meanwhile.
            if state.closed.is_none() {
                return;
            }
            (state.closed, state.flushed) = (Some(disconnected()), true);
        }
        self.0.reject_waiting(&unsent());
    }
}

/// Tasks that wait hold nothing of the producer but their bell: they are woken to find it gone, and end.
impl Drop for Shared {
    fn drop(&mut self) {
        self.stale.notify_one();
        for bell in self.state.get_mut().senders.values() {
            bell.notify_one();
        }
    }
}

fn disconnecting() -> Error {
    Error::non_retriable("The producer is disconnecting; therefore, it can't safely accept messages anymore")
}

fn unsent() -> Error {
    Error::non_retriable("The producer was disconnected before the message was delivered")
}

fn disconnected() -> Error {
    Error::retriable_error("The producer is disconnected")
}

impl Shared {
    /// Whether every record belongs to the open transaction.
    pub(super) fn is_transactional(&self) -> bool {
        self.config.transactional_id.is_some()
    }

    /// Waits until everything that was accepted has come to its end; says whether it did before the deadline.
    pub(super) async fn settle_all(&self, deadline: Instant) -> bool {
        loop {
            let progress = self.progress.notified();
            if self.is_idle() {
                return true;
            }
            if tokio::time::timeout_at(deadline, progress).await.is_err() {
                return false;
            }
        }
    }

    fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.blocked.is_empty()
            && state.loading.is_empty()
            && state.accumulator.is_idle()
            && !state.transaction.is_announcing()
    }

    /// Rejects everything that is not in flight.
    pub(super) fn reject_waiting(&self, error: &Error) {
        let (batches, loading, blocked) = {
            let mut state = self.state.lock();
            let batches = state.accumulator.remove(|_| true);
            // Last one first: numbers that are given back go on where the first one began.
            for batch in batches.iter().rev() {
                super::settle::release_numbers(self, &mut state, batch, error);
            }
            let loading: Vec<_> = state.loading.drain().flat_map(|(_, parts)| parts).collect();
            let blocked: Vec<_> = state.blocked.drain(..).collect();
            (batches, loading, blocked)
        };
        for batch in batches {
            self.fail_batch(batch, error);
        }
        for part in loading {
            self.free(part.call.failed(error.clone()));
        }
        for (submission, _) in blocked {
            self.sink.failed(submission.call, error);
        }
    }

    /// Tells the calls of a batch that it failed for good.
    pub(super) fn fail_batch(&self, batch: Batch, error: &Error) {
        let freed = batch
            .chunks
            .into_iter()
            .map(|chunk| chunk.call.failed(error.clone()))
            .sum();
        self.free(freed);
    }

    /// Gives back memory, and lets in who waited for it.
    pub(super) fn free(&self, bytes: usize) {
        if bytes > 0 {
            self.state.lock().buffered -= bytes;
        }
        self.progress.notify_waiters();
    }

    /// Wakes the sender of the partition's leader; the refresher if there is none.
    pub(super) fn ring(self: &Arc<Self>, state: &mut State, slot: Slot) {
        let leader = state
            .topics
            .name(slot.topic)
            .ok_or_else(|| Error::protocol(3))
            .and_then(|topic| self.cluster.metadata().leader(topic, slot.partition));
        match leader {
            Ok(leader) => self.ring_leader(state, leader),
            Err(_) => self.stale.notify_one(),
        }
    }

    /// Does so for each of some partitions.
    pub(super) fn ring_each(self: &Arc<Self>, state: &mut State, slots: Vec<Slot>) {
        for slot in slots {
            self.ring(state, slot);
        }
    }

    fn ring_leader(self: &Arc<Self>, state: &mut State, leader: i32) {
        let bell = state.senders.entry(leader).or_insert_with(|| {
            let bell = Arc::new(Notify::new());
            super::sender::start(self, leader, Arc::clone(&bell));
            bell
        });
        bell.notify_one();
    }

    /// Wakes the senders of everything that waits.
    pub(super) fn ring_all(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let slots: Vec<Slot> = state.accumulator.waiting().collect();
        self.ring_each(&mut state, slots);
    }

    /// Wakes the senders of everything that waits and has a leader.
    pub(super) fn ring_all_with_leader(self: &Arc<Self>) {
        let metadata = self.cluster.metadata();
        let mut state = self.state.lock();
        let slots: Vec<Slot> = state.accumulator.waiting().collect();
        for slot in slots {
            let leader = state
                .topics
                .name(slot.topic)
                .map(|topic| metadata.leader(topic, slot.partition));
            if let Some(Ok(leader)) = leader {
                self.ring_leader(&mut state, leader);
            }
        }
    }

    /// Requests one leader may have under way.
    pub(super) fn requests_in_flight(&self) -> usize {
        self.config
            .max_in_flight_requests
            .map_or(DEFAULT_IN_FLIGHT, |limit| limit.max(1) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClusterConfig;
    use crate::event::Reporter;
    use crate::producer::call::tests::Sink;

    fn producer(sink: Arc<Sink>, tasks: Tasks) -> ProducerHandle {
        let cluster = ClusterConfig::impatient(Duration::from_secs(5));
        let config = ProducerConfig {
            retry: cluster.retry,
            partitioner: Strategy::Default,
            idempotent: false,
            transactional_id: None,
            transaction_timeout: 60_000,
            max_in_flight_requests: None,
            linger: Duration::ZERO,
            batch_size: 1024,
            max_buffered_bytes: 1024,
        };
        ProducerHandle::new(
            ClusterHandle::new(cluster, Reporter::silent()),
            config,
            sink,
            tasks,
        )
    }

    #[tokio::test]
    async fn a_producer_that_is_let_go_takes_its_tasks_along() {
        let tasks = Tasks::new().expect("a runtime");
        let sink = Arc::new(Sink::default());
        let handle = producer(Arc::clone(&sink), tasks.clone());
        let bell = {
            let mut state = handle.0.state.lock();
            handle.0.ring_leader(&mut state, 1);
            Arc::clone(&state.senders[&1])
        };
        // The runtime has one thread: when it has come to this task, those before it wait.
        let (told, waiting) = oneshot::channel();
        tasks.spawn(async move { told.send(()).expect("somebody waits") });
        waiting.await.expect("the task ran");
        assert_eq!((Arc::strong_count(&sink), Arc::strong_count(&bell)), (2, 3));

        drop(handle);
        let gone = async {
            while (Arc::strong_count(&sink), Arc::strong_count(&bell)) != (1, 1) {
                tokio::task::yield_now().await;
            }
        };
        let within = Duration::from_secs(20);
        tokio::time::timeout(within, gone).await.expect("both tasks end");
    }
}
