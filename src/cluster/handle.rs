//! The cluster as one client sees it: find the right broker, survive brokers that go. `refresh.rs` keeps metadata fresh.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_util::sync::CancellationToken;

use super::broker::{Broker, Role, disconnected};
use super::coordinator::{CoordinatorKind, Coordinators};
use super::metadata::{BrokerAddress, Metadata};
use super::retry::{Failure, retry};
use crate::config::ClusterConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Level, Reporter};
use crate::network::{Connection, Deadline, Dialer, Endpoint};
use crate::protocol::wire::KafkaRequest;

pub(super) struct Shared {
    pub(super) config: Arc<ClusterConfig>,
    pub(super) reporter: Reporter,
    pub(super) dialer: Arc<Dialer>,
    pub(super) seeds: Mutex<Vec<String>>,
    pub(super) next_seed: AtomicUsize,
    pub(super) connected: AtomicBool,
    /// Ends the attempts to connect that began before [`ClusterHandle::disconnect`].
    pub(super) closed: Mutex<CancellationToken>,
    // The seed connection serves look-ups until the node behind it is known.
    pub(super) bootstrap: AsyncMutex<Option<Arc<Connection>>>,
    pub(super) brokers: Mutex<HashMap<i32, Arc<Broker>>>,
    pub(super) metadata: RwLock<Arc<Metadata>>,
    pub(super) targets: Mutex<BTreeSet<String>>,
    pub(super) refreshing: AsyncMutex<()>,
    pub(super) coordinators: Coordinators,
    pub(super) refreshed: Notify,
    pub(super) generation: AtomicU32,
}

/// Cheap clone; see the module text.
#[derive(Clone)]
pub struct ClusterHandle(pub(super) Arc<Shared>);

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
        let mut brokers: Vec<_> = self.0.brokers.lock().values().cloned().collect();
        brokers.retain(|broker| broker.is_connected());
        // One that hangs would keep us until it is given up, and longer if it has to be connected to first.
        brokers.sort_by_key(|broker| (broker.is_doubtful(), !broker.is_open(Role::Control)));
        for broker in brokers {
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

    pub(super) fn place_broker(
        &self,
        brokers: &mut HashMap<i32, Arc<Broker>>,
        node_id: i32,
        endpoint: Endpoint,
    ) {
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
