//! `NativeCluster`: the cluster handle of one client, for `src/cluster/index.js` and the other bindings.

use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};

use super::coordinator::CoordinatorKind;
use super::handle::ClusterHandle;
use super::offsets::{Isolation, OffsetQuery, list_offsets};
use crate::binding::completion::ClientObserver;
use crate::binding::outcome::{from_json, thrown};
use crate::binding::{CompletionQueue, Completions, Tasks};
use crate::config::ClusterConfig;
use crate::error::{Error, Result};
use crate::event::Reporter;

/// One client's cluster. Methods that take a `call` settle that call through the completion queue.
#[napi(js_name = "NativeCluster")]
#[derive(Debug)]
pub struct NativeCluster {
    handle: ClusterHandle,
    completions: Completions,
    tasks: Tasks,
}

impl NativeCluster {
    /// For the bindings of producer, consumer and admin.
    pub fn handle(&self) -> &ClusterHandle {
        &self.handle
    }

    /// Where their results go.
    pub fn completions(&self) -> &Completions {
        &self.completions
    }

    /// Owner of their tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Runs `operation` and settles `call` with it.
    pub fn run<F>(&self, call: u32, operation: F)
    where
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        self.completions.run(&self.tasks, call, operation);
    }
}

#[napi]
impl NativeCluster {
    /// `client` numbers the client within its completion queue; `config` is a `ClusterConfig` as JSON.
    #[napi(constructor)]
    pub fn new(queue: &CompletionQueue, client: u32, config: String) -> napi::Result<Self> {
        let config: ClusterConfig = from_json("client configuration", &config)?;
        let completions = queue.completions();
        let reporter = Reporter::new(Box::new(ClientObserver::new(completions.clone(), client)));
        let tasks = Tasks::new().map_err(|error| {
            thrown(&Error::non_retriable(format!(
                "Cannot start the runtime's threads: {error}"
            )))
        })?;
        Ok(Self {
            handle: ClusterHandle::new(config, reporter),
            completions,
            tasks,
        })
    }

    /// Which events somebody listens to: a sum of the bits of `eventBits()`.
    #[napi]
    pub fn set_events(&self, mask: u32) {
        self.handle.reporter().set_events(mask);
    }

    /// Log level in kafkajs' numbers.
    #[napi]
    pub fn set_log_level(&self, level: u32) {
        self.handle
            .reporter()
            .set_level(u8::try_from(level).unwrap_or(u8::MAX));
    }

    /// Connects to the first of `brokers` (JSON array of `host:port`) that answers.
    #[napi]
    pub fn connect(&self, call: u32, brokers: String) -> napi::Result<()> {
        let brokers: Vec<String> = from_json("brokers", &brokers)?;
        let handle = self.handle.clone();
        self.run(call, async move {
            handle.connect(brokers).await.map(|()| Value::Null)
        });
        Ok(())
    }

    /// Ends every connection.
    #[napi]
    pub fn disconnect(&self, call: u32) {
        let handle = self.handle.clone();
        self.run(call, async move {
            handle.disconnect().await;
            Ok(Value::Null)
        });
    }

    /// Whether the client is connected.
    #[napi]
    pub fn is_connected(&self) -> bool {
        self.handle.is_connected()
    }

    /// Makes `topics` (JSON array) targets and waits until each can be used.
    #[napi]
    pub fn load_topics(&self, call: u32, topics: String) -> napi::Result<()> {
        let topics: Vec<String> = from_json("topics", &topics)?;
        let handle = self.handle.clone();
        self.run(call, async move {
            handle.load_topics(&topics).await.map(|_| Value::Null)
        });
        Ok(())
    }

    /// Makes `topics` (JSON array) targets without asking the cluster.
    #[napi]
    pub fn add_targets(&self, topics: String) -> napi::Result<bool> {
        let topics: Vec<String> = from_json("topics", &topics)?;
        Ok(self.handle.add_targets(topics.iter().map(String::as_str)))
    }

    /// The target topics, as a JSON array.
    #[napi]
    pub fn targets(&self) -> String {
        json!(self.handle.targets()).to_string()
    }

    /// Asks for the target topics: always, or only if the snapshot is stale.
    #[napi]
    pub fn refresh_metadata(&self, call: u32, only_if_stale: bool) {
        let handle = self.handle.clone();
        self.run(call, async move {
            if only_if_stale {
                handle.refresh_metadata_if_necessary().await?;
            } else {
                handle.refresh_metadata().await?;
            }
            Ok(Value::Null)
        });
    }

