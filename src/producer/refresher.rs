//! Keeps leaders known: refreshes metadata when somebody found it wrong, or it gets old, and gives batches without a leader their
//! attempts, so that they too end one day.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::batch::Slot;
use super::handle::Shared;
use crate::cluster::ClusterHandle;
use crate::cluster::retry::Backoff;
use crate::error::Error;

/// Wake-up when nothing is planned; only a safeguard.
const IDLE: Duration = Duration::from_secs(60);
/// A `metadataMaxAge` below this makes sends wait for fresh metadata, as it is meant to.
const SHORTEST_AGE: Duration = Duration::from_secs(1);

/// Starts the refresher of a producer; it ends with it.
pub(super) fn start(shared: &Arc<Shared>) {
    let weak = Arc::downgrade(shared);
    shared
        .tasks
        .spawn(run(weak, shared.cluster.clone(), Arc::clone(&shared.stale)));
}

async fn run(shared: Weak<Shared>, cluster: ClusterHandle, stale: Arc<Notify>) {
    let mut wake = Instant::now() + IDLE;
    let mut changed = pin!(cluster.metadata_changed());
    loop {
        // The producer is not held meanwhile: one that a program has let go would stay until the next wake-up.
        let is_told = tokio::select! {
            () = stale.notified() => false,
            () = &mut changed => true,
            () = tokio::time::sleep_until(wake) => false,
        };
        let Some(strong) = shared.upgrade() else { return };
        if is_told {
            // A leader that somebody else learned of: its sender knows of nothing that waits.
            changed.set(cluster.metadata_changed());
            strong.ring_all_with_leader();
            continue;
        }
        let blocked = super::intake::admit_blocked(&strong, Instant::now());
        let ageing = is_ageing(&strong);
        let refreshed = if ageing || needs_refresh(&strong) {
            strong.cluster.refresh_metadata().await.map(drop)
        } else {
            Ok(())
        };
        let retried = count_attempts(&strong, refreshed.err());
        changed.set(cluster.metadata_changed());
        strong.ring_all_with_leader();
        let aged = ageing_at(&strong).filter(|at| *at > Instant::now());
        wake = [Some(Instant::now() + IDLE), blocked, retried, aged]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(wake);
    }
}

/// When metadata is refreshed for its age: before it is too old, so that no send of a busy producer has to wait for it.
fn ageing_at(shared: &Shared) -> Option<Instant> {
    let max_age = shared.cluster.config().metadata_max_age;
    let refreshed_at = shared.cluster.metadata().refreshed_at?;
    (max_age >= SHORTEST_AGE).then(|| refreshed_at + max_age.mul_f64(0.8))
}

fn is_ageing(shared: &Shared) -> bool {
    shared.cluster.is_connected()
        && ageing_at(shared).is_some_and(|at| at <= Instant::now())
        && shared.used.swap(false, Ordering::Relaxed)
}

fn needs_refresh(shared: &Shared) -> bool {
    shared.cluster.is_connected() && !shared.state.lock().accumulator.is_idle()
}

/// A waiting batch whose partition has no leader has failed one more attempt. Gives the time of the next one.
fn count_attempts(shared: &Arc<Shared>, refresh_error: Option<Error>) -> Option<Instant> {
    let now = Instant::now();
    let metadata = shared.cluster.metadata();
    let mut given_up = Vec::new();
    let mut next: Option<Instant> = None;
    {
        let mut state = shared.state.lock();
        let slots: Vec<Slot> = state.accumulator.waiting().collect();
        for slot in slots {
            let Some(topic) = state.topics.name(slot.topic).cloned() else {
                continue;
            };
            let Err(error) = metadata.leader(&topic, slot.partition) else {
                continue;
            };
            let Some(mut batch) = state.accumulator.take_first(slot) else {
                continue;
            };
            if batch.not_before.is_none_or(|at| at <= now) {
                let backoff = batch
                    .backoff
                    .get_or_insert_with(|| Backoff::new(shared.config.retry, fastrand::f64()));
                let error = refresh_error.clone().unwrap_or(error);
                let Some(wait) = backoff.next(fastrand::f64()) else {
                    let exceeded = backoff.exceeded(error);
                    given_up.push((batch, exceeded));
                    continue;
                };
                batch.not_before = Some(now + wait);
            }
            next = [next, batch.not_before].into_iter().flatten().min();
            state.accumulator.put_back(batch);
        }
    }
    for (batch, error) in given_up {
        super::settle::log_failure(shared, &error);
        let broken = super::settle::release_numbers(shared, &mut shared.state.lock(), &batch, &error);
        if let Some(broken) = broken {
            shared.reject_waiting(&broken);
        }
        shared.fail_batch(batch, &error);
    }
    next
}
