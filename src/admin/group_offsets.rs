//! OffsetFetch and OffsetCommit for the admin: reading and setting the offsets of a group.
//!
//! Offsets are set by a commit without a generation, which a coordinator takes for a group without members (the Java
//! admin's way). kafkajs joins the group with a hidden consumer instead, which takes five seconds.

use std::collections::HashMap;

use futures::future::{try_join, try_join_all};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;
use serde::{Deserialize, Serialize};

use super::handle::{AdminHandle, Repeat};
use super::values::{failed, group_id, text, topic_name};
use crate::cluster::offsets::{EARLIEST, LATEST};
use crate::cluster::retry::Failure;
use crate::error::{Error, Result};

const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;

/// A commit that no member makes.
const NO_GENERATION: i32 = -1;

/// Arguments of `fetchOffsets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchOffsets {
    /// Whose offsets.
    pub group_id: String,
    /// Empty: all topics for which the group has offsets.
    pub topics: Vec<String>,
    /// Whether to replace the placeholders for beginning and end by offsets, in the group as well.
    pub resolve_offsets: bool,
}

/// Arguments of `setOffsets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetOffsets {
    /// Whose offsets.
    pub group_id: String,
    /// Of which topic.
    pub topic: String,
    /// Partitions the topic does not have are left out.
    pub partitions: Vec<SeekEntry>,
}

/// A partition and where the group is to go on.
#[derive(Debug, Deserialize)]
pub struct SeekEntry {
    /// Partition number.
    pub partition: i32,
    /// Next offset to read in digits; -1 for the end, -2 for the beginning, found out when the group starts.
    #[serde(deserialize_with = "super::values::digits")]
    pub offset: i64,
}

/// Arguments of `resetOffsets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetOffsets {
    /// Whose offsets.
    pub group_id: String,
    /// Of which topic.
    pub topic: String,
    /// To the beginning instead of the end.
    pub earliest: bool,
}

/// Offsets of a group in one topic.
#[derive(Debug, Serialize)]
pub struct GroupTopicOffsets {
    /// Topic name.
    pub topic: String,
    /// In rising order.
    pub partitions: Vec<GroupPartitionOffset>,
}

/// Offset of a group in one partition.
#[derive(Debug, Serialize)]
pub struct GroupPartitionOffset {
    /// Partition number.
    pub partition: i32,
    /// Next offset to read; -1 if none is committed.
    #[serde(serialize_with = "super::values::as_digits")]
    pub offset: i64,
    /// What was committed along with it.
    pub metadata: Option<String>,
}

impl AdminHandle {
    /// Committed offsets of a group.
    ///
    /// # Errors
    /// The protocol error of a topic, of the group, or of the first partition that has one;
    /// `KafkaJSNonRetriableError` when offsets are to be resolved and the group has members.
    pub async fn fetch_offsets(&self, request: &FetchOffsets) -> Result<Vec<GroupTopicOffsets>> {
        let partitions = if request.topics.is_empty() {
            Vec::new()
        } else {
            self.partitions_of(&request.topics).await?
        };
        let mut offsets = self
            .committed_offsets(&request.group_id, &request.topics, &partitions)
            .await?;
        if request.resolve_offsets && !offsets.is_empty() {
            self.resolve(&mut offsets).await?;
            self.require_inactive(&request.group_id).await?;
            self.commit(&request.group_id, &offsets).await?;
        }
        Ok(offsets)
    }

    async fn committed_offsets(
        &self,
        group: &str,
        topics: &[String],
        partitions: &[Vec<i32>],
    ) -> Result<Vec<GroupTopicOffsets>> {
        let asked: Vec<_> = topics
            .iter()
            .zip(partitions)
            .map(|(topic, partitions)| {
                OffsetFetchRequestTopic::default()
                    .with_name(topic_name(topic))
                    .with_partition_indexes(partitions.clone())
            })
            .collect();
        let asked = (!topics.is_empty()).then_some(asked);
        let asked = &asked;
        self.on_coordinator(group, |coordinator| async move {
            let message = OffsetFetchRequest::default()
                .with_group_id(group_id(group))
                .with_topics(asked.clone());
            let response = self.send(&coordinator, message, 0, Repeat::Safe).await?;
            if let Some(error) = failed(response.error_code, None) {
                return Err(Failure::Bail(error));
            }
            let mut topics = Vec::with_capacity(response.topics.len());
            for topic in &response.topics {
                let mut partitions = Vec::with_capacity(topic.partitions.len());
                for partition in &topic.partitions {
                    if let Some(error) = failed(partition.error_code, None) {
                        return Err(Failure::Bail(error));
                    }
                    partitions.push(GroupPartitionOffset {
                        partition: partition.partition_index,
                        offset: partition.committed_offset,
                        metadata: stored_text(partition.metadata.as_ref()),
                    });
                }
                partitions.sort_unstable_by_key(|partition| partition.partition);
                topics.push(GroupTopicOffsets {
                    topic: topic.name.to_string(),
                    partitions,
                });
            }
            Ok(topics)
        })
        .await
    }

