//! From a call to the accumulator: memory, topic look-up, and the partition of each record, chosen once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::at_once;
use super::batch::{BatchKey, Chunk, Slot};
use super::call::{Call, ProducedPartition};
use super::handle::{ProducerHandle, Shared, State};
use crate::cluster::Role;
use crate::cluster::metadata::Topic;
use crate::cluster::retry::{Failure, retry};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::records::{PackedRecords, ParsedRecord, RecordView};

/// A topic that lacks a partition somebody named is looked up again if what we know is older than this.
const PARTITION_RECHECK: std::time::Duration = std::time::Duration::from_secs(1);

/// What the heap adds to an allocation, and to the five of a call: its records and their table, its `Call`, its views in
/// the chunk, and its place in the batch.
const ALLOCATIONS: usize = 5 * 16;
/// What is kept of a call beside the records themselves. A batch that grows has up to twice the room it needs.
const PER_CALL: usize =
    size_of::<Call>() + size_of::<ProducedPartition>() + size_of::<PackedRecords>() + ALLOCATIONS;
const PER_TOPIC: usize = 2 * size_of::<Chunk>();

/// One call as the binding hands it over.
#[derive(Debug)]
pub struct Submission {
    /// Number the outcome is reported under.
    pub call: u32,
    /// What the call's records have in common.
    pub key: BatchKey,
    /// All records of the call.
    pub records: PackedRecords,
    /// Topic numbers and how many of the records, in order, are for each.
    pub topics: SmallVec<[(u32, u32); 1]>,
}

impl Submission {
    /// What it takes until it is settled. Of small messages most is not the messages.
    fn bytes(&self) -> usize {
        let records: usize = self.topics.iter().map(|(_, count)| *count as usize).sum();
        let packed = self.records.data.len() + self.records.table.len() * size_of::<u32>();
        packed + records * size_of::<RecordView>() + self.topics.len() * PER_TOPIC + PER_CALL
    }
}

/// What became of a call that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Its outcome will be reported. It may not leave before [`ProducerHandle::flush`], which the caller has to call when
    /// its turn ends.
    Waits,
    /// It is over, and nothing will be reported.
    Over,
}

/// The records of one call for one topic that is being looked up.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: Arc<Call>,
    key: BatchKey,
    records: Arc<PackedRecords>,
    parsed: SmallVec<[ParsedRecord; 1]>,
    topic_in_call: u32,
}

/// See [`super::ProducerHandle::submit`].
pub(super) fn submit(shared: &Arc<Shared>, submission: Submission) -> Result<Taken> {
    let mut state = shared.state.lock();
    if let Some(error) = state.refusal() {
        return Err(error);
    }
    let bytes = submission.bytes();
    // A call larger than the whole allowance is let in alone: refusing it would make it impossible.
    let fits = state.buffered == 0 || state.buffered + bytes <= shared.config.max_buffered_bytes;
    if fits && state.blocked.is_empty() {
        let key = submission.key;
        let mut news = Vec::new();
        let call = accept(shared, &mut state, submission, &mut news)?;
        if at_once::gathers(shared, &state, key) {
            state.gathered.extend(news);
            return Ok(Taken::Waits);
        }
        let gathered = std::mem::take(&mut state.gathered);
        shared.ring_each(&mut state, gathered);
        shared.ring_each(&mut state, news);
        let is_over = key.acks == 0 && call.is_some_and(|call| call.tell_at_once());
        return Ok(if is_over { Taken::Over } else { Taken::Waits });
    }
    let deadline = Instant::now() + shared.cluster.config().request_timeout;
    state.blocked.push_back((submission, deadline));
    drop(state);
    shared.stale.notify_one();
    Ok(Taken::Waits)
}

