//! What can be wrong with records, whether a broker or JavaScript sent them.

use std::fmt;

use crate::protocol::compression::CompressionError;

/// Why records could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The fetched data ends within its first batch, so that there is nothing to deliver.
    Incomplete {
        /// Bytes that the first batch takes, as far as its length was there to be read.
        needed: usize,
        /// Bytes that were fetched.
        available: usize,
    },
    /// A batch contradicts itself or the protocol.
    Corrupt {
        /// First offset of the batch.
        base_offset: i64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bytes of a batch are not the ones its checksum was made of.
    ChecksumMismatch {
        /// First offset of the batch.
        base_offset: i64,
        /// Checksum that the batch states.
        stated: u32,
        /// Checksum of its bytes.
        computed: u32,
    },
    /// A batch of a format that came after this code.
    UnsupportedMagic {
        /// First offset of the batch.
        base_offset: i64,
        /// Its format's number.
        magic: i8,
    },
    /// A batch with a codec that does not exist.
    UnsupportedCodec {
        /// First offset of the batch.
        base_offset: i64,
        /// The codec's number.
        id: u8,
    },
    /// A batch could not be decompressed, or would be larger than allowed.
    Decompression {
        /// First offset of the batch.
        base_offset: i64,
        /// What the codec says.
        source: CompressionError,
    },
    /// The records of a new batch could not be compressed.
    Compression(CompressionError),
    /// What JavaScript packed does not add up, which is a mistake of ours.
    InvalidPacking {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A batch without records cannot be sent.
    NoRecords,
    /// A batch, or a record in it, is longer than the format can say (2 GiB), or holds too many records.
    TooLarge,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { needed, available } => {
                write!(
                    f,
                    "The fetched data ends within its first record batch: {available} of {needed} bytes"
                )
            }
            Self::Corrupt { base_offset, reason } => {
                write!(f, "Corrupt record batch at offset {base_offset}: {reason}")
            }
            Self::ChecksumMismatch {
                base_offset,
                stated,
                computed,
            } => write!(
                f,
                "Corrupt record batch at offset {base_offset}: its checksum is {computed:08x}, it says {stated:08x}"
            ),
            Self::UnsupportedMagic { base_offset, magic } => {
                write!(
                    f,
                    "Unsupported message format (magic byte {magic}) at offset {base_offset}"
                )
            }
            Self::UnsupportedCodec { base_offset, id } => {
                write!(
                    f,
                    "Unsupported compression codec {id} of the record batch at offset {base_offset}"
                )
            }
            Self::Decompression { base_offset, source } => {
                write!(
                    f,
                    "Cannot decompress the record batch at offset {base_offset}: {source}"
                )
            }
            Self::Compression(source) => write!(f, "Cannot compress the record batch: {source}"),
            Self::InvalidPacking { reason } => write!(f, "Invalid packed records: {reason}"),
            Self::NoRecords => f.write_str("A record batch needs at least one record"),
            Self::TooLarge => f.write_str("The record batch is larger than its format can express"),
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Decompression { source, .. } | Self::Compression(source) => Some(source),
            _ => None,
        }
    }
}

impl From<CompressionError> for RecordError {
    fn from(error: CompressionError) -> Self {
        Self::Compression(error)
    }
}
