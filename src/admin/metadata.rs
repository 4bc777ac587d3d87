//! Metadata as the admin shows it: asked for at each call and in the broker's order, not taken from the cache.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse};
use serde::Serialize;

use super::handle::{AdminHandle, is_broken};
use super::values::{failed, topic_name};
use crate::cluster::metadata::require_brokers;
use crate::cluster::retry::{Failure, retry};
use crate::error::{Error, Result};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;
const NO_CONTROLLER: i32 = -1;

/// Result of `fetchTopicMetadata`.
#[derive(Debug, Serialize)]
pub struct TopicsMetadata {
    /// In the broker's order.
    pub topics: Vec<TopicMetadata>,
}

/// One topic.
#[derive(Debug, Serialize)]
pub struct TopicMetadata {
    /// Its name.
    pub name: String,
    /// In the broker's order.
    pub partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionMetadata {
    /// Kafka error code, 0 if fine.
    pub partition_error_code: i16,
    /// Partition number.
    pub partition_id: i32,
    /// Node id of the leader.
    pub leader: i32,
    /// Node ids of all replicas.
    pub replicas: Vec<i32>,
    /// Node ids in sync.
    pub isr: Vec<i32>,
    /// Node ids that are down.
    pub offline_replicas: Vec<i32>,
}

/// Result of `describeCluster`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDescription {
    /// Brokers that are up.
    pub brokers: Vec<BrokerDescription>,
    /// Node id of the controller, if there is one now. On KRaft: of a broker that forwards to it.
    pub controller: Option<i32>,
    /// Id of the cluster.
    pub cluster_id: Option<String>,
}

/// A broker as it is advertised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerDescription {
    /// Node id.
    pub node_id: i32,
    /// Advertised host.
    pub host: String,
    /// Advertised port.
    pub port: i32,
}

pub(super) fn node_ids(nodes: &[BrokerId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

impl From<&MetadataResponsePartition> for PartitionMetadata {
    fn from(partition: &MetadataResponsePartition) -> Self {
        Self {
            partition_error_code: partition.error_code,
            partition_id: partition.partition_index,
            leader: partition.leader_id.0,
            replicas: node_ids(&partition.replica_nodes),
            isr: node_ids(&partition.isr_nodes),
            offline_replicas: node_ids(&partition.offline_replicas),
        }
    }
}

impl AdminHandle {
    /// Names of all topics.
    ///
    /// # Errors
    /// The protocol error of the first topic that has one.
    pub async fn list_topics(&self) -> Result<Vec<String>> {
        let response = self.sound_metadata(None).await?;
        Ok(response.topics.iter().filter_map(name_of).collect())
    }

    /// Partitions of `topics`, or of all topics.
    ///
    /// # Errors
    /// The protocol error of the first topic that has one.
    pub async fn fetch_topic_metadata(&self, topics: Option<&[String]>) -> Result<TopicsMetadata> {
        let response = self.sound_metadata(topics).await?;
        let topics = response.topics.iter().filter_map(|topic| {
            let partitions = topic.partitions.iter().map(PartitionMetadata::from).collect();
            Some(TopicMetadata {
                name: name_of(topic)?,
                partitions,
            })
        });
        Ok(TopicsMetadata {
            topics: topics.collect(),
        })
    }

    /// The brokers of the cluster.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let response = self.sound_metadata(Some(&[])).await?;
        let brokers = response.brokers.iter().map(|broker| BrokerDescription {
            node_id: broker.node_id.0,
            host: broker.host.to_string(),
            port: broker.port,
        });
        Ok(ClusterDescription {
            brokers: brokers.collect(),
            controller: Some(response.controller_id.0).filter(|node_id| *node_id != NO_CONTROLLER),
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
        })
    }

    /// Whether every partition of every one of `topics` has a leader, as far as the broker asked knows.
    pub(super) async fn have_leaders(&self, topics: &[String]) -> Result<bool> {
        let response = match self.cluster().send_any(metadata_request(Some(topics))).await {
            Ok(response) => response,
            Err(error) if error.is_connection() => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut led = 0;
        for topic in &response.topics {
            match topic.error_code {
                0 if topic
                    .partitions
                    .iter()
                    .all(|partition| partition.leader_id.0 >= 0) =>
                {
                    led += 1;
                }
                0 | UNKNOWN_TOPIC_OR_PARTITION | LEADER_NOT_AVAILABLE => {}
                code => return Err(Error::protocol(code)),
            }
        }
        Ok(led == topics.len())
    }

    /// Metadata without an error in it. A topic without a leader is asked for again; any other error of a topic or a
    /// partition is the call's.
    async fn sound_metadata(&self, topics: Option<&[String]>) -> Result<MetadataResponse> {
        retry(self.cluster().config().retry, |_| async move {
            let response = self
                .cluster()
                .send_any(metadata_request(topics))
                .await
                .map_err(|error| {
                    // The broker we asked went away: ask another one.
                    if is_broken(&error) {
                        Failure::Retry(error)
                    } else {
                        Failure::Bail(error)
                    }
                })?;
            require_brokers(&response)?;
            match first_error(&response) {
                None => Ok(response),
                Some(error) if error.code() == Some(LEADER_NOT_AVAILABLE) => Err(Failure::Retry(error)),
                Some(error) => Err(Failure::Bail(error)),
            }
        })
        .await
    }
}

fn name_of(topic: &MetadataResponseTopic) -> Option<String> {
    topic.name.as_ref().map(|name| name.to_string())
}

fn metadata_request(topics: Option<&[String]>) -> MetadataRequest {
    let topics = topics.map(|topics| {
        topics
            .iter()
            .map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(topic))))
            .collect()
    });
    // To look at a topic must not make it.
    MetadataRequest::default()
        .with_topics(topics)
        .with_allow_auto_topic_creation(false)
}

/// The error of the first topic that has one, else of the first partition that has one.
fn first_error(response: &MetadataResponse) -> Option<Error> {
    let topics = response.topics.iter().map(|topic| topic.error_code);
    let partitions = response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|partition| partition.error_code);
    topics.chain(partitions).find_map(|code| failed(code, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(code: i16, partition_codes: &[i16]) -> MetadataResponseTopic {
        let partitions = partition_codes
            .iter()
            .map(|code| MetadataResponsePartition::default().with_error_code(*code));
        MetadataResponseTopic::default()
            .with_error_code(code)
            .with_partitions(partitions.collect())
    }

    #[test]
    fn errors_of_topics_come_before_those_of_partitions() {
        let response = |topics| MetadataResponse::default().with_topics(topics);
        let code = |topics| first_error(&response(topics)).and_then(|error| error.code());
        assert_eq!(code(vec![topic(0, &[0, 0])]), None);
        assert_eq!(code(vec![topic(0, &[0, 5]), topic(0, &[9])]), Some(5));
        assert_eq!(code(vec![topic(0, &[5]), topic(29, &[])]), Some(29));
    }
}