/// Lets in calls that waited for memory, as far as there is some, and rejects those that waited too long. Gives the
/// next deadline.
pub(super) fn admit_blocked(shared: &Arc<Shared>, now: Instant) -> Option<Instant> {
    let mut refused: Vec<(u32, Error)> = Vec::new();
    let next = {
        let mut state = shared.state.lock();
        let mut news = Vec::new();
        while let Some((submission, _)) = state.blocked.front() {
            let room = state.buffered == 0
                || state.buffered + submission.bytes() <= shared.config.max_buffered_bytes;
            if !room {
                break;
            }
            let Some((submission, _)) = state.blocked.pop_front() else {
                break;
            };
            let call = submission.call;
            if let Err(error) = accept(shared, &mut state, submission, &mut news) {
                refused.push((call, error));
            }
        }
        shared.ring_each(&mut state, news);
        let limit = shared.config.max_buffered_bytes;
        while state
            .blocked
            .front()
            .is_some_and(|(_, deadline)| *deadline <= now)
        {
            let Some((submission, _)) = state.blocked.pop_front() else {
                break;
            };
            let text = format!(
                "Timed out while waiting for {} of the {limit} bytes of maxBufferedBytes",
                submission.bytes()
            );
            refused.push((submission.call, Error::new(ErrorKind::Timeout, text)));
        }
        state.blocked.front().map(|(_, deadline)| *deadline)
    };
    for (call, error) in refused {
        shared.sink.failed(call, &error);
    }
    next
}

/// Gives the call if all of it waits for leaders that a connection is open to. `news` gets the partitions whose senders
/// have to be told.
fn accept(
    shared: &Arc<Shared>,
    state: &mut State,
    submission: Submission,
    news: &mut Vec<Slot>,
) -> Result<Option<Arc<Call>>> {
    let now = Instant::now();
    let bytes = submission.bytes();
    let Submission {
        call,
        key,
        records,
        topics,
    } = submission;
    shared.used.store(true, Ordering::Relaxed);
    let records = Arc::new(records);
    let mut parsed = records
        .parse()
        .map_err(|error| Error::non_retriable(error.to_string()))?;
    let call = Call::new(call, topics.len(), bytes, Arc::clone(&shared.sink));
    state.buffered += bytes;
    let mut under_way = true;
    for (topic_in_call, (topic, count)) in (0..).zip(topics) {
        let part = Waiting {
            call: Arc::clone(&call),
            key,
            records: Arc::clone(&records),
            parsed: parsed.by_ref().take(count as usize).collect(),
            topic_in_call,
        };
        match state.loading.get_mut(&topic) {
            // Earlier calls wait for this topic: overtaking them would change the order.
            Some(queue) => {
                under_way = false;
                queue.push_back(part);
            }
            None => match known_topic(shared, state, topic, now) {
                Some(known) if names_known_partitions(&part, &known) => {
                    under_way &= place(shared, state, topic, &known, part, now, news);
                }
                _ => {
                    under_way = false;
                    load(shared, state, topic, part);
                }
            },
        }
    }
    Ok(under_way.then_some(call))
}

/// What is known of a topic, unless that is older than `metadataMaxAge`: partitions may have been added since.
fn known_topic(shared: &Shared, state: &State, topic: u32, now: Instant) -> Option<Arc<Topic>> {
    let name = state.topics.name(topic)?;
    let metadata = shared.cluster.metadata();
    if metadata.is_stale(shared.cluster.config().metadata_max_age, now) {
        return None;
    }
    metadata
        .topic(name)
        .ok()
        .filter(|topic| !topic.partitions.is_empty())
        .cloned()
}

/// Whether every partition the call names exists, as far as we may trust what we know.
fn names_known_partitions(part: &Waiting, topic: &Topic) -> bool {
    let missing = || {
        part.parsed
            .iter()
            .filter_map(|record| record.partition)
            .any(|index| topic.partition(index).is_none())
    };
    !missing() || topic.refreshed_at.elapsed() < PARTITION_RECHECK
}

fn load(shared: &Arc<Shared>, state: &mut State, topic: u32, part: Waiting) {
    state.loading.insert(topic, VecDeque::from([part]));
    let Some(name) = state.topics.name(topic).cloned() else {
        return;
    };
    let shared = Arc::clone(shared);
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        let loaded = look_up(&shared, &name).await;
        let parts = {
            let mut state = shared.state.lock();
            let parts = state.loading.remove(&topic).unwrap_or_default();
            match &loaded {
                Ok(known) => {
                    let mut news = Vec::new();
                    let now = Instant::now();
                    for part in parts {
                        place(&shared, &mut state, topic, known, part, now, &mut news);
                    }
                    shared.ring_each(&mut state, news);
                    VecDeque::new()
                }
                Err(_) => parts,
            }
        };
        if let Err(error) = loaded {
            for part in parts {
                shared.free(part.call.failed(error.clone()));
            }
        }
    });
}

/// Looks a topic up for a custom partitioner, which needs its partitions before the call can be handed over.
///
/// # Errors
/// As the call itself would fail.
pub(super) async fn load_topic(handle: &ProducerHandle, topic: u32) -> Result<()> {
    let name = handle.0.state.lock().topics.name(topic).cloned();
    let name = name.ok_or_else(|| Error::non_retriable("Invalid topic"))?;
    look_up(&handle.0, &name).await.map(drop)
}

