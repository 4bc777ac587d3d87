//! Producer id, epoch and sequence numbers (KIP-98, KIP-360). Pure.
//!
//! A sequence belongs to a batch for life: it is given when the batch first leaves, and a repetition carries the same.
//! The numbers of a batch that the broker certainly refused are free again. Those of a batch that it may have are not,
//! and without them it would accept nothing that follows, as it would not when it lost count: a new id starts every
//! partition at 0 again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{Batch, Sequence, Slot};

/// Batches of one partition in flight at once: a broker remembers the numbers of the last five, and only those can be
/// told from repetitions.
const MOST_IN_FLIGHT: usize = 5;
/// A broker that has not heard of a producer for `producer.id.expiration.ms`, a day, forgets its numbers, and takes
/// whatever comes next for the beginning.
const REMEMBERED: Duration = Duration::from_secs(600);

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
    // When a broker last took numbers of this epoch.
    acknowledged: HashMap<Slot, Instant>,
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
            acknowledged: HashMap::new(),
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
        self.acknowledged.clear();
        self.renumbered = std::mem::take(&mut self.renumber);
    }

    /// A broker has the batch of these numbers.
    pub fn acknowledged(&mut self, slot: Slot, sequence: Sequence, now: Instant) {
        if (sequence.producer_id, sequence.epoch) == (self.producer_id, self.epoch) {
            self.acknowledged.insert(slot, now);
        }
    }

    /// How many batches of a partition may be in flight: one, until its broker has taken numbers of this epoch. Before
    /// that it knows of none, and would take the second batch if the first went astray.
    pub fn most_in_flight(&self, slot: Slot, now: Instant) -> usize {
        let is_known = |at: &Instant| now.saturating_duration_since(*at) < REMEMBERED;
        if self.acknowledged.get(&slot).is_some_and(is_known) {
            MOST_IN_FLIGHT
        } else {
            1
        }
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

    /// Gives `batch` its sequence, unless it has one that is still good, or one that the broker may have: only the same
    /// one again lets it tell.
    pub fn stamp(&mut self, batch: &mut Batch) {
        if let Some(sequence) = batch.sequence {
            let current = (sequence.producer_id, sequence.epoch) == (self.producer_id, self.epoch);
            if current || batch.uncertain || !self.renumbered.contains(&batch.slot) {
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
    fn what_the_broker_may_have_keeps_its_number_until_it_says_that_it_has_not() {
        let mut identity = Identity::default();
        identity.assign(7, 0);
        let mut doubtful = batch(0, 2);
        identity.stamp(&mut doubtful);
        doubtful.uncertain = true;
        identity.spoil(doubtful.slot);
        identity.assign(8, 0);
        identity.stamp(&mut doubtful);
        assert_eq!(doubtful.sequence.unwrap().producer_id, 7);
        doubtful.uncertain = false;
        identity.stamp(&mut doubtful);
        assert_eq!(doubtful.sequence.unwrap().producer_id, 8);
    }

    #[test]
    fn several_may_be_in_flight_where_this_epoch_is_known() {
        let now = Instant::now();
        let mut identity = Identity::default();
        identity.assign(7, 0);
        let mut first = batch(0, 1);
        identity.stamp(&mut first);
        assert_eq!(identity.most_in_flight(first.slot, now), 1);
        identity.acknowledged(first.slot, first.sequence.unwrap(), now);
        assert_eq!(identity.most_in_flight(first.slot, now), 5);
        assert_eq!(
            identity.most_in_flight(batch(1, 1).slot, now),
            1,
            "another partition"
        );
        let tomorrow = now + Duration::from_secs(86_400);
        assert_eq!(identity.most_in_flight(first.slot, tomorrow), 1);
        identity.assign(8, 0);
        identity.acknowledged(first.slot, first.sequence.unwrap(), now);
        assert_eq!(identity.most_in_flight(first.slot, now), 1, "another epoch");
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
