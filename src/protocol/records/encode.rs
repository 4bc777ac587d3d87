//! Writing record batches of message format 2, straight from what JavaScript packed.
//!
//! A batch may gather records of several calls. Room is made once, for the most that the records can take; nothing is
//! allocated for a record. Compressing is a step of its own, so that a codec which the user registered in JavaScript can
//! take the place of ours: [`encode_records_section`], the codec, [`assemble_batch`].

use super::packed::{Fields, Misfit, NO_TIMESTAMP, optional};
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
    // Numbers are written eight bytes at a time.
    let mut room = size_of::<u64>();
    for (packed, view) in records.clone() {
        let (fields, content) = packed.record(view).ok_or(Misfit::Foreign)?;
        room += fields.room(content.len()).ok_or(Misfit::Foreign)?;
    }
    out.reserve(room);

    let start = out.len();
    let mut record_count = 0_i32;
    let mut timestamps = None;
    for (packed, view) in records {
        let (fields, content) = packed.record(view).ok_or(Misfit::Foreign)?;
        let timestamp = if fields.timestamp == NO_TIMESTAMP {
            now_ms
        } else {
            fields.timestamp
        };
        let (first, latest) = timestamps.unwrap_or((timestamp, timestamp));
        timestamps = Some((first, latest.max(timestamp)));
        write_record(out, record_count, timestamp.wrapping_sub(first), fields, content)?;
        record_count = record_count.checked_add(1).ok_or(Misfit::TooLarge)?;
    }
    let (first_timestamp, max_timestamp) = timestamps.ok_or(RecordError::NoRecords)?;
    Ok(RecordsSection {
        record_count,
        first_timestamp,
        max_timestamp,
        size: out.len() - start,
    })
}

/// A record's attributes: none is defined.
const ATTRIBUTES: u64 = 0;

/// Appends one record, whose key, value and headers begin `content`.
#[expect(
    clippy::inline_always,
    reason = "once for each record sent; a call would pass its fields by memory"
)]
#[inline(always)]
fn write_record(
    out: &mut Vec<u8>,
    offset_delta: i32,
    timestamp_delta: i64,
    fields: Fields<'_>,
    content: &[u8],
) -> Result<(), Misfit> {
    let body = fields.body()?;
    let length = 1 + varint::size_i64(timestamp_delta) + varint::size_i32(offset_delta) + body.encoded;

    let mut numbers = Numbers::default();
    numbers.push_i64(out, i64::try_from(length).map_err(|_| Misfit::TooLarge)?);
    numbers.push(out, ATTRIBUTES);
    numbers.push_i64(out, timestamp_delta);
    numbers.push_i64(out, offset_delta.into());
    let content = write_field(out, &mut numbers, fields.key, content)?;
    let mut content = write_field(out, &mut numbers, fields.value, content)?;
    numbers.push_i64(out, body.header_count.into());
    for &[name, value] in fields.headers() {
        content = write_field(out, &mut numbers, name, content)?;
        content = write_field(out, &mut numbers, value, content)?;
    }
    numbers.flush(out);
    Ok(())
}

/// Writes a length and as much of `content`, or the length of null; gives the content behind it.
#[expect(clippy::inline_always, reason = "keeps the gathered numbers in a register")]
#[inline(always)]
fn write_field<'c>(
    out: &mut Vec<u8>,
    numbers: &mut Numbers,
    length: u32,
    content: &'c [u8],
) -> Result<&'c [u8], Misfit> {
    let Some(length) = optional(length) else {
        numbers.push_i64(out, -1);
        return Ok(content);
    };
    numbers.push_i64(out, i64::try_from(length).map_err(|_| Misfit::TooLarge)?);
    numbers.flush(out);
    let (field, rest) = content.split_at_checked(length).ok_or(Misfit::Foreign)?;
    out.extend_from_slice(field);
    Ok(rest)
}

/// Varints in a row, gathered in a register and written together.
///
/// Most numbers of a record take a byte or two. Writing each by itself would make the next wait for the vector's length;
/// gathering them in an array would make the copy wait for the single bytes.
#[derive(Default)]
struct Numbers {
    /// The bytes, first one lowest.
    word: u64,
    /// How many there are.
    len: u32,
}

impl Numbers {
    #[inline]
    fn push_i64(&mut self, out: &mut Vec<u8>, value: i64) {
        self.push(out, varint::zigzag_i64(value));
    }

    #[inline]
    fn push(&mut self, out: &mut Vec<u8>, raw: u64) {
        let (bytes, len) = match raw {
            0..0x80 => (raw, 1),
            0x80..0x4000 => (raw & 0x7f | 0x80 | raw >> 7 << 8, 2),
            _ => {
                self.flush(out);
                return push_long(out, raw);
            }
        };
        if self.len + len > u64::BITS / 8 {
            self.flush(out);
        }
        self.word |= bytes << (8 * self.len);
        self.len += len;
    }

    #[inline]
    fn flush(&mut self, out: &mut Vec<u8>) {
        // Eight bytes whatever their number: a copy of fixed size is one instruction.
        let end = out.len() + self.len as usize;
        out.extend_from_slice(&self.word.to_le_bytes());
        out.truncate(end);
        *self = Self::default();
    }
}

/// Numbers of more than 14 bits, kept out of the loop's code.
#[cold]
fn push_long(out: &mut Vec<u8>, raw: u64) {
    varint::push_i64(out, varint::unzigzag_i64(raw));
}
