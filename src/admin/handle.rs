//! Who owns a request, and what happens when the owner moves.

use std::sync::Arc;
use std::time::Duration;

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
    /// Asking twice has the effect of asking once.
    Safe,
    /// The lost request may have been carried out, and a second one would be told so as an error.
    Unsafe,
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
    /// another broker.
    pub(super) async fn connect(&self, node_id: i32) -> Result<Arc<Connection>, Failure> {
        self.cluster
            .connection(node_id, Role::Control)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::Connection | ErrorKind::ConnectionClosed => Failure::Retry(error),
                _ => Failure::Bail(error),
            })
    }

    /// Sends `request` to one broker, which has `timeout_ms` of its own to carry it out.
    pub(super) async fn send<R: KafkaRequest>(
        &self,
        node_id: i32,
        request: R,
        timeout_ms: i32,
        repeat: Repeat,
    ) -> Result<R::Response, Failure> {
        let connection = self.connect(node_id).await?;
        let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default()) + ANSWER_MARGIN;
        connection
            .send(request, Deadline::AtLeast(patience))
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::Connection | ErrorKind::ConnectionClosed if repeat == Repeat::Safe => {
                    Failure::Retry(error)
                }
                _ => Failure::Bail(error),
            })
    }

    /// Runs `operation` with the node id of the controller, and with the next one's when it moves. `task` completes
    /// the log line "Could not ...".
    ///
    /// # Errors
    /// The raw error of the operation; `KafkaJSNumberOfRetriesExceeded` when retriable ones went on.
    pub(super) async fn on_controller<T, F, Fut>(&self, task: &'static str, operation: F) -> Result<T>
    where
        F: Fn(i32) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let operation = &operation;
        retry(self.retry, |attempt| async move {
            let outcome = match self.cluster.controller().await {
                Ok(node_id) => operation(node_id).await,
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

    /// Runs `operation` with the node id of the coordinator of `group`, and with the next one's when it moves.
    ///
    /// # Errors
    /// As [`AdminHandle::on_controller`].
    pub(super) async fn on_coordinator<T, F, Fut>(&self, group: &str, operation: F) -> Result<T>
    where
        F: Fn(i32) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let operation = &operation;
        retry(self.retry, |_| async move {
            let node_id = self.coordinator(group).await?;
            operation(node_id)
                .await
                .map_err(|failure| self.follow_coordinator(group, failure))
        })
        .await
    }
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
