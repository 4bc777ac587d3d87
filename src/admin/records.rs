//! DeleteRecords: dropping what a topic holds before an offset. Each leader is asked for its own partitions.

use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::handle::{AdminHandle, Hangups, NAMESPACE, Repeat};
use super::topic_offsets::Offsets;
use super::values::{failed, topic_name};
use crate::cluster::offsets::EARLIEST;
use crate::cluster::retry::{Failure, retry};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Level;

/// How long a broker may take, ms; kafkajs has no option for it.
const TIMEOUT_MS: i32 = 5000;

/// Stands for the end of a partition.
const ALL: i64 = -1;

/// A partition and how much of it goes.
#[derive(Debug, Deserialize)]
pub struct RecordsBefore {
    /// Partition number as the caller gave it, whatever it is; errors show it.
    #[serde(default)]
    pub partition: Value,
    /// Offset as the caller gave it; errors show it.
    #[serde(default)]
    pub offset: Value,
    /// The same as a number: records before it go; -1 for all.
    #[serde(deserialize_with = "super::values::digits")]
    pub before: i64,
}

impl RecordsBefore {
    /// The partition, if it is a number that can be one.
    fn index(&self) -> Option<i32> {
        self.partition
            .as_i64()
            .and_then(|index| i32::try_from(index).ok())
    }

    fn message(&self) -> DeleteRecordsPartition {
        DeleteRecordsPartition::default()
            .with_partition_index(self.index().unwrap_or(-1))
            .with_offset(self.before)
    }
}

/// Arguments of `deleteTopicRecords`.
#[derive(Debug, Deserialize)]
pub struct DeleteTopicRecords {
    /// Topic name.
    pub topic: String,
    /// What goes.
    pub partitions: Vec<RecordsBefore>,
}

/// One error for partitions that failed: worth a retry if each of theirs is.
fn records_error<'a>(failures: impl IntoIterator<Item = (&'a RecordsBefore, Error)>) -> Error {
    let mut retriable = true;
    let mut partitions = Vec::new();
    for (entry, error) in failures {
        retriable &= error.is_retriable();
        partitions.push(json!({
            "partition": entry.partition, "offset": entry.offset, "error": error.payload(),
        }));
    }
    Error::new(ErrorKind::DeleteTopicRecords, "Error while deleting records")
        .with("partitions", Value::Array(partitions))
        .with_retriable(retriable)
}

impl AdminHandle {
    /// Deletes records.
    ///
    /// # Errors
    /// `KafkaJSDeleteTopicRecordsError` for partitions the topic does not have; around one with the brokers' errors,
    /// `KafkaJSNumberOfRetriesExceeded` if they are retriable, else `KafkaJSNonRetriableError`.
    pub async fn delete_topic_records(&self, request: &DeleteTopicRecords) -> Result<()> {
        let [low] = self.offsets_at(&request.topic, [EARLIEST]).await?;
        let known = |entry: &RecordsBefore| entry.index().is_some_and(|index| low.contains_key(&index));
        let unknown: Vec<_> = request
            .partitions
            .iter()
            .filter(|entry| !known(entry))
            .map(|entry| {
                let text = "Could not find the leader for the partition";
                (
                    entry,
                    Error::new(ErrorKind::BrokerNotFound, text).with_retriable(false),
                )
            })
            .collect();
        if !unknown.is_empty() {
            return Err(records_error(unknown));
        }
        self.warn_of_old_offsets(request, &low);

        let waiting: Mutex<Vec<&RecordsBefore>> = Mutex::new(request.partitions.iter().collect());
        let waiting = &waiting;
        let topics = [request.topic.clone()];
        let hangups = Hangups::default();
        let (topics, hangups) = (&topics, &hangups);
        retry(self.retry(), |attempt| async move {
            if attempt > 0 {
                self.cluster().fetch_topics(topics).await.map_err(Failure::Bail)?;
            }
            let asked = waiting.lock().clone();
            let failures = self.delete_before(&request.topic, asked, hangups).await?;
            *waiting.lock() = failures.iter().map(|(entry, _)| *entry).collect();
            if failures.is_empty() {
                Ok(())
            } else {
                Err(Failure::Retry(records_error(failures)))
            }
        })
        .await
    }

