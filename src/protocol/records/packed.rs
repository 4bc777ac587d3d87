//! Records as JavaScript packs them for one `send`: all bytes in one buffer, all lengths in one table.
//!
//! `data` holds for each record, back to back: key, value, then for each header its name and its value. `table` holds for
//! each record six numbers, then two for each header:
//!
//! | number | meaning |
//! |---|---|
//! | 0 | partition, or [`NULL`]: not chosen yet |
//! | 1, 2 | timestamp in ms since 1970, low and high half; `i64::MIN` stands for "now" |
//! | 3 | length of the key, or [`NULL`] |
//! | 4 | length of the value, or [`NULL`] |
//! | 5 | number of headers |
//! | 6 + 2n | length of the n-th header's name |
//! | 7 + 2n | length of the n-th header's value, or [`NULL`] |

use bytes::Bytes;

use super::RecordError;
use crate::protocol::varint;

/// Stands in the table for null (key, value, header value) and for "no partition".
pub const NULL: u32 = u32::MAX;

/// The timestamp of a record that gets the time of its sending.
pub const NO_TIMESTAMP: i64 = i64::MIN;

/// Numbers in the table before those of the headers.
const FIXED: usize = 6;

/// The records of one call.
///
/// [`PackedRecords::parse`] has to succeed before views of it are encoded; with any other content encoding fails.
#[derive(Debug, Clone, Default)]
pub struct PackedRecords {
    /// Keys, values and headers, back to back.
    pub data: Bytes,
    /// Lengths and the rest; see the module's documentation.
    pub table: Vec<u32>,
}

/// Where one record begins in its [`PackedRecords`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView {
    /// Position in the table.
    pub table_at: u32,
    /// Position in the data, in bytes.
    pub data_at: u32,
}

/// What is known of a record before it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedRecord {
    /// Partition that the caller or a custom partitioner chose.
    pub partition: Option<i32>,
    /// Where the record is.
    pub view: RecordView,
    /// Most bytes that the record takes in a batch before compression.
    pub size_bound: u32,
}

impl PackedRecords {
    /// Checks everything once (no length reaches beyond the data, none of the data is left over) and gives the records.
    pub fn parse(&self) -> Result<ParsedRecords<'_>, RecordError> {
        let invalid = |reason| RecordError::InvalidPacking { reason };
        if u32::try_from(self.data.len()).is_err() || u32::try_from(self.table.len()).is_err() {
            return Err(RecordError::TooLarge);
        }
        let mut count = 0;
        let mut walk = ParsedRecords {
            packed: self,
            table_at: 0,
            data_at: 0,
            left: usize::MAX,
        };
        while walk.table_at < self.table.len() {
            let fields = self
                .fields(walk.table_at)
                .ok_or_else(|| invalid("the table ends within a record"))?;
            if fields.partition != NULL && i32::try_from(fields.partition).is_err() {
                return Err(invalid("a partition is beyond 31 bits"));
            }
            walk.data_at = walk.data_at.saturating_add(fields.body()?.content);
            walk.table_at += FIXED + fields.headers.len();
            if walk.data_at > self.data.len() {
                return Err(invalid("the lengths reach beyond the data"));
            }
            count += 1;
        }
        if walk.data_at != self.data.len() {
            return Err(invalid("the lengths do not cover the data"));
        }
        Ok(ParsedRecords {
            packed: self,
            table_at: 0,
            data_at: 0,
            left: count,
        })
    }

    /// Key of the record at `view`; `None` for null, and for a view of other records.
    pub fn key(&self, view: RecordView) -> Option<&[u8]> {
        let (fields, content) = self.record(view)?;
        content.get(..optional(fields.key)?)
    }

    /// Timestamp of the record at `view`, in ms; `None` if it gets the time of its sending.
    pub fn timestamp(&self, view: RecordView) -> Option<i64> {
        let (fields, _) = self.record(view)?;
        Some(fields.timestamp).filter(|&timestamp| timestamp != NO_TIMESTAMP)
    }

    /// Fields of the record at `view`, and the data from its first byte on.
    #[inline]
    pub(super) fn record(&self, view: RecordView) -> Option<(Fields<'_>, &[u8])> {
        let fields = self.fields(usize::try_from(view.table_at).ok()?)?;
        Some((fields, self.data.get(usize::try_from(view.data_at).ok()?..)?))
    }

    #[inline]
    fn fields(&self, at: usize) -> Option<Fields<'_>> {
        let (fixed, rest) = self.table.get(at..)?.split_first_chunk::<FIXED>()?;
        let &[partition, low, high, key, value, headers] = fixed;
        let headers = rest.get(..usize::try_from(headers).ok()?.checked_mul(2)?)?;
        let timestamp = (u64::from(high) << 32 | u64::from(low)).cast_signed();
        Some(Fields {
            partition,
            timestamp,
            key,
            value,
            headers,
        })
    }
}

/// One record's part of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) partition: u32,
    pub(super) timestamp: i64,
    pub(super) key: u32,
    pub(super) value: u32,
    headers: &'a [u32],
}

