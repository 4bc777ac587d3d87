//! Carries out what `delivery.rs` decided about a batch.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::batch::Batch;
use super::call::ProducedPartition;
use super::delivery::{OUT_OF_ORDER_SEQUENCE_NUMBER, Outcome, leaves_doubt};
use super::handle::{Shared, State};
use crate::cluster::retry::Backoff;
use crate::error::Error;
use crate::event::Level;

/// Ends a batch's attempt.
pub(super) fn settle(shared: &Arc<Shared>, mut batch: Batch, outcome: Outcome) {
    batch.uncertain |= leaves_doubt(&outcome);
    match outcome {
        Outcome::Delivered {
            base_offset,
            log_append_time,
            log_start_offset,
        } => {
            let slot = batch.slot;
            {
                let mut state = shared.state.lock();
                state.accumulator.ended(slot);
                state.transaction.delivered();
                if let Some(sequence) = batch.sequence {
                    state.identity.acknowledged(slot, sequence, Instant::now());
                }
            }
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
        Outcome::Moved(error) => follow_leader(shared, batch, error),
        // In a transaction there is no new epoch before its end.
        Outcome::Resequence(error) if shared.is_transactional() => {
            batch.uncertain = true;
            log_refusal(shared, &error);
            fail(shared, batch, &error);
        }
        Outcome::Resequence(error) => {
            // Whoever has lost count of our numbers does not have these.
            batch.uncertain = false;
            let preceded = error.code() == Some(OUT_OF_ORDER_SEQUENCE_NUMBER)
                && shared.state.lock().accumulator.is_preceded(&batch);
            if preceded {
                // It is the one before that went astray, and goes again first.
                send_again(shared, batch, false);
            } else {
                try_again(shared, batch, error, true);
            }
        }
        Outcome::Refused(error) => match batch.split() {
            Ok((head, tail)) => {
                let mut state = shared.state.lock();
                state.accumulator.ended(head.slot);
                // Last part first: each goes to the front.
                let slot = head.slot;
                state.accumulator.put_back(tail);
                state.accumulator.put_back(head);
                shared.ring(&mut state, slot);
                drop(state);
                // Somebody may wait until nothing of the old epoch is in flight.
                shared.progress.notify_waiters();
            }
            Err(batch) => {
                log_refusal(shared, &error);
                fail(shared, *batch, &error);
            }
        },
        Outcome::Failed(error) => {
            log_refusal(shared, &error);
            fail(shared, batch, &error);
        }
        Outcome::Fenced(error) => {
            log_refusal(shared, &error);
            shared.state.lock().transaction.fence(error.clone());
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
    let refresh = error.is_stale_metadata() || error.is_connection();
    if renumber {
        shared.state.lock().identity.spoil(batch.slot);
    }
    match count_attempt(shared, &mut batch, error) {
        Ok(wait) => {
            batch.not_before = Some(Instant::now() + wait);
            send_again(shared, batch, refresh);
        }
        Err(error) => fail(shared, batch, &error),
    }
}

/// The leader that the answer named is asked at once (KIP-951). Epochs of leaders only grow, so this comes to an end.
fn follow_leader(shared: &Arc<Shared>, mut batch: Batch, error: Error) {
    match count_attempt(shared, &mut batch, error) {
        Ok(_) => {
            batch.not_before = None;
            send_again(shared, batch, false);
        }
        Err(error) => fail(shared, batch, &error),
    }
}

/// One more attempt has failed. Gives the wait before the next one, or the error if that was the last.
fn count_attempt(shared: &Shared, batch: &mut Batch, error: Error) -> Result<Duration, Error> {
    log_failure(shared, &error);
    let backoff = batch
        .backoff
        .get_or_insert_with(|| Backoff::new(shared.config.retry, fastrand::f64()));
    backoff
        .next(fastrand::f64())
        .ok_or_else(|| backoff.exceeded(error))
}

/// A batch goes back to the front of its queue.
fn send_again(shared: &Arc<Shared>, batch: Batch, refresh: bool) {
    let slot = batch.slot;
    let mut state = shared.state.lock();
    if let Some(error) = state.abandoned() {
        drop(state);
        fail(shared, batch, &error);
        return;
    }
    state.accumulator.requeue(batch);
    shared.ring(&mut state, slot);
    drop(state);
    // Nothing of the old epoch may be in flight when a new one is asked for: somebody may wait for that.
    shared.progress.notify_waiters();
    if refresh {
        shared.stale.notify_one();
    }
}

/// A batch is given up.
pub(super) fn fail(shared: &Arc<Shared>, batch: Batch, error: &Error) {
    let broken = {
        let mut state = shared.state.lock();
        state.accumulator.ended(batch.slot);
        release_numbers(shared, &mut state, &batch, error)
    };
    if let Some(broken) = broken {
        shared.reject_waiting(&broken);
    }
    if batch.key.acks == 0 {
        // Its callers may have gone on long ago: nobody else tells of it.
        log_failure(shared, error);
    }
    let freed = batch
        .chunks
        .into_iter()
        .map(|chunk| chunk.call.failed(error.clone()))
        .sum();
    release(shared, freed);
}

/// What becomes of the sequence numbers of a batch that was given up: free again if the broker certainly does not have
/// it, and nothing that was numbered after it is in flight. If not, they leave a gap that it would never forgive: the partition starts over with a new id. A transaction
/// cannot; all that is left is to abort it. Its error is given then, for what still waits.
pub(super) fn release_numbers(
    shared: &Shared,
    state: &mut State,
    batch: &Batch,
    error: &Error,
) -> Option<Error> {
    let sequence = batch.sequence?;
    let is_last = !batch.uncertain && state.accumulator.in_flight_of(batch.slot) == 0;
    if is_last && state.accumulator.unnumber(batch.slot) {
        state.identity.take_back(batch.slot, sequence);
        return None;
    }
    if shared.is_transactional() {
        state.transaction.lose_numbers();
        return Some(state.transaction.require_abort(error));
    }
    state.identity.spoil(batch.slot);
    None
}

/// What is not tried again.
fn log_refusal(shared: &Shared, error: &Error) {
    let reporter = shared.cluster.reporter();
    reporter.log(Level::Error, "Producer", || {
        (error.message().to_owned(), json!({}))
    });
}

/// What is tried again.
pub(super) fn log_failure(shared: &Shared, error: &Error) {
    shared.cluster.reporter().log(Level::Error, "Producer", || {
        (format!("Failed to send messages: {}", error.message()), json!({}))
    });
}
