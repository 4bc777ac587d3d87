//! What was fetched and not handed out yet: one queue per partition, bounded in bytes as a whole. Pure.
//!
//! Half of the bound is for what lies here, half for the answers on their way (see [`FetchBuffer::answer_limit`]), so
//! that both together stay within it; a broker may exceed that by one record batch per answer, which it sends whole.
//! Partitions take turns: one that comes back from a handler goes to the end of the line.

use std::collections::VecDeque;

/// Batches of one partition that lie here at most. More would only turn what the broker could gather into one answer
/// into many small ones.
const MAX_BATCHES: usize = 4;

/// Smallest answer worth asking for, bytes.
const MIN_ANSWER: usize = 64 * 1024;

#[derive(Debug)]
struct Queue<B> {
    batches: VecDeque<(B, usize)>,
    bytes: usize,
    handed_out: bool,
    in_line: bool,
    /// Its next batch comes before those of all other partitions.
    comes_first: bool,
}

impl<B> Default for Queue<B> {
    fn default() -> Self {
        Self {
            batches: VecDeque::new(),
            bytes: 0,
            handed_out: false,
            in_line: false,
            comes_first: false,
        }
    }
}

/// See the module text. Partitions are numbered from 0, as they were assigned.
#[derive(Debug)]
pub struct FetchBuffer<B> {
    limit: usize,
    partition_limit: usize,
    total: usize,
    queues: Vec<Queue<B>>,
    line: VecDeque<usize>,
}

impl<B> FetchBuffer<B> {
    /// Holds at most `limit` bytes, answers on their way included; reads ahead of a partition until `partition_limit`
    /// bytes of it lie here.
    pub fn new(limit: usize, partition_limit: usize) -> Self {
        Self {
            limit,
            partition_limit,
            total: 0,
            queues: Vec::new(),
            line: VecDeque::new(),
        }
    }

    /// Empties everything and makes room for `partitions` partitions.
    pub fn reset(&mut self, partitions: usize) {
        self.total = 0;
        self.line.clear();
        self.queues = std::iter::repeat_with(Queue::default).take(partitions).collect();
    }

    /// Bytes that lie here.
    pub fn bytes(&self) -> usize {
        self.total
    }

    /// Whether more of `partition` may be fetched.
    pub fn wants(&self, partition: usize) -> bool {
        let Some(queue) = self.queues.get(partition) else {
            return false;
        };
        (self.total < self.bound(queue.handed_out) || self.total == 0) && !self.is_full(queue)
    }

    /// Bytes that may lie here while more of a partition is fetched. Reading ahead for a slow handler must leave room for
    /// partitions that wait for nothing but data.
    fn bound(&self, handed_out: bool) -> usize {
        let threshold = self.limit / 2;
        if handed_out { threshold / 2 } else { threshold }
    }

    /// Whether enough of a partition lies here, whatever there is of others.
    fn is_full(&self, queue: &Queue<B>) -> bool {
        queue.bytes >= self.partition_limit || queue.batches.len() >= MAX_BATCHES
    }

    /// Whether the next batch that is handed out lets more be fetched: only then may a partition be unwanted now.
    pub fn take_makes_room(&self) -> bool {
        let queue = self.line.front().and_then(|next| self.queues.get(*next));
        self.total >= self.bound(true) || queue.is_some_and(|queue| self.is_full(queue))
    }

    /// Bytes one answer may have when `connections` may be answered at the same time.
    pub fn answer_limit(&self, connections: usize) -> usize {
        (self.limit / 2 / connections.max(1)).max(MIN_ANSWER)
    }

    /// Puts a batch of `bytes` bytes to the others of its partition.
    pub fn push(&mut self, partition: usize, batch: B, bytes: usize) {
        let Some(queue) = self.queues.get_mut(partition) else {
            return;
        };
        queue.batches.push_back((batch, bytes));
        queue.bytes += bytes;
        self.total += bytes;
        self.line_up(partition);
    }

