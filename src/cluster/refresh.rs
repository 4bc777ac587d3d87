//! Keeps what a client knows of the cluster fresh: which topics it asks for, when, and what it makes of the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::broker::Role;
use super::handle::ClusterHandle;
use super::metadata::{BrokerAddress, Metadata, Scope, require_brokers};
use super::retry::{Failure, retry};
use crate::error::Result;
use crate::network::{Connection, Deadline, Endpoint};

const LEADER_NOT_AVAILABLE: i16 = 5;

impl ClusterHandle {
    /// Topics the client works with; each refresh asks for all of them. Says whether any is new.
    pub fn add_targets<'a>(&self, topics: impl IntoIterator<Item = &'a str>) -> bool {
        let mut targets = self.0.targets.lock();
        let mut added = false;
        for topic in topics {
            added |= !targets.contains(topic) && targets.insert(topic.to_owned());
        }
        added
    }

    /// Stops asking for a topic, for instance because it was deleted.
    pub fn remove_target(&self, topic: &str) {
        self.0.targets.lock().remove(topic);
    }

    /// The topics each refresh asks for.
    pub fn targets(&self) -> Vec<String> {
        self.0.targets.lock().iter().cloned().collect()
    }

    /// Asks for the target topics now. Those who ask while an answer is under way share it. A topic in error does not
    /// fail the refresh: its error is in the snapshot.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn refresh_metadata(&self) -> Result<Arc<Metadata>> {
        let asked_at = Instant::now();
        let _turn = self.0.refreshing.lock().await;
        let current = self.metadata();
        if current.refreshed_at.is_some_and(|at| at > asked_at) && self.covers_targets(&current) {
            return Ok(current);
        }
        let topics = self.targets();
        self.fetch_metadata(Some(&topics)).await
    }

    fn covers_targets(&self, metadata: &Metadata) -> bool {
        self.0
            .targets
            .lock()
            .iter()
            .all(|topic| metadata.topics.contains_key(topic.as_str()))
    }

    /// [`ClusterHandle::refresh_metadata`] if the snapshot is older than `metadataMaxAge` or lacks a target topic.
    ///
    /// # Errors
    /// As [`ClusterHandle::refresh_metadata`].
    pub async fn refresh_metadata_if_necessary(&self) -> Result<Arc<Metadata>> {
        let current = self.metadata();
        if current.is_stale(self.0.config.metadata_max_age, Instant::now()) || !self.covers_targets(&current)
        {
            return self.refresh_metadata().await;
        }
        Ok(current)
    }

    /// Asks for every topic of the cluster.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn refresh_all(&self) -> Result<Arc<Metadata>> {
        let _turn = self.0.refreshing.lock().await;
        self.fetch_metadata(None).await
    }

    /// Asks for `topics` now and leaves the targets as they are: for a client that looks at a topic once. A topic in
    /// error does not fail the call: its error is in the snapshot.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn fetch_topics(&self, topics: &[String]) -> Result<Arc<Metadata>> {
        self.fetch_metadata(Some(topics)).await
    }

    /// Adds `topics` to the targets and waits until each can be used or has failed for good. A topic that was created
    /// a moment ago has no leader yet: that alone is waited for, with the client's back-off.
    ///
    /// # Errors
    /// The protocol error of the first topic that cannot be used.
    pub async fn load_topics(&self, topics: &[String]) -> Result<Arc<Metadata>> {
        self.add_targets(topics.iter().map(String::as_str));
        retry(self.0.config.retry, |attempt| async move {
            // What failed before may work by now: that is for the cluster to say, not for the snapshot.
            let usable = topics.iter().all(|topic| self.metadata().topic(topic).is_ok());
            let metadata = if attempt == 0 && usable {
                self.refresh_metadata_if_necessary()
                    .await
                    .map_err(Failure::Bail)?
            } else {
                self.refresh_metadata().await.map_err(Failure::Bail)?
            };
            for topic in topics {
                match metadata.topic(topic) {
                    Ok(_) => {}
                    Err(error) if error.code() == Some(LEADER_NOT_AVAILABLE) => {
                        return Err(Failure::Retry(error));
                    }
                    Err(error) => return Err(Failure::Bail(error)),
                }
            }
            Ok(metadata)
        })
        .await
    }

    async fn fetch_metadata(&self, topics: Option<&[String]>) -> Result<Arc<Metadata>> {
        let scope = if topics.is_some() {
            Scope::Listed
        } else {
            Scope::All
        };
        let response = retry(self.0.config.retry, |_| async {
            let request = MetadataRequest::default()
                .with_topics(topics.map(|topics| topics.iter().map(|topic| request_topic(topic)).collect()))
                .with_allow_auto_topic_creation(self.0.config.allow_auto_topic_creation);
            match self.any_connection().await {
                Err(error) => Err(Failure::Bail(error)),
                Ok(connection) => match connection.send(request, Deadline::Default).await {
                    Ok(response) => {
                        require_brokers(&response)?;
                        Ok((response, connection))
                    }
                    // The broker we asked went away: ask another one.
                    Err(error) if error.is_connection() => Err(Failure::Retry(error)),
                    Err(error) => Err(Failure::Bail(error)),
                },
            }
        })
        .await;
        let (response, connection) = response?;
        Ok(self.learn(&response, scope, &connection).await)
    }

    async fn learn(
        &self,
        response: &MetadataResponse,
        scope: Scope,
        connection: &Arc<Connection>,
    ) -> Arc<Metadata> {
        let fresh = {
            let mut current = self.0.metadata.write();
            *current = Arc::new(current.merge(response, scope, Instant::now()));
            Arc::clone(&current)
        };
        self.learn_brokers(&fresh);
        self.adopt_bootstrap(connection).await;
        self.0.generation.fetch_add(1, Ordering::Release);
        self.0.refreshed.notify_waiters();
        fresh
    }

    fn learn_brokers(&self, metadata: &Metadata) {
        let mut brokers = self.0.brokers.lock();
        if !self.is_connected() {
            return;
        }
        brokers.retain(|node_id, _| metadata.brokers.contains_key(node_id));
        for address in metadata.brokers.values() {
            let Ok(endpoint) = Endpoint::advertised(&address.host, address.port) else {
                continue;
            };
            self.place_broker(&mut brokers, address.node_id, endpoint);
        }
    }

    /// The seed connection becomes the control connection of the broker behind it, if the addresses tell which.
    async fn adopt_bootstrap(&self, connection: &Arc<Connection>) {
        let owner = {
            let brokers = self.0.brokers.lock();
            brokers
                .values()
                .find(|broker| broker.endpoint() == *connection.endpoint())
                .cloned()
        };
        if let Some(broker) = owner {
            broker.adopt(Role::Control, Arc::clone(connection)).await;
        }
    }

    /// Takes over what a broker hinted at in its answer (KIP-951): a newer leader and where it lives. Says whether that
    /// was news.
    pub fn note_leader(
        &self,
        topic: &str,
        partition: i32,
        leader: i32,
        epoch: i32,
        brokers: &[BrokerAddress],
    ) -> bool {
        let fresh = {
            let mut current = self.0.metadata.write();
            let Some(next) = current.with_leader_hint(topic, partition, leader, epoch, brokers) else {
                return false;
            };
            *current = Arc::new(next);
            Arc::clone(&current)
        };
        self.learn_brokers(&fresh);
        self.0.generation.fetch_add(1, Ordering::Release);
        self.0.refreshed.notify_waiters();
        true
    }

    /// Resolves when the next snapshot after this call is in place.
    pub fn metadata_changed(&self) -> Notified<'_> {
        self.0.refreshed.notified()
    }
}

fn request_topic(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
}
