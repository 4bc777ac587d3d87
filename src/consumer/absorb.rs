//! What one answer to a fetch becomes: batches in the buffer, or another way to ask for a partition.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use serde_json::json;
use tokio::time::Instant;

use super::decode::{Decoded, decode, record_error, takes_long};
use super::fetcher::Lane;
use super::partitions::Ask;
use crate::cluster::offsets::Isolation;
use crate::error::Error;
use crate::event::{Level, with_fields};
use crate::group::TopicPartition;
use crate::protocol::records::RecordError;

/// Pause of a partition whose leader is being looked for.
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// Pause of a partition whose answer brought nobody further: none at all, or records from before what was asked for. A
/// broker that lies must not be asked as fast as it can answer.
const USELESS_PAUSE: Duration = Duration::from_millis(100);

/// Kafka error codes of a fetch.
mod code {
    pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(super) const REPLICA_NOT_AVAILABLE: i16 = 9;
    pub(super) const KAFKA_STORAGE_ERROR: i16 = 56;
    pub(super) const OFFSET_NOT_AVAILABLE: i16 = 78;
}

impl Lane {
    /// Says whether no data came.
    pub(super) async fn absorb(&mut self, asks: &[Ask], response: FetchResponse) -> bool {
        if response.error_code != 0 {
            return self.all_failed(asks, response.error_code);
        }
        let mut asked: HashMap<(Arc<str>, i32), &Ask> = asks
            .iter()
            .map(|ask| ((Arc::clone(&ask.partition.topic), ask.partition.partition), ask))
            .collect();
        let mut brought_nothing = true;
        for topic in response.responses {
            let name: Arc<str> = Arc::from(topic.topic.as_str());
            for partition in topic.partitions {
                if let Some(ask) = asked.remove(&(Arc::clone(&name), partition.partition_index)) {
                    brought_nothing &= !self.absorb_partition(ask, partition).await;
                }
            }
        }
        let now = Instant::now();
        let mut partitions = self.session.0.partitions.lock();
        for ask in asked.values() {
            partitions.postponed(ask, now + USELESS_PAUSE);
        }
        drop(partitions);
        brought_nothing
    }

    fn all_failed(&self, asks: &[Ask], code: i16) -> bool {
        for ask in asks {
            self.partition_failed(ask, &Error::protocol(code));
        }
        true
    }

    /// Says whether something to hand out came.
    async fn absorb_partition(&mut self, ask: &Ask, data: PartitionData) -> bool {
        match data.error_code {
            0 => {}
            code::OFFSET_OUT_OF_RANGE => {
                self.out_of_range(ask);
                return false;
            }
            code => {
                self.note_leader_hint(ask, &data);
                self.partition_failed(ask, &Error::protocol(code));
                return false;
            }
        }
        let now = Instant::now();
        let is_empty = data.records.as_ref().is_none_or(bytes::Bytes::is_empty);
        if is_empty && data.preferred_read_replica.0 >= 0 && data.preferred_read_replica.0 != self.node {
            self.prefer_replica(ask, data.preferred_read_replica.0, now);
            return false;
        }
        // Decoding takes time; an answer nobody waits for any more is not worth it.
        if !self.session.0.partitions.lock().is_wanted(ask) {
            self.session.0.partitions.lock().postponed(ask, now);
            return false;
        }
        let end = match self.session.0.config.isolation {
            Isolation::ReadCommitted if data.last_stable_offset >= 0 => data.last_stable_offset,
            _ => data.high_watermark,
        };
        let wire_bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
        match self.decode(ask.offset, data).await {
            Ok(decoded) => {
                // Decompressing may have taken a while.
                let now = Instant::now();
                let mut partitions = self.session.0.partitions.lock();
                match decoded.fetched {
                    Some(fetched) => {
                        partitions.note_expansion(ask, wire_bytes, decoded.bytes);
                        let is_kept = partitions.put(ask, fetched, decoded.bytes, decoded.next, end, now);
                        drop(partitions);
                        self.session.note_ready();
                        is_kept
                    }
                    None if !is_empty && decoded.next <= ask.offset => {
                        partitions.postponed(ask, now + USELESS_PAUSE);
                        false
                    }
                    None => {
                        partitions.nothing(ask, decoded.next, end, now);
                        false
                    }
                }
            }
            Err(RecordError::Incomplete { .. }) => {
                self.session.0.partitions.lock().cut_off(ask);
                false
            }
            Err(error) => {
                self.unreadable(ask, &error);
                false
            }
        }
    }

