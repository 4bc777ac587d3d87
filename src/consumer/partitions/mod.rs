//! The assigned partitions: what to fetch next, what was fetched, what is handed out. Pure.
//!
//! Each assignment has a number; what belongs to an older one (an answer, a batch that comes back) is told by it. A
//! partition whose batch is still with a handler when it is assigned again is not handed out a second time.
//!
//! In the order of a partition's life: [`lookup`] of its position, [`fetching`], [`handing_out`], and [`steering`] by the
//! program.

mod fetching;
mod handing_out;
mod lookup;
mod steering;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use tokio::time::Instant;

use super::cursor::{Cursor, Mark};
use super::fetch_buffer::FetchBuffer;
use super::subscription::Subscription;
use crate::config::RetryConfig;
use crate::error::Error;
use crate::group::TopicPartition;
use crate::group::poll_interval::Lease;

/// Where the position of a partition is to be taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What the group has stored, else the topic's default.
    Stored,
    /// A seek.
    Sought(i64),
    /// The topic's default, because the position was out of range.
    Default,
}

#[derive(Debug)]
struct Slot {
    partition: TopicPartition,
    cursor: Cursor,
    origin: Origin,
    /// Offset behind what was handed out, or where reading begins.
    delivered: i64,
}

#[derive(Debug)]
struct Held {
    assignment: u32,
    slot: usize,
    partition: TopicPartition,
    next: i64,
}

/// One partition of a fetch.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which one.
    pub partition: TopicPartition,
    /// From which offset on.
    pub offset: i64,
    /// Epoch of the leader that is believed in; -1 for none.
    pub leader_epoch: i32,
    /// Bytes to ask for.
    pub max_bytes: usize,
    assignment: u32,
    slot: usize,
    mark: Mark,
}

/// A partition whose position has to be found.
#[derive(Debug, Clone)]
pub struct Need {
    /// Which one.
    pub partition: TopicPartition,
    /// By what.
    pub origin: Origin,
    assignment: u32,
    slot: usize,
    mark: Mark,
}

/// What a connection is to do next.
#[derive(Debug)]
pub enum Plan {
    /// Ask for these, in this order.
    Fetch(Vec<Ask>),
    /// Nothing to ask for before something changes, or that time has come.
    Wait(Option<Instant>),
}

/// A batch that is handed out.
#[derive(Debug)]
pub struct HandedOut<B> {
    /// Number to give it back by.
    pub lease: Lease,
    /// Position of its partition in the assignment.
    pub slot: usize,
    /// Number of the assignment.
    pub assignment: u32,
    /// The batch.
    pub batch: B,
    /// Whether more may be fetched now.
    pub made_room: bool,
}

#[derive(Debug)]
struct Parcel<B> {
    batch: B,
    next: i64,
}

/// See the module text.
#[derive(Debug)]
pub struct Partitions<B> {
    assignment: u32,
    slots: Vec<Slot>,
    places: HashMap<TopicPartition, usize>,
    buffer: FetchBuffer<Parcel<B>>,
    subscription: Subscription,
    held: HashMap<Lease, Held>,
    next_lease: Lease,
    seeks: HashMap<TopicPartition, i64>,
    frozen: bool,
    turn: usize,
    partition_limit: usize,
}

impl<B> Partitions<B> {
    /// Nothing is assigned. `limit` and `partition_limit` as in [`FetchBuffer::new`].
    pub fn new(limit: usize, partition_limit: usize) -> Self {
        Self {
            assignment: 0,
            slots: Vec::new(),
            places: HashMap::new(),
            buffer: FetchBuffer::new(limit, partition_limit),
            subscription: Subscription::default(),
            held: HashMap::new(),
            next_lease: 1,
            seeks: HashMap::new(),
            frozen: true,
            turn: 0,
            partition_limit,
        }
    }

    /// Takes over an assignment; gives its number. Positions are not known yet, seeks that waited for their partition
    /// apply, and so do those that this assignment overtook.
    pub fn assign(&mut self, partitions: Vec<TopicPartition>, now: Instant) -> u32 {
        self.assignment = self.assignment.wrapping_add(1);
        for slot in &self.slots {
            if let Origin::Sought(offset) = slot.origin {
                self.seeks.insert(slot.partition.clone(), offset);
            }
        }
        self.places = partitions
            .iter()
            .cloned()
            .enumerate()
            .map(|(slot, partition)| (partition, slot))
            .collect();
        self.buffer.reset(partitions.len());
        for held in self.held.values() {
            if let Some(slot) = self.places.get(&held.partition) {
                self.buffer.mark_handed_out(*slot);
            }
        }
        self.slots = partitions
            .into_iter()
            .map(|partition| {
                let origin = self
                    .seeks
                    .remove(&partition)
                    .map_or(Origin::Stored, Origin::Sought);
                Slot {
                    partition,
                    cursor: Cursor::new(now),
                    origin,
                    delivered: 0,
                }
            })
            .collect();
        self.frozen = false;
        self.turn = 0;
        self.assignment
    }

    /// Hands nothing out and asks for nothing until the next [`Partitions::assign`]; nothing is dropped.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// The assigned partitions, in order of their numbers.
    pub fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.slots.iter().map(|slot| &slot.partition)
    }
}

/// A failure of a partition: the error that ends its retries, if this was the last one.
fn fail(cursor: &mut Cursor, retry: RetryConfig, now: Instant, random: f64, cause: &Error) -> Option<Error> {
    if cursor.fail(retry, now, random) {
        return None;
    }
    Some(
        cursor
            .failures()
            .map_or_else(|| cause.clone(), |backoff| backoff.exceeded(cause.clone())),
    )
}
