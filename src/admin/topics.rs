//! CreateTopics and DeleteTopics.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::handle::{AdminHandle, NAMESPACE, NOT_CONTROLLER, Repeat};
use super::values::{failed, text, topic_name};
use crate::cluster::retry::Failure;
use crate::config::milliseconds;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Level;
use crate::protocol::error_code;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const REQUEST_TIMED_OUT: i16 = 7;
const TOPIC_ALREADY_EXISTS: i16 = 36;

/// How often the leaders of new topics are asked for. Brokers learn of a topic within milliseconds.
const LEADER_POLL: Duration = Duration::from_millis(25);

/// Which replicas a new partition gets.
#[derive(Debug, Deserialize)]
pub struct ReplicaAssignment {
    /// Partition number.
    pub partition: i32,
    /// Node ids; the first is the preferred leader.
    pub replicas: Vec<i32>,
}

/// One configuration entry of a topic or a broker. Its value may be a password, so `Debug` leaves it out.
#[derive(Deserialize)]
pub struct ConfigEntry {
    /// Name of the property.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for ConfigEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigEntry")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A topic to be made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTopic {
    /// Its name.
    pub topic: String,
    /// -1 for the broker's default, or when `replica_assignment` says it.
    pub num_partitions: i32,
    /// -1 for the broker's default, or when `replica_assignment` says it.
    pub replication_factor: i16,
    /// Empty: the broker chooses.
    pub replica_assignment: Vec<ReplicaAssignment>,
    /// Properties other than the broker's defaults.
    pub config_entries: Vec<ConfigEntry>,
}

impl NewTopic {
    fn message(&self) -> CreatableTopic {
        let assignments = self.replica_assignment.iter().map(|assignment| {
            CreatableReplicaAssignment::default()
                .with_partition_index(assignment.partition)
                .with_broker_ids(assignment.replicas.iter().copied().map(BrokerId).collect())
        });
        let configs = self.config_entries.iter().map(|entry| {
            CreatableTopicConfig::default()
                .with_name(text(&entry.name))
                .with_value(Some(text(&entry.value)))
        });
        CreatableTopic::default()
            .with_name(topic_name(&self.topic))
            .with_num_partitions(self.num_partitions)
            .with_replication_factor(self.replication_factor)
            .with_assignments(assignments.collect())
            .with_configs(configs.collect())
    }
}

/// Arguments of `createTopics`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTopics {
    /// In the order in which errors are listed.
    pub topics: Vec<NewTopic>,
    /// Check only.
    pub validate_only: bool,
    /// How long the broker may take, ms.
    pub timeout: i32,
    /// Whether to wait until every partition has a leader.
    pub wait_for_leaders: bool,
    /// How long to wait for that.
    #[serde(deserialize_with = "milliseconds")]
    pub leader_timeout: Duration,
}

/// Arguments of `deleteTopics`.
#[derive(Debug, Deserialize)]
pub struct DeleteTopics {
    /// In the order in which the first error is looked for.
    pub topics: Vec<String>,
    /// How long the broker may take, ms.
    pub timeout: i32,
}

impl AdminHandle {
    /// Creates topics. `false` if all of them exist already.
    ///
    /// # Errors
    /// `KafkaJSAggregateError` of one `KafkaJSCreateTopicError` per topic that failed; `KafkaJSTimeout` if the topics
    /// are there but not all leaders within `leader_timeout`.
    pub async fn create_topics(&self, request: &CreateTopics) -> Result<bool> {
        let failures = self.request_topics(request).await?;
        if failures.is_empty() {
            if request.wait_for_leaders && !request.validate_only {
                let names: Vec<String> = request.topics.iter().map(|topic| topic.topic.clone()).collect();
                self.wait_for_leaders(&names, request.leader_timeout).await?;
            }
            return Ok(true);
        }
        if failures
            .iter()
            .all(|error| error.code() == Some(TOPIC_ALREADY_EXISTS))
        {
            return Ok(false);
        }
        let errors: Vec<_> = failures.iter().map(Error::payload).collect();
        Err(Error::new(ErrorKind::Aggregate, "Topic creation errors").with("errors", json!(errors)))
    }

