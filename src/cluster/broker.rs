//! One broker and the connections to it, one per role.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// The connection of one role. Those who want it wait for one attempt instead of making many, and share its failure: a
/// broker that takes connections and says nothing would else keep each of them for as long as all before it together.
#[derive(Debug, Default)]
struct Slot {
    /// Attempts that failed so far.
    failures: AtomicU32,
    // Held while connecting.
    link: AsyncMutex<Link>,
}

#[derive(Debug, Default)]
struct Link {
    connection: Option<Arc<Connection>>,
    /// Of the last attempt, if it failed.
    failure: Option<Error>,
}

impl Link {
    fn open(&self) -> Option<&Arc<Connection>> {
        self.connection.as_ref().filter(|connection| connection.is_open())
    }

    /// Takes over a connection; what failed before is of no concern any more.
    fn hold(&mut self, connection: Arc<Connection>) {
        self.connection = Some(connection);
        self.failure = None;
    }

    /// Whether a connection has ended, or could not be opened, and there is no new one yet.
    fn is_broken(&self) -> bool {
        self.open().is_none() && (self.connection.is_some() || self.failure.is_some())
    }
}

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
        self.any_link(|link| link.open().is_some())
    }

    /// Whether that holds for any connection that nobody is opening right now.
    fn any_link(&self, holds: impl Fn(&Link) -> bool) -> bool {
        let mut slots = self.slots.iter();
        slots.any(|slot| slot.link.try_lock().is_ok_and(|link| holds(&link)))
    }

    /// Whether a connection is broken: the broker may have gone, or hang.
    pub fn is_doubtful(&self) -> bool {
        self.any_link(Link::is_broken)
    }

    /// Whether the connection for `role` is open right now.
    pub fn is_open(&self, role: Role) -> bool {
        let link = self.slot(role).link.try_lock();
        link.is_ok_and(|link| link.open().is_some())
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
        let mut link = self.slot(role).link.lock().await;
        if link.open().is_none() {
            link.hold(connection);
        }
    }

    /// The connection for `role`, opened now if there is none.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` and friends: see [`Dialer::open`]; that the client is disconnected.
    pub async fn connection(&self, role: Role) -> Result<Arc<Connection>> {
        let slot = self.slot(role);
        let failures = slot.failures.load(Ordering::Relaxed);
        let mut link = slot.link.lock().await;
        if let Some(connection) = link.open() {
            return Ok(Arc::clone(connection));
        }
        if link.connection.take().is_some() {
            // It may have been replaced by a newer version while it was away: ask again.
            *self.versions.lock() = None;
        }
        if slot.failures.load(Ordering::Relaxed) != failures
            && let Some(failure) = &link.failure
        {
            return Err(failure.clone());
        }
        let endpoint = self.endpoint();
        let opened = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(disconnected()),
            opened = self.dialer.open(&endpoint, self.versions()) => opened,
        };
        let connection = Arc::new(opened.inspect_err(|error| {
            self.log_failure(&endpoint, error);
            link.failure = Some(error.clone());
            slot.failures.fetch_add(1, Ordering::Relaxed);
        })?);
        *self.versions.lock() = Some(Arc::clone(connection.versions()));
        link.hold(Arc::clone(&connection));
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
        if let Ok(mut link) = self.slot(role).link.try_lock()
            && let Some(connection) = link.connection.take()
        {
            connection.close();
        }
    }

    /// Ends all connections, and the attempts to open one. There will be no others.
    pub async fn close(&self) {
        // Whoever connects holds its slot meanwhile, which may take as long as a handshake may.
        self.closed.cancel();
        for slot in &self.slots {
            if let Some(connection) = slot.link.lock().await.connection.take() {
                connection.close();
            }
        }
    }
}

/// What those get who ask for a connection of a client that has ended all of them.
pub(super) fn disconnected() -> Error {
    Error::retriable_error("The client is disconnected")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::config::ClusterConfig;
    use crate::event::Reporter;

    fn dialer() -> Arc<Dialer> {
        let config = ClusterConfig::impatient(Duration::from_millis(200));
        Arc::new(Dialer::new(Arc::new(config), Reporter::silent()))
    }

    #[tokio::test]
    async fn those_who_wait_for_an_attempt_share_its_failure() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("bound").to_string();
        let accepting = tokio::spawn(async move {
            let mut accepted = Vec::new();
            while let Ok((stream, _)) = silent.accept().await {
                accepted.push(stream);
                if accepted.len() == 3 {
                    break;
                }
            }
        });
        let endpoint = Endpoint::parse(&address).expect("an address");
        let broker = Broker::new(Some(1), endpoint, dialer(), CancellationToken::new());
        let attempt = || broker.connection(Role::Control);
        let (first, second, third) = tokio::join!(attempt(), attempt(), attempt());
        let texts = [first, second, third].map(|outcome| outcome.expect_err("nobody answers").to_string());
        assert_eq!([&texts[1], &texts[2]], [&texts[0]; 2]);
        assert!(!accepting.is_finished(), "one attempt for all three");

        let again = [attempt().await, attempt().await];
        assert!(again.iter().all(Result::is_err), "whoever comes later tries anew");
        accepting.await.expect("three attempts in all");
    }
}
