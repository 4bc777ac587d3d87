//! One broker and the connections to it, one per role.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::event::Level;
use crate::network::{Connection, Dialer, Endpoint, VersionRanges};

/// What a connection is for. A broker serves the requests of one connection in order, so a long poll, or a produce
/// that waits for replicas, would hold up whatever shares its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Metadata, look-ups, administration.
    Control,
    /// Produce.
    Produce,
    /// Fetch: a long poll.
    Fetch,
    /// Fetch of what cannot wait until the long poll ends.
    FetchNow,
    /// Requests of a group member. JoinGroup waits at the coordinator for the other members, so heartbeats of another
    /// group must not queue behind it; each client has one group at most.
    Group,
}

const ROLES: usize = 5;

// Held while connecting, so that those who want the same connection wait for one attempt instead of making many.
type Slot = AsyncMutex<Option<Arc<Connection>>>;

/// See the module text.
#[derive(Debug)]
pub struct Broker {
    node_id: Option<i32>,
    endpoint: Mutex<Endpoint>,
    dialer: Arc<Dialer>,
    slots: [Slot; ROLES],
    versions: Mutex<Option<Arc<VersionRanges>>>,
    /// Cancelled once nobody is to connect any more.
    closed: CancellationToken,
}

impl Broker {
    /// A broker nobody has connected to yet. `node_id` is unknown for a seed. `closed` ends attempts to connect that are
    /// under way.
    pub fn new(
        node_id: Option<i32>,
        endpoint: Endpoint,
        dialer: Arc<Dialer>,
        closed: CancellationToken,
    ) -> Self {
        Self {
            closed,
            node_id,
            endpoint: Mutex::new(endpoint),
            dialer,
            slots: Default::default(),
            versions: Mutex::new(None),
        }
    }

    /// Node id; `None` for a seed.
    pub fn node_id(&self) -> Option<i32> {
        self.node_id
    }

    /// Where it listens now.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.lock().clone()
    }

    /// Follows a broker that came back elsewhere; the next connection goes there.
    pub fn move_to(&self, endpoint: Endpoint) {
        let mut current = self.endpoint.lock();
        if *current != endpoint {
            *current = endpoint;
            *self.versions.lock() = None;
        }
    }

    /// Versions learned by the last handshake.
    pub fn versions(&self) -> Option<Arc<VersionRanges>> {
        self.versions.lock().clone()
    }

    /// Whether any connection is open right now.
    pub fn is_connected(&self) -> bool {
        self.slots.iter().any(holds_open)
    }

    /// Whether the connection for `role` is open right now.
    pub fn is_open(&self, role: Role) -> bool {
        holds_open(self.slot(role))
    }

    fn slot(&self, role: Role) -> &Slot {
        let [control, produce, fetch, fetch_now, group] = &self.slots;
        match role {
            Role::Control => control,
            Role::Produce => produce,
            Role::Fetch => fetch,
            Role::FetchNow => fetch_now,
            Role::Group => group,
        }
    }

    /// Takes over a connection that was opened to the same address before its node id was known.
    pub async fn adopt(&self, role: Role, connection: Arc<Connection>) {
        *self.versions.lock() = Some(Arc::clone(connection.versions()));
        let mut slot = self.slot(role).lock().await;
        if !slot.as_ref().is_some_and(|current| current.is_open()) {
            *slot = Some(connection);
        }
    }

    /// The connection for `role`, opened now if there is none.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` and friends: see [`Dialer::open`]; that the client is disconnected.
    pub async fn connection(&self, role: Role) -> Result<Arc<Connection>> {
        let mut slot = self.slot(role).lock().await;
        if let Some(connection) = slot.as_ref() {
            if connection.is_open() {
                return Ok(Arc::clone(connection));
            }
            // It may have been replaced by a newer version while it was away: ask again.
            *self.versions.lock() = None;
        }
        *slot = None;
        let endpoint = self.endpoint();
        let opened = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(disconnected()),
            opened = self.dialer.open(&endpoint, self.versions()) => opened,
        };
        let connection = Arc::new(opened.inspect_err(|error| self.log_failure(&endpoint, error))?);
        *self.versions.lock() = Some(Arc::clone(connection.versions()));
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn log_failure(&self, endpoint: &Endpoint, error: &Error) {
        self.dialer.reporter().log(Level::Error, "Connection", || {
            let extra = serde_json::json!({
                "broker": endpoint.to_string(), "clientId": self.dialer.config().client_id,
            });
            (error.message().to_owned(), extra)
        });
    }

    /// Ends the connection for `role`, so that whoever asks for it next gets a new one.
    pub fn retire(&self, role: Role) {
        // Whoever holds the slot is opening a new one right now.
        if let Ok(mut slot) = self.slot(role).try_lock()
            && let Some(connection) = slot.take()
        {
            connection.close();
        }
    }

    /// Ends all connections, and the attempts to open one. There will be no others.
    pub async fn close(&self) {
        // Whoever connects holds its slot meanwhile, which may take as long as a handshake may.
        self.closed.cancel();
        for slot in &self.slots {
            if let Some(connection) = slot.lock().await.take() {
                connection.close();
            }
        }
    }
}

/// What those get who ask for a connection of a client that has ended all of them.
pub(super) fn disconnected() -> Error {
    Error::retriable_error("The client is disconnected")
}

fn holds_open(slot: &Slot) -> bool {
    slot.try_lock()
        .is_ok_and(|connection| connection.as_ref().is_some_and(|connection| connection.is_open()))
}
