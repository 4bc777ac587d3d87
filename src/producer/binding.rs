//! `NativeProducer`: the producer's native half, for `src/producer/*.js`.

use std::sync::Arc;
use std::time::Duration;

use napi_derive::napi;
use serde_json::Value;
use tokio::time::Instant;

use super::call::{CallSink, ProducedPartition};
use super::coordinate::TransactionOffsets;
use super::handle::{ProducerConfig, ProducerHandle};
use super::intake::{Taken, load_topic};
use super::packed_calls::PackedCalls;
use crate::binding::Completions;
use crate::binding::outcome::{from_json, thrown};
use crate::cluster::binding::NativeCluster;
use crate::error::Error;

struct Sink(Completions);

impl CallSink for Sink {
    fn delivered(&self, call: u32, partitions: &[ProducedPartition]) {
        self.0.settle_produced(call, partitions);
    }

    fn failed(&self, call: u32, error: &Error) {
        self.0.settle(call, &Err(error.clone()));
    }
}

/// One producer. Methods that take a `call` settle that call through the completion queue.
#[napi(js_name = "NativeProducer")]
#[derive(Debug)]
pub struct NativeProducer {
    handle: ProducerHandle,
    cluster: crate::cluster::ClusterHandle,
    completions: Completions,
    tasks: crate::tasks::Tasks,
}

#[napi]
impl NativeProducer {
    /// `config` is a `ProducerConfig` as JSON.
    #[napi(constructor)]
    pub fn new(cluster: &NativeCluster, config: String) -> napi::Result<Self> {
        let config: ProducerConfig = from_json("producer configuration", &config)?;
        let completions = cluster.completions().clone();
        let tasks = cluster.tasks().clone();
        let sink = Arc::new(Sink(completions.clone()));
        let handle = ProducerHandle::new(cluster.handle().clone(), config, sink, tasks.clone());
        Ok(Self {
            handle,
            cluster: cluster.handle().clone(),
            completions,
            tasks,
        })
    }

    /// Accepts calls from now on; an idempotent producer gets its id.
    #[napi]
    pub fn open(&self, call: u32) {
        let handle = self.handle.clone();
        self.completions.run(&self.tasks, call, async move {
            handle.open().await.map(|()| Value::Null)
        });
    }

    /// Delivers what was accepted, for at most `timeout` ms, rejects the rest, and accepts nothing more.
    #[napi]
    pub fn close(&self, call: u32, timeout: u32) {
        let handle = self.handle.clone();
        let deadline = Instant::now() + Duration::from_millis(u64::from(timeout));
        self.completions.run(&self.tasks, call, async move {
            handle.close(deadline).await;
            Ok(Value::Null)
        });
    }

    /// Begins a transaction of a transactional producer; nothing is sent.
    #[napi]
    pub fn begin_transaction(&self) -> napi::Result<()> {
        self.handle.begin_transaction().map_err(|error| thrown(&error))
    }

    /// Makes offsets (a `TransactionOffsets` as JSON) part of the open transaction.
    #[napi]
    pub fn send_offsets(&self, call: u32, offsets: String) -> napi::Result<()> {
        let offsets: TransactionOffsets = from_json("offsets", &offsets)?;
        let handle = self.handle.clone();
        self.completions.run(&self.tasks, call, async move {
            handle.send_offsets(offsets).await.map(|()| Value::Null)
        });
        Ok(())
    }

    /// Commits or aborts the open transaction.
    #[napi]
    pub fn end_transaction(&self, call: u32, commit: bool) {
        let handle = self.handle.clone();
        self.completions.run(&self.tasks, call, async move {
            handle.end_transaction(commit).await.map(|()| Value::Null)
        });
    }

    /// The number `send` knows a topic by.
    #[napi]
    pub fn topic_number(&self, name: String) -> u32 {
        self.handle.topic_number(&name)
    }

    /// Looks a topic up with the producer's back-off.
    #[napi]
    pub fn load_topic(&self, call: u32, topic: u32) {
        let handle = self.handle.clone();
        self.completions.run(&self.tasks, call, async move {
            load_topic(&handle, topic).await.map(|()| Value::Null)
        });
    }

    /// Counts the changes of the metadata snapshot.
    #[napi]
    pub fn metadata_generation(&self) -> u32 {
        self.cluster.metadata_generation()
    }

    /// Takes over the calls that are packed in the first `table_length` numbers of `table` and `data_length` bytes of
    /// `data` (see `packed_calls.rs`); both are copied before it returns. `turn_over`: does what `flush` does, too.
    ///
    /// Gives whether the last call is over already (acks 0), and nothing will be settled for it.
    #[napi]
    pub fn send(
        &self,
        data: &[u8],
        data_length: u32,
        table: &[u32],
        table_length: u32,
        turn_over: bool,
    ) -> bool {
        let data = data.get(..data_length as usize).unwrap_or_default();
        let table = table.get(..table_length as usize).unwrap_or_default();
        let mut taken = Taken::Waits;
        for (call, submission) in PackedCalls::new(data, table) {
            taken = submission
                .and_then(|submission| self.handle.submit(submission))
                .unwrap_or_else(|error| {
                    self.completions.settle(call, &Err(error));
                    Taken::Waits
                });
        }
        if turn_over {
            self.handle.flush();
        }
        taken == Taken::Over
    }

    /// The turn of the event loop ends: lets go what `send` has gathered in it.
    #[napi]
    pub fn flush(&self) {
        self.handle.flush();
    }
}
