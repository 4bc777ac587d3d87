//! Where the records' bytes end up: in the fetched data itself, or gathered in one new buffer.

use super::RecordError;
use super::index::CodecOverride;
use crate::protocol::compression::{Codec, CompressionError, Decompressor};

/// Positions in the payload are 31 bits, so no more could be pointed at.
pub(super) const MAX_POSITION: usize = 0x7fff_ffff;

/// The payload while it grows.
pub(super) struct Payload<'o, 'd> {
    /// `None` as long as positions are those of the fetched data.
    pub(super) gathered: Option<Vec<u8>>,
    /// Most bytes that may come out of codecs.
    pub(super) max_decompressed: usize,
    /// Bytes that came out of codecs so far.
    pub(super) decompressed: usize,
    pub(super) codec_override: Option<CodecOverride<'o>>,
    pub(super) decompressor: &'d mut Decompressor,
}

/// Something in the payload, and where its last byte is.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Position behind the last byte; at least as much as there are bytes.
    pub(super) end: i32,
}

impl Part<'_> {
    /// Position of the first byte.
    pub(super) fn start(&self) -> usize {
        usize::try_from(self.end)
            .unwrap_or_default()
            .saturating_sub(self.bytes.len())
    }
}

impl Payload<'_, '_> {
    /// Takes up `bytes` as they are; `at` is their position in the fetched data.
    pub(super) fn place<'a>(&mut self, bytes: &'a [u8], at: usize) -> Result<Part<'a>, RecordError> {
        let start = match &mut self.gathered {
            None => at,
            Some(gathered) => {
                let start = gathered.len();
                gathered.extend_from_slice(bytes);
                start
            }
        };
        Ok(Part {
            bytes,
            end: position(start.saturating_add(bytes.len()))?,
        })
    }

    /// Takes up `bytes` decompressed.
    pub(super) fn decompress(
        &mut self,
        base_offset: i64,
        codec: Codec,
        bytes: &[u8],
    ) -> Result<Part<'_>, RecordError> {
        let gathered = self.gathered.get_or_insert_default();
        let start = gathered.len();
        let room = self
            .max_decompressed
            .saturating_sub(self.decompressed)
            .min(MAX_POSITION - start);
        let by_user = self
            .codec_override
            .as_mut()
            .and_then(|decompress| decompress(codec, bytes));
        let result = match by_user {
            None => self.decompressor.decompress(codec, bytes, room, gathered),
            Some(Err(error)) => Err(error),
            Some(Ok(plain)) if plain.len() > room => Err(CompressionError::TooLarge { codec, limit: room }),
            Some(Ok(plain)) => {
                gathered.extend_from_slice(&plain);
                Ok(())
            }
        };
        result.map_err(|source| {
            // What the caller set is easier to act upon than what other batches left of it.
            let source = match source {
                CompressionError::TooLarge { codec, .. } => CompressionError::TooLarge {
                    codec,
                    limit: self.max_decompressed,
                },
                other => other,
            };
            RecordError::Decompression { base_offset, source }
        })?;
        let bytes = gathered.get(start..).unwrap_or_default();
        self.decompressed += bytes.len();
        Ok(Part {
            bytes,
            end: position(gathered.len())?,
        })
    }

    /// How much was gathered.
    pub(super) fn len(&self) -> usize {
        self.gathered.as_ref().map_or(0, Vec::len)
    }

    /// Forgets what was gathered behind `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        if let Some(gathered) = &mut self.gathered {
            gathered.truncate(len);
        }
    }
}

fn position(at: usize) -> Result<i32, RecordError> {
    i32::try_from(at).map_err(|_| RecordError::TooLarge)
}
