//! LZ4 frames: independent blocks of 64 KiB without checksums when writing, as Kafka's Java client does; any frame
//! without a dictionary when reading.
//!
//! The header checksum is not looked at: before message format 2 Kafka computed it over the wrong bytes (KAFKA-3160,
//! KIP-57), and the checksum of the batch covers it anyway. Frames are taken apart here and only their blocks handed to
//! the library, because its reader takes a frame that was cut off for one that has ended.

use lz4_flex::block::{self, CompressTable, DecompressError};
use twox_hash::XxHash32;

use super::{Codec, CompressionError};

const FRAME_MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// Frames to pass over: any of sixteen numbers.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
const SKIPPABLE_MASK: u32 = 0xffff_fff0;

/// Frame descriptor as we write it: version 1, independent blocks; of at most 64 KiB; and its checksum.
const DESCRIPTOR: [u8; 3] = [0x60, 0x40, 0x82];
const BLOCK: usize = 64 * 1024;
const END_MARK: [u8; 4] = [0; 4];
/// Set in the length of a block that is stored as it is.
const STORED: u32 = 0x8000_0000;

const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;

/// How far back a block may refer to the ones before it.
const WINDOW: usize = 64 * 1024;
/// No byte of a block stands for more than this many.
const MAX_RATIO: usize = 255;

#[derive(Default)]
pub(super) struct Encoder {
    table: Option<CompressTable>,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        out.reserve(block::get_maximum_output_size(input.len().min(BLOCK)) + 16);
        out.extend_from_slice(&FRAME_MAGIC);
        out.extend_from_slice(&DESCRIPTOR);
        for chunk in input.chunks(BLOCK) {
            write_block(chunk, table, out)?;
        }
        out.extend_from_slice(&END_MARK);
        Ok(())
    }
}

fn write_block(chunk: &[u8], table: &mut CompressTable, out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let too_long = |_| CompressionError::failed(Codec::Lz4, "the block is too long");
    let length_at = out.len();
    let block_at = length_at + 4;
    out.resize(block_at + block::get_maximum_output_size(chunk.len()), 0);
    let room = out.get_mut(block_at..).unwrap_or_default();
    let mut written = block::compress_into_with_table(chunk, room, table)
        .map_err(|error| CompressionError::failed(Codec::Lz4, error.to_string()))?;
    let mut flag = 0;
    if written >= chunk.len() {
        if let Some(room) = room.get_mut(..chunk.len()) {
            room.copy_from_slice(chunk);
        }
        written = chunk.len();
        flag = STORED;
    }
    let length = u32::try_from(written).map_err(too_long)? | flag;
    if let Some(field) = out.get_mut(length_at..block_at) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    out.truncate(block_at + written);
    Ok(())
}

pub(super) fn decompress(input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let bound = out.len().saturating_add(max);
    let mut rest = input;
    if rest.is_empty() {
        return Err(cut_off());
    }
    while !rest.is_empty() {
        let magic = *take::<4>(&mut rest)?;
        if magic == FRAME_MAGIC {
            Frame::begin(&mut rest, out.len())?.read(&mut rest, Limit { bound, max }, out)?;
        } else if u32::from_le_bytes(magic) & SKIPPABLE_MASK == SKIPPABLE_MAGIC {
            let length = take_u32(&mut rest)?;
            take_slice(&mut rest, length)?;
        } else {
            return Err(corrupt("the data does not begin with a frame"));
        }
    }
    Ok(())
}

/// How long `out` may grow, and the limit to name if it would grow longer.
#[derive(Clone, Copy)]
struct Limit {
    bound: usize,
    max: usize,
}

impl Limit {
    fn room(self, out: &[u8]) -> usize {
        self.bound.saturating_sub(out.len())
    }

    fn exceeded(self) -> CompressionError {
        CompressionError::TooLarge {
            codec: Codec::Lz4,
            limit: self.max,
        }
    }
}

/// What a frame's header says.
struct Frame {
    flags: u8,
    largest_block: usize,
    content_size: Option<u64>,
    /// Length of `out` where the frame's content begins.
    start: usize,
}

