//! What an open transaction consists of so far. Pure.
//!
//! With transactions of version 1 every partition has to be announced to the coordinator (AddPartitionsToTxn) before
//! the first record for it leaves; with version 2 (KIP-890) the partition leader does that itself.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Slot;
use crate::error::Error;

/// The coordinator tells the partitions of the end of a transaction in a few ms. After this a leader that asks would
/// wait no longer than we have (`add.partitions.to.txn.retry.backoff.ms`).
const ENDING: Duration = Duration::from_millis(20);

/// See the module text.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Transaction {
    version_2: bool,
    announced: HashSet<Slot>,
    wanted: HashSet<Slot>,
    announcing: usize,
    has_offsets: bool,
    has_sent: bool,
    has_delivered: bool,
    lost_numbers: bool,
    ending: Option<Instant>,
    broken: Option<Error>,
    fatal: Option<Error>,
}

impl Transaction {
    /// Whether partitions announce themselves.
    pub fn set_version_2(&mut self, version_2: bool) {
        self.version_2 = version_2;
    }

    /// Whether the cluster runs transactions of version 2.
    pub fn is_version_2(&self) -> bool {
        self.version_2
    }

    /// A new transaction begins.
    ///
    /// # Errors
    /// The error that ended this producer for good.
    pub fn begin(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.fatal {
            return Err(error.clone());
        }
        self.announced.clear();
        self.wanted.clear();
        self.has_offsets = false;
        self.has_sent = false;
        self.has_delivered = false;
        self.lost_numbers = false;
        self.broken = None;
        Ok(())
    }

    /// Records for this partition were accepted. Says whether the coordinator has to be told first.
    pub fn needs(&mut self, slot: Slot) -> bool {
        if self.version_2 || self.announced.contains(&slot) {
            return false;
        }
        self.wanted.insert(slot)
    }

    /// Whether records for this partition may leave.
    pub fn may_leave(&self, slot: Slot) -> bool {
        self.version_2 || self.announced.contains(&slot)
    }

    /// The partitions to announce now, in one request; [`Transaction::announced`] or
    /// [`Transaction::announcement_failed`] has to follow.
    pub fn take_wanted(&mut self) -> Vec<Slot> {
        let mut wanted: Vec<Slot> = self.wanted.drain().collect();
        wanted.sort_unstable();
        self.announcing += usize::from(!wanted.is_empty());
        wanted
    }

    /// The coordinator knows of these partitions now.
    pub fn announced(&mut self, slots: &[Slot]) {
        self.announcing -= 1;
        self.announced.extend(slots);
    }

    /// The coordinator did not take an announcement.
    pub fn announcement_failed(&mut self) {
        self.announcing -= 1;
    }

    /// Whether an announcement is under way.
    pub fn is_announcing(&self) -> bool {
        self.announcing > 0
    }

    /// Records left for their broker, which may have told the coordinator of them.
    pub fn sent(&mut self) {
        self.has_sent = true;
    }

    /// Records were stored.
    pub fn delivered(&mut self) {
        self.has_delivered = true;
    }

    /// Whether the transaction certainly has content: stored records, or offsets.
    pub fn has_content(&self) -> bool {
        self.has_delivered || self.has_offsets
    }

    /// Offsets of a group became part of it.
    pub fn add_offsets(&mut self) {
        self.has_offsets = true;
    }

    /// Whether the coordinator has anything to end.
    pub fn is_ongoing(&self) -> bool {
        self.has_offsets || !self.announced.is_empty() || (self.version_2 && self.has_sent)
    }

    /// Nobody knows whether a message is part of it, or what comes after that message would not be accepted: it can
    /// only be aborted. Gives the error for everything else that is asked of it.
    pub fn require_abort(&mut self, cause: &Error) -> Error {
        let broken = self.broken.get_or_insert_with(|| {
            let text = format!("The transaction has to be aborted: {}", cause.message());
            Error::non_retriable(text).caused_by(cause.clone())
        });
        broken.clone()
    }

