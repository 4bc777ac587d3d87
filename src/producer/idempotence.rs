//! Producer id, epoch and sequence numbers (KIP-98, KIP-360). Pure.
//!
//! A sequence belongs to a batch for life: it is given when the batch first leaves, and a repetition carries the same.
//! The numbers of a batch that the broker certainly refused are free again. Those of a batch that it may have are not,
//! and without them it would accept nothing that follows, as it would not when it lost count: a new id starts every
//! partition at 0 again.

use std::collections::{HashMap, HashSet};

use super::batch::{Batch, Sequence, Slot};

/// Whether sequence numbers can be given right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityState {
    /// No id was asked for yet.
    Unknown,
    /// Ready.
    Known,
    /// A new epoch has to be had first; nothing new may leave.
    Stale,
}

/// See the module text.
#[derive(Debug)]
pub struct Identity {
    producer_id: i64,
    epoch: i16,
    state: IdentityState,
    next: HashMap<Slot, i32>,
    // Partitions whose waiting batches need new numbers in the next epoch. All others keep what they have: the broker
    // may hold them already, and only the same numbers let it tell.
    renumber: HashSet<Slot>,
    renumbered: HashSet<Slot>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            producer_id: -1,
            epoch: -1,
            state: IdentityState::Unknown,
            next: HashMap::new(),
            renumber: HashSet::new(),
            renumbered: HashSet::new(),
        }
    }
}

impl Identity {
    /// Producer id and epoch; -1 and -1 before the first.
    pub fn current(&self) -> (i64, i16) {
        (self.producer_id, self.epoch)
    }

    /// Whether sequence numbers can be given.
    pub fn state(&self) -> IdentityState {
        self.state
    }

    /// Takes what InitProducerId answered: every partition starts at 0.
    pub fn assign(&mut self, producer_id: i64, epoch: i16) {
        (self.producer_id, self.epoch, self.state) = (producer_id, epoch, IdentityState::Known);
        self.next.clear();
        self.renumbered = std::mem::take(&mut self.renumber);
    }

    /// Gives back the numbers of a batch that the broker does not have; those of later batches have to be given back,
    /// too.
    pub fn take_back(&mut self, slot: Slot, sequence: Sequence) {
        if (sequence.producer_id, sequence.epoch) == (self.producer_id, self.epoch) {
            self.next.insert(slot, sequence.base);
        }
    }

    /// Says that the current epoch is of no more use to this partition.
    pub fn spoil(&mut self, slot: Slot) {
        self.renumber.insert(slot);
        if self.state == IdentityState::Known {
            self.state = IdentityState::Stale;
        }
    }

    /// Gives `batch` its sequence, unless it has one that is still good.
    pub fn stamp(&mut self, batch: &mut Batch) {
        if let Some(sequence) = batch.sequence {
            let current = (sequence.producer_id, sequence.epoch) == (self.producer_id, self.epoch);
            if current || !self.renumbered.contains(&batch.slot) {
                return;
            }
        }
        let next = self.next.entry(batch.slot).or_insert(0);
        batch.sequence = Some(Sequence {
            producer_id: self.producer_id,
            epoch: self.epoch,
            base: *next,
        });
        *next = after(*next, batch.records);
    }
}

/// The sequence `records` later; the space wraps from its largest number to 0.
pub(super) fn after(sequence: i32, records: usize) -> i32 {
    let space = i64::from(i32::MAX) + 1;
    let count = i64::try_from(records).unwrap_or(i64::MAX) % space;
    i32::try_from((i64::from(sequence) + count) % space).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::batch::BatchKey;
    use crate::protocol::compression::Codec;
    use tokio::time::Instant;

    fn batch(partition: i32, records: usize) -> Batch {
        Batch {
            slot: Slot { topic: 0, partition },
            key: BatchKey {
                acks: -1,
                timeout_ms: 0,
                codec: Codec::None,
                registered_codec: false,
                level: None,
                transactional: false,
            },
            chunks: Vec::new(),
            bytes: 0,
            records,
            created_at: Instant::now(),
            backoff: None,
            not_before: None,
            sequence: None,
            uncertain: false,
        }
    }

    fn base(identity: &mut Identity, batch: &mut Batch) -> i32 {
        identity.stamp(batch);
        batch.sequence.unwrap().base
    }

    #[test]
    fn partitions_count_for_themselves_and_a_repetition_keeps_its_number() {
        let mut identity = Identity::default();
        identity.assign(7, 0);
        let mut first = batch(0, 3);
        assert_eq!(base(&mut identity, &mut first), 0);
        assert_eq!(base(&mut identity, &mut batch(0, 2)), 3);
        assert_eq!(base(&mut identity, &mut batch(1, 2)), 0);
        assert_eq!(base(&mut identity, &mut first), 0);
        assert_eq!(base(&mut identity, &mut batch(0, 1)), 5);
    }

    #[test]
    fn a_new_epoch_starts_over() {
        let mut identity = Identity::default();
        identity.assign(7, 0);
        let mut first = batch(0, 3);
        identity.stamp(&mut first);
        let mut elsewhere = batch(1, 1);
        identity.stamp(&mut elsewhere);
        identity.spoil(first.slot);
        assert_eq!(identity.state(), IdentityState::Stale);
        identity.assign(7, 1);
        assert_eq!(base(&mut identity, &mut first), 0);
        assert_eq!(first.sequence.unwrap().epoch, 1);
        assert_eq!(base(&mut identity, &mut batch(0, 1)), 3);
        identity.stamp(&mut elsewhere);
        assert_eq!(
            elsewhere.sequence.unwrap().epoch,
            0,
            "the broker may have it under the old epoch"
        );
        assert_eq!(base(&mut identity, &mut batch(1, 1)), 0);
    }

    #[test]
    fn numbers_that_were_given_back_are_given_again() {
        let mut identity = Identity::default();
        identity.assign(7, 0);
        let mut refused = batch(0, 3);
        base(&mut identity, &mut batch(0, 2));
        base(&mut identity, &mut refused);
        identity.take_back(refused.slot, refused.sequence.unwrap());
        assert_eq!(base(&mut identity, &mut batch(0, 1)), 2);
        identity.assign(8, 0);
        identity.take_back(refused.slot, refused.sequence.unwrap());
        assert_eq!(base(&mut identity, &mut batch(0, 1)), 0, "they were another id's");
    }

    #[test]
    fn the_space_wraps_to_zero() {
        assert_eq!(after(i32::MAX, 1), 0);
        assert_eq!(after(i32::MAX - 1, 3), 1);
        assert_eq!(after(0, 5), 5);
    }
}
