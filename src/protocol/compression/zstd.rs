//! Zstandard.
//!
//! Data is decompressed in one call straight into the output, after asking the library how much the frames can hold at
//! most. Its streaming mode would first take memory for the window that a frame's header claims, up to 128 MiB, whatever
//! the limit; a header may claim that much rightly, since the Java client streams and so never states the real size.

use std::io::Cursor;

use ::zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use ::zstd::zstd_safe::{self, CCtx, CParameter, DCtx, ErrorCode};

use super::{Codec, CompressionError};

const LOWEST_LEVEL: i32 = -131_072;
const HIGHEST_LEVEL: i32 = 22;
const DEFAULT_LEVEL: i32 = 3;

#[derive(Default)]
pub(super) struct Encoder {
    context: Option<CCtx<'static>>,
}

impl Encoder {
    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let level = level.unwrap_or(DEFAULT_LEVEL);
        if !(LOWEST_LEVEL..=HIGHEST_LEVEL).contains(&level) {
            return Err(CompressionError::InvalidLevel {
                codec: Codec::Zstd,
                level,
                lowest: LOWEST_LEVEL,
                highest: HIGHEST_LEVEL,
            });
        }
        let failed = |code| CompressionError::failed(Codec::Zstd, zstd_safe::get_error_name(code));
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(CCtx::try_create().ok_or_else(no_memory)?),
        };
        context
            .set_parameter(CParameter::CompressionLevel(level))
            .map_err(failed)?;
        out.reserve(zstd_safe::compress_bound(input.len()));
        context.compress2(&mut after(out), input).map_err(failed)?;
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl Decoder {
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let corrupt = |code| CompressionError::corrupt(Codec::Zstd, zstd_safe::get_error_name(code));
        if input.is_empty() {
            return Err(CompressionError::corrupt(Codec::Zstd, "there is no frame"));
        }
        let bound = zstd_safe::decompress_bound(input).map_err(corrupt)?;
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or_else(no_memory)?),
        };
        out.reserve(bound.min(max));
        match context.decompress(&mut after(out), input) {
            Ok(written) if written > max => Err(too_large(max)),
            Ok(_) => Ok(()),
            Err(code) if is_output_full(code) && bound > max => Err(too_large(max)),
            Err(code) => Err(corrupt(code)),
        }
    }
}

/// The spare room behind what `out` holds.
fn after(out: &mut Vec<u8>) -> Cursor<&mut Vec<u8>> {
    let end = u64::try_from(out.len()).unwrap_or(u64::MAX);
    let mut cursor = Cursor::new(out);
    cursor.set_position(end);
    cursor
}

fn too_large(limit: usize) -> CompressionError {
    CompressionError::TooLarge {
        codec: Codec::Zstd,
        limit,
    }
}

fn no_memory() -> CompressionError {
    CompressionError::failed(Codec::Zstd, "no memory for the codec's context")
}

fn is_output_full(code: ErrorCode) -> bool {
    // The library returns the negated number of the error.
    code.wrapping_neg() == ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize
}