    /// Asks for all topics, and again for those that came to a broker that is no controller any more: what the rest
    /// of the request did must not be done twice. Gives the failures in the order of the topics.
    async fn request_topics(&self, request: &CreateTopics) -> Result<Vec<Error>> {
        let waiting: Mutex<Vec<usize>> = Mutex::new((0..request.topics.len()).collect());
        let failures: Mutex<BTreeMap<usize, Error>> = Mutex::new(BTreeMap::new());
        let (waiting, failures) = (&waiting, &failures);
        self.on_controller("create topics", |controller| async move {
            let asked: Vec<(usize, &NewTopic)> = waiting
                .lock()
                .iter()
                .filter_map(|position| Some((*position, request.topics.get(*position)?)))
                .collect();
            let message = CreateTopicsRequest::default()
                .with_topics(asked.iter().map(|(_, topic)| topic.message()).collect())
                .with_timeout_ms(request.timeout)
                .with_validate_only(request.validate_only);
            let response = self
                .send(&controller, message, request.timeout, Repeat::Unsafe)
                .await?;
            let answers: HashMap<&str, _> = response
                .topics
                .iter()
                .map(|answer| (answer.name.as_str(), answer))
                .collect();
            let mut moved = None;
            waiting.lock().clear();
            for (position, topic) in asked {
                // A topic the broker says nothing of was not made.
                let (code, broker_text) = answers.get(topic.topic.as_str()).map_or((-1, None), |answer| {
                    (answer.error_code, answer.error_message.as_ref())
                });
                if code == NOT_CONTROLLER {
                    waiting.lock().push(position);
                    moved = failed(code, broker_text);
                } else if code != 0 {
                    let error = Error::new(ErrorKind::CreateTopic(code), error_code::message(code))
                        .with("topic", json!(topic.topic))
                        .with_broker_message(broker_text.map(StrBytes::as_str));
                    failures.lock().insert(position, error);
                }
            }
            moved.map_or(Ok(()), |error| Err(Failure::Retry(error)))
        })
        .await?;
        Ok(failures.lock().values().cloned().collect())
    }

    /// A broker that has not heard of a new topic yet says that there is none, as it would of one without a leader.
    async fn wait_for_leaders(&self, topics: &[String], limit: Duration) -> Result<()> {
        let waiting = async {
            while !self.have_leaders(topics).await? {
                tokio::time::sleep(LEADER_POLL).await;
            }
            Ok(())
        };
        timeout(limit, waiting).await.unwrap_or_else(|_elapsed| {
            Err(Error::new(
                ErrorKind::Timeout,
                "Timed out while waiting for topic leaders",
            ))
        })
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// The protocol error of the first topic that could not be deleted; for one that does not exist
    /// `KafkaJSNumberOfRetriesExceeded`, because a broker may not have heard of a new topic yet.
    pub async fn delete_topics(&self, request: &DeleteTopics) -> Result<()> {
        let waiting: Mutex<Vec<&str>> = Mutex::new(request.topics.iter().map(String::as_str).collect());
        let waiting = &waiting;
        self.on_controller("delete topics", |controller| async move {
            let asked = waiting.lock().clone();
            let message = DeleteTopicsRequest::default()
                .with_topic_names(asked.iter().map(|topic| topic_name(topic)).collect())
                .with_timeout_ms(request.timeout);
            let response = self
                .send(&controller, message, request.timeout, Repeat::Unsafe)
                .await?;
            let mut errors: HashMap<&str, Error> = response
                .responses
                .iter()
                .filter_map(|answer| {
                    let error = failed(answer.error_code, answer.error_message.as_ref())?;
                    Some((answer.name.as_ref()?.as_str(), error))
                })
                .collect();
            // What is deleted must not be asked for again: the broker would not know it any more.
            let left: Vec<&str> = asked
                .into_iter()
                .filter(|topic| errors.contains_key(topic))
                .collect();
            let first = left.first().and_then(|topic| errors.remove(topic));
            *waiting.lock() = left;
            let Some(error) = first else { return Ok(()) };
            match error.code() {
                Some(NOT_CONTROLLER | UNKNOWN_TOPIC_OR_PARTITION) => Err(Failure::Retry(error)),
                code => {
                    if code == Some(REQUEST_TIMED_OUT) {
                        self.explain_slow_deletion(&error);
                    }
                    Err(Failure::Bail(error))
                }
            }
        })
        .await?;
        for topic in &request.topics {
            self.cluster().remove_target(topic);
        }
        Ok(())
    }

    fn explain_slow_deletion(&self, error: &Error) {
        self.cluster().reporter().log(Level::Error, NAMESPACE, || {
            let text = "Could not delete topics, check if \"delete.topic.enable\" is set to \"true\" (the default \
                        value is \"false\") or increase the timeout";
            (text.to_owned(), json!({ "error": error.message() }))
        });
    }
}
