//! The codecs of record batches: gzip, snappy, lz4 and zstd, each in the form in which Kafka's Java client writes it and
//! in every form in which some client has written it.
//!
//! [`Compressor`] and [`Decompressor`] own the codecs' working memory, so that whoever compresses or decompresses batch
//! after batch keeps one; [`compress`] and [`decompress`] are for a single call. Decompressing takes a limit that is
//! enforced while bytes come out: a small batch that claims or holds more than the limit is refused before the memory is
//! taken. Whatever fails leaves the output as it was.

mod codec;
mod error;
mod gzip;
mod lz4;
mod snappy;
#[cfg(test)]
mod tests;
mod work;
mod zstd;

pub use codec::Codec;
pub use error::CompressionError;
pub use snappy::compress_xerial;
pub use work::{Compressor, Decompressor, compress, decompress};
