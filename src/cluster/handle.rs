//! The cluster as one client sees it: find the right broker, keep metadata fresh, survive brokers that go.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use parking_lot::{Mutex, RwLock};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::broker::{Broker, Role, disconnected};
use super::coordinator::{CoordinatorKind, Coordinators};
use super::metadata::{BrokerAddress, Metadata, Scope, require_brokers};
use super::retry::{Failure, retry};
use crate::config::ClusterConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Level, Reporter};
use crate::network::{Connection, Deadline, Dialer, Endpoint};
use crate::protocol::wire::KafkaRequest;

const LEADER_NOT_AVAILABLE: i16 = 5;

struct Shared {
    config: Arc<ClusterConfig>,
    reporter: Reporter,
    dialer: Arc<Dialer>,
    seeds: Mutex<Vec<String>>,
    next_seed: AtomicUsize,
    connected: AtomicBool,
    /// Ends the attempts to connect that began before [`ClusterHandle::disconnect`].
    closed: Mutex<CancellationToken>,
    // The seed connection serves look-ups until the node behind it is known.
    bootstrap: AsyncMutex<Option<Arc<Connection>>>,
    brokers: Mutex<HashMap<i32, Arc<Broker>>>,
    metadata: RwLock<Arc<Metadata>>,
    targets: Mutex<BTreeSet<String>>,
    refreshing: AsyncMutex<()>,
    coordinators: Coordinators,
    refreshed: Notify,
    generation: AtomicU32,
}

/// Cheap clone; see the module text.
#[derive(Clone)]
pub struct ClusterHandle(Arc<Shared>);

impl std::fmt::Debug for ClusterHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterHandle")
            .field("clientId", &self.0.config.client_id)
            .finish_non_exhaustive()
    }
}