    /// Settles with `{ clusterId, controllerId, brokers, topicMetadata }` of all topics, or of `topics` (JSON array).
    #[napi]
    pub fn describe(&self, call: u32, topics: Option<String>) -> napi::Result<()> {
        let topics: Option<Vec<String>> = topics.map(|topics| from_json("topics", &topics)).transpose()?;
        let handle = self.handle.clone();
        self.run(call, async move {
            let metadata = match &topics {
                None => handle.refresh_all().await?,
                Some(topics) => handle.load_topics(topics).await?,
            };
            Ok(describe(&metadata, topics.as_deref()))
        });
        Ok(())
    }

    /// kafkajs' `partitionMetadata` of a topic from the snapshot as JSON, or `null` if nothing is known of it.
    #[napi]
    pub fn partition_metadata(&self, topic: String) -> Option<String> {
        let metadata = self.handle.metadata();
        metadata
            .topics
            .get(topic.as_str())
            .map(|topic| topic.partition_metadata().to_string())
    }

    /// `{ clusterId, controllerId, brokers: [{ nodeId, host, port, rack }] }` of the snapshot as JSON.
    #[napi]
    pub fn snapshot(&self) -> String {
        describe(&self.handle.metadata(), Some(&[])).to_string()
    }

    /// Versions of the first connected broker: `{ [apiKey]: { minVersion, maxVersion } }` as JSON.
    #[napi]
    pub fn versions(&self) -> String {
        let metadata = self.handle.metadata();
        let known = metadata
            .brokers
            .keys()
            .filter_map(|node_id| self.handle.broker(*node_id).ok())
            .find_map(|broker| broker.versions());
        let table: serde_json::Map<String, Value> = known
            .iter()
            .flat_map(|versions| versions.iter())
            .map(|(key, (min, max))| (key.to_string(), json!({ "minVersion": min, "maxVersion": max })))
            .collect();
        Value::Object(table).to_string()
    }

    /// Settles with offsets by time: `query` is `{ isolation, partitions: [{ topic, partition, timestamp }] }` as JSON,
    /// the value `[{ topic, partition, offset }]` with offsets as strings.
    #[napi]
    pub fn list_offsets(&self, call: u32, query: String) -> napi::Result<()> {
        let query: ListOffsetsQuery = from_json("offset query", &query)?;
        let handle = self.handle.clone();
        self.run(call, async move {
            let queries: Vec<OffsetQuery> = query.partitions.into_iter().map(OffsetQuery::from).collect();
            let mut answers = list_offsets(&handle, &queries, query.isolation).await;
            let rows: Result<Vec<Value>> = queries
                .iter()
                .map(|query| {
                    let offset = answers.remove(query).unwrap_or_else(|| Err(Error::protocol(3)))?;
                    Ok(json!({
                        "topic": query.topic, "partition": query.partition, "offset": offset.to_string(),
                    }))
                })
                .collect();
            rows.map(Value::Array)
        });
        Ok(())
    }

    /// Settles with the node id of the group's coordinator.
    #[napi]
    pub fn find_group_coordinator(&self, call: u32, group_id: String) {
        let handle = self.handle.clone();
        self.run(call, async move {
            handle
                .coordinator(CoordinatorKind::Group, &group_id)
                .await
                .map(|node_id| json!(node_id))
        });
    }

    /// Ends every task of the client; calls under way are rejected. For `disconnect` past its deadline and for an
    /// environment that goes away.
    #[napi]
    pub fn abandon(&self) {
        self.tasks.cancel();
    }
}

#[derive(Deserialize)]
struct ListOffsetsQuery {
    isolation: Isolation,
    partitions: Vec<PartitionTime>,
}

#[derive(Deserialize)]
struct PartitionTime {
    topic: String,
    partition: i32,
    timestamp: i64,
}

impl From<PartitionTime> for OffsetQuery {
    fn from(query: PartitionTime) -> Self {
        Self {
            topic: query.topic,
            partition: query.partition,
            timestamp: query.timestamp,
        }
    }
}

fn describe(metadata: &super::Metadata, topics: Option<&[String]>) -> Value {
    let wanted = |name: &str| topics.is_none_or(|topics| topics.iter().any(|topic| topic == name));
    let brokers: Vec<Value> = metadata
        .brokers
        .values()
        .map(|broker| {
            json!({ "nodeId": broker.node_id, "host": broker.host, "port": broker.port, "rack": broker.rack })
        })
        .collect();
    let topics: Vec<Value> = metadata
        .topics
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, topic)| {
            json!({
                "topicErrorCode": topic.error_code,
                "topic": &**name,
                "isInternal": topic.internal,
                "partitionMetadata": topic.partition_metadata(),
            })
        })
        .collect();
    json!({
        "clusterId": metadata.cluster_id,
        "controllerId": metadata.controller_id,
        "brokers": brokers,
        "topicMetadata": topics,
    })
}
