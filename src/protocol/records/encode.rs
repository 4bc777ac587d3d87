//! Writing record batches of message format 2, straight from what JavaScript packed.
//!
//! A batch may gather records of several calls. Room is made once, for the most that the records can take; nothing is
//! allocated for a record. Compressing is a step of its own, so that a codec which the user registered in JavaScript can
//! take the place of ours: [`encode_records_section`], the codec, [`assemble_batch`].

use super::packed::{Fields, NO_TIMESTAMP, optional};
use super::wire_header::{self, CHECKED_FROM, CRC_AT, LOG_OVERHEAD, WireHeader};
use super::{PackedRecords, RecordError, RecordView};
use crate::protocol::compression::{Codec, Compressor};
use crate::protocol::varint;

/// What a batch says besides its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Codec of the records.
    pub codec: Codec,
    /// Level of the codec; `None` for its default. See [`Compressor::compress`].
    pub level: Option<i32>,
    /// Producer's id; -1 unless idempotent.
    pub producer_id: i64,
    /// Epoch of the producer's id.
    pub producer_epoch: i16,
    /// Sequence number of the first record.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Time of sending in ms since 1970: the timestamp of records that have none.
    pub now_ms: i64,
    /// Leader epoch; the broker writes its own over it.
    pub partition_leader_epoch: i32,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchStats {
    /// Records in the batch.
    pub record_count: i32,
    /// Bytes of the records before compression.
    pub uncompressed_size: usize,
    /// Bytes of the whole batch.
    pub size: usize,
    /// Latest timestamp among the records, in ms.
    pub max_timestamp: i64,
}

/// Facts about a batch's records that its header repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsSection {
    /// Records in the section.
    pub record_count: i32,
    /// Timestamp of the first record, in ms, which the others' are relative to.
    pub first_timestamp: i64,
    /// Latest timestamp, in ms.
    pub max_timestamp: i64,
    /// Bytes of the section.
    pub size: usize,
}

/// Memory that encoding uses again from batch to batch.
#[derive(Debug, Default)]
pub struct Scratch {
    section: Vec<u8>,
    compressor: Compressor,
}

