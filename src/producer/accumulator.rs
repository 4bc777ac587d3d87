//! Records that wait for a request: a queue of batches per partition. Pure.
//!
//! A partition has one batch in flight, so what is appended meanwhile gathers into the next one, and a batch that comes
//! back goes to the front: order is kept without asking the caller to wait. Where sequence numbers keep the order, more
//! may be in flight, but only full ones: a batch that could still grow gains more by waiting than by leaving.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{Batch, BatchKey, Chunk, Slot};

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Batch>,
    in_flight: usize,
}

/// See the module text.
#[derive(Debug)]
pub struct Accumulator {
    queues: HashMap<Slot, Queue>,
    // Partitions with something waiting, so that a drain does not visit every partition ever produced to.
    waiting: BTreeSet<Slot>,
    batch_size: usize,
    linger: Duration,
    flushing: bool,
    in_flight: usize,
    // The partition a drain begins with: the one after where the last drain stopped, so that none starves.
    next: Option<Slot>,
}

impl Accumulator {
    /// `batch_size` bytes a batch may grow to; `linger` is how long a batch waits for company.
    pub fn new(batch_size: usize, linger: Duration) -> Self {
        Self {
            queues: HashMap::new(),
            waiting: BTreeSet::new(),
            batch_size,
            linger,
            flushing: false,
            in_flight: 0,
            next: None,
        }
    }

    /// While flushing, nothing waits for company.
    pub fn set_flushing(&mut self, flushing: bool) {
        self.flushing = flushing;
    }

    fn linger(&self) -> Duration {
        if self.flushing {
            Duration::ZERO
        } else {
            self.linger
        }
    }

    /// Adds the records of one call for one partition. Says whether the sender has to be told: it knows of a partition
    /// that had something waiting before, and comes back to it by itself.
    pub fn append(&mut self, slot: Slot, key: BatchKey, chunk: Chunk, now: Instant) -> bool {
        let queue = self.queues.entry(slot).or_default();
        let (was_empty, count) = (queue.waiting.is_empty(), queue.waiting.len());
        let was_full = queue.waiting.back().map(|last| last.bytes >= self.batch_size);
        match queue.waiting.back_mut() {
            Some(last) if last.accepts(&key, &chunk, self.batch_size) => last.push(chunk),
            _ => queue.waiting.push_back(Batch::new(slot, key, chunk, now)),
        }
        if was_empty {
            self.waiting.insert(slot);
        }
        // A batch that lingers, or waits behind one in flight, may be over with it when it is full or has a successor.
        let is_full = queue.waiting.back().map(|last| last.bytes >= self.batch_size);
        let has_grown_up = queue.waiting.len() > count || is_full != was_full;
        was_empty || has_grown_up || !self.linger.is_zero()
    }

    /// Takes the batches that may leave now: at most one per partition, and about `max_bytes` together. `allowance` says
    /// how many of a partition may be in flight; 0 leaves it alone. They count as in flight until
    /// [`Accumulator::ended`] or [`Accumulator::requeue`].
    pub fn drain(&mut self, allowance: impl Fn(Slot) -> usize, max_bytes: usize, now: Instant) -> Vec<Batch> {
        let order: Vec<Slot> = match self.next {
            Some(next) => self
                .waiting
                .range(next..)
                .chain(self.waiting.range(..next))
                .copied()
                .collect(),
            None => self.waiting.iter().copied().collect(),
        };
        let mut taken: Vec<Batch> = Vec::new();
        let mut bytes = 0;
        for slot in order {
            let allowed = allowance(slot);
            if allowed == 0 {
                continue;
            }
            let (linger, batch_size) = (self.linger(), self.batch_size);
            let Some(queue) = self.queues.get_mut(&slot) else {
                continue;
            };
            let has_room = queue.in_flight == 0 || queue.in_flight < allowed && may_follow(queue, batch_size);
            if !has_room || ready_at(queue, linger, batch_size).is_none_or(|at| at > now) {
                continue;
            }
            let Some(size) = queue.waiting.front().map(|batch| batch.bytes) else {
                continue;
            };
            if !taken.is_empty() && bytes + size > max_bytes {
                self.next = Some(slot);
                break;
            }
            if let Some(batch) = queue.waiting.pop_front() {
                queue.in_flight += 1;
                self.in_flight += 1;
                bytes += size;
                taken.push(batch);
            }
            if queue.waiting.is_empty() {
                self.waiting.remove(&slot);
            }
        }
        taken
    }

