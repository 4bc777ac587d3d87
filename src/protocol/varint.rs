//! Zigzag varints of record batches, and [`Reader`], a cursor whose every read is checked.
//!
//! A varint stores a signed number as its zigzag image (0, -1, 1, -2, ... become 0, 1, 2, 3, ...), seven bits a byte,
//! lowest first; the top bit says that another byte follows. At most 5 bytes for 32 bits, 10 for 64 (protocol guide,
//! "Record").

use std::fmt;

/// Most bytes a 32-bit varint takes.
pub const MAX_LEN_I32: usize = 5;
/// Most bytes a 64-bit varint takes.
pub const MAX_LEN_I64: usize = 10;

const CONTINUES: u8 = 0x80;
const PAYLOAD: u8 = 0x7f;

/// Maps a signed number to the unsigned one that a varint stores.
#[inline]
pub const fn zigzag_i32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// Undoes [`zigzag_i32`].
#[inline]
pub const fn unzigzag_i32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Maps a signed number to the unsigned one that a varlong stores.
#[inline]
pub const fn zigzag_i64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Undoes [`zigzag_i64`].
#[inline]
pub const fn unzigzag_i64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Bytes that `value` takes as a varint: 1 to 5.
#[inline]
pub const fn size_i32(value: i32) -> usize {
    // One byte for each started group of seven bits; `| 1` because zero still takes a byte.
    let bits = 32 - (zigzag_i32(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Bytes that `value` takes as a varlong: 1 to 10.
#[inline]
pub const fn size_i64(value: i64) -> usize {
    let bits = 64 - (zigzag_i64(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Writes `value` at the start of `out` and gives the bytes written, or `None` (leaving `out` half written) if it is
/// too short.
#[inline]
pub fn write_i32(out: &mut [u8], value: i32) -> Option<usize> {
    write_raw(out, u64::from(zigzag_i32(value)))
}

/// Writes `value` as a varlong; see [`write_i32`].
#[inline]
pub fn write_i64(out: &mut [u8], value: i64) -> Option<usize> {
    write_raw(out, zigzag_i64(value))
}

#[inline]
fn write_raw(out: &mut [u8], mut raw: u64) -> Option<usize> {
    let mut written = 0;
    for slot in out {
        written += 1;
        if raw < u64::from(CONTINUES) {
            *slot = low_byte(raw);
            return Some(written);
        }
        *slot = low_byte(raw) | CONTINUES;
        raw >>= 7;
    }
    None
}

#[inline]
const fn low_byte(raw: u64) -> u8 {
    let [low, ..] = raw.to_le_bytes();
    low
}

/// Appends `value` to `out` as a varint.
#[inline]
pub fn push_i32(out: &mut Vec<u8>, value: i32) {
    push_i64(out, i64::from(value));
}

/// Appends `value` to `out` as a varlong.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    let mut raw = zigzag_i64(value);
    while raw >= u64::from(CONTINUES) {
        out.push(low_byte(raw) | CONTINUES);
        raw >>= 7;
    }
    out.push(low_byte(raw));
}

/// Splits a varint off the front of `data`: its value, and what is behind it. `None` if it does not end within `data` or
/// within 5 bytes. Bits beyond the 32nd are dropped, as Kafka's own reader does.
#[expect(
    clippy::inline_always,
    reason = "five of them in a fetched record: as calls they are half of its time"
)]
#[inline(always)]
pub fn split_i32(data: &[u8]) -> Option<(i32, &[u8])> {
    let (&first, rest) = data.split_first()?;
    let mut raw = u32::from(first & PAYLOAD);
    if first < CONTINUES {
        return Some((unzigzag_i32(raw), rest));
    }
    let (&second, rest) = rest.split_first()?;
    raw |= u32::from(second & PAYLOAD) << 7;
    if second < CONTINUES {
        return Some((unzigzag_i32(raw), rest));
    }
    let (raw, rest) = split_long(data, MAX_LEN_I32)?;
    Some((unzigzag_i32(u32::try_from(raw & 0xffff_ffff).ok()?), rest))
}

/// Splits a varlong off the front of `data`; see [`split_i32`]. It has up to 10 bytes.
#[expect(clippy::inline_always, reason = "see `split_i32`")]
#[inline(always)]
pub fn split_i64(data: &[u8]) -> Option<(i64, &[u8])> {
    let (&first, rest) = data.split_first()?;
    let mut raw = u64::from(first & PAYLOAD);
    if first < CONTINUES {
        return Some((unzigzag_i64(raw), rest));
    }
    let (&second, rest) = rest.split_first()?;
    raw |= u64::from(second & PAYLOAD) << 7;
    if second < CONTINUES {
        return Some((unzigzag_i64(raw), rest));
    }
    let (raw, rest) = split_long(data, MAX_LEN_I64)?;
    Some((unzigzag_i64(raw), rest))
}

/// The numbers that are rare in records (beyond 13 bits), kept out of the callers' code.
#[cold]
fn split_long(data: &[u8], longest: usize) -> Option<(u64, &[u8])> {
    let mut raw = 0;
    for (shift, (count, &byte)) in (0..).step_by(7).zip(data.iter().enumerate().take(longest)) {
        raw |= u64::from(byte & PAYLOAD).wrapping_shl(shift);
        if byte < CONTINUES {
            return Some((raw, data.get(count + 1..)?));
        }
    }
    None
}

/// Why a checked read failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// The field reaches beyond the end of the data.
    UnexpectedEnd,
    /// A varint did not end within 5 bytes, a varlong within 10.
    OverlongVarint,
    /// A length or count below zero where null is not allowed, or below -1.
    NegativeLength,
    /// A string that is not UTF-8.
    NotUtf8,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "the data ends within a field",
            Self::OverlongVarint => "a varint is longer than its type allows",
            Self::NegativeLength => "a length is negative",
            Self::NotUtf8 => "a string is not UTF-8",
        })
    }
}

