//! Carries out what `delivery.rs` decided about a batch.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::batch::Batch;
use super::call::ProducedPartition;
use super::delivery::Outcome;
use super::handle::Shared;
use crate::cluster::retry::Backoff;
use crate::error::Error;
use crate::event::Level;

/// Ends a batch's attempt.
pub(super) fn settle(shared: &Arc<Shared>, batch: Batch, outcome: Outcome) {
    match outcome {
        Outcome::Delivered { base_offset, log_append_time, log_start_offset } => {
            let slot = batch.slot;
            shared.state.lock().accumulator.ended(slot);
            let mut offset = base_offset;
            let mut freed = 0;
            for chunk in batch.chunks {
                let part = ProducedPartition {
                    topic: chunk.topic_in_call,
                    partition: slot.partition,
                    base_offset: offset,
                    log_append_time,
                    log_start_offset,
                };
                if base_offset >= 0 {
                    offset += i64::try_from(chunk.views.len()).unwrap_or(0);
                }
                freed += chunk.call.delivered((batch.key.acks != 0).then_some(part));
            }
            release(shared, freed);
        }
        Outcome::Retry(error) | Outcome::Unknown(error) => try_again(shared, batch, error, false),
        Outcome::Resequence(error) => try_again(shared, batch, error, true),
        Outcome::TooLarge(error) => match batch.split() {
            Ok((head, tail)) => {
                let mut state = shared.state.lock();
                state.accumulator.ended(head.slot);
                // Last part first: each goes to the front.
                let slot = head.slot;
                state.accumulator.put_back(tail);
                state.accumulator.put_back(head);
                shared.ring(&mut state, slot);
            }
            Err(batch) => fail(shared, *batch, &error),
        },
        Outcome::Failed(error) => fail(shared, batch, &error),
        Outcome::Fenced(error) => {
            {
                let mut state = shared.state.lock();
                state.transaction.fence(error.clone());
                state.closed = Some(error.clone());
            }
            fail(shared, batch, &error);
            shared.reject_waiting(&error);
        }
    }
}

fn release(shared: &Arc<Shared>, freed: usize) {
    shared.free(freed);
    let blocked = !shared.state.lock().blocked.is_empty();
    if freed > 0 && blocked {
        super::intake::admit_blocked(shared, Instant::now());
    }
}

fn try_again(shared: &Arc<Shared>, mut batch: Batch, error: Error, renumber: bool) {
    log_failure(shared, &error);
    let refresh = error.is_stale_metadata() || error.is_connection();
    let backoff =
        batch.backoff.get_or_insert_with(|| Backoff::new(shared.config.retry, fastrand::f64()));
    let Some(wait) = backoff.next(fastrand::f64()) else {
        let error = backoff.exceeded(error);
        fail(shared, batch, &error);
        return;
    };
    batch.not_before = Some(Instant::now() + wait);
    let slot = batch.slot;
    let mut state = shared.state.lock();
    if renumber {
        state.identity.spoil(slot);
    }
    state.accumulator.requeue(batch);
    shared.ring(&mut state, slot);
    drop(state);
    if refresh {
        shared.stale.notify_one();
    }
}

/// A batch is given up. Its sequence numbers leave a gap that the broker would never forgive, so the partition starts
/// over in a new epoch.
pub(super) fn fail(shared: &Arc<Shared>, batch: Batch, error: &Error) {
    let slot = batch.slot;
    {
        let mut state = shared.state.lock();
        state.accumulator.ended(slot);
        if batch.sequence.is_some() {
            state.identity.spoil(slot);
        }
    }
    let freed = batch.chunks.into_iter().map(|chunk| chunk.call.failed(error.clone())).sum();
    release(shared, freed);
}

pub(super) fn log_failure(shared: &Shared, error: &Error) {
    shared.cluster.reporter().log(Level::Error, "Producer", || {
        (format!("Failed to send messages: {}", error.message()), json!({}))
    });
}
