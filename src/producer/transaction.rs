//! What an open transaction consists of so far. Pure.
//!
//! With transactions of version 1 every partition has to be announced to the coordinator (AddPartitionsToTxn) before
//! the first record for it leaves; with version 2 (KIP-890) the partition leader does that itself.

use std::collections::HashSet;

use super::batch::Slot;
use crate::error::Error;

/// See the module text.
#[derive(Debug, Default)]
pub struct Transaction {
    version_2: bool,
    announced: HashSet<Slot>,
    wanted: HashSet<Slot>,
    has_offsets: bool,
    has_records: bool,
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
        self.has_records = false;
        Ok(())
    }

    /// Records for this partition were accepted. Says whether the coordinator has to be told first.
    pub fn needs(&mut self, slot: Slot) -> bool {
        self.has_records = true;
        if self.version_2 || self.announced.contains(&slot) {
            return false;
        }
        self.wanted.insert(slot)
    }

    /// Whether records for this partition may leave.
    pub fn may_leave(&self, slot: Slot) -> bool {
        self.version_2 || self.announced.contains(&slot)
    }

    /// The partitions to announce now, in one request.
    pub fn take_wanted(&mut self) -> Vec<Slot> {
        let mut wanted: Vec<Slot> = self.wanted.drain().collect();
        wanted.sort_unstable();
        wanted
    }

    /// The coordinator knows of these partitions now.
    pub fn announced(&mut self, slots: &[Slot]) {
        self.announced.extend(slots);
    }

    /// Offsets of a group became part of it.
    pub fn add_offsets(&mut self) {
        self.has_offsets = true;
    }

    /// Whether the coordinator has anything to end.
    pub fn is_ongoing(&self) -> bool {
        self.has_offsets || !self.announced.is_empty() || (self.version_2 && self.has_records)
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
        assert!(transaction.may_leave(slot(0)) && transaction.is_ongoing());
    }

    #[test]
    fn a_fenced_producer_begins_no_more() {
        let mut transaction = Transaction::default();
        transaction.fence(Error::protocol(90));
        transaction.fence(Error::protocol(47));
        assert_eq!(transaction.begin().expect_err("fenced").code(), Some(90));
    }
}
