//! Whom a fetch asks, and how it is written. Pure.

use std::collections::HashMap;

use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::protocol::StrBytes;

use super::partitions::Ask;
use crate::cluster::Metadata;
use crate::group::TopicPartition;

/// Node to read a partition from and the epoch of its leader: the preferred replica while it is up, else the leader.
pub(super) fn read_from(
    metadata: &Metadata,
    partition: &TopicPartition,
    preferred: Option<i32>,
) -> Option<(i32, i32)> {
    let topic = metadata.topics.get(&*partition.topic)?;
    let known = topic.partition(partition.partition)?;
    let replica = preferred
        .filter(|node| metadata.brokers.contains_key(node) && !known.offline_replicas.contains(node));
    let node = replica.unwrap_or(known.leader);
    (node >= 0).then_some((node, known.leader_epoch))
}

/// The topics of a request. The order of the partitions is kept as far as one entry per topic allows.
pub(super) fn topics(asks: &[Ask]) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for ask in asks {
        let name = &*ask.partition.topic;
        let place = *places.entry(name).or_insert_with(|| {
            topics.push(FetchTopic::default().with_topic(TopicName(StrBytes::from_string(name.to_owned()))));
            topics.len() - 1
        });
        let partition = FetchPartition::default()
            .with_partition(ask.partition.partition)
            .with_current_leader_epoch(ask.leader_epoch)
            .with_fetch_offset(ask.offset)
            .with_last_fetched_epoch(-1)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(i32::try_from(ask.max_bytes).unwrap_or(i32::MAX));
        if let Some(topic) = topics.get_mut(place) {
            topic.partitions.push(partition);
        }
    }
    topics
}
