//! kafkajs' default partitioner: murmur2 of the key, else round robin over partitions that have a leader. Pure.

use std::collections::HashMap;

use crate::cluster::metadata::Topic;
use crate::protocol::murmur2::partition_for_key;

/// Round-robin positions by topic.
#[derive(Debug, Default)]
pub struct DefaultPartitioner {
    positions: HashMap<u32, u32>,
}

impl DefaultPartitioner {
    /// Chooses a partition for one record; `random` is where a topic's round robin begins.
    ///
    /// `None` if the topic has no partition at all.
    pub fn choose(
        &mut self,
        topic_number: u32,
        topic: &Topic,
        key: Option<&[u8]>,
        random: impl FnOnce() -> u32,
    ) -> Option<i32> {
        let count = u32::try_from(topic.partitions.len()).ok().filter(|count| *count > 0)?;
        if let Some(key) = key {
            return i32::try_from(partition_for_key(key, count)).ok();
        }
        let position = self.positions.entry(topic_number).or_insert_with(random);
        *position = position.wrapping_add(1);
        // The top bit is dropped as kafkajs does, so that both walk the partitions alike.
        let turn = (*position & 0x7fff_ffff) as usize;
        let available = topic.partitions.iter().filter(|partition| partition.leader >= 0).count();
        if available == 0 {
            return topic.partitions.get(turn % topic.partitions.len()).map(|partition| partition.index);
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
        Topic { error_code: 0, internal: false, partitions, refreshed_at: Instant::now() }
    }

    #[test]
    fn records_without_key_visit_partitions_that_have_a_leader_in_turn() {
        let mut partitioner = DefaultPartitioner::default();
        let topic = topic(&[1, -1, 2, 1]);
        let chosen: Vec<_> = (0..6).filter_map(|_| partitioner.choose(0, &topic, None, || 5)).collect();
        assert_eq!(chosen, [0, 2, 3, 0, 2, 3]);
    }

    #[test]
    fn without_any_leader_all_partitions_are_visited() {
        let mut partitioner = DefaultPartitioner::default();
        let topic = topic(&[-1, -1]);
        let chosen: Vec<_> = (0..4).filter_map(|_| partitioner.choose(0, &topic, None, || 0)).collect();
        assert_eq!(chosen, [1, 0, 1, 0]);
    }

    #[test]
    fn a_key_decides_alone_and_an_empty_key_is_one() {
        let mut partitioner = DefaultPartitioner::default();
        let topic = topic(&[1; 12]);
        for (key, expected) in [("a", 4), ("key1", 8), ("hello", 9), ("", 9)] {
            assert_eq!(partitioner.choose(0, &topic, Some(key.as_bytes()), || 0), Some(expected), "{key}");
        }
    }

    #[test]
    fn a_topic_without_partitions_gives_none() {
        assert_eq!(DefaultPartitioner::default().choose(0, &topic(&[]), None, || 0), None);
    }
}
