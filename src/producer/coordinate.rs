//! Requests of a transaction to its coordinator, which may move at any time: found again, and asked again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, GroupId,
    InitProducerIdRequest, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;
use serde::Deserialize;
use tokio::time::Instant;

use super::batch::Slot;
use super::handle::Shared;
use crate::cluster::retry::{Failure, retry};
use crate::cluster::{CoordinatorKind, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::network::Deadline;
use crate::protocol::wire::{Capped, KafkaRequest};

const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_TXN_STATE: i16 = 48;
const CONCURRENT_TRANSACTIONS: i16 = 51;
const PRODUCER_FENCED: i16 = 90;
/// What a transaction is in while its partitions are told of its end.
const ENDING_STATES: [&str; 2] = ["PrepareCommit", "PrepareAbort"];
/// Between two questions for the state of a transaction.
const STATE_INTERVAL: Duration = Duration::from_millis(1);
/// `transaction.version` from which partitions announce themselves (KIP-890).
const VERSION_2: i16 = 2;

/// Offsets to become part of a transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionOffsets {
    /// The group they belong to.
    pub group_id: String,
    /// Generation of the member that consumed; -1 without fencing by the group (KIP-447).
    pub generation_id: i32,
    /// That member; empty without fencing.
    pub member_id: String,
    /// Its static id, if it has one.
    pub group_instance_id: Option<String>,
    /// Topics and their partitions.
    pub topics: Vec<TopicOffsets>,
}

/// Offsets of one topic.
#[derive(Debug, Deserialize)]
pub struct TopicOffsets {
    topic: String,
    partitions: Vec<PartitionOffset>,
}

#[derive(Debug, Deserialize)]
struct PartitionOffset {
    partition: i32,
    // Text, because a JavaScript number cannot hold every offset.
    #[serde(deserialize_with = "offset_from_text")]
    offset: i64,
    metadata: Option<String>,
}

fn offset_from_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn transactional_id(shared: &Shared) -> TransactionalId {
    TransactionalId(text(
        shared.config.transactional_id.as_deref().unwrap_or_default(),
    ))
}

/// The coordinator neither ends our transaction nor gives us another epoch: our transactional id is somebody else's by
/// now. (A transaction of version 1 that took too long ends so, too: its coordinator does not keep the two apart.)
fn fenced(shared: &Shared, code: i16) -> Failure {
    let error = Error::protocol(code);
    shared.state.lock().transaction.fence(error.clone());
    Failure::Bail(error)
}

/// What an error code of a coordinator means, other than of the beginning and the end of a transaction.
fn judge(shared: &Shared, kind: CoordinatorKind, key: &str, code: i16) -> Failure {
    let error = Error::protocol(code);
    if error.is_stale_coordinator() {
        shared.cluster.forget_coordinator(kind, key);
        return Failure::Retry(error.with_retriable(true));
    }
    match code {
        // Taken over by another producer, or ended by the coordinator for its length: the abort will tell.
        PRODUCER_FENCED | INVALID_PRODUCER_EPOCH => {
            shared.state.lock().transaction.require_abort(&error);
            Failure::Bail(error)
        }
        CONCURRENT_TRANSACTIONS => Failure::Retry(error.with_retriable(true)),
        _ if error.is_retriable() => Failure::Retry(error),
        _ => Failure::Bail(error),
    }
}

/// Sends `request` to the coordinator of `key`; a coordinator that is gone is looked for anew.
async fn ask<R: KafkaRequest>(
    shared: &Shared,
    kind: CoordinatorKind,
    key: &str,
    request: R,
) -> Result<R::Response, Failure> {
    let node_id = shared
        .cluster
        .coordinator(kind, key)
        .await
        .map_err(Failure::Bail)?;
    match shared
        .cluster
        .send(node_id, Role::Control, request, Deadline::Default)
        .await
    {
        Ok(response) => Ok(response),
        Err(error) => {
            if error.is_connection() || error.is_stale_metadata() {
                shared.cluster.forget_coordinator(kind, key);
            }
            Err(Failure::Retry(error))
        }
    }
}