/// Appends one complete record batch to `out`, with base offset 0. On an error `out` is as before.
pub fn encode_batch<'a, I>(
    out: &mut Vec<u8>,
    records: I,
    header: &BatchHeader,
    scratch: &mut Scratch,
) -> Result<BatchStats, RecordError>
where
    I: Iterator<Item = (&'a PackedRecords, RecordView)> + Clone,
{
    let start = out.len();
    let result = write_batch(out, records, header, scratch);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_batch<'a, I>(
    out: &mut Vec<u8>,
    records: I,
    header: &BatchHeader,
    scratch: &mut Scratch,
) -> Result<BatchStats, RecordError>
where
    I: Iterator<Item = (&'a PackedRecords, RecordView)> + Clone,
{
    let start = out.len();
    let room_for_header = [0; wire_header::SIZE];
    let section = if header.codec == Codec::None {
        out.extend_from_slice(&room_for_header);
        write_section(out, records, header.now_ms)?
    } else {
        scratch.section.clear();
        let section = write_section(&mut scratch.section, records, header.now_ms)?;
        out.extend_from_slice(&room_for_header);
        scratch
            .compressor
            .compress(header.codec, header.level, &scratch.section, out)?;
        section
    };
    write_header(out, start, &section, header)
}

/// Appends the records of a batch, not compressed, to `out`. On an error `out` is as before.
///
/// The first half of [`encode_batch`] for a codec of the user's own; `now_ms` is the timestamp of records that have none.
pub fn encode_records_section<'a, I>(
    out: &mut Vec<u8>,
    records: I,
    now_ms: i64,
) -> Result<RecordsSection, RecordError>
where
    I: Iterator<Item = (&'a PackedRecords, RecordView)> + Clone,
{
    let start = out.len();
    let result = write_section(out, records, now_ms);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends a batch around `payload`, which is the section as a codec of the user's own compressed it.
///
/// The second half of [`encode_batch`]; `header.codec` names the codec, `header.level` and `header.now_ms` are not used.
/// On an error `out` is as before.
pub fn assemble_batch(
    out: &mut Vec<u8>,
    section: &RecordsSection,
    payload: &[u8],
    header: &BatchHeader,
) -> Result<BatchStats, RecordError> {
    let start = out.len();
    out.reserve(wire_header::SIZE + payload.len());
    out.extend_from_slice(&[0; wire_header::SIZE]);
    out.extend_from_slice(payload);
    let result = write_header(out, start, section, header);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Fills in the header of the batch that takes `out` from `start` to its end.
fn write_header(
    out: &mut [u8],
    start: usize,
    section: &RecordsSection,
    header: &BatchHeader,
) -> Result<BatchStats, RecordError> {
    let batch = out.get_mut(start..).unwrap_or_default();
    let size = batch.len();
    let batch_length = i32::try_from(size.saturating_sub(LOG_OVERHEAD)).map_err(|_| RecordError::TooLarge)?;
    let fixed = WireHeader {
        base_offset: 0,
        batch_length,
        partition_leader_epoch: header.partition_leader_epoch,
        magic: wire_header::MAGIC,
        crc: 0,
        attributes: wire_header::attributes(header.codec, header.transactional),
        last_offset_delta: section.record_count.saturating_sub(1),
        first_timestamp: section.first_timestamp,
        max_timestamp: section.max_timestamp,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        record_count: section.record_count,
    };
    if let Some(room) = batch.first_chunk_mut() {
        *room = fixed.to_bytes();
    }
    let crc = crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default());
    if let Some(room) = batch.get_mut(CRC_AT..CHECKED_FROM) {
        room.copy_from_slice(&crc.to_be_bytes());
    }
    Ok(BatchStats {
        record_count: section.record_count,
        uncompressed_size: section.size,
        size,
        max_timestamp: section.max_timestamp,
    })
}

fn write_section<'a, I>(out: &mut Vec<u8>, records: I, now_ms: i64) -> Result<RecordsSection, RecordError>
where
    I: Iterator<Item = (&'a PackedRecords, RecordView)> + Clone,
{
    let foreign = RecordError::InvalidPacking {
        reason: "a view is not of these records",
    };
    let mut bound = PREFIX;
    for (packed, view) in records.clone() {
        let (fields, _) = packed.record(view).ok_or(foreign.clone())?;
        bound += fields.body()?.size_bound();
    }
    out.reserve(bound);

    let start = out.len();
    let mut record_count = 0_i32;
    let mut timestamps = None;
    for (packed, view) in records {
        let (fields, content) = packed.record(view).ok_or(foreign.clone())?;
        let timestamp = if fields.timestamp == NO_TIMESTAMP {
            now_ms
        } else {
            fields.timestamp
        };
        let (first, latest) = timestamps.unwrap_or((timestamp, timestamp));
        timestamps = Some((first, latest.max(timestamp)));
        write_record(out, record_count, timestamp.wrapping_sub(first), fields, content)?
            .ok_or(foreign.clone())?;
        record_count = record_count.checked_add(1).ok_or(RecordError::TooLarge)?;
    }
    let (first_timestamp, max_timestamp) = timestamps.ok_or(RecordError::NoRecords)?;
    Ok(RecordsSection {
        record_count,
        first_timestamp,
        max_timestamp,
        size: out.len() - start,
    })
}

/// Appends one record. `Ok(None)` if `content` is too short for what `fields` say.
#[inline]
fn write_record(
    out: &mut Vec<u8>,
    offset_delta: i32,
    timestamp_delta: i64,
    fields: Fields<'_>,
    content: &[u8],
) -> Result<Option<()>, RecordError> {
    let body = fields.body()?;
    let length = 1 + varint::size_i64(timestamp_delta) + varint::size_i32(offset_delta) + body.encoded;
    let length = i32::try_from(length).map_err(|_| RecordError::TooLarge)?;

    let mut writer = Writer {
        out,
        content,
        prefix: [0; PREFIX],
        len: 0,
    };
    writer.varint(i64::from(length));
    writer.byte(ATTRIBUTES);
    writer.varint(timestamp_delta);
    writer.varint(i64::from(offset_delta));
    Ok(writer.fields(fields, body.header_count))
}

/// A record's attributes: none is defined.
const ATTRIBUTES: u8 = 0;

/// Most bytes that numbers of a record take before some content comes, rounded up: length, attributes, both deltas, null
/// key, null value, number of headers, length of the first one's name: 5 + 1 + 10 + 5 + 1 + 1 + 5 + 5.
const PREFIX: usize = 40;

/// Gathers numbers on the stack and copies them before the next piece of content.
struct Writer<'o, 'c> {
    out: &'o mut Vec<u8>,
    content: &'c [u8],
    prefix: [u8; PREFIX],
    len: usize,
}

impl Writer<'_, '_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(slot) = self.prefix.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    #[inline]
    fn varint(&mut self, value: i64) {
        let mut raw = varint::zigzag_i64(value);
        while raw >= 0x80 {
            let [low, ..] = raw.to_le_bytes();
            self.byte(low | 0x80);
            raw >>= 7;
        }
        let [low, ..] = raw.to_le_bytes();
        self.byte(low);
    }

    /// Writes out the gathered numbers.
    #[inline]
    fn flush(&mut self) {
        // A copy of fixed size is a few instructions; one of `len` bytes would be a call.
        let end = self.out.len() + self.len;
        self.out.extend_from_slice(&self.prefix);
        self.out.truncate(end);
        self.len = 0;
    }

    /// Writes a length and as much content, or the length of null.
    #[inline]
    fn field(&mut self, length: u32) -> Option<()> {
        match optional(length) {
            None => self.varint(-1),
            Some(length) => {
                self.varint(i64::try_from(length).ok()?);
                self.flush();
                let (field, rest) = self.content.split_at_checked(length)?;
                self.out.extend_from_slice(field);
                self.content = rest;
            }
        }
        Some(())
    }

    #[inline]
    fn fields(&mut self, fields: Fields<'_>, header_count: i32) -> Option<()> {
        self.field(fields.key)?;
        self.field(fields.value)?;
        self.varint(i64::from(header_count));
        for &[name, value] in fields.headers() {
            self.field(name)?;
            self.field(value)?;
        }
        self.flush();
        Some(())
    }
}
