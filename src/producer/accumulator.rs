//! Records that wait for a request: a queue of batches per partition. Pure.
//!
//! A partition has a bounded number of batches in flight (one, unless sequence numbers keep the order), so what is
//! appended meanwhile gathers into the next batch, and a batch that comes back goes to the front: order is kept
//! without asking the caller to wait.

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
    max_in_flight: usize,
    // The partition a drain begins with: the one after where the last drain stopped, so that none starves.
    next: Option<Slot>,
}

impl Accumulator {
    /// `batch_size` bytes a batch may grow to; `linger` is how long a batch waits for company; `max_in_flight` batches
    /// of one partition may be under way at once.
    pub fn new(batch_size: usize, linger: Duration, max_in_flight: usize) -> Self {
        Self {
            queues: HashMap::new(),
            waiting: BTreeSet::new(),
            batch_size,
            linger,
            flushing: false,
            max_in_flight: max_in_flight.max(1),
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
        let was_empty = queue.waiting.is_empty();
        match queue.waiting.back_mut() {
            Some(last) if last.accepts(&key, &chunk, self.batch_size) => last.push(chunk),
            _ => queue.waiting.push_back(Batch::new(slot, key, chunk, now)),
        }
        if was_empty {
            self.waiting.insert(slot);
        }
        // A batch that lingers is over with it when it is full or has a successor.
        was_empty || !self.linger.is_zero()
    }

    /// Takes the batches that may leave now for partitions that `leads` picks: at most one per partition, and about
    /// `max_bytes` together. They count as in flight until [`Accumulator::ended`] or [`Accumulator::requeue`].
    pub fn drain(&mut self, leads: impl Fn(Slot) -> bool, max_bytes: usize, now: Instant) -> Vec<Batch> {
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
            if !leads(slot) {
                continue;
            }
            let (linger, batch_size, max_in_flight) = (self.linger(), self.batch_size, self.max_in_flight);
            let Some(queue) = self.queues.get_mut(&slot) else {
                continue;
            };
            if queue.in_flight >= max_in_flight
                || ready_at(queue, linger, batch_size).is_none_or(|at| at > now)
            {
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
            .filter(|queue| queue.in_flight < self.max_in_flight)
            .filter_map(|queue| ready_at(queue, self.linger(), self.batch_size))
            .filter(|at| *at > now)
            .min()
    }

    /// A batch that was taken has come to its end, one way or the other.
    pub fn ended(&mut self, slot: Slot) {
        if let Some(queue) = self.queues.get_mut(&slot) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
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
        let behind = |other: &Batch| match (other.sequence, batch.sequence) {
            (Some(other), Some(ours)) => other.epoch == ours.epoch && other.base.wrapping_sub(ours.base) < 0,
            _ => false,
        };
        let at = queue.waiting.iter().take_while(|other| behind(other)).count();
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

    /// Partitions with something waiting.
    pub fn waiting(&self) -> impl Iterator<Item = Slot> + '_ {
        self.waiting.iter().copied()
    }

    /// Whether nothing waits and nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.queues.values().all(|queue| queue.in_flight == 0)
    }

    /// Batches in flight.
    pub fn in_flight(&self) -> usize {
        self.queues.values().map(|queue| queue.in_flight).sum()
    }
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
            views: Vec::new(),
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
        Accumulator::new(100, Duration::ZERO, 1)
    }

    #[test]
    fn the_first_leaves_alone_and_what_comes_meanwhile_leaves_together() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        assert_eq!(ids(&accumulator.drain(|_| true, 1000, now)), [[1]]);
        accumulator.append(slot(0), KEY, chunk(2, 10), now);
        accumulator.append(slot(0), KEY, chunk(3, 10), now);
        assert!(accumulator.drain(|_| true, 1000, now).is_empty(), "one in flight");
        accumulator.ended(slot(0));
        assert_eq!(ids(&accumulator.drain(|_| true, 1000, now)), [[2, 3]]);
    }

    #[test]
    fn calls_that_differ_or_do_not_fit_make_batches_of_their_own() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 60), now);
        accumulator.append(slot(0), KEY, chunk(2, 60), now);
        accumulator.append(slot(0), BatchKey { acks: 1, ..KEY }, chunk(3, 1), now);
        for expected in [1, 2, 3] {
            assert_eq!(ids(&accumulator.drain(|_| true, 1000, now)), [[expected]]);
            accumulator.ended(slot(0));
        }
    }

    #[test]
    fn a_batch_that_comes_back_goes_first_and_takes_no_company() {
        let now = Instant::now();
        let mut accumulator = accumulator();
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        let mut batch = accumulator.drain(|_| true, 1000, now).remove(0);
        accumulator.append(slot(0), KEY, chunk(2, 10), now);
        let later = now + Duration::from_millis(300);
        batch.not_before = Some(later);
        accumulator.requeue(batch);
        assert!(
            accumulator.drain(|_| true, 1000, now).is_empty(),
            "waits, and holds back its successor"
        );
        assert_eq!(accumulator.next_ready(|_| true, now), Some(later));
        assert_eq!(ids(&accumulator.drain(|_| true, 1000, later)), [[1]]);
    }

    #[test]
    fn batches_that_come_back_out_of_order_are_put_in_order_of_their_sequences() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(10, Duration::ZERO, 5);
        let mut taken = Vec::new();
        for id in 0..3 {
            accumulator.append(slot(0), KEY, chunk(id, 10), now);
            let mut batch = accumulator.drain(|_| true, 1000, now).remove(0);
            // Across the wrap of the sequence space.
            let base = i32::MAX.wrapping_add(i32::try_from(id).unwrap());
            batch.sequence = Some(Sequence {
                producer_id: 1,
                epoch: 0,
                base,
            });
            taken.push(batch);
        }
        taken.swap(0, 2);
        taken.into_iter().for_each(|batch| accumulator.requeue(batch));
        let order: Vec<_> = (0..3)
            .flat_map(|_| ids(&accumulator.drain(|_| true, 1000, now)))
            .flatten()
            .collect();
        assert_eq!(order, [0, 1, 2]);
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
            ids(&accumulator.drain(|slot| slot.partition != 1, 100, now)),
            [[0], [2]]
        );
        assert_eq!(ids(&accumulator.drain(|_| true, 100, now)), [[3], [1]]);
    }

    #[test]
    fn nothing_lingers_while_flushing() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(100, Duration::from_secs(5), 1);
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        accumulator.set_flushing(true);
        assert_eq!(accumulator.next_ready(|_| true, now), None);
        assert_eq!(ids(&accumulator.drain(|_| true, 1000, now)), [[1]]);
    }

    #[test]
    fn linger_waits_for_company_unless_the_batch_is_full() {
        let now = Instant::now();
        let mut accumulator = Accumulator::new(100, Duration::from_millis(5), 1);
        accumulator.append(slot(0), KEY, chunk(1, 10), now);
        assert!(accumulator.drain(|_| true, 1000, now).is_empty());
        assert_eq!(
            accumulator.next_ready(|_| true, now),
            Some(now + Duration::from_millis(5))
        );
        accumulator.append(slot(0), KEY, chunk(2, 90), now);
        assert_eq!(ids(&accumulator.drain(|_| true, 1000, now)), [[1, 2]]);
    }
}
