//! AlterPartitionReassignments and ListPartitionReassignments: moving replicas between brokers (KIP-455).

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::list_partition_reassignments_response::OngoingTopicReassignment;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ListPartitionReassignmentsRequest,
};
use kafka_protocol::protocol::StrBytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::handle::{AdminHandle, NOT_CONTROLLER, Repeat, refusal};
use super::metadata::node_ids;
use super::topics::ReplicaAssignment;
use super::values::{failed, topic_name};
use crate::cluster::retry::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::error_code;

/// A topic and the brokers its partitions are to live on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicReassignment {
    /// Its name.
    pub topic: String,
    /// New replicas of partitions.
    pub partition_assignment: Vec<ReplicaAssignment>,
}

impl TopicReassignment {
    fn message(&self) -> ReassignableTopic {
        let partitions = self.partition_assignment.iter().map(|assignment| {
            ReassignablePartition::default()
                .with_partition_index(assignment.partition)
                .with_replicas(Some(assignment.replicas.iter().copied().map(BrokerId).collect()))
        });
        ReassignableTopic::default()
            .with_name(topic_name(&self.topic))
            .with_partitions(partitions.collect())
    }
}

/// Arguments of `alterPartitionReassignments`.
#[derive(Debug, Deserialize)]
pub struct AlterPartitionReassignments {
    /// What is to move.
    pub topics: Vec<TopicReassignment>,
    /// How long the broker may take, ms.
    pub timeout: i32,
}

/// A topic and some of its partitions.
#[derive(Debug, Deserialize)]
pub struct PartitionsOfTopic {
    /// Its name.
    pub topic: String,
    /// Partition numbers.
    pub partitions: Vec<i32>,
}

/// Arguments of `listPartitionReassignments`.
#[derive(Debug, Deserialize)]
pub struct ListPartitionReassignments {
    /// `None`: all topics.
    pub topics: Option<Vec<PartitionsOfTopic>>,
    /// How long the broker may take, ms.
    pub timeout: i32,
}

/// Result of `listPartitionReassignments`.
#[derive(Debug, Serialize)]
pub struct OngoingReassignments {
    /// Topics of which something moves.
    pub topics: Vec<OngoingTopic>,
}

/// A topic of which something moves.
#[derive(Debug, Serialize)]
pub struct OngoingTopic {
    /// Its name.
    pub name: String,
    /// Partitions that move.
    pub partitions: Vec<OngoingPartition>,
}

/// A partition that moves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OngoingPartition {
    /// Partition number.
    pub partition: i32,
    /// Node ids of all replicas now.
    pub replicas: Vec<i32>,
    /// Those on their way in.
    pub adding_replicas: Vec<i32>,
    /// Those on their way out.
    pub removing_replicas: Vec<i32>,
}

impl From<&OngoingTopicReassignment> for OngoingTopic {
    fn from(topic: &OngoingTopicReassignment) -> Self {
        let partitions = topic.partitions.iter().map(|partition| OngoingPartition {
            partition: partition.partition_index,
            replicas: node_ids(&partition.replicas),
            adding_replicas: node_ids(&partition.adding_replicas),
            removing_replicas: node_ids(&partition.removing_replicas),
        });
        Self {
            name: topic.name.to_string(),
            partitions: partitions.collect(),
        }
    }
}

fn reassignment_error(code: i16, broker_text: Option<&StrBytes>) -> Error {
    Error::new(
        ErrorKind::AlterPartitionReassignments(code),
        error_code::message(code),
    )
    .with_broker_message(broker_text.map(StrBytes::as_str))
}

impl AdminHandle {
    /// Starts to move replicas; does not wait until they have moved.
    ///
    /// # Errors
    /// `KafkaJSAlterPartitionReassignmentsError` for the request, or `KafkaJSAggregateError` of one per partition.
    pub async fn alter_partition_reassignments(&self, request: &AlterPartitionReassignments) -> Result<()> {
        self.on_controller("reassign partitions", |controller| async move {
            let message = AlterPartitionReassignmentsRequest::default()
                .with_timeout_ms(request.timeout)
                .with_topics(request.topics.iter().map(TopicReassignment::message).collect());
            let response = self
                .send(&controller, message, request.timeout, Repeat::Safe)
                .await?;
            if response.error_code != 0 {
                return Err(refusal(reassignment_error(
                    response.error_code,
                    response.error_message.as_ref(),
                )));
            }
            let mut errors = Vec::new();
            for topic in &response.responses {
                for partition in topic
                    .partitions
                    .iter()
                    .filter(|partition| partition.error_code != 0)
                {
                    let error = reassignment_error(partition.error_code, partition.error_message.as_ref())
                        .with("topic", json!(topic.name.as_str()))
                        .with("partition", json!(partition.partition_index));
                    errors.push(error);
                }
            }
            if let Some(moved) = errors.iter().find(|error| error.code() == Some(NOT_CONTROLLER)) {
                return Err(refusal(moved.clone()));
            }
            if errors.is_empty() {
                return Ok(());
            }
            let errors: Vec<_> = errors.iter().map(Error::payload).collect();
            let all = Error::new(ErrorKind::Aggregate, "Errors altering partition reassignments");
            Err(Failure::Bail(all.with("errors", json!(errors))))
        })
        .await
    }

    /// What is moving.
    ///
    /// # Errors
    /// The protocol error of the answer.
    pub async fn list_partition_reassignments(
        &self,
        request: &ListPartitionReassignments,
    ) -> Result<OngoingReassignments> {
        self.on_controller("list partition reassignments", |controller| async move {
            let topics = request.topics.as_ref().map(|topics| {
                let topics = topics.iter().map(|topic| {
                    ListPartitionReassignmentsTopics::default()
                        .with_name(topic_name(&topic.topic))
                        .with_partition_indexes(topic.partitions.clone())
                });
                topics.collect()
            });
            let message = ListPartitionReassignmentsRequest::default()
                .with_timeout_ms(request.timeout)
                .with_topics(topics);
            let response = self
                .send(&controller, message, request.timeout, Repeat::Safe)
                .await?;
            match failed(response.error_code, response.error_message.as_ref()) {
                Some(error) => Err(refusal(error)),
                None => Ok(OngoingReassignments {
                    topics: response.topics.iter().map(OngoingTopic::from).collect(),
                }),
            }
        })
        .await
    }
}
