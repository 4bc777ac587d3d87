//! One task per leader: drains what is ready into one request, again and again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::batch::{Batch, BatchKey, Slot};
use super::delivery::{Guarantee, Outcome, classify, classify_request};
use super::encode::encode_all;
use super::handle::{Shared, State};
use super::idempotence::IdentityState;
use crate::cluster::Role;
use crate::cluster::metadata::BrokerAddress;
use crate::error::Error;
use crate::network::Deadline;
use crate::protocol::wire::Capped;

/// Bytes of batches in one request, before compression. Kafka's `socket.request.max.bytes` is 100 MB.
const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// A sender whose partitions all moved away is not kept for ever.
const IDLE: Duration = Duration::from_secs(60);

/// Starts the sender of one leader.
pub(super) fn start(shared: &Arc<Shared>, node_id: i32, bell: Arc<Notify>) {
    let weak = Arc::downgrade(shared);
    shared.tasks.spawn(run(weak, node_id, bell));
}

/// Requests whose batches are numbered leave in the order of the numbers, whichever is encoded first.
#[derive(Default)]
struct Turn {
    before: Option<oneshot::Receiver<()>>,
    // Dropped when the request has left, or never will.
    after: Option<oneshot::Sender<()>>,
}

/// Batches that leave together.
pub(super) struct Request {
    batches: Vec<Batch>,
    turn: Turn,
}

/// The turn of the next request to a leader.
fn next_turn(shared: &Shared, last_turns: &mut HashMap<i32, oneshot::Receiver<()>>, node_id: i32) -> Turn {
    if !may_overlap(shared) {
        return Turn::default();
    }
    let (after, next) = oneshot::channel();
    Turn {
        before: last_turns.insert(node_id, next),
        after: Some(after),
    }
}

async fn run(shared: Weak<Shared>, node_id: i32, bell: Arc<Notify>) {
    let mut in_flight = FuturesUnordered::new();
    loop {
        let wake = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            // What is not taken now has to be woken for by the same clock: a moment later it might seem due already.
            let mut now = Instant::now();
            while in_flight.len() + alone(&shared, node_id) < shared.requests_in_flight() {
                now = Instant::now();
                let requests = take(&shared, node_id, now);
                if requests.is_empty() {
                    break;
                }
                for request in requests {
                    in_flight.push(dispatch(Arc::clone(&shared), node_id, request));
                }
            }
            next_wake(&shared, node_id, now)
        };
        tokio::select! {
            () = bell.notified() => {}
            Some(()) = in_flight.next() => {}
            () = tokio::time::sleep_until(wake) => {
                if in_flight.is_empty() && retire(&shared, node_id) {
                    return;
                }
            }
        }
    }
}

/// Requests under way that another than the sender made.
fn alone(shared: &Shared, node_id: i32) -> usize {
    usize::from(shared.state.lock().alone == Some(node_id))
}

fn leads<'a>(
    shared: &'a Shared,
    names: &'a super::handle::Topics,
    node_id: i32,
) -> impl Fn(Slot) -> bool + 'a {
    let metadata = shared.cluster.metadata();
    move |slot| {
        names
            .name(slot.topic)
            .is_some_and(|topic| metadata.leader(topic, slot.partition).ok() == Some(node_id))
    }
}

/// Whether several batches of a partition may be in flight. In a transaction a batch that is refused would take those
/// behind it along, and the transaction with them; without numbers it would be overtaken.
fn may_overlap(shared: &Shared) -> bool {
    shared.config.idempotent && !shared.is_transactional()
}

fn take(shared: &Arc<Shared>, node_id: i32, now: Instant) -> Vec<Request> {
    let mut state = shared.state.lock();
    if shared.config.idempotent && state.identity.state() != IdentityState::Known {
        drop(state);
        super::identify::start(shared);
        return Vec::new();
    }
    take_ready(shared, &mut state, node_id, now)
}

/// What may leave for a leader now, with its sequence numbers. An idempotent producer's id has to be known.
///
/// Calls that differ in what belongs to a request, and not to a batch, need requests of their own, sent one behind the
/// other.
pub(super) fn take_ready(shared: &Shared, state: &mut State, node_id: i32, now: Instant) -> Vec<Request> {
    let State {
        accumulator,
        topics,
        identity,
        transaction,
        last_turns,
        ..
    } = state;
    let leads = leads(shared, topics, node_id);
    let allowance = |slot| {
        if !leads(slot) || shared.is_transactional() && !transaction.may_leave(slot) {
            0
        } else if may_overlap(shared) {
            identity.most_in_flight(slot, now)
        } else {
            1
        }
    };
    let mut batches = accumulator.drain(allowance, MAX_REQUEST, now);
    if shared.config.idempotent {
        for batch in &mut batches {
            identity.stamp(batch);
        }
    }
    by_request(batches)
        .into_iter()
        .map(|batches| Request {
            batches,
            turn: next_turn(shared, last_turns, node_id),
        })
        .collect()
}

