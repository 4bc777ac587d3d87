//! CreatePartitions: more partitions for topics that exist.

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::{BrokerId, CreatePartitionsRequest};
use parking_lot::Mutex;
use serde::Deserialize;

use super::handle::{AdminHandle, NOT_CONTROLLER, Repeat, refusal};
use super::values::{failed, topic_name};
use crate::error::{Error, Result};

/// A topic and how many partitions it is to have.
#[derive(Debug, Deserialize)]
pub struct TopicPartitions {
    /// Its name.
    pub topic: String,
    /// Partitions it has afterwards, old ones included.
    pub count: i32,
    /// Node ids of the replicas of each new partition. Empty: the broker chooses.
    pub assignments: Vec<Vec<i32>>,
}

impl TopicPartitions {
    fn message(&self) -> CreatePartitionsTopic {
        let assignments = self.assignments.iter().map(|replicas| {
            CreatePartitionsAssignment::default()
                .with_broker_ids(replicas.iter().copied().map(BrokerId).collect())
        });
        CreatePartitionsTopic::default()
            .with_name(topic_name(&self.topic))
            .with_count(self.count)
            .with_assignments((!self.assignments.is_empty()).then(|| assignments.collect()))
    }
}

/// Arguments of `createPartitions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePartitions {
    /// In the order in which the first error is looked for.
    pub topic_partitions: Vec<TopicPartitions>,
    /// Check only.
    pub validate_only: bool,
    /// How long the broker may take, ms.
    pub timeout: i32,
}

impl AdminHandle {
    /// Adds partitions.
    ///
    /// # Errors
    /// The protocol error of the first topic that has one.
    pub async fn create_partitions(&self, request: &CreatePartitions) -> Result<()> {
        let waiting: Mutex<Vec<&TopicPartitions>> = Mutex::new(request.topic_partitions.iter().collect());
        let waiting = &waiting;
        self.on_controller("create partitions", |controller| async move {
            let asked = waiting.lock().clone();
            let message = CreatePartitionsRequest::default()
                .with_topics(asked.iter().map(|topic| topic.message()).collect())
                .with_timeout_ms(request.timeout)
                .with_validate_only(request.validate_only);
            let response = self
                .send(&controller, message, request.timeout, Repeat::Unsafe)
                .await?;
            let error_of = |topic: &TopicPartitions| -> Option<Error> {
                let answer = response
                    .results
                    .iter()
                    .find(|answer| answer.name.as_str() == topic.topic)?;
                failed(answer.error_code, answer.error_message.as_ref())
            };
            let errors: Vec<_> = asked
                .into_iter()
                .filter_map(|topic| Some((topic, error_of(topic)?)))
                .collect();
            // Those that have their partitions would be refused the second time.
            *waiting.lock() = errors
                .iter()
                .filter(|(_, error)| error.code() == Some(NOT_CONTROLLER))
                .map(|(topic, _)| *topic)
                .collect();
            errors
                .into_iter()
                .next()
                .map_or(Ok(()), |(_, error)| Err(refusal(error)))
        })
        .await
    }
}
