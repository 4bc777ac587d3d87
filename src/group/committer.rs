//! Storing offsets with the group, and reading what is stored.

use std::collections::BTreeMap;

use kafka_protocol::messages::OffsetFetchRequest;
use serde_json::{Value, json};

use super::handle::Group;
use super::offsets::Commit;
use super::requests;
use super::state::{Identity, Verdict, code};
use super::topic_partition::TopicPartition;
use crate::cluster::Role;
use crate::cluster::retry::{Failure, retry, wrap_non_retriable};
use crate::error::{Error, Result};
use crate::network::Deadline;

/// First OffsetFetch version that can wait for transactions (KIP-447).
const WAITS_FOR_STABLE: i16 = 7;

/// What was stored, and as whom.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The member.
    pub member_id: String,
    /// The generation.
    pub generation: i32,
    /// The offsets; empty when there was nothing to store, and then nothing was sent.
    pub commits: Vec<Commit>,
}

impl Committed {
    /// kafkajs' COMMIT_OFFSETS payload of an automatic commit, without the group id; partitions are strings there.
    pub fn payload(&self) -> Value {
        let mut topics: Vec<(&str, Vec<Value>)> = Vec::new();
        for commit in &self.commits {
            let TopicPartition { topic, partition } = &commit.partition;
            let row = json!({ "partition": partition.to_string(), "offset": commit.offset.to_string() });
            match topics.iter_mut().find(|(name, _)| **name == **topic) {
                Some((_, rows)) => rows.push(row),
                None => topics.push((topic, vec![row])),
            }
        }
        let topics: Vec<Value> = topics
            .into_iter()
            .map(|(topic, rows)| json!({ "topic": topic, "partitions": rows }))
            .collect();
        json!({ "memberId": self.member_id, "groupGenerationId": self.generation, "topics": topics })
    }
}

impl Group {
    /// What was resolved and is not stored yet.
    pub fn uncommitted(&self) -> Vec<Commit> {
        self.0.offsets.lock().uncommitted()
    }

    /// Somebody else has stored these.
    pub fn note_stored(&self, commits: &[Commit]) {
        self.0.offsets.lock().committed(commits);
    }

    /// Stores everything that was resolved. Calls that come while one is under way wait for it and then store what it
    /// left, which is mostly nothing.
    ///
    /// # Errors
    /// The protocol error if the group rebalances or does not know the member any more;
    /// `KafkaJSNumberOfRetriesExceeded` if the coordinator cannot be reached.
    pub async fn commit_resolved(&self) -> Result<Committed> {
        let _turn = self.0.committing.lock().await;
        let commits = self.uncommitted();
        if commits.is_empty() {
            return Ok(Committed {
                member_id: String::new(),
                generation: -1,
                commits,
            });
        }
        self.commit_now(commits).await
    }

    /// Stores exactly `commits`.
    ///
    /// # Errors
    /// ILLEGAL_GENERATION, wrapped as kafkajs' retrier does, for a partition that is not assigned (any more): storing
    /// it would overwrite what its new owner stores. Otherwise as [`Group::commit_resolved`].
    pub async fn commit(&self, commits: Vec<Commit>) -> Result<Committed> {
        let _turn = self.0.committing.lock().await;
        let lost = self.0.offsets.lock().first_lost(&commits).cloned();
        if let Some(lost) = lost {
            let error = Error::protocol(code::ILLEGAL_GENERATION)
                .with("topic", json!(&*lost.topic))
                .with("partition", json!(lost.partition));
            return Err(wrap_non_retriable(&error));
        }
        self.commit_now(commits)
            .await
            .map_err(|error| match error.code() {
                Some(_) if !error.is_retriable() => wrap_non_retriable(&error),
                _ => error,
            })
    }

