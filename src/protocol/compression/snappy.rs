//! Snappy: a raw block, as librdkafka and kafkajs' codecs write it, or xerial's stream of blocks, as the Java client does.

use snap::raw;

use super::{Codec, CompressionError};

/// Begins a xerial stream; a raw block cannot begin so, since it would state more bytes than the format allows.
const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version written, and the lowest that reads it: both 1.
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes of input to a block, as in the Java library.
const XERIAL_BLOCK: usize = 32 * 1024;

/// No element of the format expands a byte into more than this many.
const MAX_RATIO: usize = 64;

pub(super) struct Encoder {
    raw: raw::Encoder,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            raw: raw::Encoder::new(),
        }
    }
}

impl Encoder {
    /// Appends `input` to `out` as one raw block.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let start = out.len();
        out.resize(start + raw::max_compress_len(input.len()), 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let written = self
            .raw
            .compress(input, room)
            .map_err(|error| CompressionError::failed(Codec::Snappy, error.to_string()))?;
        out.truncate(start + written);
        Ok(())
    }
}

/// Appends `input` to `out` as a xerial stream: blocks of 32 KiB, each with its length.
///
/// For readers that do not know raw blocks. On an error `out` is as before.
pub fn compress_xerial(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let start = out.len();
    let result = write_xerial(input, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_xerial(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    out.extend_from_slice(&XERIAL_MAGIC);
    out.extend_from_slice(&XERIAL_VERSIONS);
    let mut encoder = Encoder::default();
    for block in input.chunks(XERIAL_BLOCK) {
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        encoder.compress(block, out)?;
        let length = u32::try_from(out.len() - length_at - 4)
            .map_err(|_| CompressionError::failed(Codec::Snappy, "the block is too long"))?;
        if let Some(field) = out.get_mut(length_at..length_at + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let bound = out.len().saturating_add(max);
    if !input.starts_with(&XERIAL_MAGIC) {
        return decompress_block(input, bound, max, out);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Streams may follow one another, each with its own header.
        if let Some(stream) = rest.strip_prefix(&XERIAL_MAGIC) {
            rest = stream.get(XERIAL_VERSIONS.len()..).ok_or_else(cut_off)?;
            continue;
        }
        let (length, tail) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (block, tail) = tail.split_at_checked(length).ok_or_else(cut_off)?;
        decompress_block(block, bound, max, out)?;
        rest = tail;
    }
    Ok(())
}

fn cut_off() -> CompressionError {
    CompressionError::corrupt(Codec::Snappy, "the data ends within a block")
}

/// Appends one raw block to `out`, which may grow to `bound`.
fn decompress_block(
    block: &[u8],
    bound: usize,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let corrupt = |error: snap::Error| CompressionError::corrupt(Codec::Snappy, error.to_string());
    let start = out.len();
    let stated = raw::decompress_len(block).map_err(corrupt)?;
    if stated > block.len().saturating_mul(MAX_RATIO) {
        // Otherwise a few bytes could make us clear as much memory as the limit allows.
        return Err(CompressionError::corrupt(
            Codec::Snappy,
            "the block states more bytes than it can hold",
        ));
    }
    if stated > bound.saturating_sub(start) {
        return Err(CompressionError::TooLarge {
            codec: Codec::Snappy,
            limit: max,
        });
    }
    out.resize(start + stated, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    raw::Decoder::new().decompress(block, room).map_err(corrupt)?;
    Ok(())
}
