//! A session that ends, and its renewal on the same connection (KIP-368).

use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::Instant;

use super::exchange::Authenticator;
use crate::error::{Error, Result};
use crate::network::connection::Connection;

const ILLEGAL_SASL_STATE: i16 = 34;

/// A broker refuses to be asked again within a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long an authentication is good for.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    asked_at: Instant,
    granted_at: Instant,
    lifetime: Duration,
}

impl Standing {
    /// Asked for and granted at these moments; a `lifetime` of zero is for ever.
    pub fn new(asked_at: Instant, granted_at: Instant, lifetime: Duration) -> Self {
        Self {
            asked_at,
            granted_at,
            lifetime,
        }
    }

    fn ends(&self) -> bool {
        !self.lifetime.is_zero()
    }

    /// Whether the next request has to wait until we have authenticated again.
    fn is_due(&self, threshold: Duration, now: Instant) -> bool {
        self.ends()
            && now.duration_since(self.granted_at) > SHORTEST
            // The broker counts from some moment after we asked.
            && now.duration_since(self.asked_at) + threshold >= self.lifetime
    }
}

/// The session of one connection.
#[derive(Debug)]
pub struct Session {
    authenticator: Authenticator,
    threshold: Duration,
    ends: bool,
    standing: RwLock<Standing>,
}

impl Session {
    /// Authenticates for the first time.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn begin(
        authenticator: Authenticator,
        threshold: Duration,
        connection: &Connection,
    ) -> Result<Self> {
        let standing = authenticator.authenticate(connection).await?;
        Ok(Self {
            authenticator,
            threshold,
            ends: standing.ends(),
            standing: RwLock::new(standing),
        })
    }

    /// Lets a request pass, after authenticating again if that is due. Whoever holds a pass is in flight: renewal
    /// waits for them, because a broker serves them first anyway, and those who come later wait for the renewal,
    /// because in its midst a broker takes no other request. `None`: the session never ends, nobody waits.
    ///
    /// # Errors
    /// Why the session could not be renewed; the connection is closed then.
    pub async fn pass(&self, connection: &Connection) -> Result<Option<RwLockReadGuard<'_, Standing>>> {
        if !self.ends {
            return Ok(None);
        }
        loop {
            let standing = self.standing.read().await;
            if !standing.is_due(self.threshold, Instant::now()) {
                return Ok(Some(standing));
            }
            drop(standing);
            self.renew(connection).await?;
        }
    }

    async fn renew(&self, connection: &Connection) -> Result<()> {
        let mut standing = self.standing.write().await;
        // Others may have waited for the same renewal.
        if !standing.is_due(self.threshold, Instant::now()) {
            return Ok(());
        }
        match self.authenticator.authenticate(connection).await {
            Ok(renewed) => {
                *standing = renewed;
                Ok(())
            }
            Err(error) => {
                connection.close();
                let endpoint = connection.endpoint();
                // The broker has lost track, for instance because our clocks differ: a new connection helps.
                let lost = error.code() == Some(ILLEGAL_SASL_STATE);
                Err(if lost {
                    Error::connection_closed(&endpoint.host, endpoint.port)
                } else {
                    error
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_session_without_end_is_never_due() {
        let now = Instant::now();
        let standing = Standing::new(now, now, Duration::ZERO);
        assert!(!standing.is_due(10 * SECOND, now + 100_000 * SECOND));
    }

    #[test]
    fn due_once_elapsed_and_threshold_reach_the_lifetime() {
        let now = Instant::now();
        let standing = Standing::new(now, now, 60 * SECOND);
        assert!(!standing.is_due(10 * SECOND, now + 49 * SECOND));
        assert!(standing.is_due(10 * SECOND, now + 50 * SECOND));
        assert!(standing.is_due(10 * SECOND, now + 500 * SECOND));
    }

    #[test]
    fn a_threshold_above_the_lifetime_asks_at_most_once_a_second() {
        let now = Instant::now();
        let standing = Standing::new(now, now + SECOND, 5 * SECOND);
        assert!(!standing.is_due(10 * SECOND, now + 2 * SECOND));
        assert!(standing.is_due(10 * SECOND, now + 2 * SECOND + Duration::from_millis(1)));
    }
}
