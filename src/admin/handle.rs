//! Who owns a request, and what happens when the owner moves.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;

use crate::cluster::retry::{Failure, retry};
use crate::cluster::{ClusterHandle, CoordinatorKind, Role};
use crate::config::RetryConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Level;
use crate::network::{Connection, Deadline};
use crate::protocol::wire::KafkaRequest;

const GROUP_LOAD_IN_PROGRESS: i16 = 14;
pub(super) const NOT_CONTROLLER: i16 = 41;

/// Namespace of the admin's log lines.
pub(super) const NAMESPACE: &str = "Admin";

/// What the broker needs beyond the `timeout` it was given until its answer is here.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// What to do when the connection breaks before the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Asking twice has the effect of asking once. No broker is asked more often than that: one that cannot read a
    /// request hangs up on it, and would do so each time.
    Safe,
    /// The lost request may have been carried out, and a second one would be told so as an error.
    Unsafe,
}

/// Brokers that hung up on a request of one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Hangups(Arc<Mutex<HashSet<i32>>>);

impl Hangups {
    /// The broker that is asked now.
    pub(super) fn owner(&self, node_id: i32) -> Owner {
        Owner {
            node_id,
            hangups: self.clone(),
        }
    }

    /// Says whether it is the first time.
    fn note(&self, node_id: i32) -> bool {
        self.0.lock().insert(node_id)
    }
}

/// The broker that a request of an operation belongs to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// Its node id.
    pub(super) node_id: i32,
    hangups: Hangups,
}

impl Owner {
    /// Another broker, for another part of the same operation.
    pub(super) fn beside(&self, node_id: i32) -> Self {
        self.hangups.owner(node_id)
    }
}

/// Cheap clone; one per admin client.
#[derive(Debug, Clone)]
pub struct AdminHandle {
    cluster: ClusterHandle,
    retry: RetryConfig,
}

impl AdminHandle {
    /// `retry` is the back-off of the admin's own operations; connecting and look-ups have the cluster's.
    pub fn new(cluster: ClusterHandle, retry: RetryConfig) -> Self {
        Self { cluster, retry }
    }

    pub(super) fn cluster(&self) -> &ClusterHandle {
        &self.cluster
    }

    pub(super) fn retry(&self) -> RetryConfig {
        self.retry
    }

    /// A connection to a broker for administration. Nothing was sent when it fails, so another attempt may look for
    /// another broker: this one is down, or not among the brokers any more.
    async fn connect(&self, node_id: i32) -> Result<Arc<Connection>, Failure> {
        self.cluster
            .connection(node_id, Role::Control)
            .await
            .map_err(|error| {
                if is_broken(&error) || error.kind() == ErrorKind::BrokerNotFound {
                    Failure::Retry(error)
                } else {
                    Failure::Bail(error)
                }
            })
    }

    /// Sends `request` to `owner`, which has `timeout_ms` of its own to carry it out.
    pub(super) async fn send<R: KafkaRequest>(
        &self,
        owner: &Owner,
        request: R,
        timeout_ms: i32,
        repeat: Repeat,
    ) -> Result<R::Response, Failure> {
        let connection = self.connect(owner.node_id).await?;
        let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default()) + ANSWER_MARGIN;
        connection
            .send(request, Deadline::AtLeast(patience))
            .await
            .map_err(|error| {
                if is_broken(&error) && repeat == Repeat::Safe && owner.hangups.note(owner.node_id) {
                    Failure::Retry(error)
                } else {
                    Failure::Bail(error)
                }
            })
    }

    /// Runs `operation` with the controller, and with the next one when it moves. `task` completes
    /// the log line "Could not ...".
    ///
    /// # Errors
    /// The raw error of the operation; `KafkaJSNumberOfRetriesExceeded` when retriable ones went on.
    pub(super) async fn on_controller<T, F, Fut>(&self, task: &'static str, operation: F) -> Result<T>
    where
        F: Fn(Owner) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let hangups = Hangups::default();
        let (operation, hangups) = (&operation, &hangups);
        retry(self.retry, |attempt| async move {
            let outcome = match self.cluster.controller().await {
                Ok(node_id) => operation(hangups.owner(node_id)).await,
                // An election is under way.
                Err(error) if error.kind() == ErrorKind::BrokerNotFound => Err(Failure::Retry(error)),
                Err(error) => Err(Failure::Bail(error)),
            };
            if let Err(Failure::Retry(error)) = &outcome {
                self.cluster.reporter().log(Level::Warn, NAMESPACE, || {
                    let extra = json!({ "error": error.message(), "retryCount": attempt });
                    (format!("Could not {task}"), extra)
                });
            }
            outcome
        })
        .await
    }

    /// Node id of the coordinator of `group`.
    pub(super) async fn coordinator(&self, group: &str) -> Result<i32, Failure> {
        self.cluster
            .coordinator(CoordinatorKind::Group, group)
            .await
            .map_err(Failure::Bail)
    }

    /// What a failure at the coordinator of `group` comes to. One that is gone is forgotten, and the next attempt looks
    /// for the new one; one that still loads its groups is asked again.
    pub(super) fn follow_coordinator(&self, group: &str, failure: Failure) -> Failure {
        let forget = || self.cluster.forget_coordinator(CoordinatorKind::Group, group);
        match failure {
            Failure::Bail(error) if error.is_stale_coordinator() => {
                forget();
                Failure::Retry(error)
            }
            Failure::Bail(error) if error.code() == Some(GROUP_LOAD_IN_PROGRESS) => Failure::Retry(error),
            Failure::Bail(error) => Failure::Bail(error),
            Failure::Retry(error) => {
                forget();
                Failure::Retry(error)
            }
        }
    }

    /// Runs `operation` with the coordinator of `group`, and with the next one when it moves.
    ///
    /// # Errors
    /// As [`AdminHandle::on_controller`].
    pub(super) async fn on_coordinator<T, F, Fut>(&self, group: &str, operation: F) -> Result<T>
    where
        F: Fn(Owner) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let hangups = Hangups::default();
        let (operation, hangups) = (&operation, &hangups);
        retry(self.retry, |_| async move {
            let node_id = self.coordinator(group).await?;
            let outcome = operation(hangups.owner(node_id)).await;
            outcome.map_err(|failure| self.follow_coordinator(group, failure))
        })
        .await
    }
}

/// Whether the connection broke, or could not be opened. Not so a request that had no answer in time: its caller has
/// waited long enough.
pub(super) fn is_broken(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Connection | ErrorKind::ConnectionClosed)
}

/// The error of an answer's code, with the broker's own text. At a controller that is none any more it is worth another
/// attempt, which looks for the new one.
pub(super) fn refusal(error: Error) -> Failure {
    if error.code() == Some(NOT_CONTROLLER) {
        Failure::Retry(error)
    } else {
        Failure::Bail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broker_may_hang_up_once_in_an_operation() {
        let hangups = Hangups::default();
        let first = hangups.owner(1);
        let second = first.beside(2);
        assert!(first.hangups.note(1));
        assert!(second.hangups.note(2));
        assert!(!hangups.owner(1).hangups.note(1));
        assert!(Hangups::default().note(1));
    }

    #[test]
    fn only_the_lack_of_a_controller_is_worth_another_attempt() {
        assert!(matches!(refusal(Error::protocol(41)), Failure::Retry(_)));
        assert!(matches!(refusal(Error::protocol(3)), Failure::Bail(_)));
    }
}