/// Gets the producer its id and epoch from the transaction coordinator, which ends what an earlier producer of the same
/// transactional id left open.
///
/// # Errors
/// The coordinator's error; `KafkaJSNumberOfRetriesExceeded`.
pub(super) async fn init_transactions(shared: &Shared) -> Result<()> {
    let id = shared.config.transactional_id.clone().unwrap_or_default();
    let kind = CoordinatorKind::Transaction;
    let current = shared.state.lock().identity.current();
    let (producer_id, epoch) = retry(shared.config.retry, |_| async {
        let node_id = shared
            .cluster
            .coordinator(kind, &id)
            .await
            .map_err(Failure::Bail)?;
        let version = shared
            .cluster
            .connection(node_id, Role::Control)
            .await
            .ok()
            .and_then(|connection| connection.version_of::<InitProducerIdRequest>());
        // Who names the id and epoch it had is told when somebody else has taken over since (KIP-360).
        let (old_id, old_epoch) = if version >= Some(3) { current } else { (-1, -1) };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional_id(shared)))
            .with_transaction_timeout_ms(shared.config.transaction_timeout)
            .with_producer_id(ProducerId(old_id))
            .with_producer_epoch(old_epoch);
        let response = ask(shared, kind, &id, request).await?;
        match response.error_code {
            0 => Ok((response.producer_id.0, response.producer_epoch)),
            code @ (PRODUCER_FENCED | INVALID_PRODUCER_EPOCH) => Err(fenced(shared, code)),
            code => Err(judge(shared, kind, &id, code)),
        }
    })
    .await?;
    let node_id = shared.cluster.coordinator(kind, &id).await?;
    let version = shared
        .cluster
        .connection(node_id, Role::Control)
        .await?
        .versions()
        .transaction_version();
    let mut state = shared.state.lock();
    state.identity.assign(producer_id, epoch);
    state.transaction.set_version_2(version >= VERSION_2);
    Ok(())
}

/// Announces the partitions that records wait for, all at once, and lets the records go.
pub(super) fn announce(shared: &Arc<Shared>) {
    let strong = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let slots = strong.state.lock().transaction.take_wanted();
        if slots.is_empty() {
            return;
        }
        match add_partitions(&strong, &slots).await {
            Ok(()) => {
                strong.state.lock().transaction.announced(&slots);
                strong.ring_all();
                // An abort may wait for this alone.
                strong.progress.notify_waiters();
            }
            Err(error) => {
                let batches = {
                    let mut state = strong.state.lock();
                    state.transaction.announcement_failed();
                    state.accumulator.remove(|batch| slots.contains(&batch.slot))
                };
                for batch in batches {
                    strong.fail_batch(batch, &error);
                }
                strong.progress.notify_waiters();
            }
        }
    });
}

async fn add_partitions(shared: &Shared, slots: &[Slot]) -> Result<()> {
    let id = shared.config.transactional_id.clone().unwrap_or_default();
    let kind = CoordinatorKind::Transaction;
    let mut by_topic: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    let (producer_id, epoch) = {
        let state = shared.state.lock();
        for slot in slots {
            if let Some(name) = state.topics.name(slot.topic) {
                by_topic.entry(name.to_string()).or_default().push(slot.partition);
            }
        }
        state.identity.current()
    };
    retry(shared.config.retry, |_| async {
        let topics = by_topic
            .iter()
            .map(|(name, partitions)| {
                AddPartitionsToTxnTopic::default()
                    .with_name(TopicName(text(name)))
                    .with_partitions(partitions.clone())
            })
            .collect();
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(shared))
            .with_v3_and_below_producer_id(ProducerId(producer_id))
            .with_v3_and_below_producer_epoch(epoch)
            .with_v3_and_below_topics(topics);
        let response = ask(shared, kind, &id, request).await?;
        let failed = response
            .results_by_topic_v3_and_below
            .iter()
            .flat_map(|topic| &topic.results_by_partition)
            .map(|partition| partition.partition_error_code)
            // "Not attempted" only says that another partition failed.
            .filter(|code| *code != 0)
            .min_by_key(|code| *code == 55);
        match failed {
            None => Ok(()),
            Some(code) => Err(judge(shared, kind, &id, code)),
        }
    })
    .await
}

