//! ListOffsets: which offset a partition begins or ends at, or has at a time.

use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{ClusterHandle, Role};
use crate::error::{Error, Result};
use crate::network::Deadline;

/// Timestamp that asks for the end of a partition.
pub const LATEST: i64 = -1;
/// Timestamp that asks for its beginning.
pub const EARLIEST: i64 = -2;

/// Which records count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i8)]
pub enum Isolation {
    /// All, up to the high watermark.
    ReadUncommitted = 0,
    /// Only what is decided, up to the last stable offset.
    ReadCommitted = 1,
}

/// A partition and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OffsetQuery {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Milliseconds since 1970, [`LATEST`] or [`EARLIEST`].
    pub timestamp: i64,
}

/// Answers per query: the offset, -1 when the partition has none at or after that time, or why it is not known.
pub type OffsetAnswers = HashMap<OffsetQuery, Result<i64>>;

/// Asks each leader once for all of its partitions, in parallel. Metadata of the topics must be loaded.
pub async fn list_offsets(
    cluster: &ClusterHandle,
    queries: &[OffsetQuery],
    isolation: Isolation,
) -> OffsetAnswers {
    let metadata = cluster.metadata();
    let mut answers = OffsetAnswers::new();
    let mut by_leader: BTreeMap<i32, Vec<&OffsetQuery>> = BTreeMap::new();
    for query in queries {
        match metadata.leader(&query.topic, query.partition) {
            Ok(leader) => by_leader.entry(leader).or_default().push(query),
            Err(error) => drop(answers.insert(query.clone(), Err(error))),
        }
    }
    let asked = by_leader
        .iter()
        .map(|(leader, queries)| ask_leader(cluster, *leader, queries, isolation));
    for part in join_all(asked).await {
        answers.extend(part);
    }
    answers
}

async fn ask_leader(
    cluster: &ClusterHandle,
    leader: i32,
    queries: &[&OffsetQuery],
    isolation: Isolation,
) -> OffsetAnswers {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for query in queries {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(query.partition)
            .with_current_leader_epoch(-1)
            .with_timestamp(query.timestamp);
        topics.entry(&query.topic).or_default().push(partition);
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| {
            ListOffsetsTopic::default()
                .with_name(TopicName(StrBytes::from_string(name.to_owned())))
                .with_partitions(partitions)
        })
        .collect();
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation as i8)
        .with_topics(topics);
    let response = match cluster
        .send(leader, Role::Control, request, Deadline::Default)
        .await
    {
        Ok(response) => response,
        Err(error) => {
            return queries
                .iter()
                .map(|query| ((*query).clone(), Err(error.clone())))
                .collect();
        }
    };
    let mut found: HashMap<(&str, i32), Result<i64>> = HashMap::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            let answer = match partition.error_code {
                0 => Ok(partition.offset),
                code => Err(Error::protocol(code)),
            };
            found.insert((topic.name.as_str(), partition.partition_index), answer);
        }
    }
    queries
        .iter()
        .map(|query| {
            // A broker that leaves a partition out has lost it: the same as saying so.
            let answer = found.remove(&(query.topic.as_str(), query.partition));
            (
                (*query).clone(),
                answer.unwrap_or_else(|| Err(Error::protocol(3))),
            )
        })
        .collect()
}
