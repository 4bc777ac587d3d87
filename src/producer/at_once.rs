//! What one turn of the event loop sends leaves together when it ends, on the caller's thread, if nothing is under way.
//!
//! Waking the thread that waits for sockets takes longer than encoding a small request and handing it to the kernel, so
//! a program that awaits each `send` would spend a good part of its time on that. And of calls that are made one after
//! the other the first must not leave alone: the others would wait for its answer. The answer is awaited by a task, as
//! always. What comes while a request is under way gathers for the sender.

use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;

use super::batch::{BatchKey, Slot};
use super::handle::{Shared, State};
use super::idempotence::IdentityState;
use super::sender::{Request, dispatch, take_ready};
use crate::cluster::Role;
use crate::protocol::compression::Codec;

/// More than this, with what calls take beside their messages, is encoded elsewhere: about 40 us of the event loop.
const MAX_BYTES: usize = 128 * 1024;

struct Alone {
    node_id: i32,
    requests: Vec<Request>,
}

/// Whether what a call appended to `slots` waits for the end of the turn. If not, neither does what has waited so far:
/// all their senders have to be told.
pub(super) fn gathers(shared: &Shared, state: &State, key: BatchKey) -> bool {
    let is_light = key.codec == Codec::None && key.acks != 0 && shared.config.linger.is_zero();
    is_light && state.accumulator.in_flight() == 0 && state.buffered <= MAX_BYTES
}

/// Lets go what has gathered in the turn that ends.
pub(super) fn flush(shared: &Arc<Shared>) {
    let mut state = shared.state.lock();
    let slots = std::mem::take(&mut state.gathered);
    if slots.is_empty() {
        return;
    }
    let alone = take(shared, &mut state, &slots);
    // More than one batch of a partition, of which several may be under way, or nothing at all was taken.
    let left = state
        .accumulator
        .waiting()
        .filter(|slot| slots.contains(slot))
        .collect();
    shared.ring_each(&mut state, left);
    drop(state);
    if let Some(alone) = alone {
        send(shared, alone);
    }
}

/// Takes what waits in `slots`, and with it whatever else waits for the same leader, if it may leave at once.
fn take(shared: &Shared, state: &mut State, slots: &[Slot]) -> Option<Alone> {
    let identified = !shared.config.idempotent || state.identity.state() == IdentityState::Known;
    if !identified || state.accumulator.in_flight() > 0 || state.buffered > MAX_BYTES {
        return None;
    }
    let node_id = sole_leader(shared, state, slots)?;
    if !shared.cluster.is_connected_to(node_id, Role::Produce) {
        return None;
    }
    let requests = take_ready(shared, state, node_id, Instant::now());
    if requests.is_empty() {
        return None;
    }
    state.alone = Some(node_id);
    Some(Alone { node_id, requests })
}

fn sole_leader(shared: &Shared, state: &State, slots: &[Slot]) -> Option<i32> {
    let metadata = shared.cluster.metadata();
    let mut leaders = slots.iter().map(|slot| {
        let topic = state.topics.name(slot.topic)?;
        metadata.leader(topic, slot.partition).ok()
    });
    let first = leaders.next()??;
    leaders.all(|leader| leader == Some(first)).then_some(first)
}

/// Encodes and writes on this thread, as far as that needs no waiting; a task does the rest.
fn send(shared: &Arc<Shared>, alone: Alone) {
    let Alone { node_id, requests } = alone;
    let under_way = UnderWay(Arc::clone(shared));
    shared.tasks.begin(Box::pin(async move {
        let exchanges = requests
            .into_iter()
            .map(|request| dispatch(Arc::clone(&under_way.0), node_id, request));
        join_all(exchanges).await;
        drop(under_way);
    }));
}

/// Lets the senders go on when it is dropped, also because its task was.
struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state.lock().alone = None;
        self.0.ring_all();
    }
}
