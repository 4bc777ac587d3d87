//! Who gets which partition: the assignors that are built in. Pure, and byte for byte what `src/consumer/assigners`
//! gives, so that the leader need not ask JavaScript.

mod range;
mod round_robin;

use std::collections::BTreeMap;

use crate::protocol::consumer_protocol::MemberMetadata;

/// A member as the leader knows it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Topics it subscribed to.
    pub topics: Vec<String>,
}

impl Member {
    /// From what JoinGroup told of a member; metadata that cannot be read counts as no subscription.
    pub fn from_metadata(id: String, metadata: &[u8]) -> Self {
        let topics = MemberMetadata::decode(metadata)
            .map(|metadata| metadata.topics)
            .unwrap_or_default();
        Self { id, topics }
    }
}

/// Partitions by topic, in the order in which they were given.
pub type Assignment = Vec<(String, Vec<i32>)>;

/// Assignments by member id.
pub type Assignments = BTreeMap<String, Assignment>;

/// An assignor that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assignor {
    /// kafkajs' `RoundRobinAssigner`.
    RoundRobin,
    /// Apache Kafka's `range`.
    Range,
}

impl Assignor {
    /// Topics whose partitions have to be known: those of the leader, and for `range` those of all members.
    pub fn topics_needed(self, leader_topics: &[String], members: &[Member]) -> Vec<String> {
        let mut topics = leader_topics.to_vec();
        if self == Self::Range {
            for topic in members.iter().flat_map(|member| &member.topics) {
                if !topics.contains(topic) {
                    topics.push(topic.clone());
                }
            }
        }
        topics
    }

    /// Deals the partitions out. `partitions_of` gives the partition numbers of a topic in the order of its metadata,
    /// and none for a topic nobody knows.
    pub fn assign(
        self,
        members: &[Member],
        leader_topics: &[String],
        partitions_of: impl Fn(&str) -> Vec<i32>,
    ) -> Assignments {
        match self {
            Self::RoundRobin => round_robin::assign(members, leader_topics, partitions_of),
            Self::Range => range::assign(members, partitions_of),
        }
    }
}

/// Sorts ids as JavaScript's `sort()` does: by UTF-16 code units.
fn sorted_ids<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = members.map(|member| member.id.as_str()).collect();
    ids.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
    ids
}