    /// Asks every leader in parallel; gives what failed, in no order.
    async fn delete_before<'a>(
        &self,
        topic: &str,
        entries: Vec<&'a RecordsBefore>,
        hangups: &Hangups,
    ) -> Result<Vec<(&'a RecordsBefore, Error)>, Failure> {
        let metadata = self.cluster().metadata();
        let mut failures = Vec::new();
        let mut by_leader: BTreeMap<i32, Vec<&RecordsBefore>> = BTreeMap::new();
        for entry in entries {
            match metadata.leader(topic, entry.index().unwrap_or(-1)) {
                Ok(leader) => by_leader.entry(leader).or_default().push(entry),
                Err(error) => failures.push((entry, error)),
            }
        }
        let asked = by_leader
            .into_iter()
            .map(|(leader, entries)| (hangups.owner(leader), entries))
            .map(|(owner, entries)| async move {
                let partitions = entries.iter().map(|entry| entry.message()).collect();
                let request = DeleteRecordsRequest::default()
                    .with_timeout_ms(TIMEOUT_MS)
                    .with_topics(vec![
                        DeleteRecordsTopic::default()
                            .with_name(topic_name(topic))
                            .with_partitions(partitions),
                    ]);
                let answer = self.send(&owner, request, TIMEOUT_MS, Repeat::Safe).await;
                (entries, answer)
            });
        for (entries, answer) in join_all(asked).await {
            let response = match answer {
                Ok(response) => response,
                Err(Failure::Retry(error)) => {
                    failures.extend(entries.into_iter().map(|entry| (entry, error.clone())));
                    continue;
                }
                Err(bail) => return Err(bail),
            };
            let codes: HashMap<i32, i16> = response
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .map(|partition| (partition.partition_index, partition.error_code))
                .collect();
            for entry in entries {
                // A leader that says nothing of a partition has lost it.
                let code = entry
                    .index()
                    .and_then(|index| codes.get(&index))
                    .copied()
                    .unwrap_or(3);
                failures.extend(failed(code, None).map(|error| (entry, error)));
            }
        }
        Ok(failures)
    }

    fn warn_of_old_offsets(&self, request: &DeleteTopicRecords, low: &Offsets) {
        for entry in &request.partitions {
            let Some(low) = entry.index().and_then(|index| low.get(&index)) else {
                continue;
            };
            if entry.before < *low && entry.before != ALL {
                self.cluster().reporter().log(Level::Warn, NAMESPACE, || {
                    let text = "The requested offset is before the earliest offset maintained on the partition - \
                                no records will be deleted from this partition";
                    let extra = json!({
                        "topic": request.topic, "partition": entry.partition, "offset": entry.offset,
                    });
                    (text.to_owned(), extra)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: Value) -> RecordsBefore {
        RecordsBefore {
            partition,
            offset: json!("7"),
            before: 7,
        }
    }

    #[test]
    fn a_partition_is_a_number_and_nothing_else() {
        assert_eq!(entry(json!(3)).index(), Some(3));
        for odd in [json!("3"), json!(1.5), json!(1_u64 << 40), Value::Null] {
            assert_eq!(entry(odd).index(), None);
        }
    }

    #[test]
    fn the_error_is_worth_a_retry_if_each_of_its_parts_is() {
        let (first, second) = (entry(json!(0)), entry(json!("1")));
        let not_leader = || Error::protocol(6);
        let both = records_error([(&first, not_leader()), (&second, not_leader())]);
        assert!(both.is_retriable());
        let one = records_error([(&first, not_leader()), (&second, Error::protocol(29))]);
        assert!(!one.is_retriable());
        let partitions = one
            .field("partitions")
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        let shown: Vec<_> = partitions
            .unwrap_or_default()
            .iter()
            .map(|part| &part["partition"])
            .collect();
        assert_eq!(shown, [&json!(0), &json!("1")]);
    }
}