    /// When, after `now`, the next batch of those partitions may leave, if time alone stands in its way.
    pub fn next_ready(&self, leads: impl Fn(Slot) -> bool, now: Instant) -> Option<Instant> {
        self.waiting
            .iter()
            .filter(|slot| leads(**slot))
            .filter_map(|slot| self.queues.get(slot))
            .filter(|queue| queue.in_flight == 0)
            .filter_map(|queue| ready_at(queue, self.linger(), self.batch_size))
            .filter(|at| *at > now)
            .min()
    }

    /// A batch that was taken has come to its end, one way or the other.
    pub fn ended(&mut self, slot: Slot) {
        if let Some(queue) = self.queues.get_mut(&slot)
            && queue.in_flight > 0
        {
            queue.in_flight -= 1;
            self.in_flight -= 1;
        }
    }

    /// A batch that was taken comes back, ahead of what was appended since. Of several that come back, sequence numbers
    /// say which was first.
    pub fn requeue(&mut self, batch: Batch) {
        self.ended(batch.slot);
        self.put_back(batch);
    }

    /// As [`Accumulator::requeue`], for a batch that does not count as in flight.
    pub fn put_back(&mut self, batch: Batch) {
        let slot = batch.slot;
        let queue = self.queues.entry(slot).or_default();
        let at = queue
            .waiting
            .iter()
            .take_while(|other| other.precedes(&batch))
            .count();
        queue.waiting.insert(at, batch);
        self.waiting.insert(slot);
    }

    /// Takes the first waiting batch of a partition; it does not count as in flight.
    pub fn take_first(&mut self, slot: Slot) -> Option<Batch> {
        let queue = self.queues.get_mut(&slot)?;
        let batch = queue.waiting.pop_front();
        if queue.waiting.is_empty() {
            self.waiting.remove(&slot);
        }
        batch
    }

    /// Takes their numbers from the batches that wait for a partition, so that they get new ones when they leave. Says
    /// whether that was possible: the broker must not have any of them.
    pub fn unnumber(&mut self, slot: Slot) -> bool {
        let Some(queue) = self.queues.get_mut(&slot) else {
            return true;
        };
        let numbered = || queue.waiting.iter().filter(|batch| batch.sequence.is_some());
        if numbered().any(|batch| batch.uncertain) {
            return false;
        }
        queue.waiting.iter_mut().for_each(|batch| batch.sequence = None);
        true
    }

    /// Whether the broker may refuse a batch that was taken because of others of its partition: some are in flight, too,
    /// or one with earlier numbers has come back.
    pub fn is_preceded(&self, batch: &Batch) -> bool {
        self.queues.get(&batch.slot).is_some_and(|queue| {
            queue.in_flight > 1 || queue.waiting.iter().any(|other| other.precedes(batch))
        })
    }

    /// Batches of a partition in flight.
    pub fn in_flight_of(&self, slot: Slot) -> usize {
        self.queues.get(&slot).map_or(0, |queue| queue.in_flight)
    }

    /// Removes the batches that wait for partitions that `picked` picks, first ones first.
    pub fn remove(&mut self, picked: impl Fn(&Batch) -> bool) -> Vec<Batch> {
        let mut removed = Vec::new();
        for slot in self.waiting.clone() {
            let Some(queue) = self.queues.get_mut(&slot) else {
                continue;
            };
            let (gone, kept): (VecDeque<_>, VecDeque<_>) =
                queue.waiting.drain(..).partition(|batch| picked(batch));
            removed.extend(gone);
            queue.waiting = kept;
            if queue.waiting.is_empty() {
                self.waiting.remove(&slot);
            }
        }
        removed
    }

    /// Whether something waits for a partition.
    pub fn waits(&self, slot: Slot) -> bool {
        self.waiting.contains(&slot)
    }

    /// Partitions with something waiting.
    pub fn waiting(&self) -> impl Iterator<Item = Slot> + '_ {
        self.waiting.iter().copied()
    }

    /// Whether nothing waits and nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight == 0
    }

    /// Batches in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}