    /// Puts offsets in the place of "the beginning" and "the end".
    async fn resolve(&self, topics: &mut [GroupTopicOffsets]) -> Result<()> {
        let ranges = topics
            .iter()
            .map(|topic| self.offsets_at(&topic.topic, [LATEST, EARLIEST]));
        let ranges = try_join_all(ranges).await?;
        for (topic, [high, low]) in topics.iter_mut().zip(ranges) {
            for entry in &mut topic.partitions {
                let known: Option<&HashMap<i32, i64>> = match entry.offset {
                    EARLIEST => Some(&low),
                    LATEST => Some(&high),
                    _ => None,
                };
                if let Some(offset) = known.and_then(|known| known.get(&entry.partition)) {
                    entry.offset = *offset;
                }
            }
        }
        Ok(())
    }

    /// Sets where a group without members goes on.
    ///
    /// # Errors
    /// The topic's protocol error; `KafkaJSNonRetriableError` when the group has members.
    pub async fn set_offsets(&self, request: &SetOffsets) -> Result<()> {
        let topics = [request.topic.clone()];
        let (partitions, ()) = try_join(
            self.partitions_of(&topics),
            self.require_inactive(&request.group_id),
        )
        .await?;
        let exists = |partition| partitions.iter().flatten().any(|index| *index == partition);
        let partitions: Vec<_> = request
            .partitions
            .iter()
            .filter(|entry| exists(entry.partition))
            .map(|entry| GroupPartitionOffset {
                partition: entry.partition,
                offset: entry.offset,
                metadata: None,
            })
            .collect();
        if partitions.is_empty() {
            return Ok(());
        }
        self.commit(
            &request.group_id,
            &[GroupTopicOffsets {
                topic: request.topic.clone(),
                partitions,
            }],
        )
        .await
    }

    /// Sends a group without members to the beginning or the end of a topic.
    ///
    /// # Errors
    /// As [`AdminHandle::set_offsets`].
    pub async fn reset_offsets(&self, request: &ResetOffsets) -> Result<()> {
        let topics = [request.topic.clone()];
        let (partitions, ()) = try_join(
            self.partitions_of(&topics),
            self.require_inactive(&request.group_id),
        )
        .await?;
        let offset = if request.earliest { EARLIEST } else { LATEST };
        let partitions = partitions
            .into_iter()
            .flatten()
            .map(|partition| GroupPartitionOffset {
                partition,
                offset,
                metadata: None,
            })
            .collect();
        self.commit(
            &request.group_id,
            &[GroupTopicOffsets {
                topic: request.topic.clone(),
                partitions,
            }],
        )
        .await
    }

    async fn group_state(&self, group: &str) -> Result<String> {
        let described = self.describe_groups(&[group.to_owned()]).await?;
        Ok(described
            .groups
            .into_iter()
            .next()
            .map(|group| group.state)
            .unwrap_or_default())
    }

    async fn require_inactive(&self, group: &str) -> Result<()> {
        let state = self.group_state(group).await?;
        if is_inactive(&state) {
            Ok(())
        } else {
            Err(running(&state))
        }
    }

    /// Commits for a group without members.
    async fn commit(&self, group: &str, topics: &[GroupTopicOffsets]) -> Result<()> {
        let committed = self
            .on_coordinator(group, |coordinator| async move {
                let message = OffsetCommitRequest::default()
                    .with_group_id(group_id(group))
                    .with_generation_id_or_member_epoch(NO_GENERATION)
                    .with_topics(topics.iter().map(commit_topic).collect());
                let response = self.send(&coordinator, message, 0, Repeat::Safe).await?;
                let mut codes = response.topics.iter().flat_map(|topic| &topic.partitions);
                let error = codes.find_map(|partition| failed(partition.error_code, None));
                error.map_or(Ok(()), |error| Err(Failure::Bail(error)))
            })
            .await;
        match committed {
            // Somebody joined after the state was looked at.
            Err(error)
                if matches!(
                    error.code(),
                    Some(ILLEGAL_GENERATION | UNKNOWN_MEMBER_ID | REBALANCE_IN_PROGRESS)
                ) =>
            {
                // Members of the consumer protocol (KIP-848) are not seen by DescribeGroups.
                let state = self.group_state(group).await?;
                Err(running(if is_inactive(&state) { "Stable" } else { &state }))
            }
            outcome => outcome,
        }
    }
}

fn commit_topic(topic: &GroupTopicOffsets) -> OffsetCommitRequestTopic {
    let partitions = topic.partitions.iter().map(|entry| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(entry.partition)
            .with_committed_offset(entry.offset)
            .with_committed_metadata(entry.metadata.as_deref().map(text))
    });
    OffsetCommitRequestTopic::default()
        .with_name(topic_name(&topic.topic))
        .with_partitions(partitions.collect())
}

/// Coordinators keep a missing text as an empty one.
fn stored_text(stored: Option<&StrBytes>) -> Option<String> {
    stored.filter(|text| !text.is_empty()).map(ToString::to_string)
}

fn is_inactive(state: &str) -> bool {
    matches!(state, "Empty" | "Dead")
}

fn running(state: &str) -> Error {
    let text = format!("The consumer group must have no running instances, current state: {state}");
    Error::non_retriable(text)
}
