//! What is known of the cluster: brokers, topics, leaders. Pure: an answer and a time come in, a new snapshot goes out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::MetadataResponse;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};

/// A broker as the cluster advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Node id.
    pub node_id: i32,
    /// Advertised host.
    pub host: String,
    /// Advertised port; not yet checked.
    pub port: i32,
    /// Rack, if the broker has one.
    pub rack: Option<String>,
}

/// A node that has just started may answer before it has heard of the cluster, itself included. Such an answer must not
/// replace what is known.
///
/// # Errors
/// `KafkaJSBrokerNotFound`, retriable, if `response` names no broker.
pub fn require_brokers(response: &MetadataResponse) -> Result<()> {
    if response.brokers.is_empty() {
        let text = "No brokers in the broker pool";
        return Err(Error::new(ErrorKind::BrokerNotFound, text));
    }
    Ok(())
}

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Partition number.
    pub index: i32,
    /// Kafka error code of this partition, 0 if fine.
    pub error_code: i16,
    /// Node id of the leader, -1 if there is none.
    pub leader: i32,
    /// Epoch of that leader, -1 if the broker did not say.
    pub leader_epoch: i32,
    /// Node ids of all replicas.
    pub replicas: Vec<i32>,
    /// Node ids in sync.
    pub isr: Vec<i32>,
    /// Node ids that are down.
    pub offline_replicas: Vec<i32>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Kafka error code of the topic, 0 if fine. A topic in error keeps its last known partitions.
    pub error_code: i16,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// In the order the broker listed them.
    pub partitions: Vec<Partition>,
    /// When this was learned.
    pub refreshed_at: Instant,
}

impl Topic {
    /// The partition with this number.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        // Brokers nearly always list partitions in order of their number.
        usize::try_from(index)
            .ok()
            .and_then(|at| self.partitions.get(at))
            .filter(|partition| partition.index == index)
            .or_else(|| self.partitions.iter().find(|partition| partition.index == index))
    }

    /// kafkajs' `partitionMetadata`.
    pub fn partition_metadata(&self) -> Value {
        self.partitions
            .iter()
            .map(|partition| {
                json!({
                    "partitionErrorCode": partition.error_code,
                    "partitionId": partition.index,
                    "leader": partition.leader,
                    "replicas": partition.replicas,
                    "isr": partition.isr,
                    "offlineReplicas": partition.offline_replicas,
                })
            })
            .collect()
    }
}

/// Immutable view of the cluster at one moment.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Id of the cluster, once known.
    pub cluster_id: Option<String>,
    /// Node id of the controller, -1 if unknown.
    pub controller_id: i32,
    /// Brokers by node id.
    pub brokers: BTreeMap<i32, BrokerAddress>,
    /// Topics by name. The `Arc` lets a snapshot be replaced without copying what did not change.
    pub topics: HashMap<Arc<str>, Arc<Topic>>,
    /// When any answer last came in; `None` before the first.
    pub refreshed_at: Option<Instant>,
}

/// Which topics an answer speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All topics of the cluster: what is not listed does not exist.
    All,
    /// Only those listed.
    Listed,
}

impl Metadata {
    /// Whether a refresh is due.
    pub fn is_stale(&self, max_age: Duration, now: Instant) -> bool {
        self.refreshed_at
            .is_none_or(|at| now.saturating_duration_since(at) >= max_age)
    }

