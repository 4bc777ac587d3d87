//! Joining a group and leaving it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use kafka_protocol::messages::{JoinGroupResponse, LeaveGroupRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::assignor::{Assignor, Member};
use super::handle::{AssignerAnswer, Group};
use super::offsets::Offsets;
use super::requests;
use super::state::{Identity, JoinNumber, Verdict, code};
use super::topic_partition::TopicPartition;
use crate::cluster::Role;
use crate::cluster::retry::{Backoff, wrap_non_retriable};
use crate::error::{Error, Result};
use crate::event::{Level, with_fields};
use crate::network::{Connection, Deadline};
use crate::protocol::consumer_protocol::MemberAssignment;

/// JoinGroup is answered when the group has formed, which may take the rebalance timeout and then some.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// LeaveGroup is a courtesy: whoever does not answer it in time finds out by the session timeout.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Partitions by subscribed topic.
pub(super) type Known = BTreeMap<String, BTreeSet<i32>>;

/// One protocol a member offers: an assigner and what it wants to tell the leader's.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// Name of the assigner.
    pub name: String,
    /// The assignor of ours that does its work; none for an assigner of the program.
    pub assignor: Option<Assignor>,
    /// Metadata in base64.
    pub metadata: String,
}

/// What a member joins with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Topics, in the order in which they were subscribed to.
    pub topics: Vec<String>,
    /// Protocols by preference.
    pub protocols: Vec<Protocol>,
}

/// A group that has formed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// Id of this member.
    pub member_id: String,
    /// Id of the leader.
    pub leader_id: String,
    /// Whether this member leads.
    pub is_leader: bool,
    /// Generation.
    pub generation_id: i32,
    /// Name of the assigner in use.
    pub group_protocol: String,
    /// All that was assigned, in the leader's order.
    pub assignment: Vec<(String, Vec<i32>)>,
}

impl Group {
    /// Joins the group and waits for the assignment. What a group in motion answers (it rebalances again, has forgotten
    /// the member, moves to another coordinator) is repeated; so is a lost connection, with the consumer's back-off.
    ///
    /// # Errors
    /// `KafkaJSNumberOfRetriesExceeded` when the coordinator cannot be reached, the protocol error when the group
    /// refuses the member, what the program's assigner threw (kind `Retriable` with field `assigner`), or that the
    /// member was stopped.
    pub async fn join(&self, subscription: Subscription) -> Result<Joined> {
        tokio::select! {
            () = self.0.stopped.cancelled() => Err(Self::stopped_error()),
            joined = self.join_until_formed(&subscription) => joined,
        }
    }

    async fn join_until_formed(&self, subscription: &Subscription) -> Result<Joined> {
        self.stop_beating();
        let mut backoff = Backoff::new(self.0.config.retry, fastrand::f64());
        let mut rebalances = 0_u32;
        loop {
            let join = self.0.state.lock().start_join().ok_or_else(Self::stopped_error)?;
            let error = match self.join_and_sync(join, subscription).await {
                Ok(joined) => return Ok(joined),
                Err(error) => error,
            };
            let verdict = self.0.state.lock().join_failed(join, error.code());
            match verdict {
                // JoinGroup itself waits for the others, which paces this. The group may need many rounds when many
                // members come at once, so rounds are not counted as failures.
                Verdict::Rejoin | Verdict::RejoinAsNew => {
                    rebalances += 1;
                    tokio::time::sleep(Duration::from_millis(10) * rebalances.saturating_sub(1).min(100))
                        .await;
                    continue;
                }
                Verdict::FindCoordinator => self.forget_coordinator(),
                Verdict::Wait => {}
                Verdict::Fatal if error.is_connection() => self.forget_coordinator(),
                Verdict::Fatal => return Err(error),
            }
            if !error.is_retriable() {
                return Err(wrap_non_retriable(&error));
            }
            match backoff.next(fastrand::f64()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(backoff.exceeded(error)),
            }
        }
    }