impl Frame {
    /// Reads the header after the magic number.
    fn begin(rest: &mut &[u8], start: usize) -> Result<Self, CompressionError> {
        let [flags, block_descriptor] = *take::<2>(rest)?;
        if flags & VERSION_MASK != VERSION {
            return Err(corrupt("the frame has an unknown version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(corrupt("the frame needs a dictionary"));
        }
        let largest_block = match block_descriptor >> 4 & 0x07 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            7 => 4 * 1024 * 1024,
            _ => return Err(corrupt("the frame has an unknown block size")),
        };
        let content_size = if flags & CONTENT_SIZE == 0 {
            None
        } else {
            Some(u64::from_le_bytes(*take::<8>(rest)?))
        };
        take::<1>(rest)?;
        Ok(Self {
            flags,
            largest_block,
            content_size,
            start,
        })
    }

    /// Reads the blocks up to and with the end mark and the content's checksum.
    fn read(&self, rest: &mut &[u8], limit: Limit, out: &mut Vec<u8>) -> Result<(), CompressionError> {
        loop {
            let header = u32::from_le_bytes(*take::<4>(rest)?);
            if header == 0 {
                return self.end(rest, out);
            }
            let length = usize::try_from(header & !STORED).unwrap_or(usize::MAX);
            if length > self.largest_block {
                return Err(corrupt("a block is larger than the frame says"));
            }
            let block = take_slice(rest, length)?;
            if self.flags & BLOCK_CHECKSUM != 0 && take_u32_raw(rest)? != XxHash32::oneshot(0, block) {
                return Err(corrupt("the checksum of a block is wrong"));
            }
            if header & STORED == 0 {
                self.decompress_block(block, limit, out)?;
            } else if length > limit.room(out) {
                return Err(limit.exceeded());
            } else {
                out.extend_from_slice(block);
            }
        }
    }

    fn decompress_block(
        &self,
        block: &[u8],
        limit: Limit,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        let possible = self.largest_block.min(block.len().saturating_mul(MAX_RATIO));
        let room = possible.min(limit.room(out));
        out.resize(start + room, 0);
        let (before, target) = out.split_at_mut_checked(start).ok_or_else(cut_off)?;
        let result = if self.flags & INDEPENDENT_BLOCKS == 0 {
            let window = self.start.max(start.saturating_sub(WINDOW));
            block::decompress_into_with_dict(block, target, before.get(window..).unwrap_or_default())
        } else {
            block::decompress_into(block, target)
        };
        match result {
            Ok(written) => {
                out.truncate(start + written);
                Ok(())
            }
            Err(DecompressError::OutputTooSmall { .. }) if room < possible => Err(limit.exceeded()),
            Err(error) => Err(corrupt(error.to_string())),
        }
    }

    fn end(&self, rest: &mut &[u8], out: &[u8]) -> Result<(), CompressionError> {
        let content = out.get(self.start..).unwrap_or_default();
        if self
            .content_size
            .is_some_and(|size| u64::try_from(content.len()) != Ok(size))
        {
            return Err(corrupt("the content is not as long as the frame says"));
        }
        if self.flags & CONTENT_CHECKSUM != 0 && take_u32_raw(rest)? != XxHash32::oneshot(0, content) {
            return Err(corrupt("the checksum of the content is wrong"));
        }
        Ok(())
    }
}

fn corrupt(reason: impl Into<std::borrow::Cow<'static, str>>) -> CompressionError {
    CompressionError::corrupt(Codec::Lz4, reason)
}

fn cut_off() -> CompressionError {
    corrupt("the data ends within a frame")
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], CompressionError> {
    let (head, tail) = rest.split_first_chunk().ok_or_else(cut_off)?;
    *rest = tail;
    Ok(head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CompressionError> {
    let (head, tail) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    *rest = tail;
    Ok(head)
}

fn take_u32_raw(rest: &mut &[u8]) -> Result<u32, CompressionError> {
    Ok(u32::from_le_bytes(*take::<4>(rest)?))
}

fn take_u32(rest: &mut &[u8]) -> Result<usize, CompressionError> {
    take_u32_raw(rest).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
}
