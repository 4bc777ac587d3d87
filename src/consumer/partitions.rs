//! The assigned partitions: what to fetch next, what was fetched, what is handed out. Pure.
//!
//! Each assignment has a number; what belongs to an older one (an answer, a batch that comes back) is told by it. A
//! partition whose batch is still with a handler when it is assigned again is not handed out a second time.

use std::collections::HashMap;

use tokio::time::Instant;

use super::cursor::{Cursor, Mark};
use super::fetch_buffer::FetchBuffer;
use super::subscription::{Subscription, TopicPartitions};
use crate::config::RetryConfig;
use crate::error::Error;
use crate::group::TopicPartition;
use crate::group::poll_interval::Lease;

/// A batch should not take more than so many times what may be fetched of its partition, once decompressed.
const MAX_EXPANSION: usize = 2;

/// Least to ask for of a partition, bytes.
const MIN_ASK: usize = 64 * 1024;

/// Where the position of a partition is to be taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What the group has stored, else the topic's default.
    Stored,
    /// A seek.
    Sought(i64),
    /// The topic's default, because the position was out of range.
    Default,
}

#[derive(Debug)]
struct Slot {
    partition: TopicPartition,
    cursor: Cursor,
    origin: Origin,
    /// Offset behind what was handed out, or where reading begins.
    delivered: i64,
}

#[derive(Debug)]
struct Held {
    assignment: u32,
    slot: usize,
    partition: TopicPartition,
    next: i64,
}

/// One partition of a fetch.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which one.
    pub partition: TopicPartition,
    /// From which offset on.
    pub offset: i64,
    /// Epoch of the leader that is believed in; -1 for none.
    pub leader_epoch: i32,
    /// Bytes to ask for.
    pub max_bytes: usize,
    assignment: u32,
    slot: usize,
    mark: Mark,
}

/// A partition whose position has to be found.
#[derive(Debug, Clone)]
pub struct Need {
    /// Which one.
    pub partition: TopicPartition,
    /// By what.
    pub origin: Origin,
    assignment: u32,
    slot: usize,
    mark: Mark,
}

/// What a connection is to do next.
#[derive(Debug)]
pub enum Plan {
    /// Ask for these, in this order.
    Fetch(Vec<Ask>),
    /// Nothing to ask for before something changes, or that time has come.
    Wait(Option<Instant>),
}

/// A batch that is handed out.
#[derive(Debug)]
pub struct HandedOut<B> {
    /// Number to give it back by.
    pub lease: Lease,
    /// Position of its partition in the assignment.
    pub slot: usize,
    /// Number of the assignment.
    pub assignment: u32,
    /// The batch.
    pub batch: B,
}

#[derive(Debug)]
struct Parcel<B> {
    batch: B,
    next: i64,
}

/// See the module text.
#[derive(Debug)]
pub struct Partitions<B> {
    assignment: u32,
    slots: Vec<Slot>,
    places: HashMap<TopicPartition, usize>,
    buffer: FetchBuffer<Parcel<B>>,
    subscription: Subscription,
    held: HashMap<Lease, Held>,
    next_lease: Lease,
    seeks: HashMap<TopicPartition, i64>,
    frozen: bool,
    turn: usize,
    partition_limit: usize,
}

impl<B> Partitions<B> {
    /// Nothing is assigned. `limit` and `partition_limit` as in [`FetchBuffer::new`].
    pub fn new(limit: usize, partition_limit: usize) -> Self {
        Self {
            assignment: 0,
            slots: Vec::new(),
            places: HashMap::new(),
            buffer: FetchBuffer::new(limit, partition_limit),
            subscription: Subscription::default(),
            held: HashMap::new(),
            next_lease: 1,
            seeks: HashMap::new(),
            frozen: true,
            turn: 0,
            partition_limit,
        }
    }

    /// Takes over an assignment; gives its number. Positions are not known yet, seeks that waited for their partition
    /// apply.
    pub fn assign(&mut self, partitions: Vec<TopicPartition>, now: Instant) -> u32 {
        self.assignment = self.assignment.wrapping_add(1);
        self.places = partitions
            .iter()
            .cloned()
            .enumerate()
            .map(|(slot, partition)| (partition, slot))
            .collect();
        self.buffer.reset(partitions.len());
        for held in self.held.values() {
            if let Some(slot) = self.places.get(&held.partition) {
                self.buffer.mark_handed_out(*slot);
            }
        }
        self.slots = partitions
            .into_iter()
            .map(|partition| {
                let origin = self
                    .seeks
                    .remove(&partition)
                    .map_or(Origin::Stored, Origin::Sought);
                Slot {
                    partition,
                    cursor: Cursor::new(now),
                    origin,
                    delivered: 0,
                }
            })
            .collect();
        self.frozen = false;
        self.turn = 0;
        self.assignment
    }

