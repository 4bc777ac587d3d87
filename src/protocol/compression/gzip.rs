//! gzip; on the reading side also several members in a row, and the zlib format, which kafkajs' `unzip` reads as well.

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{CompressionLvl, Compressor};

use super::{Codec, CompressionError};

const LOWEST_LEVEL: i32 = 0;
const HIGHEST_LEVEL: i32 = 9;
/// Makes JSON smaller than zlib's default 6 does, in 0.4 of the time.
const DEFAULT_LEVEL: i32 = 5;

/// Largest window of the format, in bits.
const WINDOW_BITS: u8 = 15;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// deflate cannot expand a byte into more than this many.
const MAX_RATIO: usize = 1032;

/// Least room to give the library at a time.
const STEP: usize = 4 * 1024;

#[derive(Default)]
pub(super) struct Deflater {
    state: Option<(i32, Compressor)>,
}

impl Deflater {
    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let state = self.state(level.unwrap_or(DEFAULT_LEVEL))?;
        let before = out.len();
        out.resize(before + state.gzip_compress_bound(input.len()), 0);
        let room = out.get_mut(before..).unwrap_or_default();
        let written = state
            .gzip_compress(input, room)
            .map_err(|error| CompressionError::failed(Codec::Gzip, error.to_string()))?;
        out.truncate(before + written);
        Ok(())
    }

    /// The compressor of `level`: the one at hand, if it has that level.
    fn state(&mut self, level: i32) -> Result<&mut Compressor, CompressionError> {
        let valid = Some(level)
            .filter(|level| (LOWEST_LEVEL..=HIGHEST_LEVEL).contains(level))
            .and_then(|level| CompressionLvl::new(level).ok())
            .ok_or(CompressionError::InvalidLevel {
                codec: Codec::Gzip,
                level,
                lowest: LOWEST_LEVEL,
                highest: HIGHEST_LEVEL,
            })?;
        let fresh = || (level, Compressor::new(valid));
        let kept = self.state.take().filter(|(at, _)| *at == level);
        let (_, state) = self.state.insert(kept.unwrap_or_else(fresh));
        Ok(state)
    }
}

#[derive(Default)]
pub(super) struct Inflater {
    gzip: Option<Decompress>,
}

impl Inflater {
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let bound = out.len().saturating_add(max);
        if !input.starts_with(&GZIP_MAGIC) {
            return inflate(&mut Decompress::new(true), input, bound, max, out).map(|_| ());
        }
        out.reserve(announced_size(input).min(max));
        let mut rest = input;
        while !rest.is_empty() {
            let state = match &mut self.gzip {
                Some(state) => {
                    state.reset(true);
                    state
                }
                none => none.insert(Decompress::new_gzip(WINDOW_BITS)),
            };
            let read = inflate(state, rest, bound, max, out)?;
            rest = rest.get(read..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Size that the last member's trailer states, as far as `input` could possibly hold that much.
fn announced_size(input: &[u8]) -> usize {
    let stated = input.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    usize::try_from(stated)
        .unwrap_or(usize::MAX)
        .min(input.len().saturating_mul(MAX_RATIO))
}

/// Inflates one member, at most until `out` is `bound` long, and gives how much of `input` it took.
fn inflate(
    state: &mut Decompress,
    input: &[u8],
    bound: usize,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<usize, CompressionError> {
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let consumed = usize::try_from(read).unwrap_or(usize::MAX);
        let rest = input.get(consumed..).unwrap_or_default();
        if out.capacity() == out.len() {
            // One byte beyond the bound is room to notice that there is more than allowed.
            let room = bound.saturating_sub(out.len()).saturating_add(1);
            out.reserve_exact(room.min(out.len().max(STEP)));
        }
        let status = state
            .decompress_vec(rest, out, FlushDecompress::Finish)
            .map_err(|error| CompressionError::corrupt(Codec::Gzip, error.to_string()))?;
        if out.len() > bound {
            return Err(CompressionError::TooLarge {
                codec: Codec::Gzip,
                limit: max,
            });
        }
        let moved = state.total_in() != read || state.total_out() != written;
        match status {
            Status::StreamEnd => {
                return Ok(usize::try_from(state.total_in()).unwrap_or(usize::MAX));
            }
            Status::Ok | Status::BufError if moved || out.capacity() == out.len() => {}
            Status::Ok | Status::BufError => {
                return Err(CompressionError::corrupt(Codec::Gzip, "the data ends early"));
            }
        }
    }
}
