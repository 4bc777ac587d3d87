//! Which partition a record goes to when its message does not say. Pure.
//!
//! The default is kafkajs' partitioner: murmur2 of the key, else round robin over partitions that have a leader. The
//! sticky one (KIP-480, KIP-794) keeps records without key together until a batch's worth has gone to a partition, which
//! makes fewer and larger batches.

use std::collections::HashMap;

use crate::cluster::metadata::Topic;
use crate::protocol::murmur2::partition_for_key;

/// Which rule is used for records without key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// One after the other, as kafkajs.
    #[default]
    Default,
    /// The same for a batch's worth of bytes.
    Sticky,
}

/// Positions by topic.
#[derive(Debug)]
pub struct Partitioner {
    strategy: Strategy,
    batch_size: usize,
    positions: HashMap<u32, u32>,
    stuck: HashMap<u32, (i32, usize)>,
}

impl Partitioner {
    /// `batch_size` bytes are what the sticky rule keeps together.
    pub fn new(strategy: Strategy, batch_size: usize) -> Self {
        Self {
            strategy,
            batch_size,
            positions: HashMap::new(),
            stuck: HashMap::new(),
        }
    }

    /// Chooses a partition for one record of `bytes` bytes; `random` is drawn where a topic's turns begin, and for each
    /// partition the sticky rule moves to.
    ///
    /// `None` if the topic has no partition at all.
    pub fn choose(
        &mut self,
        topic_number: u32,
        topic: &Topic,
        key: Option<&[u8]>,
        bytes: usize,
        random: impl FnOnce() -> u32,
    ) -> Option<i32> {
        let count = u32::try_from(topic.partitions.len())
            .ok()
            .filter(|count| *count > 0)?;
        if let Some(key) = key {
            return i32::try_from(partition_for_key(key, count)).ok();
        }
        match self.strategy {
            Strategy::Default => self.next_in_turn(topic_number, topic, random),
            Strategy::Sticky => self.stay(topic_number, topic, bytes, random),
        }
    }

    fn stay(
        &mut self,
        topic_number: u32,
        topic: &Topic,
        bytes: usize,
        random: impl FnOnce() -> u32,
    ) -> Option<i32> {
        if let Some((partition, sent)) = self.stuck.get_mut(&topic_number) {
            let usable = topic
                .partition(*partition)
                .is_some_and(|partition| partition.leader >= 0);
            if usable && *sent < self.batch_size {
                *sent += bytes;
                return Some(*partition);
            }
        }
        let led: Vec<i32> = topic
            .partitions
            .iter()
            .filter(|partition| partition.leader >= 0)
            .map(|partition| partition.index)
            .collect();
        let draw = random() as usize;
        let chosen = match led.as_slice() {
            [] => topic
                .partitions
                .get(draw % topic.partitions.len())
                .map(|partition| partition.index),
            led => led.get(draw % led.len()).copied(),
        }?;
        self.stuck.insert(topic_number, (chosen, bytes));
        Some(chosen)
    }

    fn next_in_turn(
        &mut self,
        topic_number: u32,
        topic: &Topic,
        random: impl FnOnce() -> u32,
    ) -> Option<i32> {
        let position = self.positions.entry(topic_number).or_insert_with(random);
        *position = position.wrapping_add(1);
        // The top bit is dropped as kafkajs does, so that both walk the partitions alike.
        let turn = (*position & 0x7fff_ffff) as usize;
        let available = topic
            .partitions
            .iter()
            .filter(|partition| partition.leader >= 0)
            .count();
        if available == 0 {
            return topic
                .partitions
                .get(turn % topic.partitions.len())
                .map(|partition| partition.index);
        }
        topic
            .partitions
            .iter()
            .filter(|partition| partition.leader >= 0)
            .nth(turn % available)
            .map(|partition| partition.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::metadata::Partition;
    use tokio::time::Instant;

    fn topic(leaders: &[i32]) -> Topic {
        let partitions = leaders
            .iter()
            .zip(0..)
            .map(|(leader, index)| Partition {
                index,
                error_code: 0,
                leader: *leader,
                leader_epoch: 0,
                replicas: vec![],
                isr: vec![],
                offline_replicas: vec![],
            })
            .collect();
        Topic {
            error_code: 0,
            internal: false,
            partitions,
            refreshed_at: Instant::now(),
        }
    }

    #[test]
    fn records_without_key_visit_partitions_that_have_a_leader_in_turn() {
        let mut partitioner = Partitioner::new(Strategy::Default, 100);
        let topic = topic(&[1, -1, 2, 1]);
        let chosen: Vec<_> = (0..6)
            .filter_map(|_| partitioner.choose(0, &topic, None, 1, || 5))
            .collect();
        assert_eq!(chosen, [0, 2, 3, 0, 2, 3]);
    }

    #[test]
    fn without_any_leader_all_partitions_are_visited() {
        let mut partitioner = Partitioner::new(Strategy::Default, 100);
        let topic = topic(&[-1, -1]);
        let chosen: Vec<_> = (0..4)
            .filter_map(|_| partitioner.choose(0, &topic, None, 1, || 0))
            .collect();
        assert_eq!(chosen, [1, 0, 1, 0]);
    }

    #[test]
    fn a_key_decides_alone_and_an_empty_key_is_one() {
        let mut partitioner = Partitioner::new(Strategy::Default, 100);
        let topic = topic(&[1; 12]);
        for (key, expected) in [("a", 4), ("key1", 8), ("hello", 9), ("", 9)] {
            assert_eq!(
                partitioner.choose(0, &topic, Some(key.as_bytes()), 1, || 0),
                Some(expected),
                "{key}"
            );
        }
    }

    #[test]
    fn the_sticky_rule_moves_on_after_a_batch_and_away_from_a_lost_leader() {
        let mut partitioner = Partitioner::new(Strategy::Sticky, 100);
        let all = topic(&[1, 1, 1]);
        let mut send = |topic: &Topic, bytes, draw| partitioner.choose(0, topic, None, bytes, || draw);
        assert_eq!(send(&all, 60, 1), Some(1));
        assert_eq!(send(&all, 60, 2), Some(1));
        assert_eq!(send(&all, 1, 2), Some(2), "a batch's worth has gone");
        assert_eq!(send(&topic(&[1, 1, -1]), 1, 3), Some(1), "its leader is gone");
    }

    #[test]
    fn a_topic_without_partitions_gives_none() {
        assert_eq!(
            Partitioner::new(Strategy::Default, 100).choose(0, &topic(&[]), None, 1, || 0),
            None
        );
    }
}
