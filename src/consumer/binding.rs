//! `NativeConsumer`: the core's side of one run, for `src/consumer/consumerGroup.js`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use napi::bindgen_prelude::{BigInt64Array, Buffer, Int32Array};
use napi_derive::napi;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::decode::{EncodedBatch, Fetched, FetchedBatch};
use super::handle::{FetchConfig, Session, Start};
use super::partitions::HandedOut;
use super::subscription::TopicPartitions;
use crate::binding::Completions;
use crate::binding::buffer::SharedBuffer;
use crate::binding::outcome::{from_json, thrown};
use crate::cluster::binding::NativeCluster;
use crate::config::RetryConfig;
use crate::error::Error;
use crate::group::describe::describe_group;
use crate::group::offsets::Commit;
use crate::group::{Group, GroupConfig, Subscription, TopicPartition};
use crate::tasks::Tasks;

/// A batch for a handler. Not an object per message: messages are made in JavaScript, from the tables.
#[napi(object, object_from_js = false)]
pub struct NativeBatch {
    /// Number to give it back by.
    pub lease: u32,
    /// Position of its partition in the assignment.
    pub slot: u32,
    /// Number of the assignment.
    pub assignment: u32,
    /// `highWatermark, lastStableOffset, fetchedOffset, nextOffset` (strings), `skipped`, `runs`, `control`, as JSON.
    /// `null` if the batch has to be decompressed first.
    pub details: Option<String>,
    /// What the tables point into.
    pub payload: Option<SharedBuffer>,
    /// 10 numbers per record.
    pub index: Option<Int32Array>,
    /// 4 numbers per header; absent if there is none.
    pub headers: Option<Int32Array>,
    /// 14 numbers per record batch.
    pub batches: Option<BigInt64Array>,
    /// 3 numbers per record, if any is of an old format.
    pub legacy: Option<Int32Array>,
    /// Offset that was asked for, if the batch has to be decompressed first.
    pub fetched_offset: Option<String>,
    /// Codec of each section to be decompressed.
    pub codecs: Option<Vec<u32>>,
    /// The sections.
    pub sections: Option<Vec<Buffer>>,
}