/// When time alone lets another batch leave.
fn next_wake(shared: &Shared, node_id: i32, now: Instant) -> Instant {
    let state = shared.state.lock();
    let ready = state
        .accumulator
        .next_ready(leads(shared, &state.topics, node_id), now);
    ready.map_or(now + IDLE, |at| at.min(now + IDLE))
}

/// Ends the sender if nothing waits for its leader; the next batch starts a new one.
fn retire(shared: &Weak<Shared>, node_id: i32) -> bool {
    let Some(shared) = shared.upgrade() else {
        return true;
    };
    let mut state = shared.state.lock();
    let waiting = {
        let leads = leads(&shared, &state.topics, node_id);
        state.accumulator.waiting().any(leads)
    };
    if !waiting {
        state.senders.remove(&node_id);
    }
    !waiting
}

fn by_request(batches: Vec<Batch>) -> Vec<Vec<Batch>> {
    let mut groups: Vec<((i16, i32, bool), Vec<Batch>)> = Vec::with_capacity(1);
    for batch in batches {
        let BatchKey {
            acks,
            timeout_ms,
            transactional,
            ..
        } = batch.key;
        let wanted = (acks, timeout_ms, transactional);
        match groups.iter_mut().find(|(key, _)| *key == wanted) {
            Some((_, group)) => group.push(batch),
            None => groups.push((wanted, vec![batch])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Encodes, sends, and settles one request.
pub(super) async fn dispatch(shared: Arc<Shared>, node_id: i32, request: Request) {
    let Request { batches, turn } = request;
    let (encoded, batches) = encode_all(&shared, batches).await;
    let mut sendable = Vec::with_capacity(batches.len());
    let mut payloads = Vec::with_capacity(batches.len());
    for (batch, payload) in batches.into_iter().zip(encoded) {
        match payload {
            Ok(bytes) => {
                sendable.push(batch);
                payloads.push(bytes);
            }
            Err(error) => super::settle::settle(&shared, batch, Outcome::Failed(error)),
        }
    }
    let Some(key) = sendable.first().map(|batch| batch.key) else {
        return;
    };
    let outcomes = exchange(&shared, node_id, key, &sendable, payloads, turn).await;
    for (batch, outcome) in sendable.into_iter().zip(outcomes) {
        let slot = batch.slot;
        super::settle::settle(&shared, batch, outcome);
        hand_on(&shared, node_id, slot);
    }
}

/// What waited behind a batch may have another leader by now. Its sender was told of it when it could not leave yet.
fn hand_on(shared: &Arc<Shared>, node_id: i32, slot: Slot) {
    let mut state = shared.state.lock();
    if state.accumulator.waits(slot) && has_moved(shared, &state, slot, node_id) {
        shared.ring(&mut state, slot);
    }
}

async fn exchange(
    shared: &Shared,
    node_id: i32,
    key: BatchKey,
    batches: &[Batch],
    payloads: Vec<Bytes>,
    turn: Turn,
) -> Vec<Outcome> {
    let request = build(shared, key, batches, payloads);
    let sent = async {
        let Turn { before, after } = turn;
        if let Some(before) = before {
            // Never an answer, only the end of whoever was before us.
            let _ = before.await;
        }
        if key.transactional {
            super::coordinate::await_last_end(shared).await;
        }
        let connection = shared.cluster.connection(node_id, Role::Produce).await?;
        if key.acks == 0 {
            return connection.send_unanswered(request).await.map(|()| None);
        }
        if key.transactional && !note_transactional(shared) {
            // From version 12 on the leader announces the partition itself, which only transactions of version 2 know.
            return connection
                .send(Capped::<_, 11>(request), Deadline::Default)
                .await
                .map(Some);
        }
        let mut sending = std::pin::pin!(connection.send(request, Deadline::Default));
        // Polled once, it stands in the connection's line.
        let first = futures::poll!(&mut sending);
        drop(after);
        match first {
            Poll::Ready(answer) => answer.map(Some),
            Poll::Pending => sending.await.map(Some),
        }
    };
    match sent.await {
        Ok(Some(response)) => {
            note_leaders(shared, &response);
            batches
                .iter()
                .map(|batch| match outcome(shared, batch, &response) {
                    Outcome::Retry(error)
                        if error.is_stale_metadata()
                            && has_moved(shared, &shared.state.lock(), batch.slot, node_id) =>
                    {
                        Outcome::Moved(error)
                    }
                    outcome => outcome,
                })
                .collect()
        }
        Ok(None) => batches
            .iter()
            .map(|_| Outcome::Delivered {
                base_offset: -1,
                log_append_time: -1,
                log_start_offset: -1,
            })
            .collect(),
        Err(error) => batches.iter().map(|_| classify_request(error.clone())).collect(),
    }
}

/// Notes that records of the transaction leave; says whether it is of version 2.
fn note_transactional(shared: &Shared) -> bool {
    let mut state = shared.state.lock();
    state.transaction.sent();
    state.transaction.is_version_2()
}

fn build(shared: &Shared, key: BatchKey, batches: &[Batch], payloads: Vec<Bytes>) -> ProduceRequest {
    let mut by_topic: BTreeMap<u32, Vec<PartitionProduceData>> = BTreeMap::new();
    for (batch, payload) in batches.iter().zip(payloads) {
        let data = PartitionProduceData::default()
            .with_index(batch.slot.partition)
            .with_records(Some(payload));
        by_topic.entry(batch.slot.topic).or_default().push(data);
    }
    let state = shared.state.lock();
    let topics = by_topic
        .into_iter()
        .map(|(topic, partitions)| {
            let name = state
                .topics
                .name(topic)
                .map(ToString::to_string)
                .unwrap_or_default();
            TopicProduceData::default()
                .with_name(TopicName(StrBytes::from_string(name)))
                .with_partition_data(partitions)
        })
        .collect();
    let transactional_id = key
        .transactional
        .then(|| shared.config.transactional_id.clone())
        .flatten()
        .map(|id| TransactionalId(StrBytes::from_string(id)));
    ProduceRequest::default()
        .with_transactional_id(transactional_id)
        .with_acks(key.acks)
        .with_timeout_ms(key.timeout_ms)
        .with_topic_data(topics)
}

fn outcome(shared: &Shared, batch: &Batch, response: &ProduceResponse) -> Outcome {
    let name = shared.state.lock().topics.name(batch.slot.topic).cloned();
    let found = response
        .responses
        .iter()
        .filter(|topic| name.as_deref() == Some(topic.name.as_str()))
        .flat_map(|topic| &topic.partition_responses)
        .find(|partition| partition.index == batch.slot.partition);
    match found {
        None => Outcome::Unknown(Error::retriable_error(
            "The broker's answer leaves out a partition",
        )),
        Some(partition) => {
            let message = partition.error_message.as_deref();
            let guarantee = match (batch.key.transactional, batch.sequence.is_some()) {
                (true, _) => Guarantee::Transactional,
                (false, true) => Guarantee::Idempotent,
                (false, false) => Guarantee::None,
            };
            classify(partition.error_code, message, guarantee).unwrap_or(Outcome::Delivered {
                base_offset: partition.base_offset,
                log_append_time: partition.log_append_time_ms,
                log_start_offset: partition.log_start_offset,
            })
        }
    }
}

/// Whether we know by now, for instance from the answer itself, that another broker leads the partition.
fn has_moved(shared: &Shared, state: &State, slot: Slot, node_id: i32) -> bool {
    state.topics.name(slot.topic).is_some_and(|topic| {
        let leader = shared.cluster.metadata().leader(topic, slot.partition);
        leader.is_ok_and(|leader| leader != node_id)
    })
}

/// Leader hints in the answer (KIP-951).
fn note_leaders(shared: &Shared, response: &ProduceResponse) {
    if response.node_endpoints.is_empty() {
        return;
    }
    let brokers: Vec<BrokerAddress> = response
        .node_endpoints
        .iter()
        .map(|node| BrokerAddress {
            node_id: node.node_id.0,
            host: node.host.to_string(),
            port: node.port,
            rack: node.rack.as_ref().map(ToString::to_string),
        })
        .collect();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let leader = &partition.current_leader;
            shared.cluster.note_leader(
                topic.name.as_str(),
                partition.index,
                leader.leader_id.0,
                leader.leader_epoch,
                &brokers,
            );
        }
    }
}
