//! The records inside a batch of format 2: the innermost loop of consuming.

use super::payload::Part;
use super::tables::{ControlKind, ControlRecord, HEADER_STRIDE, RECORD_STRIDE, halves};
use super::wire_header::WireHeader;
use crate::protocol::varint::{Reader, split_i32, split_i64};

/// Bytes of the smallest record: seven fields of one byte each.
const SMALLEST_RECORD: usize = 7;
/// Bytes of the smallest header: the lengths of an empty name and of null.
const SMALLEST_HEADER: usize = 2;

/// Why the records of a batch cannot be read.
pub(super) type Reason = &'static str;

const MALFORMED: Reason = "a record is cut off or malformed";
const OUTSIDE: Reason = "the offset of a record is outside of the batch";

/// What a record says, its parts by start and length (-1 for null) in the payload.
struct Record<'a> {
    timestamp_delta: i64,
    offset_delta: i32,
    key: [i32; 2],
    value: [i32; 2],
    header_count: i32,
    /// The headers' bytes.
    headers: &'a [u8],
    /// Position in the payload behind them.
    end: i32,
}

/// Adds all records of a batch to the index.
pub(super) fn index_records(
    section: Part<'_>,
    header: &WireHeader,
    batch: i32,
    index: &mut Vec<i32>,
    headers: &mut Vec<i32>,
) -> Result<(), Reason> {
    let count = checked_count(section, header)?;
    index.reserve(count.saturating_mul(RECORD_STRIDE));
    let append_time = header.is_log_append_time();
    let mut rest = section.bytes;
    for _ in 0..count {
        let (record, behind) = split_record(rest, section.end).ok_or(MALFORMED)?;
        let headers_at = index_headers(&record, headers).ok_or(MALFORMED)?;
        rest = behind;
        if record.offset_delta < 0 || record.offset_delta > header.last_offset_delta {
            return Err(OUTSIDE);
        }
        let [low, high] = halves(if append_time {
            header.max_timestamp
        } else {
            header.first_timestamp.wrapping_add(record.timestamp_delta)
        });
        index.extend_from_slice(&[
            batch,
            record.offset_delta,
            low,
            high,
            record.key[0],
            record.key[1],
            record.value[0],
            record.value[1],
            headers_at,
            record.header_count,
        ]);
    }
    nothing_left(rest)
}

/// Adds all records of a control batch to the list of those, and gives what the last one says.
pub(super) fn control_records(
    section: Part<'_>,
    header: &WireHeader,
    (batch, before_record): (u32, u32),
    control: &mut Vec<ControlRecord>,
) -> Result<Option<ControlKind>, Reason> {
    let count = checked_count(section, header)?;
    let mut rest = section.bytes;
    let mut last = None;
    for _ in 0..count {
        let (record, behind) = split_record(rest, section.end).ok_or(MALFORMED)?;
        index_headers(&record, &mut Vec::new()).ok_or(MALFORMED)?;
        rest = behind;
        if record.offset_delta < 0 || record.offset_delta > header.last_offset_delta {
            return Err(OUTSIDE);
        }
        let kind = control_kind(section, record.key).ok_or("the key of a control record is too short")?;
        control.push(ControlRecord {
            batch,
            before_record,
            kind,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            offset: header.base_offset.saturating_add(i64::from(record.offset_delta)),
            timestamp: if header.is_log_append_time() {
                header.max_timestamp
            } else {
                header.first_timestamp.wrapping_add(record.timestamp_delta)
            },
            key: record.key,
            value: record.value,
        });
        last = Some(kind);
    }
    nothing_left(rest)?;
    Ok(last)
}

/// The type in a control record's key, which is a version and the type, 16 bits each.
fn control_kind(section: Part<'_>, [start, length]: [i32; 2]) -> Option<ControlKind> {
    let behind = usize::try_from(section.end.checked_sub(start)?).ok()?;
    let start = section.bytes.len().checked_sub(behind)?;
    let key = section.bytes.get(start..)?.get(..usize::try_from(length).ok()?)?;
    let mut reader = Reader::new(key);
    reader.i16().ok()?;
    reader.i16().ok().map(ControlKind::from_type)
}

/// The number of records that the batch states, if it can hold that many.
fn checked_count(section: Part<'_>, header: &WireHeader) -> Result<usize, Reason> {
    usize::try_from(header.record_count)
        .ok()
        .filter(|&count| count <= section.bytes.len() / SMALLEST_RECORD)
        .ok_or("it states more records than it can hold")
}

fn nothing_left(rest: &[u8]) -> Result<(), Reason> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err("there is data behind its last record")
    }
}

/// Splits one record off the front of `data`, which ends at position `end`; gives what is behind it, too.
#[expect(
    clippy::inline_always,
    reason = "once for each record fetched; a call would pass twelve numbers by memory"
)]
#[inline(always)]
fn split_record(data: &[u8], end: i32) -> Option<(Record<'_>, &[u8])> {
    let (length, rest) = split_i32(data)?;
    let (record, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let end = end - i32::try_from(rest.len()).ok()?;

    let (_attributes, record) = record.split_first()?;
    let (timestamp_delta, record) = split_i64(record)?;
    let (offset_delta, record) = split_i32(record)?;
    let (key, record) = split_field(record, end)?;
    let (value, record) = split_field(record, end)?;
    let (header_count, headers) = split_i32(record)?;
    Some((
        Record {
            timestamp_delta,
            offset_delta,
            key,
            value,
            header_count,
            headers,
            end,
        },
        rest,
    ))
}

/// Splits a length and as many bytes, or the length of null, off the front of `data`; gives start and length.
#[expect(clippy::inline_always, reason = "see `split_record`")]
#[inline(always)]
fn split_field(data: &[u8], end: i32) -> Option<([i32; 2], &[u8])> {
    let (length, rest) = split_i32(data)?;
    let start = end - i32::try_from(rest.len()).ok()?;
    let rest = match usize::try_from(length) {
        Ok(bytes) => rest.split_at_checked(bytes)?.1,
        Err(_) if length == -1 => rest,
        Err(_) => return None,
    };
    Some(([start, length], rest))
}

/// Adds a record's headers to the table; gives the position of the first, or -1 if there is none.
#[inline]
fn index_headers(record: &Record<'_>, headers: &mut Vec<i32>) -> Option<i32> {
    if record.header_count == 0 && record.headers.is_empty() {
        return Some(-1);
    }
    push_headers(record, headers)
}

fn push_headers(record: &Record<'_>, headers: &mut Vec<i32>) -> Option<i32> {
    let count = usize::try_from(record.header_count).ok()?;
    if count > record.headers.len() / SMALLEST_HEADER {
        return None;
    }
    let at = i32::try_from(headers.len() / HEADER_STRIDE).ok()?;
    headers.reserve(count.saturating_mul(HEADER_STRIDE));
    let mut rest = record.headers;
    for _ in 0..count {
        let ([name_start, name_length], tail) = split_field(rest, record.end)?;
        let ([value_start, value_length], tail) = split_field(tail, record.end)?;
        if name_length < 0 {
            return None;
        }
        headers.extend_from_slice(&[name_start, name_length, value_start, value_length]);
        rest = tail;
    }
    rest.is_empty().then_some(at)
}
