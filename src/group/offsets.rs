//! What a member has resolved and what of it the group has stored. Pure: nothing is sent from here.
//!
//! An offset is always the *next* one to be read, one after the last message that was handled: that is what the group
//! stores. Only partitions of the current assignment have an entry, so a commit for a lost partition finds none.

use std::collections::BTreeMap;

use super::topic_partition::TopicPartition;

/// An offset to be stored for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Which partition.
    pub partition: TopicPartition,
    /// Next offset to be read.
    pub offset: i64,
    /// Free text stored beside it.
    pub metadata: Option<String>,
}

#[derive(Debug, Default)]
struct Entry {
    /// What the group has stored, or where reading began if it has nothing stored.
    committed: Option<i64>,
    resolved: Option<i64>,
}

impl Entry {
    fn uncommitted(&self) -> Option<i64> {
        self.resolved
            .filter(|resolved| *resolved >= 0 && self.committed != Some(*resolved))
    }
}

/// Offsets of one assignment.
#[derive(Debug, Default)]
pub struct Offsets {
    // In order of assignment, which is the order in which programs see uncommitted offsets.
    order: Vec<TopicPartition>,
    entries: BTreeMap<TopicPartition, Entry>,
}

impl Offsets {
    /// Nothing is resolved, nothing known to be stored.
    pub fn new(assignment: impl IntoIterator<Item = TopicPartition>) -> Self {
        let order: Vec<_> = assignment.into_iter().collect();
        let entries = order
            .iter()
            .map(|partition| (partition.clone(), Entry::default()))
            .collect();
        Self { order, entries }
    }

    /// Whether `partition` is assigned.
    pub fn covers(&self, partition: &TopicPartition) -> bool {
        self.entries.contains_key(partition)
    }

    /// Reading of `partition` begins at `offset`: nothing before it is left to be stored.
    pub fn begin_at(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(entry) = self.entries.get_mut(partition) {
            *entry = Entry {
                committed: Some(offset),
                resolved: None,
            };
        }
    }

    /// Everything before `next` was handled. May go back, as kafkajs' `resolveOffset` may. Says `false` for a
    /// partition that is not assigned.
    pub fn resolve(&mut self, partition: &TopicPartition, next: i64) -> bool {
        match self.entries.get_mut(partition) {
            Some(entry) => {
                entry.resolved = Some(next);
                true
            }
            None => false,
        }
    }

    /// What was resolved since the last commit, in order of assignment.
    pub fn uncommitted(&self) -> Vec<Commit> {
        self.order
            .iter()
            .filter_map(|partition| {
                let offset = self.entries.get(partition)?.uncommitted()?;
                Some(Commit {
                    partition: partition.clone(),
                    offset,
                    metadata: None,
                })
            })
            .collect()
    }

    /// The group has stored these.
    pub fn committed(&mut self, commits: &[Commit]) {
        for commit in commits {
            if let Some(entry) = self.entries.get_mut(&commit.partition) {
                entry.committed = Some(commit.offset);
            }
        }
    }

    /// The first of `commits` whose partition is not assigned.
    pub fn first_lost<'a>(&self, commits: &'a [Commit]) -> Option<&'a TopicPartition> {
        commits
            .iter()
            .map(|commit| &commit.partition)
            .find(|partition| !self.covers(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn commit(partition: i32, offset: i64) -> Commit {
        Commit {
            partition: tp(partition),
            offset,
            metadata: None,
        }
    }

    #[test]
    fn only_what_was_resolved_and_not_stored_is_uncommitted() {
        let mut offsets = Offsets::new([tp(1), tp(0)]);
        offsets.begin_at(&tp(0), 10);
        offsets.begin_at(&tp(1), 20);
        assert!(offsets.uncommitted().is_empty(), "nothing was handled");
        offsets.resolve(&tp(0), 11);
        offsets.resolve(&tp(1), 22);
        assert_eq!(
            offsets.uncommitted(),
            [commit(1, 22), commit(0, 11)],
            "in order of assignment"
        );
        offsets.committed(&[commit(1, 22)]);
        assert_eq!(offsets.uncommitted(), [commit(0, 11)]);
    }

    #[test]
    fn what_is_resolved_while_a_commit_is_under_way_stays_uncommitted() {
        let mut offsets = Offsets::new([tp(0)]);
        offsets.resolve(&tp(0), 5);
        let sent = offsets.uncommitted();
        offsets.resolve(&tp(0), 8);
        offsets.committed(&sent);
        assert_eq!(offsets.uncommitted(), [commit(0, 8)]);
    }

    #[test]
    fn resolving_the_offset_that_is_stored_needs_no_commit() {
        let mut offsets = Offsets::new([tp(0)]);
        offsets.begin_at(&tp(0), 10);
        offsets.resolve(&tp(0), 10);
        assert!(offsets.uncommitted().is_empty());
        offsets.resolve(&tp(0), -1);
        assert!(
            offsets.uncommitted().is_empty(),
            "a negative offset is no position"
        );
    }

    #[test]
    fn a_partition_that_is_not_assigned_is_refused() {
        let mut offsets = Offsets::new([tp(0)]);
        assert!(!offsets.resolve(&tp(7), 5));
        assert_eq!(offsets.first_lost(&[commit(0, 1), commit(7, 1)]), Some(&tp(7)));
        assert_eq!(offsets.first_lost(&[commit(0, 1)]), None);
        offsets.committed(&[commit(7, 9)]);
        assert!(!offsets.covers(&tp(7)));
    }

    #[test]
    fn beginning_anew_forgets_what_was_resolved() {
        let mut offsets = Offsets::new([tp(0)]);
        offsets.resolve(&tp(0), 50);
        offsets.begin_at(&tp(0), 7);
        assert!(
            offsets.uncommitted().is_empty(),
            "a seek makes older progress void"
        );
    }
}
