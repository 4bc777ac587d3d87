//! Working memory of the codecs, and the way in: from a codec's number to its code.

use std::fmt;

use super::{Codec, CompressionError, gzip, lz4, snappy, zstd};

/// Compresses; keeps each codec's tables from one batch to the next.
///
/// Memory, once a codec was used: gzip about 300 KB, zstd 1 to 10 MB by level, snappy 32 KB, lz4 16 KB.
#[derive(Default)]
pub struct Compressor {
    gzip: gzip::Deflater,
    snappy: snappy::Encoder,
    lz4: lz4::Encoder,
    zstd: zstd::Encoder,
}

impl Compressor {
    /// Appends `input`, compressed, to `out`.
    ///
    /// `level` is 0 to 9 for gzip (default 6) and -131072 to 22 for zstd (default 3); snappy and lz4 have one way to
    /// compress and do not look at it. On an error `out` is as before.
    pub fn compress(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        let result = match codec {
            Codec::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip => self.gzip.compress(level, input, out),
            Codec::Snappy => self.snappy.compress(input, out),
            Codec::Lz4 => self.lz4.compress(input, out),
            Codec::Zstd => self.zstd.compress(level, input, out),
        };
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Decompresses; keeps each codec's tables from one batch to the next.
///
/// Memory, once a codec was used: gzip about 50 KB, zstd about 160 KB, snappy and lz4 none.
#[derive(Default)]
pub struct Decompressor {
    gzip: gzip::Inflater,
    zstd: zstd::Decoder,
}

impl Decompressor {
    /// Appends `input`, decompressed, to `out`: at most `max` bytes, or [`CompressionError::TooLarge`].
    ///
    /// Several members or frames, one after the other, are read as one. On an error `out` is as before.
    pub fn decompress(
        &mut self,
        codec: Codec,
        input: &[u8],
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        let result = match codec {
            Codec::None if input.len() > max => Err(CompressionError::TooLarge { codec, limit: max }),
            Codec::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip => self.gzip.decompress(input, max, out),
            Codec::Snappy => snappy::decompress(input, max, out),
            Codec::Lz4 => lz4::decompress(input, max, out),
            Codec::Zstd => self.zstd.decompress(input, max, out),
        };
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

/// Appends `input`, compressed, to `out`; see [`Compressor::compress`].
pub fn compress(
    codec: Codec,
    level: Option<i32>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    Compressor::default().compress(codec, level, input, out)
}

/// Appends `input`, decompressed, to `out`: at most `max` bytes; see [`Decompressor::decompress`].
pub fn decompress(codec: Codec, input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), CompressionError> {
    Decompressor::default().decompress(codec, input, max, out)
}