    /// Hands nothing out and asks for nothing until the next [`Partitions::assign`]; nothing is dropped.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// The assigned partitions, in order of their numbers.
    pub fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.slots.iter().map(|slot| &slot.partition)
    }

    /// Positions to be found. Each is given once, until [`Partitions::begin_at`] or [`Partitions::not_found`].
    pub fn needs(&mut self, now: Instant) -> Vec<Need> {
        let assignment = self.assignment;
        if self.frozen {
            return Vec::new();
        }
        let buffer = &self.buffer;
        self.slots
            .iter_mut()
            .enumerate()
            .filter(|(index, slot)| {
                let unknown = slot.cursor.position().is_none() && !slot.cursor.is_asked();
                // The handler that is still busy may commit what the seek is to replace.
                let settled = !matches!(slot.origin, Origin::Sought(_)) || !buffer.is_handed_out(*index);
                unknown && settled && slot.cursor.pausing_until().is_none_or(|until| until <= now)
            })
            .map(|(index, slot)| Need {
                partition: slot.partition.clone(),
                origin: slot.origin,
                assignment,
                slot: index,
                mark: slot.cursor.ask(),
            })
            .collect()
    }

    /// When a position that could not be found is to be looked for again.
    pub fn next_need(&self) -> Option<Instant> {
        let waiting = self
            .slots
            .iter()
            .filter(|slot| slot.cursor.position().is_none() && !slot.cursor.is_asked());
        waiting.filter_map(|slot| slot.cursor.pausing_until()).min()
    }

    /// Whether the position asked for is still wanted.
    pub fn still_needed(&self, need: &Need) -> bool {
        need.assignment == self.assignment
            && self
                .slots
                .get(need.slot)
                .is_some_and(|slot| slot.cursor.awaits(need.mark))
    }

    /// The position was found. Says whether it still counts.
    pub fn begin_at(&mut self, need: &Need, offset: i64, now: Instant) -> bool {
        if need.assignment != self.assignment {
            return false;
        }
        let Some(slot) = self.slots.get_mut(need.slot) else {
            return false;
        };
        if !slot.cursor.answered(need.mark) {
            return false;
        }
        slot.cursor.jump(Some(offset), now);
        slot.origin = Origin::Stored;
        slot.delivered = offset;
        true
    }

    /// The position could not be found. Gives `cause` back, wrapped, when the back-off has no attempt left.
    pub fn not_found(
        &mut self,
        need: &Need,
        retry: RetryConfig,
        now: Instant,
        random: f64,
        cause: &Error,
    ) -> Option<Error> {
        if need.assignment != self.assignment {
            return None;
        }
        let slot = self.slots.get_mut(need.slot)?;
        if !slot.cursor.answered(need.mark) {
            return None;
        }
        fail(&mut slot.cursor, retry, now, random, cause)
    }

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
    pub fn prefer_replica(
        &mut self,
        ask: &Ask,
        node: i32,
        now: Instant,
        validity: std::time::Duration,
    ) -> bool {
        self.answered(ask)
            .is_some_and(|slot| slot.cursor.prefer(node, now, validity))
    }

    /// Whether a batch can be handed out.
    pub fn has_ready(&self) -> bool {
        !self.frozen && self.buffer.has_ready()
    }

    /// Hands out the next batch.
    pub fn take(&mut self) -> Option<HandedOut<B>> {
        if self.frozen {
            return None;
        }
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

    fn go_to(&mut self, index: usize, offset: i64, now: Instant) {
        self.buffer.discard(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.delivered = offset;
            slot.cursor.jump(Some(offset), now);
        }
    }

    /// Reads `partition` from `offset` on: at once, or once it is assigned, or once its handler has finished. The last
    /// seek wins.
    pub fn seek(&mut self, partition: TopicPartition, offset: i64, now: Instant) {
        let Some(index) = self.places.get(&partition).copied() else {
            self.seeks.insert(partition, offset);
            return;
        };
        self.buffer.discard(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.origin = Origin::Sought(offset);
            slot.cursor.jump(None, now);
        }
    }

    /// Pauses; what lies here of the partitions is dropped, and fetched again when they are resumed.
    pub fn pause(&mut self, targets: &[TopicPartitions], now: Instant) {
        self.subscription.pause(targets);
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get(index) else {
                continue;
            };
            if self.is_paused(index) && slot.cursor.position().is_some() && !self.buffer.is_empty(index) {
                self.go_to(index, slot.delivered, now);
            }
        }
    }

    /// Resumes.
    pub fn resume(&mut self, targets: &[TopicPartitions]) {
        self.subscription.resume(targets);
    }

    fn is_paused(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| {
            self.subscription
                .is_paused(&slot.partition.topic, slot.partition.partition)
        })
    }

    /// Numbers of the paused partitions.
    pub fn paused(&self) -> Vec<usize> {
        (0..self.slots.len())
            .filter(|index| self.is_paused(*index))
            .collect()
    }

    /// Partitions that are known to hold data, could take it, and got none for `limit`. They count anew from here.
    pub fn stalled(
        &mut self,
        limit: std::time::Duration,
        now: Instant,
    ) -> Vec<(TopicPartition, std::time::Duration)> {
        if self.frozen {
            return Vec::new();
        }
        let mut stalled = Vec::new();
        for index in 0..self.slots.len() {
            if self.is_paused(index) || !self.buffer.wants(index) || !self.buffer.is_empty(index) {
                continue;
            }
            let Some(slot) = self.slots.get_mut(index) else {
                continue;
            };
            if let Some(silent) = slot.cursor.stalled_for(now).filter(|silent| *silent >= limit) {
                slot.cursor.excuse(now);
                stalled.push((slot.partition.clone(), silent));
            }
        }
        stalled
    }
}