impl ClusterHandle {
    /// A cluster nobody has connected to yet.
    pub fn new(config: ClusterConfig, reporter: Reporter) -> Self {
        let config = Arc::new(config);
        Self(Arc::new(Shared {
            dialer: Arc::new(Dialer::new(Arc::clone(&config), reporter.clone())),
            config,
            reporter,
            seeds: Mutex::new(Vec::new()),
            next_seed: AtomicUsize::new(0),
            connected: AtomicBool::new(false),
            closed: Mutex::new(CancellationToken::new()),
            bootstrap: AsyncMutex::new(None),
            brokers: Mutex::new(HashMap::new()),
            metadata: RwLock::new(Arc::new(Metadata {
                controller_id: -1,
                ..Metadata::default()
            })),
            targets: Mutex::new(BTreeSet::new()),
            refreshing: AsyncMutex::new(()),
            coordinators: Coordinators::default(),
            refreshed: Notify::new(),
            generation: AtomicU32::new(0),
        }))
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<ClusterConfig> {
        &self.0.config
    }

    /// Where events and log lines go.
    pub fn reporter(&self) -> &Reporter {
        &self.0.reporter
    }

    /// What opens the client's connections.
    pub fn dialer(&self) -> &Arc<Dialer> {
        &self.0.dialer
    }

    /// The latest snapshot.
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.0.metadata.read())
    }

    /// Counts the changes of the snapshot, so that what was made of it can be kept until the next.
    pub fn metadata_generation(&self) -> u32 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Connects to the first seed that answers, with the client's back-off. `seeds` are entries of the `brokers`
    /// option, tried in turn; they are kept for when every known broker is gone.
    ///
    /// # Errors
    /// `KafkaJSNumberOfRetriesExceeded` around the last `KafkaJSConnectionError`; authentication errors as they are.
    pub async fn connect(&self, seeds: Vec<String>) -> Result<()> {
        *self.0.seeds.lock() = seeds;
        {
            let mut closed = self.0.closed.lock();
            if closed.is_cancelled() {
                *closed = CancellationToken::new();
            }
        }
        self.0.connected.store(true, Ordering::Release);
        self.any_connection().await.map(drop)
    }

    /// Whether [`ClusterHandle::connect`] was called and [`ClusterHandle::disconnect`] was not.
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Ordering::Acquire)
    }

    /// Ends every connection. Requests that still wait fail at once. The cluster can be connected again.
    pub async fn disconnect(&self) {
        self.0.connected.store(false, Ordering::Release);
        self.0.closed.lock().cancel();
        let brokers: Vec<_> = self.0.brokers.lock().drain().map(|(_, broker)| broker).collect();
        for broker in brokers {
            broker.close().await;
        }
        if let Some(connection) = self.0.bootstrap.lock().await.take() {
            connection.close();
        }
        self.0.coordinators.clear();
    }

    /// A connection to any broker: one that is open, else to a broker we know, else to a seed.
    ///
    /// # Errors
    /// As [`ClusterHandle::connect`].
    pub async fn any_connection(&self) -> Result<Arc<Connection>> {
        if let Some(connection) = self.open_connection().await {
            return Ok(connection);
        }
        let mut bootstrap = self.0.bootstrap.lock().await;
        if let Some(connection) = bootstrap.as_ref().filter(|connection| connection.is_open()) {
            return Ok(Arc::clone(connection));
        }
        let closed = self.closed();
        let connection = tokio::select! {
            biased;
            () = closed.cancelled() => return Err(disconnected()),
            connection = retry(self.0.config.retry, |_| self.try_connect()) => connection?,
        };
        *bootstrap = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn open_connection(&self) -> Option<Arc<Connection>> {
        let brokers: Vec<_> = self.0.brokers.lock().values().cloned().collect();
        for broker in brokers.into_iter().filter(|broker| broker.is_connected()) {
            if let Ok(connection) = broker.connection(Role::Control).await {
                return Some(connection);
            }
        }
        None
    }

    /// One round over everything that might answer.
    async fn try_connect(&self) -> Result<Arc<Connection>, Failure> {
        if !self.is_connected() {
            return Err(Failure::Bail(disconnected()));
        }
        let known: Vec<_> = self.0.brokers.lock().values().cloned().collect();
        for broker in known {
            match broker.connection(Role::Control).await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_final(&error) => return Err(Failure::Bail(error)),
                Err(_) => {}
            }
        }
        let seeds = self.0.seeds.lock().clone();
        if seeds.is_empty() {
            return Err(Failure::Bail(Error::non_retriable(
                "Failed to connect: brokers array is empty",
            )));
        }
        let mut last = None;
        for _ in 0..seeds.len() {
            let at = self.0.next_seed.fetch_add(1, Ordering::Relaxed) % seeds.len();
            let Some(seed) = seeds.get(at) else { continue };
            match self.connect_seed(seed).await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_final(&error) => {
                    self.0.reporter.log(Level::Error, "BrokerPool", || {
                        (error.message().to_owned(), json!({}))
                    });
                    return Err(Failure::Bail(error));
                }
                Err(error) => {
                    self.0.reporter.log(Level::Error, "BrokerPool", || {
                        let text = format!(
                            "Failed to connect to seed broker, trying another broker from the list: {}",
                            error.message()
                        );
                        (text, json!({}))
                    });
                    last = Some(error);
                }
            }
        }
        Err(Failure::Retry(last.unwrap_or_else(|| {
            Error::new(ErrorKind::NoBrokerAvailable, "No broker available")
        })))
    }

    async fn connect_seed(&self, seed: &str) -> Result<Arc<Connection>> {
        let endpoint = Endpoint::parse(seed)?;
        self.broker_at(None, endpoint).connection(Role::Control).await
    }

    fn broker_at(&self, node_id: Option<i32>, endpoint: Endpoint) -> Broker {
        Broker::new(
            node_id,
            endpoint,
            Arc::clone(&self.0.dialer),
            self.closed().child_token(),
        )
    }

    fn closed(&self) -> CancellationToken {
        self.0.closed.lock().clone()
    }

    /// Sends `request` to any broker.
    ///
    /// # Errors
    /// As [`ClusterHandle::any_connection`] and [`Connection::send`].
    pub async fn send_any<R: KafkaRequest>(&self, request: R) -> Result<R::Response> {
        self.any_connection()
            .await?
            .send(request, Deadline::Default)
            .await
    }

    /// The broker with this node id.
    ///
    /// # Errors
    /// `KafkaJSBrokerNotFound` if no metadata names it.
    pub fn broker(&self, node_id: i32) -> Result<Arc<Broker>> {
        if let Some(broker) = self.0.brokers.lock().get(&node_id) {
            return Ok(Arc::clone(broker));
        }
        let text = format!("Broker {node_id} not found in the cached metadata");
        Err(Error::new(ErrorKind::BrokerNotFound, text))
    }

    /// A connection to one broker.
    ///
    /// # Errors
    /// `KafkaJSBrokerNotFound`, or why it could not be opened.
    pub async fn connection(&self, node_id: i32, role: Role) -> Result<Arc<Connection>> {
        if !self.is_connected() {
            return Err(disconnected());
        }
        self.broker(node_id)?.connection(role).await
    }

    /// Ends the connection to one broker for `role`; the next request of that role opens a new one.
    pub fn retire_connection(&self, node_id: i32, role: Role) {
        if let Ok(broker) = self.broker(node_id) {
            broker.retire(role);
        }
    }

    /// Whether a connection to one broker is open right now.
    pub fn is_connected_to(&self, node_id: i32, role: Role) -> bool {
        self.broker(node_id).is_ok_and(|broker| broker.is_open(role))
    }

    /// Sends `request` to one broker.
    ///
    /// # Errors
    /// As [`ClusterHandle::connection`] and [`Connection::send`].
    pub async fn send<R: KafkaRequest>(
        &self,
        node_id: i32,
        role: Role,
        request: R,
        deadline: Deadline,
    ) -> Result<R::Response> {
        self.connection(node_id, role)
            .await?
            .send(request, deadline)
            .await
    }

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

    /// Resolves when the next snapshot is in place.
    pub async fn metadata_changed(&self) {
        self.0.refreshed.notified().await;
    }

    /// Node id of the coordinator of `key`, from the cache or asked for now with the client's back-off.
    ///
    /// # Errors
    /// `KafkaJSGroupCoordinatorNotFound` if the cluster does not say, protocol errors such as
    /// GROUP_AUTHORIZATION_FAILED.
    pub async fn coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<i32> {
        if let Some(node_id) = self.0.coordinators.cached(kind, key) {
            return Ok(node_id);
        }
        let found = self.0.coordinators.find(self, kind, key).await?;
        self.learn_broker_address(&found)?;
        self.0.coordinators.remember(kind, key, found.node_id);
        Ok(found.node_id)
    }

    /// Forgets a coordinator that turned out to be wrong or gone.
    pub fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.0.coordinators.forget(kind, key);
    }

    fn learn_broker_address(&self, address: &BrokerAddress) -> Result<()> {
        let endpoint = Endpoint::advertised(&address.host, address.port)?;
        let mut brokers = self.0.brokers.lock();
        // An answer that arrives after the end must leave nothing for the next beginning.
        if self.is_connected() {
            self.place_broker(&mut brokers, address.node_id, endpoint);
        }
        Ok(())
    }

    fn place_broker(&self, brokers: &mut HashMap<i32, Arc<Broker>>, node_id: i32, endpoint: Endpoint) {
        if let Some(broker) = brokers.get(&node_id) {
            broker.move_to(endpoint);
        } else {
            brokers.insert(node_id, Arc::new(self.broker_at(Some(node_id), endpoint)));
        }
    }

    /// Node id of the controller. On KRaft any broker forwards to it, and the cluster names one of them.
    ///
    /// # Errors
    /// `KafkaJSBrokerNotFound` if the cluster has none now.
    pub async fn controller(&self) -> Result<i32> {
        let metadata = self.refresh_metadata_if_necessary().await?;
        let known = metadata.brokers.contains_key(&metadata.controller_id);
        if known {
            return Ok(metadata.controller_id);
        }
        let text = format!(
            "Controller broker with id {} not found in the cached metadata",
            metadata.controller_id
        );
        Err(Error::new(ErrorKind::BrokerNotFound, text))
    }
}

/// Whether another broker, or another attempt, would only say the same: wrong credentials, a certificate that cannot be
/// read. A broker may lock out who tries again and again.
fn is_final(error: &Error) -> bool {
    !error.is_retriable() || error.code().is_some()
}

fn request_topic(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
}