/// Whether the first batch of a queue may leave behind one in flight: it is full, and new. One that came back waits until
/// nothing else is under way, so that its turn cannot be taken by what was numbered after it.
fn may_follow(queue: &Queue, batch_size: usize) -> bool {
    queue.waiting.front().is_some_and(|batch| {
        batch.sequence.is_none() && (batch.bytes >= batch_size || queue.waiting.len() > 1)
    })
}

/// When the first batch of a queue may leave. A full batch, or one with a successor, does not linger.
fn ready_at(queue: &Queue, linger: Duration, batch_size: usize) -> Option<Instant> {
    let batch = queue.waiting.front()?;
    if let Some(at) = batch.not_before {
        return Some(at);
    }
    let full = batch.bytes >= batch_size || queue.waiting.len() > 1 || batch.sequence.is_some();
    Some(if full {
        batch.created_at
    } else {
        batch.created_at + linger
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::batch::Sequence;
    use crate::producer::call::{Call, tests::Sink};
    use crate::protocol::compression::Codec;
    use crate::protocol::records::PackedRecords;
    use bytes::Bytes;
    use std::sync::Arc;

    const KEY: BatchKey = BatchKey {
        acks: -1,
        timeout_ms: 30_000,
        codec: Codec::None,
        registered_codec: false,
        level: None,
        transactional: false,
    };

    fn slot(partition: i32) -> Slot {
        Slot { topic: 0, partition }
    }

    fn chunk(id: u32, bytes: usize) -> Chunk {
        Chunk {
            records: Arc::new(PackedRecords {
                data: Bytes::new(),
                table: Vec::new(),
            }),
            views: smallvec::SmallVec::new(),
            bytes,
            call: Call::new(id, 1, bytes, Arc::new(Sink::default())),
            topic_in_call: id,
        }
    }

    fn ids(batches: &[Batch]) -> Vec<Vec<u32>> {
        batches
            .iter()
            .map(|batch| batch.chunks.iter().map(|chunk| chunk.topic_in_call).collect())
            .collect()
    }

    fn accumulator() -> Accumulator {
        Accumulator::new(100, Duration::ZERO)
    }

    #[test]
    fn the_first_leaves_alone_and_what_comes_meanwhile_leaves_together() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        assert_eq!(ids(&accumulator.drain(|_| 1, 1000, now)), [[1]]);
        accumulator.append(slot(0), KEY, chunk(2, 10), now);
        accumulator.append(slot(0), KEY, chunk(3, 10), now);
        assert!(accumulator.drain(|_| 1, 1000, now).is_empty(), "one in flight");
        accumulator.ended(slot(0));
        assert_eq!(ids(&accumulator.drain(|_| 1, 1000, now)), [[2, 3]]);
    }

    #[test]
    fn calls_that_differ_or_do_not_fit_make_batches_of_their_own() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 60), now);
        accumulator.append(slot(0), KEY, chunk(2, 60), now);
        accumulator.append(slot(0), BatchKey { acks: 1, ..KEY }, chunk(3, 1), now);
        for expected in [1, 2, 3] {
            assert_eq!(ids(&accumulator.drain(|_| 1, 1000, now)), [[expected]]);
            accumulator.ended(slot(0));
        }
    }

    #[test]
    fn a_batch_that_comes_back_goes_first_and_takes_no_company() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        let mut batch = accumulator.drain(|_| 1, 1000, now).remove(0);
        accumulator.append(slot(0), KEY, chunk(2, 10), now);
        let later = now + Duration::from_millis(300);
        batch.not_before = Some(later);
        accumulator.requeue(batch);
        assert!(
            accumulator.drain(|_| 1, 1000, now).is_empty(),
            "waits, and holds back its successor"
        );
        assert_eq!(accumulator.next_ready(|_| true, now), Some(later));
        assert_eq!(ids(&accumulator.drain(|_| 1, 1000, later)), [[1]]);
    }

    #[test]
    fn batches_that_come_back_out_of_order_are_put_in_order_of_their_sequences() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(10, Duration::ZERO);
        let mut taken = Vec::new();
        for id in 0..3 {
            accumulator.append(slot(0), KEY, chunk(id, 10), now);
            let mut batch = accumulator.drain(|_| 3, 1000, now).remove(0);
            // Across the wrap of the sequence space.
            batch.sequence = Some(numbered([i32::MAX, 0, 1][id as usize]));
            taken.push(batch);
        }
        taken.swap(0, 2);
        taken.into_iter().for_each(|batch| accumulator.requeue(batch));
        let order: Vec<_> = (0..3)
            .flat_map(|_| {
                let taken = ids(&accumulator.drain(|_| 1, 1000, now));
                accumulator.ended(slot(0));
                taken
            })
            .flatten()
            .collect();
        assert_eq!(order, [0, 1, 2]);
    }

    fn numbered(base: i32) -> Sequence {
        Sequence {
            producer_id: 1,
            epoch: 0,
            base,
        }
    }

    #[test]
    fn full_batches_may_follow_one_in_flight_and_the_last_one_gathers() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        for id in 0..5 {
            accumulator.append(slot(0), KEY, chunk(id, 60), now);
        }
        let mut take = |allowed| ids(&accumulator.drain(|_| allowed, 1000, now));
        assert_eq!(take(1), [[0]]);
        assert!(take(1).is_empty());
        assert_eq!(take(3), [[1]]);
        assert_eq!(take(3), [[2]]);
        assert!(take(3).is_empty(), "three are in flight");
        assert_eq!(take(5), [[3]]);
        assert!(take(5).is_empty(), "there is room in it, and nothing behind it");
        assert_eq!(accumulator.in_flight_of(slot(0)), 4);
    }

    #[test]
    fn the_sender_is_told_of_a_first_batch_of_a_full_one_and_of_a_successor() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        let told: Vec<bool> = [60, 20, 20, 10, 10]
            .into_iter()
            .zip(0..)
            .map(|(bytes, id)| accumulator.append(slot(0), KEY, chunk(id, bytes), now))
            .collect();
        assert_eq!(told, [true, false, true, true, false]);
    }

    #[test]
    fn a_batch_that_came_back_waits_until_nothing_else_is_in_flight() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        for id in 0..4 {
            accumulator.append(slot(0), KEY, chunk(id, 100), now);
        }
        let mut taken: Vec<Batch> = Vec::new();
        for base in 0..3 {
            let mut batch = accumulator.drain(|_| 5, 1000, now).remove(0);
            batch.sequence = Some(numbered(base));
            taken.push(batch);
        }
        let [first, second, third] = <[Batch; 3]>::try_from(taken).unwrap();
        assert!(accumulator.is_preceded(&third), "others are in flight");
        accumulator.requeue(third);
        accumulator.requeue(first);
        assert!(accumulator.is_preceded(&second), "the first one waits");
        assert!(
            accumulator.drain(|_| 5, 1000, now).is_empty(),
            "the second is in flight"
        );
        accumulator.ended(slot(0));
        assert_eq!(ids(&accumulator.drain(|_| 5, 1000, now)), [[0]]);
        assert!(
            accumulator.drain(|_| 5, 1000, now).is_empty(),
            "so it goes on, one by one"
        );
    }

    #[test]
    fn a_request_takes_one_batch_per_partition_until_it_is_full_and_goes_on_there() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        for partition in 0..4 {
            accumulator.append(
                slot(partition),
                KEY,
                chunk(u32::try_from(partition).unwrap(), 50),
                now,
            );
        }
        assert_eq!(
            ids(&accumulator.drain(|slot| usize::from(slot.partition != 1), 100, now)),
            [[0], [2]]
        );
        assert_eq!(ids(&accumulator.drain(|_| 1, 100, now)), [[3], [1]]);
    }

    #[test]
    fn nothing_lingers_while_flushing() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(100, Duration::from_secs(5));
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        accumulator.set_flushing(true);
        assert_eq!(accumulator.next_ready(|_| true, now), None);
        assert_eq!(ids(&accumulator.drain(|_| 1, 1000, now)), [[1]]);
    }

    #[test]
    fn linger_waits_for_company_unless_the_batch_is_full() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(100, Duration::from_millis(5));
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        assert!(accumulator.drain(|_| 1, 1000, now).is_empty());
        assert_eq!(
            accumulator.next_ready(|_| true, now),
            Some(now + Duration::from_millis(5))
        );
        accumulator.append(slot(0), KEY, chunk(2, 90), now);
        assert_eq!(ids(&accumulator.drain(|_| 1, 1000, now)), [[1, 2]]);
    }
}
