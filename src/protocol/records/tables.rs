//! What indexing gives: the payload, and tables that say what is where in it.

use bytes::Bytes;

use super::RecordError;

/// Numbers for each record in [`Indexed::index`].
pub const RECORD_STRIDE: usize = 10;
/// Numbers for each header in [`Indexed::headers`].
pub const HEADER_STRIDE: usize = 4;
/// Numbers for each batch in [`Indexed::batch_table`].
pub const BATCH_STRIDE: usize = 14;
/// Numbers for each record in [`Indexed::legacy`].
pub const LEGACY_STRIDE: usize = 3;

/// The record batches of one partition, out of one fetch.
#[derive(Debug, Clone, Default)]
pub struct Indexed {
    /// What the tables point into: keys, values, names and values of headers. A slice of the fetched data if nothing was
    /// compressed, else one new buffer.
    pub payload: Bytes,
    /// For each record [`RECORD_STRIDE`] numbers: `[batch, offset delta, timestamp low, timestamp high, key start, key
    /// length, value start, value length, headers at, header count]`.
    ///
    /// `batch` is a position in `batches`, `offset delta` is relative to that batch's base offset; the timestamp is
    /// absolute, in ms, and -1 if there is none (magic 0); a length of -1 is null; `headers at` is a position in
    /// `headers`, in entries, or -1. Control records are not here.
    pub index: Vec<i32>,
    /// For each header [`HEADER_STRIDE`] numbers: `[name start, name length, value start, value length]`; -1 is null.
    pub headers: Vec<i32>,
    /// For each batch [`BATCH_STRIDE`] numbers: `[base offset, last offset delta, first timestamp, max timestamp,
    /// timestamp type, partition leader epoch, producer id, producer epoch, base sequence, is transactional, is control,
    /// magic, codec, record count]`.
    ///
    /// The timestamp type is 0 for the time of creation, 1 for the time of appending, -1 for none (magic 0). A message of
    /// magic 0 or 1 outside of a compressed set is a batch by itself, with -1 for what it does not know. `record count`
    /// is what the batch holds, control records too.
    pub batch_table: Vec<i64>,
    /// For each record [`LEGACY_STRIDE`] numbers, `[size, crc, attributes]` of its message, zeros for records of magic 2.
    /// Empty if all records are of magic 2.
    pub legacy: Vec<i32>,
    /// The batches, for code that goes through them one by one.
    pub batches: Vec<BatchInfo>,
    /// Control records, which are markers and no messages.
    pub control: Vec<ControlRecord>,
    /// How many records at the start of `index` lie before the offset that was fetched. A batch is sent as a whole, so
    /// the first one may begin earlier.
    pub skipped: u32,
    /// Offset to fetch next: one behind the last batch, gaps that compaction left at its end included. Never below the
    /// offset that was fetched.
    pub next_fetch_offset: i64,
    /// What kept the rest of the data from being read, if there was an error behind the batches above. The next fetch
    /// begins with the batch in question.
    pub stopped_by: Option<RecordError>,
}

impl Indexed {
    /// Number of records in the index.
    pub fn record_count(&self) -> usize {
        self.index.len() / RECORD_STRIDE
    }
}

/// One batch and its records in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchInfo {
    /// Position in the index, in records, of its first one.
    pub first_record: u32,
    /// How many of the index are its own: none for a control batch and for one that compaction emptied.
    pub record_count: u32,
    /// First offset that the batch covers.
    pub base_offset: i64,
    /// Last offset that the batch covers, even if compaction removed the record.
    pub last_offset: i64,
    /// Id of the producer that wrote it, -1 if not idempotent.
    pub producer_id: i64,
    /// Whether it belongs to a transaction.
    pub is_transactional: bool,
    /// What a control batch says.
    pub control: Option<ControlKind>,
}

/// What a control record says. Readers pass over the kinds they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// The producer's open transaction was aborted.
    Abort,
    /// The producer's open transaction was committed.
    Commit,
    /// Something else, such as a change of leader in the metadata log.
    Other(i16),
}

impl ControlKind {
    pub(super) const fn from_type(kind: i16) -> Self {
        match kind {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Other(other),
        }
    }
}

/// A record of a control batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRecord {
    /// Position of its batch in `batches`.
    pub batch: u32,
    /// Position in the index, in records, before which it stands.
    pub before_record: u32,
    /// What it says.
    pub kind: ControlKind,
    /// Producer whose transaction ends.
    pub producer_id: i64,
    /// Epoch of the producer.
    pub producer_epoch: i16,
    /// Offset of the record.
    pub offset: i64,
    /// Timestamp in ms.
    pub timestamp: i64,
    /// Start and length of the key in the payload.
    pub key: [i32; 2],
    /// Start and length of the value in the payload; a length of -1 is null.
    pub value: [i32; 2],
}

/// The two halves of a timestamp, as the index holds it.
#[inline]
pub(super) fn halves(timestamp: i64) -> [i32; 2] {
    let raw = timestamp.cast_unsigned();
    [raw & 0xffff_ffff, raw >> 32].map(|half| u32::try_from(half).unwrap_or_default().cast_signed())
}
