//! Messages of formats 0 and 1, which brokers before 0.11 stored and which may still be on disk.
//!
//! A message is an entry of its own, or a compressed set: a message whose value holds others, compressed together. The
//! set states the offset of its last message. Inside, format 0 has absolute offsets; format 1 has them relative to the
//! first, so that the broker need not compress again (KIP-31).

use flate2::Crc;

use super::payload::Part;
use super::record::Reason;
use super::tables::{RECORD_STRIDE, halves};
use super::walk::{self, Entry, Next};
use crate::protocol::compression::Codec;
use crate::protocol::varint::{ReadError, Reader};

/// First byte that a message's checksum covers.
const CHECKED_FROM: usize = 16;

const TIMESTAMP_TYPE: i8 = 0x08;

/// What records without a timestamp have instead.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// Part of a message: position from its first byte, and length.
pub(super) type Span = (usize, usize);

/// The fields of one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) offset: i64,
    pub(super) size: i32,
    pub(super) crc: u32,
    pub(super) magic: i8,
    pub(super) attributes: i8,
    pub(super) timestamp: i64,
    pub(super) key: Option<Span>,
    pub(super) value: Option<Span>,
}

impl Message {
    /// Reads the message that `entry` is.
    pub(super) fn read(entry: &Entry<'_>) -> Result<Self, Reason> {
        Self::fields(entry)
            .map_err(|_| "a message is malformed")?
            .ok_or("there is data behind a message's value")
    }

    fn fields(entry: &Entry<'_>) -> Result<Option<Self>, ReadError> {
        let mut reader = Reader::new(entry.bytes);
        let offset = reader.i64()?;
        let size = reader.i32()?;
        let crc = reader.u32()?;
        let magic = reader.i8()?;
        let attributes = reader.i8()?;
        let timestamp = if magic == 0 { NO_TIMESTAMP } else { reader.i64()? };
        let key = span(&mut reader)?;
        let value = span(&mut reader)?;
        let message = Self {
            offset,
            size,
            crc,
            magic,
            attributes,
            timestamp,
            key,
            value,
        };
        Ok(reader.is_empty().then_some(message))
    }

    /// Number of the codec; see [`Codec::from_id`].
    pub(super) const fn codec_id(&self) -> u8 {
        self.attributes.cast_unsigned() & Codec::MASK
    }

    /// Whether the broker replaced the timestamp by the time of appending.
    pub(super) const fn is_log_append_time(&self) -> bool {
        self.magic > 0 && self.attributes & TIMESTAMP_TYPE != 0
    }
}

fn span(reader: &mut Reader<'_>) -> Result<Option<Span>, ReadError> {
    let field = reader.nullable_bytes()?;
    Ok(field.map(|bytes| (reader.position() - bytes.len(), bytes.len())))
}

/// The checksum of the message in `bytes`, as it should be.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes.get(CHECKED_FROM..).unwrap_or_default());
    crc.sum()
}

/// A message by itself, or one out of a compressed set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located {
    pub(super) message: Message,
    /// Position of its first byte in the payload.
    pub(super) at: usize,
}

/// Takes a decompressed set apart; offsets become absolute, timestamps final.
pub(super) fn messages(set: Part<'_>, wrapper: &Message, check_crc: bool) -> Result<Vec<Located>, Reason> {
    let mut found = Vec::new();
    let mut rest = set.bytes;
    while !rest.is_empty() {
        let Ok(Next::Entry(entry, tail)) = walk::next(rest) else {
            return Err("a message of a compressed set is cut off or malformed");
        };
        let mut message = Message::read(&entry)?;
        if message.magic != wrapper.magic {
            return Err("a compressed set holds messages of another format");
        }
        if message.codec_id() != Codec::None.id() {
            return Err("a compressed set holds another one");
        }
        if check_crc && checksum(entry.bytes) != message.crc {
            return Err("the checksum of a message in a compressed set is wrong");
        }
        if wrapper.is_log_append_time() {
            message.timestamp = wrapper.timestamp;
        }
        found.push(Located {
            message,
            at: set.start() + (set.bytes.len() - rest.len()),
        });
        rest = tail;
    }
    make_absolute(&mut found, wrapper)?;
    Ok(found)
}

fn make_absolute(found: &mut [Located], wrapper: &Message) -> Result<(), Reason> {
    let last = found.last().ok_or("a compressed set is empty")?.message.offset;
    // Some producers left 0 on the set, which then still means: absolute (as the Java client takes it).
    if wrapper.magic == 0 || wrapper.offset == 0 {
        return Ok(());
    }
    let base = wrapper.offset.checked_sub(last).filter(|&base| base >= 0);
    let base = base.ok_or("the offset of a compressed set is below that of its last message")?;
    for located in found {
        located.message.offset = located
            .message
            .offset
            .checked_add(base)
            .ok_or("the offset of a message is out of range")?;
    }
    Ok(())
}

/// Adds messages, which form the batch `batch` from `base_offset` on, to the index and to the table beside it.
pub(super) fn index_messages(
    messages: &[Located],
    base_offset: i64,
    batch: i32,
    index: &mut Vec<i32>,
    legacy: &mut Vec<i32>,
) -> Result<(), Reason> {
    let rows = index.len() / RECORD_STRIDE;
    legacy.resize(rows * super::tables::LEGACY_STRIDE, 0);
    for Located { message, at } in messages {
        let delta = message
            .offset
            .checked_sub(base_offset)
            .and_then(|delta| i32::try_from(delta).ok());
        let delta = delta
            .filter(|&delta| delta >= 0)
            .ok_or("the offsets of a compressed set are out of order")?;
        let [low, high] = halves(message.timestamp);
        let [key_start, key_length] = position(message.key, *at)?;
        let [value_start, value_length] = position(message.value, *at)?;
        index.extend_from_slice(&[
            batch,
            delta,
            low,
            high,
            key_start,
            key_length,
            value_start,
            value_length,
            -1,
            0,
        ]);
        legacy.extend_from_slice(&[
            message.size,
            message.crc.cast_signed(),
            i32::from(message.attributes),
        ]);
    }
    Ok(())
}

fn position(span: Option<Span>, at: usize) -> Result<[i32; 2], Reason> {
    let (start, length) = match span {
        None => (at, -1),
        Some((start, length)) => (at + start, i32::try_from(length).unwrap_or(i32::MAX)),
    };
    i32::try_from(start)
        .map(|start| [start, length])
        .map_err(|_| "the data is too long")
}
