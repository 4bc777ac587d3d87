//! Where reading of one partition stands. Pure.
//!
//! A cursor is asked for by one fetch at a time. When the position jumps (a seek, a handler that gave messages back, an
//! offset out of range) the fetch under way is void: its answer carries a [`Mark`] nobody waits for and is dropped.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::retry::Backoff;
use crate::config::RetryConfig;

/// What records are believed to grow to when they are decompressed, before any have come: a first answer of full size
/// could be large enough to fill the memory that all partitions share.
const EXPECTED_EXPANSION: usize = 8;

/// Ties an answer to its fetch; each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u32);

#[derive(Debug, Clone, Copy)]
struct Replica {
    node: i32,
    until: Instant,
}

/// See the module text.
#[derive(Debug)]
pub struct Cursor {
    position: Option<i64>,
    asks: u32,
    asked: Option<Mark>,
    end: Option<i64>,
    replica: Option<Replica>,
    quiet_until: Option<Instant>,
    failures: Option<Backoff>,
    needs_first_place: bool,
    advanced_at: Instant,
    /// How much larger records are here than on the wire.
    expansion: usize,
}

impl Cursor {
    /// A position that is not known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            position: None,
            asks: 0,
            asked: None,
            end: None,
            replica: None,
            quiet_until: None,
            failures: None,
            needs_first_place: false,
            advanced_at: now,
            expansion: EXPECTED_EXPANSION,
        }
    }

    /// Next offset to fetch, once known.
    pub fn position(&self) -> Option<i64> {
        self.position
    }

    /// Goes to `position`; whatever is under way is void. `None` makes the position unknown.
    pub fn jump(&mut self, position: Option<i64>, now: Instant) {
        self.position = position;
        self.asked = None;
        self.quiet_until = None;
        self.failures = None;
        self.needs_first_place = false;
        self.advanced_at = now;
    }

    /// Whether a fetch may ask for it: the position is known, nobody has asked, and no failure has to be waited out.
    pub fn may_ask(&self, now: Instant) -> bool {
        self.position.is_some() && !self.is_asked() && self.quiet_until.is_none_or(|until| until <= now)
    }

    /// When it may be asked for again, if a failure is being waited out.
    pub fn quiet_until(&self) -> Option<Instant> {
        self.quiet_until
            .filter(|_| self.position.is_some() && !self.is_asked())
    }

    /// When a failure has been waited out, whether or not the position is known.
    pub fn pausing_until(&self) -> Option<Instant> {
        self.quiet_until
    }

    /// Whether `mark` is what is being waited for.
    pub fn awaits(&self, mark: Mark) -> bool {
        self.asked == Some(mark)
    }

    /// Whether a fetch for the current position is under way.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// A fetch asks for the current position.
    pub fn ask(&mut self) -> Mark {
        self.asks = self.asks.wrapping_add(1);
        let mark = Mark(self.asks);
        self.asked = Some(mark);
        mark
    }

    /// The answer to `mark` is here, or will never come. Says whether it still counts.
    pub fn answered(&mut self, mark: Mark) -> bool {
        let counts = self.awaits(mark);
        if counts {
            self.asked = None;
        }
        counts
    }

    /// An answer was read: the next one is to begin at `next`, and the partition ends at `end`.
    pub fn advance(&mut self, next: i64, end: i64, now: Instant) {
        if self.position != Some(next) {
            self.advanced_at = now;
            self.needs_first_place = false;
        }
        self.position = Some(next);
        self.end = Some(end);
        self.failures = None;
        self.quiet_until = None;
    }

    /// What took `fetched` bytes on the wire takes `held` bytes here.
    pub fn note_expansion(&mut self, fetched: usize, held: usize) {
        self.expansion = (held / fetched.max(1)).max(1);
    }

    /// Bytes to ask for so that they take about `held` bytes here, but not more than `limit`.
    pub fn bytes_to_ask(&self, held: usize, limit: usize) -> usize {
        (held / self.expansion).min(limit)
    }

    /// Whether the partition is known to hold more than was fetched.
    pub fn lags(&self) -> bool {
        matches!((self.position, self.end), (Some(position), Some(end)) if position < end)
    }

    /// A fetch failed: waits before the next one. `false` when the back-off has no attempt left.
    pub fn fail(&mut self, config: RetryConfig, now: Instant, random: f64) -> bool {
        let backoff = self.failures.get_or_insert_with(|| Backoff::new(config, random));
        match backoff.next(random) {
            Some(wait) => {
                self.quiet_until = Some(now + wait);
                true
            }
            None => false,
        }
    }

    /// The back-off of the failures in a row, for the error that ends them.
    pub fn failures(&self) -> Option<&Backoff> {
        self.failures.as_ref()
    }

    /// Waits before the next fetch, without counting a failure.
    pub fn pause_until(&mut self, until: Instant) {
        self.quiet_until = Some(until);
    }

    /// The answer held only a part of the first batch. A broker sends a batch that is larger than the limits only for
    /// the first partition of a fetch.
    pub fn wants_first_place(&mut self) {
        self.needs_first_place = true;
    }

    /// Whether the next fetch must begin with this partition.
    pub fn needs_first_place(&self) -> bool {
        self.needs_first_place
    }

    /// The leader says that `node` is nearer (KIP-392); believed for `validity`. Says whether that is news.
    pub fn prefer(&mut self, node: i32, now: Instant, validity: Duration) -> bool {
        let is_news = self.replica.is_none_or(|replica| replica.node != node);
        self.replica = Some(Replica {
            node,
            until: now + validity,
        });
        is_news
    }

    /// The replica to read from instead of the leader.
    pub fn preferred_replica(&self, now: Instant) -> Option<i32> {
        self.replica
            .filter(|replica| now < replica.until)
            .map(|replica| replica.node)
    }

    /// Back to the leader. Says whether there was another replica to go back from.
    pub fn return_to_leader(&mut self) -> bool {
        self.replica.take().is_some()
    }

    /// For how long the partition has held data that did not come.
    pub fn stalled_for(&self, now: Instant) -> Option<Duration> {
        self.lags()
            .then(|| now.saturating_duration_since(self.advanced_at))
    }

    /// The watchdog has taken note: it counts anew from here, and what is under way is void.
    pub fn excuse(&mut self, now: Instant) {
        self.jump(self.position, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: RetryConfig = RetryConfig {
        max_retry_time: 1000.0,
        initial_retry_time: 100.0,
        factor: 0.0,
        multiplier: 2.0,
        retries: 2.0,
    };

    fn at(position: i64, now: Instant) -> Cursor {
        let mut cursor = Cursor::new(now);
        cursor.jump(Some(position), now);
        cursor
    }

    #[test]
    fn one_fetch_at_a_time() {
        let now = Instant::now();
        let mut cursor = Cursor::new(now);
        assert!(!cursor.may_ask(now), "the position is not known");
        cursor.jump(Some(5), now);
        assert!(cursor.may_ask(now));
        let mark = cursor.ask();
        assert!(!cursor.may_ask(now));
        assert!(cursor.answered(mark) && cursor.may_ask(now));
        assert!(!cursor.answered(mark), "answered once");
    }

    #[test]
    fn a_jump_makes_the_fetch_under_way_void() {
        let now = Instant::now();
        let mut cursor = at(5, now);
        let old = cursor.ask();
        cursor.jump(Some(1), now);
        assert!(
            cursor.may_ask(now),
            "the new position need not wait for the old answer"
        );
        let new = cursor.ask();
        assert!(!cursor.answered(old), "void");
        assert!(cursor.is_asked() && cursor.answered(new));
    }

    #[test]
    fn the_end_of_one_fetch_is_not_that_of_the_next() {
        let now = Instant::now();
        let mut cursor = at(5, now);
        let first = cursor.ask();
        assert!(cursor.answered(first));
        let second = cursor.ask();
        assert!(!cursor.answered(first) && !cursor.may_ask(now));
        assert!(cursor.answered(second));
    }

    #[test]
    fn failures_back_off_until_none_is_left_and_progress_forgives_them() {
        let now = Instant::now();
        let mut cursor = at(5, now);
        assert!(cursor.fail(RETRY, now, 0.5));
        assert!(!cursor.may_ask(now));
        assert_eq!(cursor.quiet_until(), Some(now + Duration::from_millis(100)));
        assert!(cursor.may_ask(now + Duration::from_millis(100)));
        cursor.advance(6, 10, now);
        assert!(cursor.may_ask(now));
        assert!(cursor.fail(RETRY, now, 0.5) && cursor.fail(RETRY, now, 0.5));
        assert!(!cursor.fail(RETRY, now, 0.5), "two retries are spent");
        assert_eq!(cursor.failures().map(Backoff::attempt), Some(2));
    }

    #[test]
    fn a_stall_is_data_that_does_not_come() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let mut cursor = at(5, now);
        assert_eq!(cursor.stalled_for(later), None, "nobody knows of data");
        cursor.advance(5, 5, now);
        assert_eq!(cursor.stalled_for(later), None, "nothing to read is no stall");
        cursor.advance(5, 9, now);
        assert_eq!(cursor.stalled_for(later), Some(Duration::from_secs(60)));
        cursor.excuse(later);
        assert_eq!(cursor.stalled_for(later), Some(Duration::ZERO));
    }

    #[test]
    fn compressed_partitions_are_asked_for_less() {
        let mut cursor = Cursor::new(Instant::now());
        assert_eq!(cursor.bytes_to_ask(400, 100), 50, "nothing is known yet");
        cursor.note_expansion(100, 1000);
        assert_eq!(cursor.bytes_to_ask(400, 100), 40);
        cursor.note_expansion(100, 50);
        assert_eq!(cursor.bytes_to_ask(400, 100), 100);
        cursor.note_expansion(0, 50);
        assert_eq!(cursor.bytes_to_ask(400, 100), 8);
    }

    #[test]
    fn a_preferred_replica_is_believed_for_a_while() {
        let now = Instant::now();
        let mut cursor = at(5, now);
        let validity = Duration::from_secs(300);
        assert!(cursor.prefer(2, now, validity));
        assert!(!cursor.prefer(2, now, validity), "no news");
        assert_eq!(cursor.preferred_replica(now), Some(2));
        assert_eq!(cursor.preferred_replica(now + validity), None);
        assert!(cursor.return_to_leader() && !cursor.return_to_leader());
    }
}
