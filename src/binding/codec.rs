//! The codecs as functions, for `CompressionCodecs[type]()` called by hand.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::outcome::thrown;
use crate::error::Error;
use crate::protocol::compression::{self, Codec};
use crate::protocol::records::DEFAULT_MAX_DECOMPRESSED;

fn codec_of(id: u32) -> napi::Result<Codec> {
    let codec = u8::try_from(id).ok().and_then(Codec::from_id);
    codec.ok_or_else(|| {
        thrown(&Error::non_retriable(format!(
            "Invalid compression {id}, expected 0 to 4"
        )))
    })
}

/// Compresses `data` with the codec of that `CompressionTypes` number at its default level.
#[napi]
pub fn compress(codec: u32, data: &[u8]) -> napi::Result<Buffer> {
    let mut out = Vec::new();
    compression::compress(codec_of(codec)?, None, data, &mut out)
        .map_err(|error| thrown(&Error::non_retriable(error.to_string())))?;
    Ok(out.into())
}

/// Decompresses `data`; what would become larger than a fetch may be is refused.
#[napi]
pub fn decompress(codec: u32, data: &[u8]) -> napi::Result<Buffer> {
    let mut out = Vec::new();
    compression::decompress(codec_of(codec)?, data, DEFAULT_MAX_DECOMPRESSED, &mut out)
        .map_err(|error| thrown(&Error::non_retriable(error.to_string())))?;
    Ok(out.into())
}
