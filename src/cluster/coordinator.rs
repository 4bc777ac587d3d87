//! Who coordinates a group or a transactional id.

use std::collections::HashMap;

use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;
use parking_lot::Mutex;

use super::handle::ClusterHandle;
use super::metadata::BrokerAddress;
use super::retry::{Failure, retry};
use crate::error::{Error, ErrorKind, Result};

/// What is coordinated; the number is Kafka's key type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum CoordinatorKind {
    /// A consumer group.
    Group = 0,
    /// A transactional producer.
    Transaction = 1,
}

/// Coordinators found so far.
#[derive(Debug, Default)]
pub(super) struct Coordinators(Mutex<HashMap<(CoordinatorKind, String), i32>>);

impl Coordinators {
    pub(super) fn cached(&self, kind: CoordinatorKind, key: &str) -> Option<i32> {
        self.0.lock().get(&(kind, key.to_owned())).copied()
    }

    pub(super) fn remember(&self, kind: CoordinatorKind, key: &str, node_id: i32) {
        self.0.lock().insert((kind, key.to_owned()), node_id);
    }

    pub(super) fn forget(&self, kind: CoordinatorKind, key: &str) {
        self.0.lock().remove(&(kind, key.to_owned()));
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Asks any broker. The first group or transaction of a cluster makes its internal topic, which takes a moment, so
    /// "not available" is asked again.
    pub(super) async fn find(
        &self,
        cluster: &ClusterHandle,
        kind: CoordinatorKind,
        key: &str,
    ) -> Result<BrokerAddress> {
        let found = retry(cluster.config().retry, |_| async {
            let request = FindCoordinatorRequest::default()
                .with_key(StrBytes::from_string(key.to_owned()))
                .with_key_type(kind as i8);
            let response = match cluster.send_any(request).await {
                Ok(response) => response,
                Err(error) if error.kind() == ErrorKind::RetriesExceeded => return Err(Failure::Bail(error)),
                Err(error) => return Err(Failure::Retry(error)),
            };
            match response.error_code {
                0 => Ok(BrokerAddress {
                    node_id: response.node_id.0,
                    host: response.host.to_string(),
                    port: response.port,
                    rack: None,
                }),
                code => {
                    let text = response.error_message.as_deref();
                    let error = Error::protocol_with(code, text);
                    Err(if error.is_retriable() {
                        Failure::Retry(error)
                    } else {
                        Failure::Bail(error)
                    })
                }
            }
        })
        .await;
        found.map_err(|error| match (kind, error.kind()) {
            (CoordinatorKind::Group, ErrorKind::RetriesExceeded)
                if error.cause().is_some_and(|cause| cause.code().is_some()) =>
            {
                Error::new(
                    ErrorKind::GroupCoordinatorNotFound,
                    "Failed to find group coordinator",
                )
                .caused_by(error)
            }
            _ => error,
        })
    }
}