/// Looks a topic up with the producer's back-off; what cannot be used yet is asked for again.
async fn look_up(shared: &Shared, name: &Arc<str>) -> Result<Arc<Topic>> {
    shared.cluster.add_targets([&**name]);
    let found = retry(shared.config.retry, |_| async {
        let metadata = shared.cluster.refresh_metadata().await.map_err(Failure::Bail)?;
        let topic = metadata.topic(name)?;
        if topic.partitions.is_empty() {
            let text = "Producing to topic without metadata";
            return Err(Failure::Retry(Error::new(ErrorKind::MetadataNotLoaded, text)));
        }
        Ok(Arc::clone(topic))
    })
    .await;
    if found.is_err() {
        // A topic nobody can produce to must not burden the refreshes of the others.
        shared.cluster.remove_target(name);
    }
    found
}

/// Chooses partitions and hands the records to the accumulator. Says whether a connection to each leader is open.
fn place(
    shared: &Arc<Shared>,
    state: &mut State,
    topic: u32,
    known: &Topic,
    part: Waiting,
    now: Instant,
    news: &mut Vec<Slot>,
) -> bool {
    let Waiting {
        call,
        key,
        records,
        parsed,
        topic_in_call,
    } = part;
    let mut chunks: SmallVec<[(i32, Chunk); 1]> = SmallVec::new();
    let mut position = vec![
        usize::MAX;
        if parsed.len() > 1 {
            known.partitions.len()
        } else {
            0
        }
    ];
    for record in &parsed {
        let chosen = match record.partition {
            Some(index) => known.partition(index).map(|partition| partition.index),
            None => {
                let (key, bytes) = (records.key(record.view), record.size_bound as usize);
                state
                    .partitioner
                    .choose(topic, known, key, bytes, || fastrand::u32(..))
            }
        };
        let Some(partition) = chosen else {
            let name = state.topics.name(topic).map_or("", |name| &**name);
            let error = no_such_partition(name, record.partition.unwrap_or(-1), known.partitions.len());
            let freed = call.failed(error);
            state.buffered -= freed;
            shared.progress.notify_waiters();
            return false;
        };
        let known_at = usize::try_from(partition)
            .ok()
            .and_then(|index| position.get_mut(index));
        let at = match known_at {
            Some(at) if *at < chunks.len() => *at,
            Some(at) => {
                *at = chunks.len();
                *at
            }
            None => chunks
                .iter()
                .position(|(other, _)| *other == partition)
                .unwrap_or(chunks.len()),
        };
        add(
            &mut chunks,
            at,
            partition,
            record.view,
            record.size_bound as usize,
            || Chunk {
                records: Arc::clone(&records),
                views: SmallVec::new(),
                bytes: 0,
                call: Arc::clone(&call),
                topic_in_call,
            },
        );
    }
    call.split(chunks.len());
    let mut reachable = key.acks == 0;
    for (partition, chunk) in chunks {
        reachable = reachable
            && known
                .partition(partition)
                .is_some_and(|known| shared.cluster.is_connected_to(known.leader, Role::Produce));
        let slot = Slot { topic, partition };
        let key = BatchKey {
            transactional: shared.is_transactional(),
            ..key
        };
        let is_news = state.accumulator.append(slot, key, chunk, now);
        if shared.is_transactional() && state.transaction.needs(slot) {
            super::coordinate::announce(shared);
        } else if is_news {
            news.push(slot);
        }
    }
    reachable
}

fn add(
    chunks: &mut SmallVec<[(i32, Chunk); 1]>,
    at: usize,
    partition: i32,
    view: RecordView,
    bytes: usize,
    empty: impl FnOnce() -> Chunk,
) {
    if at >= chunks.len() {
        chunks.push((partition, empty()));
    }
    if let Some((_, chunk)) = chunks.get_mut(at) {
        chunk.views.push(view);
        chunk.bytes += bytes;
    }
}

fn no_such_partition(topic: &str, partition: i32, count: usize) -> Error {
    let expected = if count == 1 {
        "only partition 0".to_owned()
    } else {
        format!("partitions 0 to {}", count - 1)
    };
    Error::non_retriable(format!(
        "Invalid partition {partition} for topic \"{topic}\", which has {expected}"
    ))
}
