//! From one entry of the log to the next: batches of format 2 and messages of formats 0 and 1 begin alike.

use super::RecordError;
use super::wire_header::{LOG_OVERHEAD, SIZE};
use crate::protocol::varint::Reader;

/// Where all formats have their number.
const MAGIC_AT: usize = 16;

/// Lengths that the smallest entry of each format states.
const SMALLEST: [usize; 3] = [14, 22, SIZE - LOG_OVERHEAD];

/// One whole entry: a record batch, or a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// All its bytes.
    pub(super) bytes: &'a [u8],
    /// Offset it states: the first one of a batch, the last one of a compressed set of messages.
    pub(super) offset: i64,
    /// Its format: 0, 1 or 2.
    pub(super) magic: i8,
}

/// What comes next.
pub(super) enum Next<'a> {
    /// A whole entry, and the data behind it.
    Entry(Entry<'a>, &'a [u8]),
    /// The data ends, or ends within an entry that takes `needed` bytes (as far as its length is there).
    End { needed: usize },
}

/// Looks at the entry at the start of `data`.
pub(super) fn next(data: &[u8]) -> Result<Next<'_>, RecordError> {
    let mut reader = Reader::new(data);
    let (Ok(base_offset), Ok(length), Some(&magic)) = (reader.i64(), reader.i32(), data.get(MAGIC_AT)) else {
        return Ok(Next::End { needed: MAGIC_AT + 1 });
    };
    let magic = magic.cast_signed();
    let smallest = usize::try_from(magic).ok().and_then(|magic| SMALLEST.get(magic));
    let smallest = smallest.ok_or(RecordError::UnsupportedMagic { base_offset, magic })?;
    let length = usize::try_from(length).ok().filter(|length| length >= smallest);
    let length = length.ok_or(RecordError::Corrupt {
        base_offset,
        reason: "its length is less than that of its fields",
    })?;
    if base_offset < 0 {
        return Err(RecordError::Corrupt {
            base_offset,
            reason: "its offset is negative",
        });
    }
    let needed = LOG_OVERHEAD.saturating_add(length);
    Ok(match data.split_at_checked(needed) {
        Some((bytes, rest)) => Next::Entry(
            Entry {
                bytes,
                offset: base_offset,
                magic,
            },
            rest,
        ),
        None => Next::End { needed },
    })
}
