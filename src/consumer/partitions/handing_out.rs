//! Batches on their way to handlers and back.

use tokio::time::Instant;

use super::{HandedOut, Held, Parcel, Partitions};
use crate::group::poll_interval::Lease;

impl<B> Partitions<B> {
    /// Whether a batch can be handed out.
    pub fn has_ready(&self) -> bool {
        !self.frozen && self.buffer.has_ready()
    }

    /// Hands out the next batch.
    pub fn take(&mut self) -> Option<HandedOut<B>> {
        if self.frozen {
            return None;
        }
        let made_room = self.buffer.take_makes_room();
        let (index, Parcel { batch, next }) = self.buffer.take()?;
        let slot = self.slots.get_mut(index)?;
        slot.delivered = next;
        let lease = self.next_lease;
        self.next_lease = lease.wrapping_add(1).max(1);
        let held = Held {
            assignment: self.assignment,
            slot: index,
            partition: slot.partition.clone(),
            next,
        };
        self.held.insert(lease, held);
        Some(HandedOut {
            lease,
            slot: index,
            assignment: self.assignment,
            batch,
            made_room,
        })
    }

    /// A batch comes back. Reading goes on behind it, or at `resume` if part of it was not handled. `first`: before
    /// any other partition. Says whether the partition is read from elsewhere now.
    pub fn give_back(&mut self, lease: Lease, resume: Option<i64>, first: bool, now: Instant) -> bool {
        let Some(held) = self.held.remove(&lease) else {
            return false;
        };
        if held.assignment != self.assignment {
            // Another batch of it may have been handed out before that one.
            let still_held = self.held.values().any(|other| other.partition == held.partition);
            if let Some(slot) = self.places.get(&held.partition).filter(|_| !still_held) {
                self.buffer.give_back(*slot, false);
            }
            return true;
        }
        let is_sought = self
            .slots
            .get(held.slot)
            .is_some_and(|slot| slot.cursor.position().is_none());
        let resume = resume.filter(|resume| *resume != held.next && !is_sought);
        if let Some(resume) = resume {
            self.go_to(held.slot, resume, now);
        }
        self.buffer.give_back(held.slot, first);
        resume.is_some() || is_sought
    }

    pub(super) fn go_to(&mut self, index: usize, offset: i64, now: Instant) {
        self.buffer.discard(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.delivered = offset;
            slot.cursor.jump(Some(offset), now);
        }
    }
}
