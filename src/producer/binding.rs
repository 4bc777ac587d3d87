//! `NativeProducer`: the producer's native half, for `src/producer/*.js`.

#![expect(
    clippy::too_many_arguments,
    reason = "`send`: an object would cost more than the whole call"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use napi_derive::napi;
use serde_json::Value;
use tokio::time::Instant;

use super::batch::BatchKey;
use super::call::{CallSink, ProducedPartition};
use super::coordinate::TransactionOffsets;
use super::handle::{ProducerConfig, ProducerHandle};
use super::intake::{Submission, Taken, load_topic};
use crate::binding::Completions;
use crate::binding::outcome::{from_json, thrown};
use crate::cluster::binding::NativeCluster;
use crate::error::{Error, Result};
use crate::protocol::compression::Codec;
use crate::protocol::records::PackedRecords;

/// `level` that stands for the codec's default.
const DEFAULT_LEVEL: i32 = i32::MIN;

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

    /// Takes over one call; both buffers are copied before it returns. Gives 0; 1 if `flush` has to be called when the
    /// turn of the event loop ends; 2 if the call is over already (acks 0), and nothing will be settled.
    ///
    /// The first `table_length` numbers of `table` are `topicCount, (topic, recordCount)*`, then the records as in
    /// `protocol::records::packed`; their bytes are the first `data_length` of `data`.
    #[napi]
    pub fn send(
        &self,
        call: u32,
        acks: i32,
        timeout: i32,
        codec: u32,
        registered_codec: bool,
        level: i32,
        data: &[u8],
        data_length: u32,
        table: &[u32],
        table_length: u32,
    ) -> napi::Result<u32> {
        let submission = (|| -> Result<Submission> {
            let key = BatchKey {
                registered_codec,
                ..batch_key(acks, timeout, codec, level)?
            };
            let misfit = || Error::non_retriable("Invalid packed records: a length is beyond its buffer");
            let table = table.get(..table_length as usize).ok_or_else(misfit)?;
            let data = data.get(..data_length as usize).ok_or_else(misfit)?;
            let (&count, rest) = table.split_first().ok_or_else(misfit)?;
            let (topics, records) = rest.split_at_checked(count as usize * 2).ok_or_else(misfit)?;
            let topics = topics
                .chunks_exact(2)
                .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
                .collect();
            let records = PackedRecords {
                data: Bytes::copy_from_slice(data),
                table: records.to_vec(),
            };
            Ok(Submission {
                call,
                key,
                records,
                topics,
            })
        })();
        let taken = submission
            .and_then(|submission| self.handle.submit(submission))
            .map_err(|error| thrown(&error))?;
        Ok(match taken {
            Taken::Waits => 0,
            Taken::Gathers => 1,
            Taken::Over => 2,
        })
    }

    /// Lets go what `send` has gathered in this turn of the event loop.
    #[napi]
    pub fn flush(&self) {
        self.handle.flush();
    }
}

fn batch_key(acks: i32, timeout_ms: i32, codec: u32, level: i32) -> Result<BatchKey> {
    let acks = i16::try_from(acks)
        .map_err(|_| Error::non_retriable(format!("Invalid acks {acks}, expected -1, 0 or 1")))?;
    let codec = u8::try_from(codec)
        .ok()
        .and_then(Codec::from_id)
        .ok_or_else(|| Error::non_retriable(format!("Invalid compression {codec}, expected 0 to 4")))?;
    let level = (level != DEFAULT_LEVEL).then_some(level);
    Ok(BatchKey {
        acks,
        timeout_ms,
        codec,
        registered_codec: false,
        level,
        transactional: false,
    })
}