    async fn commit_now(&self, commits: Vec<Commit>) -> Result<Committed> {
        let Some(identity) = self.0.state.lock().identity() else {
            return Err(Error::protocol(
                self.rebalance_code().unwrap_or(code::REBALANCE_IN_PROGRESS),
            ));
        };
        self.send_commit(&identity, &commits).await?;
        self.0.offsets.lock().committed(&commits);
        Ok(Committed {
            member_id: identity.member_id,
            generation: identity.generation,
            commits,
        })
    }

    /// A member that has left has nothing to store any more: its attempts end with it, as many as may be left.
    async fn send_commit(&self, identity: &Identity, commits: &[Commit]) -> Result<()> {
        tokio::select! {
            () = self.0.stopped.cancelled() => Err(Self::stopped_error()),
            sent = self.try_to_commit(identity, commits) => sent,
        }
    }

    async fn try_to_commit(&self, identity: &Identity, commits: &[Commit]) -> Result<()> {
        retry(self.0.config.retry, |_| async {
            let coordinator = self.coordinator().await?;
            let request = requests::commit(&self.0.config, identity, commits);
            // Not the connection of the group, where a JoinGroup may be waiting.
            let sent = self
                .0
                .cluster
                .send(coordinator, Role::Control, request, Deadline::Default)
                .await;
            let code = match sent {
                Ok(response) => requests::commit_code(&response),
                Err(error) => return Err(self.unreachable(error)),
            };
            if code == 0 {
                Ok(())
            } else {
                Err(self.refused_commit(identity, code))
            }
        })
        .await
    }

    fn refused_commit(&self, identity: &Identity, code: i16) -> Failure {
        let error = Error::protocol(code);
        match self.note_group_error(identity.generation, code) {
            Verdict::FindCoordinator | Verdict::Wait => Failure::Retry(error),
            Verdict::Fatal if error.is_retriable() => Failure::Retry(error),
            Verdict::Rejoin | Verdict::RejoinAsNew | Verdict::Fatal => Failure::Bail(error),
        }
    }

    /// A coordinator that does not answer may have moved.
    fn unreachable(&self, error: Error) -> Failure {
        self.forget_coordinator();
        if error.is_retriable() {
            Failure::Retry(error)
        } else {
            Failure::Bail(error)
        }
    }

    /// Offsets the group has stored for `partitions`; those without are left out.
    ///
    /// # Errors
    /// As [`Group::commit_resolved`].
    pub async fn stored_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        retry(self.0.config.retry, |_| async {
            let coordinator = self.coordinator().await?;
            let asked = async {
                let connection = self.0.cluster.connection(coordinator, Role::Control).await?;
                let can_wait = connection
                    .version_of::<OffsetFetchRequest>()
                    .is_some_and(|version| version >= WAITS_FOR_STABLE);
                let stable = self.0.config.read_committed && can_wait;
                let request = requests::fetch_offsets(&self.0.config, partitions, stable);
                connection.send(request, Deadline::Default).await
            };
            let response = asked.await.map_err(|error| self.unreachable(error))?;
            requests::stored_offsets(&response).map_err(|error| match error.code().map(super::state::judge) {
                Some(Verdict::FindCoordinator) => self.unreachable(error),
                _ if error.is_retriable() => Failure::Retry(error),
                _ => Failure::Bail(error),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_kafkajs_types() {
        let commit = |topic: &str, partition, offset| Commit {
            partition: TopicPartition::new(topic, partition),
            offset,
            metadata: Some("m".into()),
        };
        let committed = Committed {
            member_id: "id".into(),
            generation: 2,
            commits: vec![commit("a", 1, 5), commit("b", 0, 6), commit("a", 0, 7)],
        };
        assert_eq!(
            committed.payload()["topics"],
            json!([
                { "topic": "a", "partitions": [{ "partition": "1", "offset": "5" }, { "partition": "0", "offset": "7" }] },
                { "topic": "b", "partitions": [{ "partition": "0", "offset": "6" }] },
            ])
        );
    }
}