fn fail(cursor: &mut Cursor, retry: RetryConfig, now: Instant, random: f64, cause: &Error) -> Option<Error> {
    if cursor.fail(retry, now, random) {
        return None;
    }
    Some(
        cursor
            .failures()
            .map_or_else(|| cause.clone(), |backoff| backoff.exceeded(cause.clone())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MB: usize = 1024 * 1024;
    const RETRY: RetryConfig = RetryConfig {
        max_retry_time: 1000.0,
        initial_retry_time: 100.0,
        factor: 0.0,
        multiplier: 2.0,
        retries: 1.0,
    };

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn leader_1(_: &TopicPartition, preferred: Option<i32>) -> Option<(i32, i32)> {
        Some((preferred.unwrap_or(1), 0))
    }

    /// Partitions 0.. of topic t, all read from offset 0.
    fn assigned(count: i32, now: Instant) -> Partitions<&'static str> {
        let mut partitions = Partitions::new(64 * MB, MB);
        partitions.assign((0..count).map(tp).collect(), now);
        for need in partitions.needs(now) {
            assert!(partitions.begin_at(&need, 0, now));
        }
        partitions
    }

    fn asks(partitions: &mut Partitions<&'static str>, node: i32, now: Instant) -> Vec<Ask> {
        match partitions.plan(node, now, leader_1) {
            Plan::Fetch(asks) => asks,
            Plan::Wait(_) => Vec::new(),
        }
    }

    fn numbers(asks: &[Ask]) -> Vec<(i32, i64)> {
        let mut numbers: Vec<_> = asks
            .iter()
            .map(|ask| (ask.partition.partition, ask.offset))
            .collect();
        numbers.sort_unstable();
        numbers
    }

    fn topic(partitions: Option<Vec<i32>>) -> Vec<TopicPartitions> {
        vec![TopicPartitions {
            topic: "t".into(),
            partitions,
        }]
    }

    #[test]
    fn positions_are_found_before_anything_is_fetched() {
        let now = Instant::now();
        let mut partitions: Partitions<&str> = Partitions::new(64 * MB, MB);
        partitions.seek(tp(1), 7, now);
        partitions.assign(vec![tp(0), tp(1)], now);
        let needs = partitions.needs(now);
        let origins: Vec<_> = needs.iter().map(|need| need.origin).collect();
        assert_eq!(
            origins,
            [Origin::Stored, Origin::Sought(7)],
            "a seek waited for its partition"
        );
        assert!(partitions.needs(now).is_empty(), "looked for once");
        assert!(asks(&mut partitions, 1, now).is_empty());
        for need in &needs {
            partitions.begin_at(need, 5, now);
        }
        assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 5), (1, 5)]);
    }

    #[test]
    fn a_batch_goes_out_and_reading_goes_on_behind_it() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        assert!(asks(&mut partitions, 1, now).is_empty(), "one fetch at a time");
        assert!(partitions.put(&ask, "a", 10, 5, 9, now));
        let out = partitions.take().expect("ready");
        assert_eq!((out.slot, out.batch), (0, "a"));
        let ahead = asks(&mut partitions, 1, now).remove(0);
        assert_eq!(ahead.offset, 5, "reads ahead while the handler is busy");
        assert!(partitions.put(&ahead, "b", 10, 9, 9, now));
        assert!(
            partitions.take().is_none(),
            "a partition is handed out once at a time"
        );
        partitions.give_back(out.lease, None, false, now);
        assert_eq!(partitions.take().expect("ready").batch, "b");
    }

    #[test]
    fn what_was_not_handled_is_fetched_again() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.put(&ask, "a", 10, 5, 9, now);
        let out = partitions.take().expect("ready");
        let ahead = asks(&mut partitions, 1, now).remove(0);
        partitions.give_back(out.lease, Some(3), true, now);
        assert!(
            !partitions.put(&ahead, "b", 10, 9, 9, now),
            "an answer from before counts no more"
        );
        assert_eq!(asks(&mut partitions, 1, now)[0].offset, 3);
    }

    #[test]
    fn giving_back_at_the_end_of_the_batch_keeps_what_was_read_ahead() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.put(&ask, "a", 10, 5, 9, now);
        let out = partitions.take().expect("ready");
        let ahead = asks(&mut partitions, 1, now).remove(0);
        partitions.put(&ahead, "b", 10, 9, 9, now);
        partitions.give_back(out.lease, Some(5), false, now);
        assert_eq!(partitions.take().expect("ready").batch, "b");
    }

    #[test]
    fn a_seek_waits_for_the_handler_and_the_last_one_wins() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.put(&ask, "a", 10, 5, 9, now);
        let out = partitions.take().expect("ready");
        partitions.seek(tp(0), 100, now);
        partitions.seek(tp(0), 42, now);
        assert!(partitions.needs(now).is_empty());
        partitions.give_back(out.lease, Some(3), false, now);
        let needs = partitions.needs(now);
        assert_eq!(needs[0].origin, Origin::Sought(42));
        partitions.seek(tp(0), 43, now);
        assert!(!partitions.begin_at(&needs[0], 42, now), "a newer seek came");
        assert_eq!(partitions.needs(now)[0].origin, Origin::Sought(43));
    }

    #[test]
    fn pausing_drops_what_lies_here_and_resuming_fetches_it_again() {
        let now = Instant::now();
        let mut partitions = assigned(2, now);
        for ask in asks(&mut partitions, 1, now) {
            partitions.put(&ask, "x", 10, 5, 9, now);
        }
        let under_way = asks(&mut partitions, 1, now);
        partitions.pause(&topic(Some(vec![0])), now);
        assert_eq!(partitions.paused(), [0]);
        assert_eq!(partitions.take().map(|out| out.slot), Some(1));
        assert!(partitions.take().is_none());
        for ask in under_way.iter().filter(|ask| ask.partition.partition == 0) {
            assert!(!partitions.put(ask, "late", 10, 9, 9, now), "paused meanwhile");
        }
        assert!(asks(&mut partitions, 1, now).is_empty());
        partitions.resume(&topic(None));
        assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 0)]);
    }

    #[test]
    fn an_answer_for_a_paused_partition_is_fetched_again_later() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.pause(&topic(None), now);
        assert!(!partitions.put(&ask, "a", 10, 5, 9, now));
        partitions.resume(&topic(None));
        assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 0)]);
    }

    #[test]
    fn an_older_assignment_is_told_apart_and_its_handlers_keep_their_partition() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.put(&ask, "a", 10, 5, 9, now);
        let old = partitions.take().expect("ready");
        let late = asks(&mut partitions, 1, now).remove(0);
        partitions.freeze();
        assert!(partitions.take().is_none() && asks(&mut partitions, 1, now).is_empty());
        partitions.assign(vec![tp(1), tp(0)], now);
        assert!(!partitions.put(&late, "late", 10, 9, 9, now));
        for need in partitions.needs(now) {
            partitions.begin_at(&need, 5, now);
        }
        for ask in asks(&mut partitions, 1, now) {
            let name = if ask.partition.partition == 0 {
                "again"
            } else {
                "other"
            };
            assert!(partitions.put(&ask, name, 10, 9, 9, now));
        }
        assert_eq!(partitions.take().map(|out| out.batch), Some("other"));
        assert!(
            partitions.take().is_none(),
            "its handler is still busy with the older batch"
        );
        partitions.give_back(old.lease, Some(2), false, now);
        assert_eq!(
            partitions.take().map(|out| out.batch),
            Some("again"),
            "not where the old handler stopped"
        );
    }

    #[test]
    fn empty_answers_move_the_position() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.nothing(&ask, 40, 50, now);
        assert_eq!(asks(&mut partitions, 1, now)[0].offset, 40, "compacted away");
    }

    #[test]
    fn a_failing_partition_does_not_hold_up_the_others() {
        let now = Instant::now();
        let mut partitions = assigned(2, now);
        let both = asks(&mut partitions, 1, now);
        let (bad, good) = (&both[0], &both[1]);
        assert!(
            partitions
                .failed(bad, RETRY, now, 0.5, &Error::protocol(6))
                .is_none()
        );
        partitions.nothing(good, 0, 0, now);
        assert_eq!(
            numbers(&asks(&mut partitions, 1, now)),
            [(good.partition.partition, 0)]
        );
        assert!(matches!(partitions.plan(1, now, leader_1), Plan::Wait(Some(_))));
        let later = now + Duration::from_millis(100);
        let again = asks(&mut partitions, 1, later);
        let given_up = partitions
            .failed(&again[0], RETRY, later, 0.5, &Error::protocol(6))
            .expect("spent");
        assert_eq!(given_up.cause().and_then(Error::code), Some(6));
    }

    #[test]
    fn a_batch_larger_than_the_limits_is_asked_for_first() {
        let now = Instant::now();
        let mut partitions = assigned(3, now);
        let all = asks(&mut partitions, 1, now);
        for ask in &all {
            if ask.partition.partition == 2 {
                partitions.cut_off(ask)
            } else {
                partitions.nothing(ask, 0, 0, now)
            }
        }
        assert_eq!(asks(&mut partitions, 1, now)[0].partition.partition, 2);
    }

    #[test]
    fn out_of_range_means_a_reset_but_from_a_follower_it_means_the_leader() {
        let now = Instant::now();
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        assert!(partitions.prefer_replica(&ask, 2, now, Duration::from_secs(9)));
        assert!(
            asks(&mut partitions, 1, now).is_empty(),
            "the leader is asked no more"
        );
        let ask = asks(&mut partitions, 2, now).remove(0);
        assert!(!partitions.out_of_range(&ask, now));
        let ask = asks(&mut partitions, 1, now).remove(0);
        assert!(partitions.out_of_range(&ask, now));
        assert_eq!(partitions.needs(now)[0].origin, Origin::Default);
    }

    #[test]
    fn a_stall_is_noticed_once_per_interval() {
        let now = Instant::now();
        let limit = Duration::from_secs(30);
        let mut partitions = assigned(1, now);
        let ask = asks(&mut partitions, 1, now).remove(0);
        partitions.nothing(&ask, 0, 9, now);
        let never_answered = asks(&mut partitions, 1, now).remove(0);
        assert!(partitions.stalled(limit, now).is_empty());
        assert_eq!(partitions.stalled(limit, now + limit), [(tp(0), limit)]);
        assert!(partitions.stalled(limit, now + limit).is_empty());
        assert!(
            !partitions.put(&never_answered, "late", 1, 5, 9, now + limit),
            "asked for anew since"
        );
        assert_eq!(asks(&mut partitions, 1, now + limit).len(), 1);
    }

    #[test]
    fn who_comes_first_in_a_fetch_changes() {
        let now = Instant::now();
        let mut partitions = assigned(3, now);
        let mut firsts = Vec::new();
        for _ in 0..3 {
            let all = asks(&mut partitions, 1, now);
            firsts.push(all[0].partition.partition);
            for ask in &all {
                partitions.nothing(ask, 0, 0, now);
            }
        }
        assert_eq!(firsts, [0, 1, 2]);
    }
}
