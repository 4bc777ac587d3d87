//! What a program asks of its partitions (seek, pause, resume), and which of them stand still.

use std::time::Duration;

use tokio::time::Instant;

use super::{Origin, Partitions};
use crate::consumer::subscription::TopicPartitions;
use crate::group::TopicPartition;

impl<B> Partitions<B> {
    /// Reads `partition` from `offset` on: at once, or once it is assigned, or once its handler has finished. The last
    /// seek wins.
    pub fn seek(&mut self, partition: TopicPartition, offset: i64, now: Instant) {
        let Some(index) = self.places.get(&partition).copied() else {
            self.seeks.insert(partition, offset);
            return;
        };
        self.buffer.discard(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.origin = Origin::Sought(offset);
            slot.cursor.jump(None, now);
        }
    }

    /// Pauses; what lies here of the partitions is dropped, and fetched again when they are resumed.
    pub fn pause(&mut self, targets: &[TopicPartitions], now: Instant) {
        self.subscription.pause(targets);
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get(index) else {
                continue;
            };
            if self.is_paused(index) && slot.cursor.position().is_some() && !self.buffer.is_empty(index) {
                self.go_to(index, slot.delivered, now);
            }
        }
    }

    /// Resumes.
    pub fn resume(&mut self, targets: &[TopicPartitions]) {
        self.subscription.resume(targets);
    }

    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| {
            self.subscription
                .is_paused(&slot.partition.topic, slot.partition.partition)
        })
    }

    /// Numbers of the paused partitions.
    pub fn paused(&self) -> Vec<usize> {
        (0..self.slots.len())
            .filter(|index| self.is_paused(*index))
            .collect()
    }

    /// Which of `partitions` of `topic` are paused, assigned or not.
    pub fn paused_of(&self, topic: &str, partitions: Vec<i32>) -> Vec<i32> {
        let mut paused = partitions;
        paused.retain(|partition| self.subscription.is_paused(topic, *partition));
        paused
    }

    /// Partitions that are known to hold data, could take it, and got none for `limit`. They count anew from here.
    pub fn stalled(&mut self, limit: Duration, now: Instant) -> Vec<(TopicPartition, Duration)> {
        if self.frozen {
            return Vec::new();
        }
        let mut stalled = Vec::new();
        for index in 0..self.slots.len() {
            if self.is_paused(index) || !self.buffer.wants(index) || !self.buffer.is_empty(index) {
                continue;
            }
            let Some(slot) = self.slots.get_mut(index) else {
                continue;
            };
            if let Some(silent) = slot.cursor.stalled_for(now).filter(|silent| *silent >= limit) {
                slot.cursor.excuse(now);
                stalled.push((slot.partition.clone(), silent));
            }
        }
        stalled
    }
}
