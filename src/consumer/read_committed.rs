//! Leaves out what transactions took back (KIP-98). Pure.
//!
//! A fetch with isolation level `read_committed` brings records of aborted transactions as well, and a list of those
//! transactions: producer and first offset. A producer's records from there on are void until its abort marker.

use std::collections::{BTreeSet, VecDeque};

use crate::protocol::records::{BatchInfo, ControlKind};

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// Who wrote it.
    pub producer_id: i64,
    /// Its first offset.
    pub first_offset: i64,
}

/// A run of records in an index: position of the first, and one behind the last.
pub type Run = (u32, u32);

/// The records that count, as runs in order, from record `skipped` on. `aborted` in any order.
pub fn committed_runs(batches: &[BatchInfo], aborted: &[Aborted], skipped: u32) -> Vec<Run> {
    let mut to_come: Vec<Aborted> = aborted.to_vec();
    to_come.sort_by_key(|transaction| transaction.first_offset);
    let mut to_come = VecDeque::from(to_come);
    let mut open = BTreeSet::new();
    let mut runs: Vec<Run> = Vec::new();
    for batch in batches {
        while let Some(next) = to_come
            .front()
            .filter(|next| next.first_offset <= batch.last_offset)
        {
            open.insert(next.producer_id);
            to_come.pop_front();
        }
        if let Some(kind) = batch.control {
            if kind == ControlKind::Abort {
                open.remove(&batch.producer_id);
            }
            continue;
        }
        if batch.is_transactional && open.contains(&batch.producer_id) {
            continue;
        }
        let start = batch.first_record.max(skipped);
        let end = batch.first_record.saturating_add(batch.record_count);
        if start >= end {
            continue;
        }
        match runs.last_mut() {
            Some((_, last_end)) if *last_end == start => *last_end = end,
            _ => runs.push((start, end)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Log {
        batches: Vec<BatchInfo>,
        records: u32,
        offset: i64,
    }

    impl Log {
        fn new() -> Self {
            Self {
                batches: Vec::new(),
                records: 0,
                offset: 100,
            }
        }

        fn push(
            mut self,
            producer_id: i64,
            count: u32,
            is_transactional: bool,
            control: Option<ControlKind>,
        ) -> Self {
            let length = i64::from(count.max(1));
            self.batches.push(BatchInfo {
                first_record: self.records,
                record_count: count,
                base_offset: self.offset,
                last_offset: self.offset + length - 1,
                producer_id,
                is_transactional,
                control,
            });
            self.records += count;
            self.offset += length;
            self
        }

        fn plain(self, count: u32) -> Self {
            self.push(-1, count, false, None)
        }

        fn transactional(self, producer_id: i64, count: u32) -> Self {
            self.push(producer_id, count, true, None)
        }

        fn marker(self, producer_id: i64, kind: ControlKind) -> Self {
            self.push(producer_id, 0, true, Some(kind))
        }
    }

    fn aborted(producer_id: i64, first_offset: i64) -> Aborted {
        Aborted {
            producer_id,
            first_offset,
        }
    }

    #[test]
    fn without_transactions_everything_counts_as_one_run() {
        let log = Log::new().plain(3).plain(2);
        assert_eq!(committed_runs(&log.batches, &[], 0), [(0, 5)]);
        assert_eq!(committed_runs(&log.batches, &[], 4), [(4, 5)]);
        assert!(committed_runs(&log.batches, &[], 5).is_empty());
    }

    #[test]
    fn an_aborted_transaction_is_left_out_and_the_producers_next_one_counts() {
        let log = Log::new()
            .transactional(7, 2)
            .plain(1)
            .transactional(7, 1)
            .marker(7, ControlKind::Abort)
            .transactional(7, 2)
            .marker(7, ControlKind::Commit);
        assert_eq!(
            committed_runs(&log.batches, &[aborted(7, 100)], 0),
            [(2, 3), (4, 6)]
        );
    }

    #[test]
    fn interleaved_producers_are_told_apart() {
        let log = Log::new()
            .transactional(7, 1)
            .transactional(8, 1)
            .transactional(7, 1)
            .marker(8, ControlKind::Commit)
            .marker(7, ControlKind::Abort);
        assert_eq!(committed_runs(&log.batches, &[aborted(7, 100)], 0), [(1, 2)]);
    }

    #[test]
    fn a_transaction_that_began_before_this_fetch_is_left_out_as_well() {
        let log = Log::new()
            .transactional(7, 2)
            .marker(7, ControlKind::Abort)
            .plain(1);
        assert_eq!(committed_runs(&log.batches, &[aborted(7, 50)], 0), [(2, 3)]);
    }

    #[test]
    fn records_of_the_producer_outside_of_transactions_count() {
        let log = Log::new()
            .push(7, 2, false, None)
            .transactional(7, 1)
            .marker(7, ControlKind::Abort);
        assert_eq!(committed_runs(&log.batches, &[aborted(7, 100)], 0), [(0, 2)]);
    }

    #[test]
    fn one_producer_may_abort_twice() {
        let log = Log::new()
            .transactional(7, 1)
            .marker(7, ControlKind::Abort)
            .transactional(7, 1)
            .marker(7, ControlKind::Abort)
            .plain(1);
        let list = [aborted(7, 102), aborted(7, 100)];
        assert_eq!(committed_runs(&log.batches, &list, 0), [(2, 3)]);
    }

    #[test]
    fn only_markers_means_nothing_to_see() {
        let log = Log::new()
            .marker(7, ControlKind::Commit)
            .marker(8, ControlKind::Abort);
        assert!(committed_runs(&log.batches, &[], 0).is_empty());
    }
}