    /// The snapshot after `response` came in.
    ///
    /// An error of one topic stays with that topic. A leader epoch that goes back means the answering broker lags
    /// behind what is known already, so the newer leader is kept (KIP-320).
    #[must_use]
    pub fn merge(&self, response: &MetadataResponse, scope: Scope, now: Instant) -> Self {
        let brokers = response
            .brokers
            .iter()
            .map(|broker| {
                let address = BrokerAddress {
                    node_id: broker.node_id.0,
                    host: broker.host.to_string(),
                    port: broker.port,
                    rack: broker.rack.as_ref().map(ToString::to_string),
                };
                (broker.node_id.0, address)
            })
            .collect();
        let mut topics = match scope {
            Scope::All => HashMap::with_capacity(response.topics.len()),
            Scope::Listed => self.topics.clone(),
        };
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref() else { continue };
            let name: Arc<str> = Arc::from(name.as_str());
            let known = self.topics.get(&name);
            let partitions: Vec<Partition> = topic
                .partitions
                .iter()
                .map(|partition| {
                    let fresh = Partition {
                        index: partition.partition_index,
                        error_code: partition.error_code,
                        leader: partition.leader_id.0,
                        leader_epoch: partition.leader_epoch,
                        replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
                        isr: partition.isr_nodes.iter().map(|node| node.0).collect(),
                        offline_replicas: partition.offline_replicas.iter().map(|node| node.0).collect(),
                    };
                    match known.and_then(|known| known.partition(fresh.index)) {
                        Some(newer)
                            if fresh.leader_epoch >= 0
                                && newer.leader_epoch > fresh.leader_epoch
                                && newer.replicas == fresh.replicas =>
                        {
                            newer.clone()
                        }
                        _ => fresh,
                    }
                })
                .collect();
            let partitions = match known {
                // A topic in error lists no partitions; what was known serves until it is known to be gone.
                Some(known) if topic.error_code != 0 && partitions.is_empty() => known.partitions.clone(),
                _ => partitions,
            };
            let fresh = Topic {
                error_code: topic.error_code,
                internal: topic.is_internal,
                partitions,
                refreshed_at: now,
            };
            topics.insert(name, Arc::new(fresh));
        }
        Self {
            cluster_id: response
                .cluster_id
                .as_ref()
                .map(ToString::to_string)
                .or_else(|| self.cluster_id.clone()),
            controller_id: response.controller_id.0,
            brokers,
            topics,
            refreshed_at: Some(now),
        }
    }

    /// The snapshot after a broker hinted at a newer leader in its answer (KIP-951), or `None` if that is no news.
    #[must_use]
    pub fn with_leader_hint(
        &self,
        topic: &str,
        partition: i32,
        leader: i32,
        epoch: i32,
        brokers: &[BrokerAddress],
    ) -> Option<Self> {
        let (name, known) = self.topics.get_key_value(topic)?;
        let current = known.partition(partition)?;
        if leader < 0 || epoch <= current.leader_epoch {
            return None;
        }
        let mut changed = Topic::clone(known);
        if let Some(slot) = changed.partitions.iter_mut().find(|slot| slot.index == partition) {
            slot.leader = leader;
            slot.leader_epoch = epoch;
            slot.error_code = 0;
        }
        let mut next = self.clone();
        next.topics.insert(Arc::clone(name), Arc::new(changed));
        for broker in brokers {
            next.brokers.insert(broker.node_id, broker.clone());
        }
        next.brokers.contains_key(&leader).then_some(next)
    }

    /// The topic, if it can be used.
    ///
    /// # Errors
    /// The topic's own protocol error, or `KafkaJSTopicMetadataNotLoaded` if nothing is known of it.
    pub fn topic(&self, name: &str) -> Result<&Arc<Topic>> {
        match self.topics.get(name) {
            None => Err(
                Error::new(ErrorKind::TopicMetadataNotLoaded, "Topic metadata not loaded")
                    .with("topic", json!(name)),
            ),
            Some(topic) if topic.error_code != 0 => Err(Error::protocol(topic.error_code)),
            Some(topic) => Ok(topic),
        }
    }

    /// Node id of the partition's leader.
    ///
    /// # Errors
    /// As [`Metadata::topic`]; LEADER_NOT_AVAILABLE if the partition has no leader now; UNKNOWN_TOPIC_OR_PARTITION if
    /// there is no such partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<i32> {
        let found = self
            .topic(topic)?
            .partition(partition)
            .ok_or_else(|| Error::protocol(3))?;
        if found.leader < 0 {
            Err(Error::protocol(5))
        } else {
            Ok(found.leader)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::messages::{BrokerId, TopicName};
    use kafka_protocol::protocol::StrBytes;

    fn broker(id: i32) -> MetadataResponseBroker {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_string(format!("host-{id}")))
            .with_port(9092)
    }

    fn partition(index: i32, leader: i32, epoch: i32) -> MetadataResponsePartition {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(epoch)
            .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
    }

    fn topic(
        name: &'static str,
        code: i16,
        partitions: Vec<MetadataResponsePartition>,
    ) -> MetadataResponseTopic {
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str(name))))
            .with_error_code(code)
            .with_partitions(partitions)
    }

    fn response(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
        MetadataResponse::default()
            .with_brokers(vec![broker(1), broker(2)])
            .with_topics(topics)
    }

    #[test]
    fn an_answer_without_brokers_is_asked_for_again() {
        assert!(require_brokers(&response(vec![])).is_ok());
        let error = require_brokers(&MetadataResponse::default()).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::BrokerNotFound);
        assert!(error.is_retriable());
    }

    #[test]
    fn an_error_stays_with_its_topic() {
        let now = Instant::now();
        let all = response(vec![
            topic("good", 0, vec![partition(0, 1, 0)]),
            topic("bad", 3, vec![]),
        ]);
        let metadata = Metadata::default().merge(&all, Scope::Listed, now);
        assert_eq!(metadata.leader("good", 0).unwrap(), 1);
        assert_eq!(metadata.topic("bad").expect_err("in error").code(), Some(3));
        assert_eq!(
            metadata.topic("never").expect_err("unknown").kind(),
            ErrorKind::TopicMetadataNotLoaded
        );
    }

    #[test]
    fn an_answer_of_a_lagging_broker_does_not_bring_back_an_old_leader() {
        let now = Instant::now();
        let newer = Metadata::default().merge(
            &response(vec![topic("t", 0, vec![partition(0, 2, 5)])]),
            Scope::Listed,
            now,
        );
        let after = newer.merge(
            &response(vec![topic("t", 0, vec![partition(0, 1, 4)])]),
            Scope::Listed,
            now,
        );
        assert_eq!(after.leader("t", 0).unwrap(), 2);
    }

    #[test]
    fn a_full_answer_forgets_what_it_does_not_list() {
        let now = Instant::now();
        let first = Metadata::default().merge(
            &response(vec![
                topic("a", 0, vec![partition(0, 1, 0)]),
                topic("b", 0, vec![]),
            ]),
            Scope::All,
            now,
        );
        let second = first.merge(&response(vec![topic("b", 0, vec![])]), Scope::All, now);
        assert!(second.topic("a").is_err() && second.topic("b").is_ok());
    }

    #[test]
    fn a_partition_without_leader_is_not_available_and_an_unknown_one_says_so() {
        let metadata = Metadata::default().merge(
            &response(vec![topic("t", 0, vec![partition(0, -1, 0)])]),
            Scope::Listed,
            Instant::now(),
        );
        assert_eq!(metadata.leader("t", 0).expect_err("leaderless").code(), Some(5));
        assert_eq!(metadata.leader("t", 9).expect_err("no such").code(), Some(3));
    }

    #[test]
    fn a_hint_moves_the_leader_only_forward() {
        let metadata = Metadata::default().merge(
            &response(vec![topic("t", 0, vec![partition(0, 1, 3)])]),
            Scope::Listed,
            Instant::now(),
        );
        assert!(
            metadata.with_leader_hint("t", 0, 2, 3, &[]).is_none(),
            "same epoch is no news"
        );
        let moved = metadata.with_leader_hint("t", 0, 2, 4, &[]).expect("news");
        assert_eq!(moved.leader("t", 0).unwrap(), 2);
        assert!(
            metadata.with_leader_hint("t", 0, 9, 4, &[]).is_none(),
            "a leader nobody can reach"
        );
    }
}