    /// The end was decided; the partitions are being told of it.
    pub fn ends(&mut self, now: Instant) {
        self.ending = Some(now);
    }

    /// All of them know.
    pub fn has_ended(&mut self) {
        self.ending = None;
    }

    /// Until when the end of the last transaction may still be on its way.
    pub fn ends_until(&self, now: Instant) -> Option<Instant> {
        self.ending.map(|at| at + ENDING).filter(|until| *until > now)
    }

    /// Sequence numbers were given to what may or may not have been stored.
    pub fn lose_numbers(&mut self) {
        self.lost_numbers = true;
    }

    /// Whether the next transaction needs another epoch than this one.
    pub fn has_lost_numbers(&self) -> bool {
        self.lost_numbers
    }

    /// Why it can only be aborted.
    pub fn broken(&self) -> Option<&Error> {
        self.broken.as_ref()
    }

    /// Nothing this producer does will be accepted any more: another one with the same id took over.
    pub fn fence(&mut self, error: Error) {
        self.fatal.get_or_insert(error);
    }

    /// Why the producer is of no more use.
    pub fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(partition: i32) -> Slot {
        Slot { topic: 0, partition }
    }

    #[test]
    fn a_partition_is_announced_once_and_only_then_may_records_leave() {
        let mut transaction = Transaction::default();
        transaction.begin().unwrap();
        assert!(transaction.needs(slot(1)));
        assert!(!transaction.needs(slot(1)), "already asked for");
        assert!(transaction.needs(slot(0)));
        assert!(!transaction.may_leave(slot(1)) && !transaction.is_ongoing());
        assert_eq!(transaction.take_wanted(), [slot(0), slot(1)]);
        transaction.announced(&[slot(0), slot(1)]);
        assert!(transaction.may_leave(slot(1)) && transaction.is_ongoing());
        assert!(!transaction.needs(slot(1)));
        transaction.begin().unwrap();
        assert!(!transaction.may_leave(slot(1)) && !transaction.is_ongoing());
    }

    #[test]
    fn in_version_2_nothing_is_announced() {
        let mut transaction = Transaction::default();
        transaction.set_version_2(true);
        transaction.begin().unwrap();
        assert!(!transaction.is_ongoing());
        assert!(!transaction.needs(slot(0)));
        assert!(
            transaction.may_leave(slot(0)) && !transaction.is_ongoing(),
            "nothing has left"
        );
        transaction.sent();
        assert!(transaction.is_ongoing() && !transaction.has_content());
        transaction.delivered();
        assert!(transaction.has_content());
    }

    #[test]
    fn a_transaction_is_on_its_way_to_its_end_for_a_while() {
        let mut transaction = Transaction::default();
        let now = Instant::now();
        assert_eq!(transaction.ends_until(now), None);
        transaction.ends(now);
        transaction.begin().unwrap();
        assert_eq!(transaction.ends_until(now), Some(now + ENDING));
        assert_eq!(transaction.ends_until(now + ENDING), None);
        transaction.has_ended();
        assert_eq!(transaction.ends_until(now), None);
    }

    #[test]
    fn a_broken_transaction_stays_so_until_the_next() {
        let mut transaction = Transaction::default();
        transaction.require_abort(&Error::protocol(7));
        let error = transaction.require_abort(&Error::protocol(10));
        assert!(error.message().starts_with("The transaction has to be aborted: "));
        assert_eq!(
            error.cause().and_then(Error::code),
            Some(7),
            "the first one counts"
        );
        transaction.begin().unwrap();
        assert!(transaction.broken().is_none());
    }

    #[test]
    fn a_fenced_producer_begins_no_more() {
        let mut transaction = Transaction::default();
        transaction.fence(Error::protocol(90));
        transaction.fence(Error::protocol(47));
        assert_eq!(transaction.begin().expect_err("fenced").code(), Some(90));
    }
}