impl std::error::Error for ReadError {}

/// A position in a slice; reads big-endian fields of the Kafka protocol, none of them beyond the end.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            len: data.len(),
        }
    }

    /// Bytes read so far.
    pub const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// What is left to read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left to read.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(ReadError::UnexpectedEnd)?;
        self.rest = tail;
        Ok(*head)
    }

    /// Reads an `INT8`.
    pub fn i8(&mut self) -> Result<i8, ReadError> {
        self.array().map(i8::from_be_bytes)
    }

    /// Reads an `INT16`.
    pub fn i16(&mut self) -> Result<i16, ReadError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Reads an `INT32`.
    pub fn i32(&mut self) -> Result<i32, ReadError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Reads a `UINT32`.
    pub fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads an `INT64`.
    pub fn i64(&mut self) -> Result<i64, ReadError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Reads a `VARINT`.
    pub fn varint(&mut self) -> Result<i32, ReadError> {
        let too_short = self.rest.len() < MAX_LEN_I32;
        let error = if too_short {
            ReadError::UnexpectedEnd
        } else {
            ReadError::OverlongVarint
        };
        let (value, rest) = split_i32(self.rest).ok_or(error)?;
        self.rest = rest;
        Ok(value)
    }

    /// Reads a `VARLONG`.
    pub fn varlong(&mut self) -> Result<i64, ReadError> {
        let too_short = self.rest.len() < MAX_LEN_I64;
        let error = if too_short {
            ReadError::UnexpectedEnd
        } else {
            ReadError::OverlongVarint
        };
        let (value, rest) = split_i64(self.rest).ok_or(error)?;
        self.rest = rest;
        Ok(value)
    }

    /// Reads the next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (head, tail) = self
            .rest
            .split_at_checked(count)
            .ok_or(ReadError::UnexpectedEnd)?;
        self.rest = tail;
        Ok(head)
    }

    /// Reads `NULLABLE_BYTES`: an `INT32` length, -1 for null, and as many bytes.
    pub fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        match self.i32()? {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| ReadError::NegativeLength)?;
                self.bytes(len).map(Some)
            }
        }
    }

    /// Reads a `STRING`: an `INT16` length and as many bytes of UTF-8.
    pub fn string(&mut self) -> Result<&'a str, ReadError> {
        let len = usize::try_from(self.i16()?).map_err(|_| ReadError::NegativeLength)?;
        std::str::from_utf8(self.bytes(len)?).map_err(|_| ReadError::NotUtf8)
    }

    /// Reads the `INT32` count before an `ARRAY`; -1 (null) counts as empty, other negative numbers are refused.
    ///
    /// Each element takes at least `smallest` bytes, so a count that the rest of the data cannot hold is refused here,
    /// before anybody reserves memory for it.
    pub fn array_len(&mut self, smallest: usize) -> Result<usize, ReadError> {
        match self.i32()? {
            -1 => Ok(0),
            count => {
                let count = usize::try_from(count).map_err(|_| ReadError::NegativeLength)?;
                if count.saturating_mul(smallest.max(1)) > self.rest.len() {
                    return Err(ReadError::UnexpectedEnd);
                }
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_bytes_of_the_protocol() {
        let cases: &[(i32, &[u8])] = &[
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for &(value, bytes) in cases {
            let mut out = Vec::new();
            push_i32(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(Reader::new(bytes).varint(), Ok(value));
            let mut out = Vec::new();
            push_i64(&mut out, i64::from(value));
            assert_eq!(out, bytes, "{value} as varlong");
        }
        let mut out = Vec::new();
        push_i64(&mut out, i64::MIN);
        assert_eq!(out, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }

    #[test]
    fn ends_and_overlong_varints_are_told_apart() {
        assert_eq!(Reader::new(&[]).varint(), Err(ReadError::UnexpectedEnd));
        assert_eq!(Reader::new(&[0x80]).varint(), Err(ReadError::UnexpectedEnd));
        assert_eq!(Reader::new(&[0x80; 4]).varint(), Err(ReadError::UnexpectedEnd));
        assert_eq!(Reader::new(&[0x80; 6]).varint(), Err(ReadError::OverlongVarint));
        assert_eq!(Reader::new(&[0xff; 9]).varlong(), Err(ReadError::UnexpectedEnd));
        assert_eq!(Reader::new(&[0xff; 11]).varlong(), Err(ReadError::OverlongVarint));
    }

    #[test]
    fn a_failed_read_moves_nothing() {
        let mut reader = Reader::new(&[0x80, 0x80]);
        assert!(reader.varint().is_err());
        assert!(reader.i64().is_err());
        assert!(reader.bytes(3).is_err());
        assert_eq!((reader.position(), reader.remaining()), (0, 2));
    }

    #[test]
    fn lengths_are_checked_before_anything_is_reserved() {
        assert_eq!(
            Reader::new(&[0x7f, 0xff, 0xff, 0xff]).array_len(1),
            Err(ReadError::UnexpectedEnd)
        );
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xfe]).array_len(1),
            Err(ReadError::NegativeLength)
        );
        assert_eq!(Reader::new(&[0xff; 4]).array_len(1), Ok(0));
        assert_eq!(Reader::new(&[0xff; 4]).nullable_bytes(), Ok(None));
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xfe]).nullable_bytes(),
            Err(ReadError::NegativeLength)
        );
        assert_eq!(
            Reader::new(&[0xff, 0xff]).string(),
            Err(ReadError::NegativeLength)
        );
        assert_eq!(Reader::new(&[0, 1, 0xff]).string(), Err(ReadError::NotUtf8));
    }

    #[test]
    fn writing_to_a_short_slice_says_so() {
        assert_eq!(write_i32(&mut [0; 1], 64), None);
        assert_eq!(write_i32(&mut [], 0), None);
        assert_eq!(write_i64(&mut [0; 9], i64::MIN), None);
    }

    proptest! {
        #[test]
        fn i32_round_trip(value: i32) {
            let mut out = [0; MAX_LEN_I32];
            let written = write_i32(&mut out, value).unwrap();
            prop_assert_eq!(written, size_i32(value));
            prop_assert_eq!(split_i32(&out[..written]), Some((value, &[][..])));
        }

        #[test]
        fn i64_round_trip(value: i64, shift in 0u32..64) {
            let value = value >> shift;
            let mut out = [0; MAX_LEN_I64];
            let written = write_i64(&mut out, value).unwrap();
            prop_assert_eq!(written, size_i64(value));
            prop_assert_eq!(split_i64(&out[..written]), Some((value, &[][..])));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let mut reader = Reader::new(&bytes);
            while reader.varint().is_ok() {}
            prop_assert!(reader.position() <= bytes.len());
            let mut reader = Reader::new(&bytes);
            while reader.varlong().is_ok() {}
            prop_assert!(reader.position() <= bytes.len());
        }
    }
}
