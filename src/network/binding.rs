//! `NativeNetwork`: how the user's own code takes part in opening connections, for `src/network/*.js`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use napi_derive::napi;
use serde_json::{Value, json};

use super::{CodedError, Couriers, Sockets};
use crate::binding::Completions;
use crate::cluster::binding::NativeCluster;
use crate::tasks::Tasks;

/// Providers and sockets of one client.
#[napi(js_name = "NativeNetwork")]
#[derive(Debug)]
pub struct NativeNetwork {
    couriers: Arc<Couriers>,
    sockets: Arc<Sockets>,
    completions: Completions,
    tasks: Tasks,
}

#[napi]
impl NativeNetwork {
    /// Of the client that `cluster` belongs to.
    #[napi(constructor)]
    pub fn new(cluster: &NativeCluster) -> Self {
        let dialer = cluster.handle().dialer();
        Self {
            couriers: Arc::clone(dialer.couriers()),
            sockets: Arc::clone(dialer.sockets()),
            completions: cluster.completions().clone(),
            tasks: cluster.tasks().clone(),
        }
    }

    /// Takes `bytes` of authentication `round` to the broker. Settles `call` with the broker's bytes as base64.
    #[napi]
    pub fn sasl_authenticate(&self, call: u32, round: u32, bytes: &[u8]) {
        let couriers = Arc::clone(&self.couriers);
        let bytes = Bytes::copy_from_slice(bytes);
        self.completions.run(&self.tasks, call, async move {
            let answer = couriers.carry(round, bytes).await?;
            Ok(json!(STANDARD.encode(answer)))
        });
    }

    /// The socket received `chunk`. `false`: it should pause until `socketDrained` settles.
    #[napi]
    pub fn socket_received(&self, socket: u32, chunk: &[u8]) -> bool {
        self.sockets.received(socket, Bytes::copy_from_slice(chunk))
    }

    /// Settles `call` when the socket may go on.
    #[napi]
    pub fn socket_drained(&self, call: u32, socket: u32) {
        let sockets = Arc::clone(&self.sockets);
        self.completions.run(&self.tasks, call, async move {
            sockets.drained(socket).await;
            Ok(Value::Null)
        });
    }

    /// Settles `call` with the bytes to write next, or with `null` when the socket is to be ended.
    #[napi]
    pub fn socket_outgoing(&self, call: u32, socket: u32) {
        let sockets = Arc::clone(&self.sockets);
        self.completions.run_with(&self.tasks, call, async move {
            let chunks = sockets.outgoing(socket).await;
            Ok((Value::Bool(!chunks.is_empty()), chunks))
        });
    }

    /// The socket has ended; with `message` and Node's `code` if it failed.
    #[napi]
    pub fn socket_ended(&self, socket: u32, message: Option<String>, code: Option<String>) {
        let error = message.map(|message| CodedError {
            code: code.map(Into::into),
            message: message.into(),
        });
        self.sockets.ended(socket, error);
    }
}
