//! Whether handlers get on with their work (KIP-62). Pure.
//!
//! Heartbeats come from the background, so they say that the process lives, not that it works. What a program has been
//! handed out and has not given back must show progress within `maxPollInterval`, or its partitions belong to somebody
//! else.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Number of a batch that was handed out.
pub type Lease = u32;

/// See the module text.
#[derive(Debug)]
pub struct PollInterval {
    limit: Duration,
    last_progress: HashMap<Lease, Instant>,
}

impl PollInterval {
    /// Progress is expected within `limit`.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            last_progress: HashMap::new(),
        }
    }

    /// A batch was handed out.
    pub fn begun(&mut self, lease: Lease, now: Instant) {
        self.last_progress.insert(lease, now);
    }

    /// The handler of a batch got on. A handler may say so after its batch came back; that counts for nothing.
    pub fn progress(&mut self, lease: Lease, now: Instant) {
        if let Some(last) = self.last_progress.get_mut(&lease) {
            *last = now;
        }
    }

    /// A batch came back.
    pub fn finished(&mut self, lease: Lease) {
        self.last_progress.remove(&lease);
    }

    /// When the first of the batches under way is overdue, unless it shows progress before.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.last_progress
            .values()
            .min()
            .map(|oldest| *oldest + self.limit)
    }

    /// How long the slowest handler has shown no progress, if that is too long.
    pub fn overdue(&self, now: Instant) -> Option<Duration> {
        let oldest = self.last_progress.values().min()?;
        let silent = now.saturating_duration_since(*oldest);
        (silent >= self.limit).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    #[test]
    fn only_a_batch_under_way_can_be_overdue() {
        let now = Instant::now();
        let mut polls = PollInterval::new(LIMIT);
        assert_eq!(
            (polls.next_deadline(), polls.overdue(now + LIMIT * 2)),
            (None, None)
        );
        polls.begun(1, now);
        assert_eq!(polls.next_deadline(), Some(now + LIMIT));
        assert_eq!(polls.overdue(now + LIMIT), Some(LIMIT));
        polls.finished(1);
        polls.progress(1, now);
        assert_eq!(
            polls.overdue(now + LIMIT),
            None,
            "not even if its handler goes on to say that it gets on"
        );
    }

    #[test]
    fn progress_of_one_does_not_excuse_another() {
        let now = Instant::now();
        let mut polls = PollInterval::new(LIMIT);
        polls.begun(1, now);
        polls.begun(2, now);
        polls.progress(2, now + LIMIT);
        assert_eq!(polls.overdue(now + LIMIT), Some(LIMIT));
        polls.progress(1, now + LIMIT);
        assert_eq!(polls.overdue(now + LIMIT), None);
    }
}