    /// Decodes in a thread of its own what would hold up all other tasks.
    async fn decode(&mut self, offset: i64, data: PartitionData) -> Result<Decoded, RecordError> {
        let registered = self.session.registered();
        if !takes_long(&data) {
            return decode(&data, offset, registered, &mut self.decompressor);
        }
        let mut decompressor = std::mem::take(&mut self.decompressor);
        let decoding = tokio::task::spawn_blocking(move || {
            let decoded = decode(&data, offset, registered, &mut decompressor);
            (decoded, decompressor)
        });
        match decoding.await {
            Ok((decoded, decompressor)) => {
                self.decompressor = decompressor;
                decoded
            }
            // Only when the runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    fn unreadable(&self, ask: &Ask, error: &RecordError) {
        let TopicPartition { topic, partition } = &ask.partition;
        let error = record_error(error, topic, *partition);
        self.session
            .0
            .cluster
            .reporter()
            .log(Level::Error, "ConsumerGroup", || {
                let extra = with_fields(
                    self.session.0.group.describe(),
                    json!({ "topic": &**topic, "partition": partition, "offset": ask.offset.to_string() }),
                );
                (error.message().to_owned(), extra)
            });
        self.partition_failed(ask, &error);
    }

    fn partition_failed(&self, ask: &Ask, error: &Error) {
        let is_moving = error.is_stale_metadata()
            || matches!(
                error.code(),
                Some(code::REPLICA_NOT_AVAILABLE | code::KAFKA_STORAGE_ERROR)
            );
        let now = Instant::now();
        if is_moving || error.code() == Some(code::OFFSET_NOT_AVAILABLE) {
            // A new leader is elected, or has to catch up: that takes as long as it takes.
            self.session
                .0
                .partitions
                .lock()
                .postponed(ask, now + LEADER_PAUSE);
            self.session.0.refresh_wanted.notify_one();
            return;
        }
        if !error.is_retriable() {
            return self.session.fail(error);
        }
        let retry = self.session.0.config.retry;
        let given_up = self
            .session
            .0
            .partitions
            .lock()
            .failed(ask, retry, now, fastrand::f64(), error);
        if let Some(error) = given_up {
            self.session.fail(&error);
        }
    }

    /// KIP-951: whoever leads no more may know who does.
    fn note_leader_hint(&self, ask: &Ask, data: &PartitionData) {
        let leader = &data.current_leader;
        if leader.leader_id.0 >= 0 && leader.leader_epoch >= 0 {
            let TopicPartition { topic, partition } = &ask.partition;
            self.session.0.cluster.note_leader(
                topic,
                *partition,
                leader.leader_id.0,
                leader.leader_epoch,
                &[],
            );
        }
    }

    fn out_of_range(&self, ask: &Ask) {
        let resets = self.session.0.partitions.lock().out_of_range(ask, Instant::now());
        let (level, text) = if resets {
            (Level::Error, "Offset out of range, resetting to default offset")
        } else {
            (
                Level::Info,
                "Offset out of range while fetching from follower, retrying with leader",
            )
        };
        self.log_partition(level, ask, text.to_owned());
    }

    fn prefer_replica(&self, ask: &Ask, replica: i32, now: Instant) {
        let validity = self.session.0.cluster.config().metadata_max_age;
        let is_news = self
            .session
            .0
            .partitions
            .lock()
            .prefer_replica(ask, replica, now, validity);
        if is_news {
            self.log_partition(
                Level::Info,
                ask,
                format!("Preferred read replica is now {replica}"),
            );
        }
    }

    fn log_partition(&self, level: Level, ask: &Ask, text: String) {
        self.session.0.cluster.reporter().log(level, "ConsumerGroup", || {
            let extra = with_fields(
                self.session.0.group.describe(),
                json!({ "topic": &*ask.partition.topic, "partition": ask.partition.partition }),
            );
            (text, extra)
        });
    }
}