    fn line_up(&mut self, partition: usize) {
        let Some(queue) = self.queues.get_mut(partition) else {
            return;
        };
        if queue.in_line || queue.handed_out || queue.batches.is_empty() {
            return;
        }
        queue.in_line = true;
        if std::mem::take(&mut queue.comes_first) {
            self.line.push_front(partition);
        } else {
            self.line.push_back(partition);
        }
    }

    /// Whether a batch can be handed out.
    pub fn has_ready(&self) -> bool {
        !self.line.is_empty()
    }

    /// Hands out the next batch; its partition gives no other until [`FetchBuffer::give_back`].
    pub fn take(&mut self) -> Option<(usize, B)> {
        let partition = self.line.pop_front()?;
        let queue = self.queues.get_mut(partition)?;
        queue.in_line = false;
        let (batch, bytes) = queue.batches.pop_front()?;
        queue.bytes -= bytes;
        queue.handed_out = true;
        self.total -= bytes;
        Some((partition, batch))
    }

    /// Whether a batch of `partition` is handed out.
    pub fn is_handed_out(&self, partition: usize) -> bool {
        self.queues.get(partition).is_some_and(|queue| queue.handed_out)
    }

    /// Somebody works on `partition` already, from before it was assigned (again).
    pub fn mark_handed_out(&mut self, partition: usize) {
        self.discard(partition);
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.handed_out = true;
        }
    }

    /// The batch that was handed out is done with. `first`: what follows it comes before all other partitions.
    pub fn give_back(&mut self, partition: usize, first: bool) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.handed_out = false;
            queue.comes_first = first;
        }
        self.line_up(partition);
    }

    /// Drops what lies here of `partition`.
    pub fn discard(&mut self, partition: usize) {
        let Some(queue) = self.queues.get_mut(partition) else {
            return;
        };
        self.total -= queue.bytes;
        queue.bytes = 0;
        queue.batches.clear();
        if queue.in_line {
            queue.in_line = false;
            self.line.retain(|other| *other != partition);
        }
    }

    /// Whether anything of `partition` lies here.
    pub fn is_empty(&self, partition: usize) -> bool {
        self.queues
            .get(partition)
            .is_none_or(|queue| queue.batches.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1024 * 1024;

    fn buffer(partitions: usize) -> FetchBuffer<&'static str> {
        let mut buffer = FetchBuffer::new(8 * MB, MB);
        buffer.reset(partitions);
        buffer
    }

    #[test]
    fn a_partition_is_handed_out_once_at_a_time_and_in_order() {
        let mut buffer = buffer(1);
        buffer.push(0, "a", 10);
        buffer.push(0, "b", 20);
        assert_eq!(buffer.take(), Some((0, "a")));
        assert_eq!((buffer.take(), buffer.bytes()), (None, 20));
        buffer.give_back(0, false);
        assert_eq!(buffer.take(), Some((0, "b")));
        buffer.give_back(0, false);
        assert!(!buffer.has_ready());
    }

    #[test]
    fn partitions_take_turns() {
        let mut buffer = buffer(2);
        for name in ["a1", "a2"] {
            buffer.push(0, name, 1);
        }
        buffer.push(1, "b1", 1);
        assert_eq!(buffer.take(), Some((0, "a1")));
        buffer.give_back(0, false);
        assert_eq!(buffer.take(), Some((1, "b1")));
        assert_eq!(buffer.take(), Some((0, "a2")));
    }

    #[test]
    fn a_partition_whose_handler_failed_comes_first() {
        let mut buffer = buffer(2);
        for name in ["a1", "a2"] {
            buffer.push(0, name, 1);
        }
        buffer.push(1, "b1", 1);
        assert_eq!(buffer.take(), Some((0, "a1")));
        buffer.give_back(0, true);
        assert_eq!(buffer.take(), Some((0, "a2")));
    }

    #[test]
    fn it_comes_first_even_if_its_batch_has_to_be_fetched_again() {
        let mut buffer = buffer(2);
        buffer.push(0, "a1", 1);
        buffer.push(1, "b1", 1);
        assert_eq!(buffer.take(), Some((0, "a1")));
        buffer.discard(0);
        buffer.give_back(0, true);
        buffer.push(0, "a1 again", 1);
        assert_eq!(buffer.take(), Some((0, "a1 again")));
    }

    #[test]
    fn reading_ahead_is_bounded_per_partition_and_as_a_whole() {
        let mut buffer = buffer(6);
        assert!(buffer.wants(0));
        buffer.push(0, "a", MB);
        assert!(!buffer.wants(0) && buffer.wants(1));
        for partition in 1..4 {
            buffer.push(partition, "x", MB);
        }
        assert!(!buffer.wants(5), "half of the limit lies here");
        buffer.take();
        assert!(buffer.wants(5));
    }

    #[test]
    fn whoever_is_not_wanted_before_a_batch_is_taken_and_is_wanted_after_it_can_be_told() {
        for (limit, partition_limit) in [(8 * MB, MB), (4 * MB, 4 * MB), (0, 1), (MB, 0), (3, 2)] {
            let mut random = 1_u32;
            let mut next = |below: usize| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                usize::try_from(random >> 8).expect("it fits") % below
            };
            let mut buffer = FetchBuffer::new(limit, partition_limit);
            buffer.reset(5);
            for _ in 0..20_000 {
                let partition = next(5);
                match next(4) {
                    0 | 1 if buffer.wants(partition) => {
                        let bytes = [1, 1000, MB / 3, MB][next(4)];
                        buffer.push(partition, "batch", bytes);
                    }
                    2 => buffer.give_back(partition, false),
                    _ => {
                        let before: Vec<bool> = (0..5).map(|each| buffer.wants(each)).collect();
                        let makes_room = buffer.take_makes_room();
                        buffer.take();
                        let is_newly_wanted = (0..5).any(|each| buffer.wants(each) && !before[each]);
                        assert!(makes_room || !is_newly_wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn slow_handlers_leave_room_for_the_others() {
        let mut buffer = buffer(4);
        buffer.push(0, "a", 10);
        buffer.take();
        assert!(buffer.wants(0), "reads ahead");
        for partition in [1, 2] {
            buffer.push(partition, "x", MB);
        }
        assert!(!buffer.wants(0), "a quarter of the limit is taken");
        assert!(buffer.wants(3));
    }

    #[test]
    fn many_small_batches_are_left_with_the_broker() {
        let mut buffer = buffer(1);
        for _ in 0..MAX_BATCHES {
            assert!(buffer.wants(0));
            buffer.push(0, "x", 1);
        }
        assert!(!buffer.wants(0));
    }

    #[test]
    fn a_limit_below_one_batch_still_lets_one_through() {
        let mut buffer = FetchBuffer::new(1, MB);
        buffer.reset(2);
        assert!(buffer.wants(0));
        buffer.push(0, "a", 500);
        assert!(!buffer.wants(1));
        buffer.take();
        assert!(buffer.wants(1));
        assert_eq!(buffer.answer_limit(10), MIN_ANSWER);
    }

    #[test]
    fn discarding_leaves_nothing_behind() {
        let mut buffer = buffer(2);
        buffer.push(0, "a", 10);
        buffer.push(1, "b", 20);
        buffer.discard(0);
        assert_eq!((buffer.bytes(), buffer.is_empty(0)), (20, true));
        assert_eq!(buffer.take(), Some((1, "b")));
        assert_eq!(buffer.take(), None);
    }

    #[test]
    fn what_an_older_assignment_still_works_on_is_not_handed_out_again() {
        let mut buffer = buffer(1);
        buffer.mark_handed_out(0);
        buffer.push(0, "a", 10);
        assert_eq!(buffer.take(), None);
        buffer.give_back(0, false);
        assert_eq!(buffer.take(), Some((0, "a")));
    }
}