    async fn join_and_sync(&self, join: JoinNumber, subscription: &Subscription) -> Result<Joined> {
        let coordinator = self.coordinator().await?;
        let connection = self.0.cluster.connection(coordinator, Role::Group).await?;
        let formed = self.form(&connection, join, subscription).await?;
        let identity = Identity {
            member_id: formed.member_id.to_string(),
            generation: formed.generation_id,
        };
        if !self.0.state.lock().joined(join, identity.clone()) {
            return Err(Self::stopped_error());
        }
        let protocol = formed
            .protocol_name
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let is_leader = formed.leader == formed.member_id;
        let assignments = if is_leader {
            self.assign(&formed, &protocol, subscription).await?
        } else {
            Vec::new()
        };
        *self.0.known.lock() = self.known_partitions(&subscription.topics);
        let request = requests::sync(&self.0.config, &identity, &protocol, assignments);
        let deadline = Deadline::AtLeast(self.0.config.rebalance_timeout);
        let synced = connection.send_or_close(request, deadline).await?;
        if synced.error_code != 0 {
            return Err(Error::protocol(synced.error_code));
        }
        let decoded = MemberAssignment::decode(&synced.assignment)
            .map_err(|error| Error::non_retriable(format!("Cannot read the group's assignment: {error}")))?;
        let assignment = decoded.map(|decoded| decoded.assignment).unwrap_or_default();
        if !self.0.state.lock().synced(join, Instant::now()) {
            return Err(Self::stopped_error());
        }
        self.start_beating(identity.generation);
        Ok(Joined {
            member_id: identity.member_id,
            leader_id: formed.leader.to_string(),
            is_leader,
            generation_id: identity.generation,
            group_protocol: protocol,
            assignment,
        })
    }

    /// JoinGroup, repeated at once with the id that a first one is given (KIP-394).
    async fn form(
        &self,
        connection: &Connection,
        join: JoinNumber,
        subscription: &Subscription,
    ) -> Result<JoinGroupResponse> {
        let protocols = decode_protocols(&subscription.protocols)?;
        let mut given_id = false;
        loop {
            let member_id = self.0.state.lock().member_id().to_owned();
            let request = requests::join(&self.0.config, &member_id, &protocols);
            let deadline = Deadline::AtLeast(self.0.config.rebalance_timeout + JOIN_GRACE);
            let response = connection.send_or_close(request, deadline).await?;
            match response.error_code {
                0 => return Ok(response),
                code::MEMBER_ID_REQUIRED if !given_id => {
                    given_id = true;
                    self.0
                        .state
                        .lock()
                        .member_id_given(join, response.member_id.to_string());
                }
                code => return Err(Error::protocol(code)),
            }
        }
    }

    fn known_partitions(&self, topics: &[String]) -> Known {
        topics
            .iter()
            .map(|topic| (topic.clone(), self.partitions_of(topic).into_iter().collect()))
            .collect()
    }

    fn partitions_of(&self, topic: &str) -> Vec<i32> {
        let metadata = self.0.cluster.metadata();
        metadata
            .topics
            .get(topic)
            .map(|topic| topic.partitions.iter().map(|partition| partition.index).collect())
            .unwrap_or_default()
    }

    /// The leader's part: deals the partitions out.
    async fn assign(
        &self,
        formed: &JoinGroupResponse,
        protocol: &str,
        subscription: &Subscription,
    ) -> Result<Vec<(String, Bytes)>> {
        let Some(chosen) = subscription
            .protocols
            .iter()
            .find(|offered| offered.name == protocol)
        else {
            return Err(Error::non_retriable(format!(
                "Unsupported partition assigner \"{protocol}\", the assigner wasn't found in the assigners list"
            )));
        };
        let Some(assignor) = chosen.assignor else {
            self.0.cluster.refresh_metadata().await?;
            return self.ask_assigner(formed, protocol, &subscription.topics).await;
        };
        let members: Vec<Member> = formed
            .members
            .iter()
            .map(|member| Member::from_metadata(member.member_id.to_string(), &member.metadata))
            .collect();
        let needed = assignor.topics_needed(&subscription.topics, &members);
        self.0.cluster.add_targets(needed.iter().map(String::as_str));
        self.0.cluster.refresh_metadata().await?;
        let assignments = assignor.assign(&members, &subscription.topics, |topic| self.partitions_of(topic));
        assignments
            .into_iter()
            .map(|(member_id, assignment)| {
                let encoded = MemberAssignment {
                    version: 0,
                    assignment,
                    user_data: Some(Vec::new()),
                }
                .encode();
                match encoded {
                    Ok(bytes) => Ok((member_id, Bytes::from(bytes))),
                    Err(error) => Err(Error::non_retriable(format!(
                        "Cannot write the group's assignment: {error}"
                    ))),
                }
            })
            .collect()
    }

