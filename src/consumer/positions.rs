//! Finds out where reading of each partition begins.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::Instant;

use super::handle::Session;
use super::offset_reset::{Start, default_end, sought, start};
use super::partitions::{Need, Origin};
use crate::cluster::offsets::{OffsetQuery, list_offsets};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Level, with_fields};
use crate::group::TopicPartition;
use crate::group::offsets::Commit;

impl Session {
    /// Looks positions up whenever some are missing.
    pub(super) async fn find_positions(self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            let needs = self.0.partitions.lock().needs(Instant::now());
            if !needs.is_empty() {
                self.find(needs).await;
                self.note_change();
                continue;
            }
            let again = self.0.partitions.lock().next_need();
            let change = async { changes.changed().await.is_ok() };
            match again {
                None => drop(change.await),
                Some(at) => drop(tokio::time::timeout_at(at, change).await),
            }
        }
    }

    async fn find(&self, needs: Vec<Need>) {
        let stored = match self.stored_positions(&needs).await {
            Ok(stored) => stored,
            Err(error) => return self.fail_positions(&needs, &error),
        };
        let mut asked: Vec<(Need, OffsetQuery)> = Vec::new();
        for need in needs {
            let TopicPartition { topic, partition } = &need.partition;
            let from_beginning = self.begins_at_beginning(topic);
            let begins = match need.origin {
                Origin::Stored => start(None, stored.get(&need.partition).copied(), from_beginning),
                Origin::Sought(offset) => sought(offset),
                Origin::Default => Start::Ask(default_end(from_beginning)),
            };
            match begins {
                Start::At(offset) => self.begin(&need, offset).await,
                Start::Ask(timestamp) => {
                    let query = OffsetQuery {
                        topic: topic.to_string(),
                        partition: *partition,
                        timestamp,
                    };
                    asked.push((need, query));
                }
            }
        }
        self.ask_leaders(asked).await;
    }

    async fn stored_positions(&self, needs: &[Need]) -> Result<BTreeMap<TopicPartition, i64>> {
        let partitions: Vec<TopicPartition> = needs
            .iter()
            .filter(|need| need.origin == Origin::Stored)
            .map(|need| need.partition.clone())
            .collect();
        self.0.group.stored_offsets(&partitions).await
    }

    async fn ask_leaders(&self, asked: Vec<(Need, OffsetQuery)>) {
        if asked.is_empty() {
            return;
        }
        let queries: Vec<OffsetQuery> = asked.iter().map(|(_, query)| query.clone()).collect();
        let mut answers = list_offsets(&self.0.cluster, &queries, self.0.config.isolation).await;
        for (need, query) in asked {
            // A broker that says nothing of a partition has lost it.
            match answers.remove(&query).unwrap_or_else(|| Err(Error::protocol(3))) {
                Ok(offset) => self.begin(&need, offset.max(0)).await,
                Err(error) => self.fail_positions(&[need], &error),
            }
        }
    }

    /// Reading begins at `offset`: tells the group's offsets first, so that nothing resolved before is stored after.
    async fn begin(&self, need: &Need, offset: i64) {
        if !self.0.partitions.lock().still_needed(need) {
            return;
        }
        let group = &self.0.group;
        match need.origin {
            Origin::Sought(_) if self.0.config.auto_commit => {
                group.begin_at(&need.partition, offset);
                self.store(&need.partition, offset).await;
            }
            Origin::Sought(_) => drop(group.resolve(&need.partition, offset)),
            Origin::Default => {
                // What is stored lies outside of the partition. kafkajs stores the end it begins at, not an offset, so
                // that a restart begins there as well.
                let end = default_end(self.begins_at_beginning(&need.partition.topic));
                self.store(&need.partition, end).await;
                group.begin_at(&need.partition, offset);
            }
            Origin::Stored => group.begin_at(&need.partition, offset),
        }
        self.0.partitions.lock().begin_at(need, offset, Instant::now());
    }

    /// Best effort: the position is right in any case, and what is handled next is stored in the usual way.
    async fn store(&self, partition: &TopicPartition, offset: i64) {
        let commit = Commit {
            partition: partition.clone(),
            offset,
            metadata: None,
        };
        if let Err(error) = self.0.group.commit(vec![commit]).await {
            self.0.cluster.reporter().log(Level::Debug, "ConsumerGroup", || {
                let extra = with_fields(self.0.group.describe(), json!({ "topic": &*partition.topic, "partition": partition.partition, "error": error.message() }));
                ("Could not store the offset that reading begins at".into(), extra)
            });
        }
    }

    fn fail_positions(&self, needs: &[Need], error: &Error) {
        let worth_a_retry = error.is_retriable() && error.kind() != ErrorKind::RetriesExceeded;
        if !worth_a_retry {
            return self.fail(error);
        }
        if error.is_stale_metadata() || error.is_connection() {
            self.0.refresh_wanted.notify_one();
        }
        let now = Instant::now();
        let mut given_up = None;
        for need in needs {
            let outcome =
                self.0
                    .partitions
                    .lock()
                    .not_found(need, self.0.config.retry, now, fastrand::f64(), error);
            given_up = given_up.or(outcome);
        }
        if let Some(error) = given_up {
            self.fail(&error);
        }
    }
}
