//! Records that travel to one partition as one record batch: parts of one or several calls.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::call::Call;
use super::idempotence::after;
use crate::cluster::retry::Backoff;
use crate::protocol::compression::Codec;
use crate::protocol::records::{PackedRecords, RecordView};

/// A partition, by the producer's own number of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Number of the topic in the producer's table.
    pub topic: u32,
    /// Partition number.
    pub partition: i32,
}

/// What kafkajs sets per call and a request or a batch can have only one of. Calls that differ do not share a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchKey {
    /// -1 all in-sync replicas, 1 the leader, 0 nobody answers.
    pub acks: i16,
    /// How long the broker may wait for replicas, ms.
    pub timeout_ms: i32,
    /// Compression.
    pub codec: Codec,
    /// Whether a codec that the user registered for that number compresses, and not ours.
    pub registered_codec: bool,
    /// Compression level; `None` is the codec's default.
    pub level: Option<i32>,
    /// Whether the records belong to the open transaction.
    pub transactional: bool,
}

/// The records of one call for one partition. Never split over batches.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// All records of the call.
    pub records: Arc<PackedRecords>,
    /// Those for this partition, in the order of the call.
    pub views: SmallVec<[RecordView; 1]>,
    /// Upper bound of their encoded size.
    pub bytes: usize,
    /// Whom to tell.
    pub call: Arc<Call>,
    /// Position of the topic in the call.
    pub topic_in_call: u32,
}

/// Sequence numbers a batch owns for life (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Producer id they belong to.
    pub producer_id: i64,
    /// Epoch they belong to.
    pub epoch: i16,
    /// Sequence of the first record.
    pub base: i32,
}

/// See the module text.
#[derive(Debug)]
pub struct Batch {
    /// Where it goes; chosen once.
    pub slot: Slot,
    /// What its calls have in common.
    pub key: BatchKey,
    /// In the order of the calls.
    pub chunks: Vec<Chunk>,
    /// Upper bound of the encoded size.
    pub bytes: usize,
    /// Number of records.
    pub records: usize,
    /// When its first chunk came.
    pub created_at: Instant,
    /// Waits so far; `None` before the first failure.
    pub backoff: Option<Backoff>,
    /// Not to be sent before.
    pub not_before: Option<Instant>,
    /// Given when first sent by an idempotent producer.
    pub sequence: Option<Sequence>,
    /// Whether the broker may have it although no answer says so. Its sequence numbers cannot be used for anything else
    /// then.
    pub uncertain: bool,
}

impl Batch {
    /// A batch of one chunk.
    pub fn new(slot: Slot, key: BatchKey, chunk: Chunk, now: Instant) -> Self {
        Self {
            slot,
            key,
            bytes: chunk.bytes,
            records: chunk.views.len(),
            chunks: vec![chunk],
            created_at: now,
            backoff: None,
            not_before: None,
            sequence: None,
            uncertain: false,
        }
    }

    /// Whether `chunk` may still join: same key, room left, and never sent (what was sent once keeps its content, so
    /// that the broker can tell a repetition).
    pub fn accepts(&self, key: &BatchKey, chunk: &Chunk, batch_size: usize) -> bool {
        self.key == *key
            && self.backoff.is_none()
            && self.sequence.is_none()
            && self.bytes + chunk.bytes <= batch_size
    }

    /// Whether both have numbers of one epoch, and ours are earlier. The space of numbers is 31 bits wide and wraps.
    pub fn precedes(&self, other: &Self) -> bool {
        match (self.sequence, other.sequence) {
            (Some(ours), Some(theirs)) => {
                (ours.producer_id, ours.epoch) == (theirs.producer_id, theirs.epoch)
                    && ours.base.wrapping_sub(theirs.base) << 1 < 0
            }
            _ => false,
        }
    }

    /// Adds a chunk at the end.
    pub fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.bytes;
        self.records += chunk.views.len();
        self.chunks.push(chunk);
    }

    /// Two batches of about half the calls each, or the batch itself if one call is all it holds.
    pub fn split(mut self) -> Result<(Self, Self), Box<Self>> {
        if self.chunks.len() < 2 {
            return Err(Box::new(self));
        }
        let tail = self.chunks.split_off(self.chunks.len() / 2);
        // The broker refused the batch, so its numbers are still free: the halves share them.
        let half = |chunks: Vec<Chunk>, skip: usize| Self {
            slot: self.slot,
            key: self.key,
            bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
            records: chunks.iter().map(|chunk| chunk.views.len()).sum(),
            chunks,
            created_at: self.created_at,
            backoff: None,
            not_before: None,
            sequence: self.sequence.map(|sequence| Sequence {
                base: after(sequence.base, skip),
                ..sequence
            }),
            uncertain: self.uncertain,
        };
        let head = std::mem::take(&mut self.chunks);
        let skip = head.iter().map(|chunk| chunk.views.len()).sum();
        Ok((half(head, 0), half(tail, skip)))
    }
}
