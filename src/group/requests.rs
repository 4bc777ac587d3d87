//! The requests of a member, and what their answers say.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::heartbeat_request::HeartbeatRequest;
use kafka_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use kafka_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kafka_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use kafka_protocol::messages::{
    GroupId, HeartbeatResponse, OffsetCommitResponse, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::handle::GroupConfig;
use super::offsets::Commit;
use super::state::Identity;
use super::topic_partition::TopicPartition;
use crate::error::{Error, Result};

/// The one type of group there is among consumers.
const PROTOCOL_TYPE: &str = "consumer";

/// First LeaveGroup version that names members in a list (KIP-345).
const LEAVES_IN_A_LIST: i16 = 3;

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn group_id(config: &GroupConfig) -> GroupId {
    GroupId(text(&config.group_id))
}

fn milliseconds(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

pub(super) fn join(config: &GroupConfig, member_id: &str, protocols: &[(String, Bytes)]) -> JoinGroupRequest {
    let protocols = protocols
        .iter()
        .map(|(name, metadata)| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(metadata.clone())
        })
        .collect();
    JoinGroupRequest::default()
        .with_group_id(group_id(config))
        .with_session_timeout_ms(milliseconds(config.session_timeout))
        .with_rebalance_timeout_ms(milliseconds(config.rebalance_timeout))
        .with_member_id(text(member_id))
        .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
        .with_protocols(protocols)
}

pub(super) fn sync(
    config: &GroupConfig,
    identity: &Identity,
    protocol: &str,
    assignments: Vec<(String, Bytes)>,
) -> SyncGroupRequest {
    let assignments = assignments
        .into_iter()
        .map(|(member_id, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&member_id))
                .with_assignment(assignment)
        })
        .collect();
    SyncGroupRequest::default()
        .with_group_id(group_id(config))
        .with_generation_id(identity.generation)
        .with_member_id(text(&identity.member_id))
        .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
        .with_protocol_name(Some(text(protocol)))
        .with_assignments(assignments)
}

pub(super) fn heartbeat(config: &GroupConfig, identity: &Identity) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group_id(config))
        .with_generation_id(identity.generation)
        .with_member_id(text(&identity.member_id))
}

pub(super) fn heartbeat_code(response: &HeartbeatResponse) -> i16 {
    response.error_code
}

/// `version` is the one that will be spoken: the member is named in different fields.
pub(super) fn leave(config: &GroupConfig, member_id: &str, version: i16) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(group_id(config));
    if version >= LEAVES_IN_A_LIST {
        request.with_members(vec![MemberIdentity::default().with_member_id(text(member_id))])
    } else {
        request.with_member_id(text(member_id))
    }
}

