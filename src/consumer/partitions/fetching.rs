//! What to ask a broker for, and what its answer means for each partition.

use std::time::Duration;

use tokio::time::Instant;

use super::{Ask, Origin, Parcel, Partitions, Plan, Slot, fail};
use crate::config::RetryConfig;
use crate::error::Error;
use crate::group::TopicPartition;

/// A batch should not take more than so many times what may be fetched of its partition, once decompressed.
const MAX_EXPANSION: usize = 2;

/// Least to ask for of a partition, bytes.
const MIN_ASK: usize = 64 * 1024;

impl<B> Partitions<B> {
    /// What `node` is to be asked for now. `reader` gives the node to read a partition from, and the leader's epoch,
    /// when told which replica is preferred.
    pub fn plan(
        &mut self,
        node: i32,
        now: Instant,
        reader: impl Fn(&TopicPartition, Option<i32>) -> Option<(i32, i32)>,
    ) -> Plan {
        if self.frozen {
            return Plan::Wait(None);
        }
        let mut wake: Option<Instant> = None;
        let mut chosen: Vec<(usize, i32)> = Vec::new();
        let count = self.slots.len();
        // Who comes first changes: a broker fills its answer in the order it was asked in.
        let order = (0..count).map(|index| (index + self.turn) % count.max(1));
        for index in order {
            let Some(slot) = self.slots.get(index) else {
                continue;
            };
            if slot.cursor.position().is_none() || self.is_paused(index) || !self.buffer.wants(index) {
                continue;
            }
            let Some((from, epoch)) = reader(&slot.partition, slot.cursor.preferred_replica(now)) else {
                continue;
            };
            if from != node {
                continue;
            }
            if slot.cursor.may_ask(now) {
                chosen.push((index, epoch));
            } else if let Some(until) = slot.cursor.quiet_until() {
                wake = Some(wake.map_or(until, |earlier| earlier.min(until)));
            }
        }
        if chosen.is_empty() {
            return Plan::Wait(wake);
        }
        self.turn = (self.turn + 1) % count.max(1);
        chosen.sort_by_key(|(index, _)| {
            !self
                .slots
                .get(*index)
                .is_some_and(|slot| slot.cursor.needs_first_place())
        });
        let (assignment, limit) = (self.assignment, self.partition_limit);
        let asks = chosen.into_iter().filter_map(|(index, leader_epoch)| {
            let slot = self.slots.get_mut(index)?;
            let offset = slot.cursor.position()?;
            let mark = slot.cursor.ask();
            let max_bytes = slot
                .cursor
                .bytes_to_ask(limit * MAX_EXPANSION, limit)
                .max(MIN_ASK.min(limit));
            Some(Ask {
                max_bytes,
                partition: slot.partition.clone(),
                offset,
                leader_epoch,
                assignment,
                slot: index,
                mark,
            })
        });
        Plan::Fetch(asks.collect())
    }

    /// Bytes that an answer may have; see [`FetchBuffer::answer_limit`].
    pub fn answer_limit(&self, connections: usize) -> usize {
        self.buffer.answer_limit(connections)
    }

    /// The partition of an answer, if the answer still counts; once only.
    fn answered(&mut self, ask: &Ask) -> Option<&mut Slot> {
        if ask.assignment != self.assignment {
            return None;
        }
        let slot = self.slots.get_mut(ask.slot)?;
        slot.cursor.answered(ask.mark).then_some(slot)
    }

    /// Whether the answer to `ask` is still of use.
    pub fn is_wanted(&self, ask: &Ask) -> bool {
        ask.assignment == self.assignment
            && self
                .slots
                .get(ask.slot)
                .is_some_and(|slot| slot.cursor.awaits(ask.mark))
            && !self.is_paused(ask.slot)
    }

    /// What came took `fetched` bytes on the wire and takes `held` bytes here.
    pub fn note_expansion(&mut self, ask: &Ask, fetched: usize, held: usize) {
        if ask.assignment == self.assignment
            && let Some(slot) = self.slots.get_mut(ask.slot)
        {
            slot.cursor.note_expansion(fetched, held);
        }
    }

    /// A batch came; the next fetch is to begin at `next`, and the partition ends at `end`. Says whether it is kept.
    pub fn put(&mut self, ask: &Ask, batch: B, bytes: usize, next: i64, end: i64, now: Instant) -> bool {
        let wanted = self.is_wanted(ask);
        let Some(slot) = self.answered(ask) else {
            return false;
        };
        if !wanted {
            return false;
        }
        slot.cursor.advance(next, end, now);
        self.buffer.push(ask.slot, Parcel { batch, next }, bytes);
        true
    }

    /// Nothing to hand out came: nothing at all, or only what counts for nobody, up to `next`.
    pub fn nothing(&mut self, ask: &Ask, next: i64, end: i64, now: Instant) {
        let idle = self.buffer.is_empty(ask.slot) && !self.buffer.is_handed_out(ask.slot);
        let Some(slot) = self.answered(ask) else { return };
        slot.cursor.advance(next, end, now);
        if idle {
            slot.delivered = next;
        }
    }

    /// The fetch failed for this partition alone. Gives `cause` back, wrapped, when the back-off has no attempt left.
    pub fn failed(
        &mut self,
        ask: &Ask,
        retry: RetryConfig,
        now: Instant,
        random: f64,
        cause: &Error,
    ) -> Option<Error> {
        let slot = self.answered(ask)?;
        fail(&mut slot.cursor, retry, now, random, cause)
    }

    /// The fetch was of no use for this partition; it is asked for again from `until` on, without counting a failure.
    pub fn postponed(&mut self, ask: &Ask, until: Instant) {
        if let Some(slot) = self.answered(ask) {
            slot.cursor.pause_until(until);
        }
    }

    /// Nobody waits for these answers any more: whoever comes next may ask.
    pub fn abandoned(&mut self, asks: &[Ask]) {
        for ask in asks {
            self.answered(ask);
        }
    }

    /// The answer held only a part of a batch.
    pub fn cut_off(&mut self, ask: &Ask) {
        if let Some(slot) = self.answered(ask) {
            slot.cursor.wants_first_place();
        }
    }

    /// The position does not exist. From a follower that says little: then the leader is asked next, and this gives
    /// `false`. Otherwise the position has to be found anew.
    pub fn out_of_range(&mut self, ask: &Ask, now: Instant) -> bool {
        let Some(slot) = self.answered(ask) else {
            return false;
        };
        if slot.cursor.return_to_leader() {
            return false;
        }
        slot.origin = Origin::Default;
        slot.cursor.jump(None, now);
        self.buffer.discard(ask.slot);
        true
    }

    /// The leader names a nearer replica. Says whether that is news. The answer itself counts as empty.
    pub fn prefer_replica(&mut self, ask: &Ask, node: i32, now: Instant, validity: Duration) -> bool {
        self.answered(ask)
            .is_some_and(|slot| slot.cursor.prefer(node, now, validity))
    }
}