/// How long a record's parts are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    /// Bytes of the packed data.
    pub(super) content: usize,
    /// Bytes in the batch of everything behind the offset delta.
    pub(super) encoded: usize,
    pub(super) header_count: i32,
}

impl Fields<'_> {
    /// Measures the record.
    #[inline]
    pub(super) fn body(&self) -> Result<Body, Misfit> {
        let (key, value) = (Field::new(self.key)?, Field::new(self.value)?);
        let mut content = key.len.saturating_add(value.len);
        let mut encoded = key.encoded.saturating_add(value.encoded);
        let headers = self.headers();
        for &[name, value] in headers {
            if name == NULL {
                return Err(Misfit::NullName);
            }
            let (name, value) = (Field::new(name)?, Field::new(value)?);
            content = content.saturating_add(name.len).saturating_add(value.len);
            encoded = encoded.saturating_add(name.encoded).saturating_add(value.encoded);
        }
        let header_count = i32::try_from(headers.len()).map_err(|_| Misfit::TooLarge)?;
        encoded = encoded.saturating_add(varint::size_i32(header_count));
        if encoded > LARGEST_BODY {
            return Err(Misfit::TooLarge);
        }
        Ok(Body {
            content,
            encoded,
            header_count,
        })
    }

    /// Lengths of each header's name and value.
    #[inline]
    pub(super) fn headers(&self) -> &[[u32; 2]] {
        self.headers.as_chunks().0
    }

    /// Bytes that are enough for the record in a batch; quicker to tell than [`Body::size_bound`], and a little more.
    /// `None` if `available` bytes are less than the record's content.
    #[inline]
    pub(super) fn room(&self, available: usize) -> Option<usize> {
        let mut content = optional(self.key)
            .unwrap_or(0)
            .saturating_add(optional(self.value).unwrap_or(0));
        for &length in self.headers {
            content = content.saturating_add(optional(length).unwrap_or(0));
        }
        let numbers = LARGEST_PREFIX + varint::MAX_LEN_I32 * (4 + self.headers.len());
        (content <= available).then_some(content + numbers)
    }
}

impl Body {
    /// Most bytes that the record takes in a batch.
    #[inline]
    pub(super) fn size_bound(&self) -> usize {
        self.encoded + LARGEST_PREFIX + varint::MAX_LEN_I32
    }
}

/// Why a record cannot be encoded. Small, since every record comes with the answer that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A length in it, or the whole of it, is beyond 31 bits.
    TooLarge,
    /// A header has no name.
    NullName,
    /// The data ends within it: its view is one of other records.
    Foreign,
}

impl From<Misfit> for RecordError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::TooLarge => Self::TooLarge,
            Misfit::NullName => Self::InvalidPacking {
                reason: "the name of a header is null",
            },
            Misfit::Foreign => Self::InvalidPacking {
                reason: "a view is not of these records",
            },
        }
    }
}

/// Attributes, timestamp delta and offset delta at their longest.
const LARGEST_PREFIX: usize = 1 + varint::MAX_LEN_I64 + varint::MAX_LEN_I32;

/// What is behind them at its longest, since the record's length is 31 bits.
const LARGEST_BODY: usize = 0x7fff_ffff - LARGEST_PREFIX;

/// A length out of the table: bytes it stands for, and bytes that it takes in a batch together with them.
#[derive(Clone, Copy)]
struct Field {
    len: usize,
    encoded: usize,
}

impl Field {
    #[inline]
    fn new(length: u32) -> Result<Self, Misfit> {
        if length == NULL {
            return Ok(Self { len: 0, encoded: 1 });
        }
        let len = i32::try_from(length).map_err(|_| Misfit::TooLarge)?;
        let bytes = usize::try_from(len).map_err(|_| Misfit::TooLarge)?;
        Ok(Self {
            len: bytes,
            encoded: bytes + varint::size_i32(len),
        })
    }
}

/// A length out of the table as a number of bytes; `None` for null.
#[inline]
pub(super) fn optional(length: u32) -> Option<usize> {
    if length == NULL {
        None
    } else {
        usize::try_from(length).ok()
    }
}

/// The records of a [`PackedRecords`] that was checked.
#[derive(Debug, Clone)]
pub struct ParsedRecords<'a> {
    packed: &'a PackedRecords,
    table_at: usize,
    data_at: usize,
    left: usize,
}

impl Iterator for ParsedRecords<'_> {
    type Item = ParsedRecord;

    fn next(&mut self) -> Option<ParsedRecord> {
        self.left = self.left.checked_sub(1)?;
        let fields = self.packed.fields(self.table_at)?;
        let body = fields.body().ok()?;
        let view = RecordView {
            table_at: u32::try_from(self.table_at).ok()?,
            data_at: u32::try_from(self.data_at).ok()?,
        };
        self.table_at += FIXED + fields.headers.len();
        self.data_at += body.content;
        let size_bound = u32::try_from(body.size_bound()).ok()?;
        Some(ParsedRecord {
            partition: i32::try_from(fields.partition).ok(),
            view,
            size_bound,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ParsedRecords<'_> {}