/// Groups partitions by topic, keeping the order in which topics first appear.
fn by_topic<'a, T>(items: impl Iterator<Item = (&'a TopicPartition, T)>) -> Vec<(&'a str, Vec<T>)> {
    let mut topics: Vec<(&str, Vec<T>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (partition, item) in items {
        let place = *places.entry(&partition.topic).or_insert_with(|| {
            topics.push((&partition.topic, Vec::new()));
            topics.len() - 1
        });
        if let Some((_, members)) = topics.get_mut(place) {
            members.push(item);
        }
    }
    topics
}

pub(super) fn commit(config: &GroupConfig, identity: &Identity, commits: &[Commit]) -> OffsetCommitRequest {
    let partitions = commits.iter().map(|commit| {
        // A broker answers an absent text and an empty one alike, but takes only text before version 8.
        let metadata = commit.metadata.as_deref().map(text);
        let row = OffsetCommitRequestPartition::default()
            .with_partition_index(commit.partition.partition)
            .with_committed_offset(commit.offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(metadata);
        (&commit.partition, row)
    });
    let topics = by_topic(partitions)
        .into_iter()
        .map(|(topic, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(TopicName(text(topic)))
                .with_partitions(partitions)
        })
        .collect();
    OffsetCommitRequest::default()
        .with_group_id(group_id(config))
        .with_generation_id_or_member_epoch(identity.generation)
        .with_member_id(text(&identity.member_id))
        .with_topics(topics)
}

/// The first error among the partitions, 0 if there is none.
pub(super) fn commit_code(response: &OffsetCommitResponse) -> i16 {
    let codes = response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|partition| partition.error_code);
    codes.into_iter().find(|code| *code != 0).unwrap_or_default()
}

/// `stable`: wait until transactions that commit offsets of these partitions are decided (KIP-447); spoken from
/// version 7 on.
pub(super) fn fetch_offsets(
    config: &GroupConfig,
    partitions: &[TopicPartition],
    stable: bool,
) -> OffsetFetchRequest {
    let topics = by_topic(
        partitions
            .iter()
            .map(|partition| (partition, partition.partition)),
    )
    .into_iter()
    .map(|(topic, indexes)| {
        OffsetFetchRequestTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partition_indexes(indexes)
    })
    .collect();
    OffsetFetchRequest::default()
        .with_group_id(group_id(config))
        .with_topics(Some(topics))
        .with_require_stable(stable)
}

/// Stored offsets; a partition without one is left out.
///
/// # Errors
/// The first protocol error of the answer.
pub(super) fn stored_offsets(response: &OffsetFetchResponse) -> Result<BTreeMap<TopicPartition, i64>> {
    if response.error_code != 0 {
        return Err(Error::protocol(response.error_code));
    }
    let mut stored = BTreeMap::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            if partition.error_code != 0 {
                return Err(Error::protocol(partition.error_code));
            }
            if partition.committed_offset >= 0 {
                let key = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                stored.insert(key, partition.committed_offset);
            }
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::KafkaRequest;
    use crate::protocol::wire::encode_body;

    fn config() -> GroupConfig {
        serde_json::from_value(serde_json::json!({
            "session": 1, "groupId": "g", "sessionTimeout": 30000, "rebalanceTimeout": 60000,
            "heartbeatInterval": 3000, "maxPollInterval": 300_000, "readCommitted": true,
            "retry": { "maxRetryTime": 1, "initialRetryTime": 1, "factor": 0, "multiplier": 1, "retries": 1 },
        }))
        .unwrap()
    }

    fn encodes_in_all_versions<R: KafkaRequest>(build: impl Fn(i16) -> R) {
        for version in R::SPEC.min..=R::SPEC.max {
            let mut out = Vec::new();
            encode_body(&build(version), version, &mut out)
                .unwrap_or_else(|e| panic!("{} v{version}: {e}", R::SPEC.name));
            assert!(!out.is_empty());
        }
    }

    #[test]
    fn every_request_can_be_written_in_every_version() {
        let config = config();
        let identity = Identity {
            member_id: "m".into(),
            generation: 3,
        };
        let partitions = [
            TopicPartition::new("a", 0),
            TopicPartition::new("b", 1),
            TopicPartition::new("a", 2),
        ];
        let commits: Vec<_> = partitions
            .iter()
            .map(|partition| Commit {
                partition: partition.clone(),
                offset: 7,
                metadata: Some("x".into()),
            })
            .collect();
        encodes_in_all_versions(|_| {
            join(
                &config,
                "",
                &[("RoundRobinAssigner".into(), Bytes::from_static(b"x"))],
            )
        });
        encodes_in_all_versions(|_| sync(&config, &identity, "range", vec![("m".into(), Bytes::new())]));
        encodes_in_all_versions(|_| heartbeat(&config, &identity));
        encodes_in_all_versions(|version| leave(&config, "m", version));
        encodes_in_all_versions(|_| commit(&config, &identity, &commits));
        encodes_in_all_versions(|version| fetch_offsets(&config, &partitions, version >= 7));
    }

    #[test]
    fn partitions_are_grouped_by_topic_in_order() {
        let partitions = [
            TopicPartition::new("b", 1),
            TopicPartition::new("a", 2),
            TopicPartition::new("b", 0),
        ];
        let grouped = by_topic(
            partitions
                .iter()
                .map(|partition| (partition, partition.partition)),
        );
        assert_eq!(grouped, [("b", vec![1, 0]), ("a", vec![2])]);
    }
}