/// Waits a moment for the end of the last transaction, if that has only just been decided.
///
/// The coordinator answers EndTxn before the partitions know. A leader that announces the next transaction to it in the
/// meantime (KIP-890) is turned away and tries again after 20 ms, which the producer would have to wait for. Asking the
/// coordinator costs one or two.
pub(super) async fn await_last_end(shared: &Shared) {
    let now = Instant::now();
    let Some(until) = shared.state.lock().transaction.ends_until(now) else {
        return;
    };
    let id = shared.config.transactional_id.clone().unwrap_or_default();
    let asking = async {
        loop {
            let request =
                DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id(shared)]);
            let answer = ask(shared, CoordinatorKind::Transaction, &id, request).await;
            // Whoever may not, or cannot, tell leaves it to the leaders.
            let is_ending = answer.is_ok_and(|answer| {
                let states = &answer.transaction_states;
                states.first().is_some_and(|found| {
                    found.error_code == 0 && ENDING_STATES.contains(&found.transaction_state.as_str())
                })
            });
            if !is_ending {
                return;
            }
            tokio::time::sleep(STATE_INTERVAL).await;
        }
    };
    if tokio::time::timeout_at(until, asking).await.is_ok() {
        shared.state.lock().transaction.has_ended();
    }
}

/// Makes offsets part of the open transaction.
///
/// # Errors
/// The coordinators' errors; ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID when the group has moved on.
pub(super) async fn send_offsets(shared: &Shared, offsets: &TransactionOffsets) -> Result<()> {
    let (version_2, (producer_id, epoch)) = {
        let state = shared.state.lock();
        if let Some(error) = state.transaction.fatal().or(state.transaction.broken()) {
            return Err(error.clone());
        }
        (state.transaction.is_version_2(), state.identity.current())
    };
    if version_2 {
        await_last_end(shared).await;
    } else {
        let id = shared.config.transactional_id.clone().unwrap_or_default();
        let kind = CoordinatorKind::Transaction;
        retry(shared.config.retry, |_| async {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(transactional_id(shared))
                .with_producer_id(ProducerId(producer_id))
                .with_producer_epoch(epoch)
                .with_group_id(GroupId(text(&offsets.group_id)));
            match ask(shared, kind, &id, request).await?.error_code {
                0 => Ok(()),
                code => Err(judge(shared, kind, &id, code)),
            }
        })
        .await?;
    }
    shared.state.lock().transaction.add_offsets();
    let kind = CoordinatorKind::Group;
    retry(shared.config.retry, |_| async {
        let request = commit_request(shared, offsets, producer_id, epoch);
        let response = if version_2 {
            ask(shared, kind, &offsets.group_id, request).await?
        } else {
            // Version 5 tells the group coordinator to announce itself, which only transactions of version 2 know.
            ask(shared, kind, &offsets.group_id, Capped::<_, 4>(request)).await?
        };
        let failed = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .find(|partition| partition.error_code != 0);
        match failed {
            None => Ok(()),
            Some(partition) => Err(judge(shared, kind, &offsets.group_id, partition.error_code)),
        }
    })
    .await
}