    /// Has the program's assigner do it.
    async fn ask_assigner(
        &self,
        formed: &JoinGroupResponse,
        protocol: &str,
        topics: &[String],
    ) -> Result<Vec<(String, Bytes)>> {
        let question = self.0.next_question.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.0.asked_assigners.lock().insert(question, answer);
        let members: Vec<_> = formed
            .members
            .iter()
            .map(|member| {
                json!({
                    "memberId": member.member_id.as_str(),
                    "memberMetadata": BASE64.encode(&member.metadata),
                    "groupInstanceId": member.group_instance_id.as_deref(),
                })
            })
            .collect();
        self.signal(
            "assign",
            json!({ "question": question, "groupProtocol": protocol, "members": members, "topics": topics }),
        );
        let outcome = tokio::time::timeout(self.0.config.rebalance_timeout, answered).await;
        self.0.asked_assigners.lock().remove(&question);
        match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(_closed)) => Err(Self::stopped_error()),
            Err(_elapsed) => Err(Error::retriable_error(format!(
                "The partition assigner \"{protocol}\" did not answer within {} ms",
                self.0.config.rebalance_timeout.as_millis()
            ))),
        }
    }

    /// Takes the answer of the program's assigner; an answer that comes too late is dropped.
    pub fn answer_assigner(&self, question: u32, answer: AssignerAnswer) {
        if let Some(asker) = self.0.asked_assigners.lock().remove(&question) {
            // The asker may have given up between our look and now.
            let _ = asker.send(answer);
        }
    }

    /// From now on these partitions are the member's; nothing of them is resolved.
    pub async fn take_assignment(&self, partitions: &[TopicPartition]) -> Result<()> {
        *self.0.offsets.lock() = Offsets::new(partitions.iter().cloned());
        if let Some((topic, known, assigned)) = self.first_unknown(partitions) {
            self.0.cluster.reporter().log(Level::Warn, "ConsumerGroup", || {
                let extra = with_fields(
                    self.describe(),
                    json!({ "topic": topic, "knownPartitions": known, "assignedPartitions": assigned }),
                );
                (
                    "Consumer is not aware of all assigned partitions, refreshing metadata".into(),
                    extra,
                )
            });
            self.0.cluster.refresh_metadata().await?;
            let topics: Vec<String> = self.0.known.lock().keys().cloned().collect();
            *self.0.known.lock() = self.known_partitions(&topics);
        }
        Ok(())
    }

    /// First topic with an assigned partition that the metadata did not have.
    fn first_unknown(&self, partitions: &[TopicPartition]) -> Option<(String, Vec<i32>, Vec<i32>)> {
        let known = self.0.known.lock();
        let stranger = partitions.iter().find(|partition| {
            !known
                .get(&*partition.topic)
                .is_some_and(|known| known.contains(&partition.partition))
        })?;
        let topic = stranger.topic.to_string();
        let assigned = partitions
            .iter()
            .filter(|partition| partition.topic == stranger.topic)
            .map(|partition| partition.partition)
            .collect();
        Some((
            topic,
            known
                .get(&*stranger.topic)
                .into_iter()
                .flatten()
                .copied()
                .collect(),
            assigned,
        ))
    }

    /// First subscribed topic that has partitions which were not there when the member joined.
    pub fn grown_topic(&self) -> Option<(String, Vec<i32>)> {
        let known = self.0.known.lock();
        known.iter().find_map(|(topic, partitions)| {
            let new: Vec<i32> = self
                .partitions_of(topic)
                .into_iter()
                .filter(|partition| !partitions.contains(partition))
                .collect();
            (!new.is_empty()).then(|| (topic.clone(), new))
        })
    }

    /// Leaves for good: a join under way is given up, heartbeats end. The coordinator is told, but not waited for long.
    pub async fn leave(&self) {
        let member_id = self.0.state.lock().begin_leave();
        self.0.stopped.cancel();
        self.stop_beating();
        self.0.asked_assigners.lock().clear();
        if let Some(member_id) = member_id {
            self.send_leave(&member_id).await;
        }
    }

    pub(super) async fn send_leave(&self, member_id: &str) {
        let told = async {
            let coordinator = self.coordinator().await?;
            // Not the connection of the group: a JoinGroup may still be waiting there.
            let connection = self.0.cluster.connection(coordinator, Role::Control).await?;
            let version = connection.version_of::<LeaveGroupRequest>().unwrap_or_default();
            let request = requests::leave(&self.0.config, member_id, version);
            connection.send(request, Deadline::Exactly(LEAVE_TIMEOUT)).await
        };
        if let Ok(Err(error)) = tokio::time::timeout(LEAVE_TIMEOUT, told).await {
            self.0.cluster.reporter().log(Level::Debug, "ConsumerGroup", || {
                let extra = with_fields(self.describe(), json!({ "error": error.message() }));
                (
                    "Could not tell the coordinator that this member leaves".into(),
                    extra,
                )
            });
        }
    }
}

fn decode_protocols(protocols: &[Protocol]) -> Result<Vec<(String, Bytes)>> {
    protocols
        .iter()
        .map(|protocol| {
            let metadata = BASE64.decode(&protocol.metadata).map_err(|error| {
                Error::non_retriable(format!(
                    "Invalid metadata of partition assigner {}: {error}",
                    protocol.name
                ))
            })?;
            Ok((protocol.name.clone(), Bytes::from(metadata)))
        })
        .collect()
}