impl std::fmt::Debug for NativeBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeBatch")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl NativeBatch {
    fn blank(lease: u32, slot: usize, assignment: u32) -> Self {
        Self {
            lease,
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            assignment,
            details: None,
            payload: None,
            index: None,
            headers: None,
            batches: None,
            legacy: None,
            fetched_offset: None,
            codecs: None,
            sections: None,
        }
    }

    fn with_records(self, batch: FetchedBatch) -> Self {
        let table = |numbers: Vec<i32>| (!numbers.is_empty()).then(|| Int32Array::new(numbers));
        Self {
            details: Some(batch.describe().to_string()),
            payload: Some(SharedBuffer(batch.indexed.payload)),
            index: table(batch.indexed.index),
            headers: table(batch.indexed.headers),
            batches: Some(BigInt64Array::new(batch.indexed.batch_table)),
            legacy: table(batch.indexed.legacy),
            ..self
        }
    }

    fn with_sections(self, encoded: &EncodedBatch) -> Self {
        Self {
            fetched_offset: Some(encoded.limits.fetched.to_string()),
            codecs: Some(
                encoded
                    .sections
                    .iter()
                    .map(|section| u32::from(section.codec.id()))
                    .collect(),
            ),
            // Copies: the program may write to what it gets, and we read the original afterwards.
            sections: Some(
                encoded
                    .sections
                    .iter()
                    .map(|section| section.payload.to_vec().into())
                    .collect(),
            ),
            ..self
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitRow {
    topic: String,
    partition: i32,
    offset: String,
    metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentRow {
    member_id: String,
    member_assignment: String,
}

/// One run of a consumer. Methods that take a `call` settle that call through the completion queue.
#[napi(js_name = "NativeConsumer")]
#[derive(Debug)]
pub struct NativeConsumer {
    session: Session,
    completions: Completions,
    tasks: Tasks,
    waiting: Arc<Mutex<Vec<u32>>>,
}

fn offset_of(text: &str) -> napi::Result<i64> {
    text.parse().map_err(|_| {
        thrown(&Error::non_retriable(format!(
            "Invalid offset, expected a long received {text}"
        )))
    })
}

#[napi]
impl NativeConsumer {
    /// `config` holds the fields of `GroupConfig` and `FetchConfig` as JSON.
    #[napi(constructor)]
    pub fn new(cluster: &NativeCluster, config: String) -> napi::Result<Self> {
        let group_config: GroupConfig = from_json("consumer configuration", &config)?;
        let fetch_config: FetchConfig = from_json("consumer configuration", &config)?;
        let (completions, tasks) = (cluster.completions().clone(), cluster.tasks().clone());
        let group = Group::new(cluster.handle().clone(), tasks.clone(), group_config);
        let waiting: Arc<Mutex<Vec<u32>>> = Arc::default();
        let on_ready = {
            let (waiting, completions) = (Arc::clone(&waiting), completions.clone());
            Box::new(move || wake(&waiting, &completions))
        };
        let session = Session::new(group, tasks.clone(), fetch_config, on_ready);
        Ok(Self {
            session,
            completions,
            tasks,
            waiting,
        })
    }

    /// Joins the group, or joins it again; `subscription` as JSON. Settles with the group that has formed.
    #[napi]
    pub fn join(&self, call: u32, subscription: String) -> napi::Result<()> {
        let subscription: Subscription = from_json("subscription", &subscription)?;
        let session = self.session.clone();
        self.completions.run(&self.tasks, call, async move {
            let joined = session.join(subscription).await?;
            serde_json::to_value(joined).map_err(|error| Error::non_retriable(error.to_string()))
        });
        Ok(())
    }

    /// Answers signal `assign`: `[{ memberId, memberAssignment }]` as JSON, assignments in base64.
    #[napi]
    pub fn answer_assigner(&self, question: u32, assignments: String) -> napi::Result<()> {
        let rows: Vec<AssignmentRow> = from_json("assignment", &assignments)?;
        let decoded = rows
            .into_iter()
            .map(|row| {
                let bytes = BASE64.decode(&row.member_assignment).map_err(|error| {
                    thrown(&Error::non_retriable(format!(
                        "Invalid assignment of {}: {error}",
                        row.member_id
                    )))
                })?;
                Ok((row.member_id, Bytes::from(bytes)))
            })
            .collect::<napi::Result<Vec<_>>>()?;
        self.session.group().answer_assigner(question, Ok(decoded));
        Ok(())
    }

    /// Answers signal `assign`: the assigner threw. `join` is rejected with this text; JavaScript keeps the error.
    #[napi]
    pub fn refuse_assigner(&self, question: u32, message: String) {
        self.session
            .group()
            .answer_assigner(question, Err(Error::non_retriable(message)));
    }

    /// Takes over an assignment and begins to fetch; `start` as JSON. Settles with `{ assignment, partitions }`.
    #[napi]
    pub fn start_fetching(&self, call: u32, start: String) -> napi::Result<()> {
        let start: Start = from_json("assignment", &start)?;
        let session = self.session.clone();
        self.completions.run(
            &self.tasks,
            call,
            async move { session.start_fetching(start).await },
        );
        Ok(())
    }

    /// Settles once a batch can be taken, or the run ends.
    #[napi]
    pub fn wait_for_batch(&self, call: u32) {
        self.waiting.lock().push(call);
        if self.session.has_ready() || self.session.group().stopped().is_cancelled() {
            wake(&self.waiting, &self.completions);
        }
    }

    /// Takes the next batch, if there is one.
    #[napi]
    pub fn take_batch(&self) -> Option<NativeBatch> {
        let HandedOut {
            lease,
            slot,
            assignment,
            batch,
            ..
        } = self.session.take()?;
        let blank = NativeBatch::blank(lease, slot, assignment);
        Some(match batch {
            Fetched::Batch(batch) => blank.with_records(batch),
            Fetched::Encoded(encoded) => {
                let out = blank.with_sections(&encoded);
                self.session.keep(lease, encoded);
                out
            }
        })
    }

    /// The batch of `lease`, now that its sections are decompressed; `null` if it holds nothing for anybody.
    #[napi]
    pub fn decode_batch(&self, lease: u32, sections: Vec<Buffer>) -> napi::Result<Option<NativeBatch>> {
        let sections = sections
            .into_iter()
            .map(|section| Bytes::copy_from_slice(&section))
            .collect();
        let decoded = self
            .session
            .decode(lease, sections)
            .map_err(|error| thrown(&error))?;
        Ok(decoded.map(|batch| NativeBatch::blank(lease, 0, 0).with_records(batch)))
    }

    /// The handler of a batch gets on.
    #[napi]
    pub fn note_progress(&self, lease: u32) {
        self.session.group().note_progress(lease);
    }

    /// Gives a batch back. `resume`: offset to go on at, if not behind it. `first`: before any other partition.
    #[napi]
    pub fn give_back(&self, lease: u32, resume: Option<String>, first: bool) -> napi::Result<()> {
        let resume = resume.as_deref().map(offset_of).transpose()?;
        self.session.give_back(lease, resume, first);
        Ok(())
    }

    /// Everything before offset `next` of a partition was handled; `false` if it is not assigned.
    #[napi]
    pub fn resolve(&self, topic: String, partition: i32, next: String) -> napi::Result<bool> {
        Ok(self
            .session
            .group()
            .resolve(&TopicPartition::new(topic, partition), offset_of(&next)?))
    }

    /// Somebody else (a transaction) has stored `offset` for a partition.
    #[napi]
    pub fn note_stored(&self, topic: String, partition: i32, offset: String) -> napi::Result<()> {
        let partition = TopicPartition::new(topic, partition);
        let commit = Commit {
            partition,
            offset: offset_of(&offset)?,
            metadata: None,
        };
        self.session.group().note_stored(&[commit]);
        Ok(())
    }

    /// `[[topic, partition, offset]]` of what was resolved and is not stored, as JSON.
    #[napi]
    pub fn uncommitted(&self) -> String {
        let rows: Vec<Value> = self
            .session
            .group()
            .uncommitted()
            .into_iter()
            .map(|commit| {
                json!([
                    &*commit.partition.topic,
                    commit.partition.partition,
                    commit.offset.to_string()
                ])
            })
            .collect();
        Value::Array(rows).to_string()
    }

    /// Stores what was resolved. Settles with the payload of COMMIT_OFFSETS without its group id.
    #[napi]
    pub fn commit_resolved(&self, call: u32) {
        let session = self.session.clone();
        self.completions.run(&self.tasks, call, async move {
            Ok(session.group().commit_resolved().await?.payload())
        });
    }

    /// Stores exactly `[{ topic, partition, offset, metadata }]` (JSON). Settles as `commit_resolved`.
    #[napi]
    pub fn commit(&self, call: u32, commits: String) -> napi::Result<()> {
        let rows: Vec<CommitRow> = from_json("offsets", &commits)?;
        let commits = rows
            .into_iter()
            .map(|row| {
                let partition = TopicPartition::new(row.topic, row.partition);
                Ok(Commit {
                    partition,
                    offset: offset_of(&row.offset)?,
                    metadata: row.metadata,
                })
            })
            .collect::<napi::Result<Vec<_>>>()?;
        let session = self.session.clone();
        self.completions.run(&self.tasks, call, async move {
            Ok(session.group().commit(commits).await?.payload())
        });
        Ok(())
    }

    /// Reads a partition from another offset on; -1 is its end, -2 its beginning.
    #[napi]
    pub fn seek(&self, topic: String, partition: i32, offset: String) -> napi::Result<()> {
        self.session
            .seek(TopicPartition::new(topic, partition), offset_of(&offset)?);
        Ok(())
    }

    /// Pauses `[{ topic, partitions? }]` (JSON).
    #[napi]
    pub fn pause(&self, targets: String) -> napi::Result<()> {
        let targets: Vec<TopicPartitions> = from_json("topics", &targets)?;
        self.session.pause(&targets);
        Ok(())
    }

    /// Resumes `[{ topic, partitions? }]` (JSON).
    #[napi]
    pub fn resume(&self, targets: String) -> napi::Result<()> {
        let targets: Vec<TopicPartitions> = from_json("topics", &targets)?;
        self.session.resume(&targets);
        Ok(())
    }

    /// Positions of the paused partitions in the assignment.
    #[napi]
    pub fn paused(&self) -> Vec<u32> {
        self.session
            .paused()
            .into_iter()
            .filter_map(|slot| u32::try_from(slot).ok())
            .collect()
    }

    /// Which of `partitions` of `topic` are paused, assigned or not.
    #[napi]
    pub fn paused_of(&self, topic: String, partitions: Vec<i32>) -> Vec<i32> {
        self.session.paused_of(&topic, partitions)
    }

    /// Which codecs the program has registered itself: bit n stands for codec n.
    #[napi]
    pub fn set_registered_codecs(&self, codecs: u32) {
        self.session.set_registered_codecs(codecs);
    }

    /// Kafka error code that says why the group has to be joined again; 0 if it has not.
    #[napi]
    pub fn rebalance_code(&self) -> i32 {
        self.session.group().rebalance_code().map_or(0, i32::from)
    }

    /// Ends the run: gives up a join under way, stops fetching, leaves the group.
    #[napi]
    pub fn stop(&self, call: u32) {
        let session = self.session.clone();
        self.completions.run(&self.tasks, call, async move {
            session.stop().await;
            Ok(Value::Null)
        });
    }
}

fn wake(waiting: &Mutex<Vec<u32>>, completions: &Completions) {
    let calls = std::mem::take(&mut *waiting.lock());
    for call in calls {
        completions.settle(call, &Ok(Value::Null));
    }
}

/// Settles with the description of a group; `retry` is a `RetryConfig` as JSON.
#[napi]
pub fn describe_consumer_group(
    cluster: &NativeCluster,
    call: u32,
    group_id: String,
    retry: String,
) -> napi::Result<()> {
    let retry: RetryConfig = from_json("retry options", &retry)?;
    let handle = cluster.handle().clone();
    cluster.run(
        call,
        async move { describe_group(&handle, &group_id, retry).await },
    );
    Ok(())
}