fn commit_request(
    shared: &Shared,
    offsets: &TransactionOffsets,
    producer_id: i64,
    epoch: i16,
) -> TxnOffsetCommitRequest {
    let topics = offsets
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic
                .partitions
                .iter()
                .map(|partition| {
                    TxnOffsetCommitRequestPartition::default()
                        .with_partition_index(partition.partition)
                        .with_committed_offset(partition.offset)
                        .with_committed_leader_epoch(-1)
                        .with_committed_metadata(partition.metadata.as_deref().map(text))
                })
                .collect();
            TxnOffsetCommitRequestTopic::default()
                .with_name(TopicName(text(&topic.topic)))
                .with_partitions(partitions)
        })
        .collect();
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional_id(shared))
        .with_group_id(GroupId(text(&offsets.group_id)))
        .with_producer_id(ProducerId(producer_id))
        .with_producer_epoch(epoch)
        .with_generation_id(offsets.generation_id)
        .with_member_id(text(&offsets.member_id))
        .with_group_instance_id(offsets.group_instance_id.as_deref().map(text))
        .with_topics(topics)
}

/// Ends the transaction: a commit delivers first what was accepted, an abort drops what has not left.
///
/// # Errors
/// The coordinator's error; `KafkaJSNumberOfRetriesExceeded`. The transaction can then be aborted.
pub(super) async fn end(shared: &Arc<Shared>, commit: bool) -> Result<()> {
    if !commit {
        let aborted = Error::non_retriable("The transaction was aborted before the message was sent");
        // What is in flight and comes back is not sent again.
        shared.state.lock().transaction.require_abort(&aborted);
        shared.reject_waiting(&aborted);
    }
    // Bounded by the retries of what is under way; the margin is for the answers themselves.
    let patience = shared.cluster.config().request_timeout + Duration::from_millis(u64::from(u16::MAX));
    shared.state.lock().accumulator.set_flushing(true);
    shared.ring_all();
    let settled = shared.settle_all(Instant::now() + patience).await;
    shared.state.lock().accumulator.set_flushing(false);
    if !settled {
        let text = "Timed out while waiting for messages of the transaction to be delivered";
        return Err(Error::new(ErrorKind::Timeout, text));
    }
    let (ongoing, has_content, version_2, (producer_id, epoch)) = {
        let state = shared.state.lock();
        let refusal = state
            .transaction
            .fatal()
            .or(state.transaction.broken().filter(|_| commit));
        if let Some(error) = refusal {
            return Err(error.clone());
        }
        let transaction = &state.transaction;
        (
            transaction.is_ongoing(),
            transaction.has_content(),
            transaction.is_version_2(),
            state.identity.current(),
        )
    };
    if !ongoing {
        return Ok(());
    }
    let id = shared.config.transactional_id.clone().unwrap_or_default();
    let kind = CoordinatorKind::Transaction;
    let next = retry(shared.config.retry, |_| async {
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional_id(shared))
            .with_producer_id(ProducerId(producer_id))
            .with_producer_epoch(epoch)
            .with_committed(commit);
        let response = if version_2 {
            ask(shared, kind, &id, request).await?
        } else {
            ask(shared, kind, &id, Capped::<_, 4>(request)).await?
        };
        match response.error_code {
            0 => Ok((response.producer_id.0, response.producer_epoch)),
            // No leader told the coordinator of the transaction: each has refused what it was sent.
            INVALID_TXN_STATE if commit && version_2 && !has_content => Ok((-1, -1)),
            code @ (PRODUCER_FENCED | INVALID_PRODUCER_EPOCH) => Err(fenced(shared, code)),
            code => Err(judge(shared, kind, &id, code)),
        }
    })
    .await?;
    if version_2 && next.0 >= 0 {
        let mut state = shared.state.lock();
        // Each transaction has an epoch of its own (KIP-890), so what comes late from the last one is refused.
        state.identity.assign(next.0, next.1);
        state.transaction.ends(Instant::now());
        return Ok(());
    }
    let lost_numbers = shared.state.lock().transaction.has_lost_numbers();
    if lost_numbers {
        init_transactions(shared).await
    } else {
        Ok(())
    }
}
