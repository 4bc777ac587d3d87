//! ListOffsets for the admin: where a topic's partitions begin and end, or stood at a time.

use std::collections::HashMap;

use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::handle::{AdminHandle, is_broken};
use crate::cluster::offsets::{EARLIEST, Isolation, LATEST, OffsetQuery, list_offsets};
use crate::cluster::retry::{Failure, retry};
use crate::error::Result;

const LEADER_NOT_AVAILABLE: i16 = 5;

/// Arguments of `fetchTopicOffsetsByTimestamp`.
#[derive(Debug, Deserialize)]
pub struct TopicTime {
    /// Topic name.
    pub topic: String,
    /// Milliseconds since 1970 in digits; -1 for the end, -2 for the beginning.
    #[serde(deserialize_with = "super::values::digits")]
    pub timestamp: i64,
}

/// Where a partition begins and ends.
#[derive(Debug, Serialize)]
pub struct PartitionRange {
    /// Partition number.
    pub partition: i32,
    /// As `high`.
    pub offset: String,
    /// Last stable offset: where a consumer that reads only committed transactions ends.
    pub high: String,
    /// First offset the partition still has.
    pub low: String,
}

/// An offset of a partition.
#[derive(Debug, Serialize)]
pub struct PartitionOffset {
    /// Partition number.
    pub partition: i32,
    /// The offset in digits.
    pub offset: String,
}

/// Offsets by partition.
pub(super) type Offsets = HashMap<i32, i64>;

impl AdminHandle {
    /// Partition numbers of each of `topics`, in rising order. A topic that is being made is waited for.
    ///
    /// # Errors
    /// The protocol error of the first topic that cannot be used.
    pub(super) async fn partitions_of(&self, topics: &[String]) -> Result<Vec<Vec<i32>>> {
        retry(self.cluster().config().retry, |_| async move {
            let metadata = self.cluster().fetch_topics(topics).await.map_err(Failure::Bail)?;
            let partitions = topics.iter().map(|name| {
                let topic = metadata.topic(name).map_err(|error| match error.code() {
                    Some(LEADER_NOT_AVAILABLE) => Failure::Retry(error),
                    _ => Failure::Bail(error),
                })?;
                let mut partitions: Vec<i32> =
                    topic.partitions.iter().map(|partition| partition.index).collect();
                partitions.sort_unstable();
                Ok(partitions)
            });
            partitions.collect()
        })
        .await
    }

    /// Offsets of all partitions of `topic` at each of `times`, following leaders that move. Waits for a topic that
    /// does not exist, because a broker may not have heard of a new topic yet.
    ///
    /// # Errors
    /// `KafkaJSNumberOfRetriesExceeded` around the last protocol error; other errors raw.
    pub(super) async fn offsets_at<const N: usize>(
        &self,
        topic: &str,
        times: [i64; N],
    ) -> Result<[Offsets; N]> {
        let topics = [topic.to_owned()];
        let topics = &topics;
        retry(self.retry(), |_| async move {
            let partitions = match self.partitions_of(topics).await {
                Ok(partitions) => partitions.into_iter().next().unwrap_or_default(),
                Err(error) if error.is_stale_metadata() => return Err(Failure::Retry(error)),
                Err(error) => return Err(Failure::Bail(error)),
            };
            // One request each: a broker refuses a partition that is in a request twice.
            let asked = times.map(|timestamp| {
                let query = |partition| OffsetQuery {
                    topic: topic.to_owned(),
                    partition,
                    timestamp,
                };
                let queries: Vec<_> = partitions.iter().copied().map(query).collect();
                async move { list_offsets(self.cluster(), &queries, Isolation::ReadCommitted).await }
            });
            let mut found = [(); N].map(|()| Offsets::new());
            for (offsets, answers) in found.iter_mut().zip(join_all(asked).await) {
                for (query, answer) in answers {
                    let offset = answer.map_err(|error| {
                        if error.is_stale_metadata() || is_broken(&error) {
                            Failure::Retry(error)
                        } else {
                            Failure::Bail(error)
                        }
                    })?;
                    offsets.insert(query.partition, offset);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Where each partition of `topic` begins and ends.
    ///
    /// # Errors
    /// For a topic that does not exist `KafkaJSNumberOfRetriesExceeded`; other protocol errors raw.
    pub async fn fetch_topic_offsets(&self, topic: &str) -> Result<Vec<PartitionRange>> {
        let [high, low] = self.offsets_at(topic, [LATEST, EARLIEST]).await?;
        let ranges = in_order(&high).map(|(partition, high)| PartitionRange {
            partition,
            offset: high.to_string(),
            high: high.to_string(),
            low: low.get(&partition).copied().unwrap_or_default().to_string(),
        });
        Ok(ranges.collect())
    }

    /// The first offset of each partition whose record is not older than a time; the end where there is none.
    ///
    /// # Errors
    /// As [`AdminHandle::fetch_topic_offsets`].
    pub async fn fetch_topic_offsets_by_timestamp(
        &self,
        request: &TopicTime,
    ) -> Result<Vec<PartitionOffset>> {
        let [end, at_time] = self
            .offsets_at(&request.topic, [LATEST, request.timestamp])
            .await?;
        let offsets = in_order(&end).map(|(partition, end)| {
            let offset = at_time
                .get(&partition)
                .copied()
                .filter(|offset| *offset >= 0)
                .unwrap_or(end);
            PartitionOffset {
                partition,
                offset: offset.to_string(),
            }
        });
        Ok(offsets.collect())
    }
}

fn in_order(offsets: &Offsets) -> impl Iterator<Item = (i32, i64)> {
    let mut rows: Vec<_> = offsets
        .iter()
        .map(|(partition, offset)| (*partition, *offset))
        .collect();
    rows.sort_unstable();
    rows.into_iter()
}
