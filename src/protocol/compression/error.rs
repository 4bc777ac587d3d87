//! What can go wrong with compressed bytes.

use std::borrow::Cow;
use std::fmt;

use super::Codec;

/// Why bytes could not be compressed or decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// More bytes came out, or were announced, than the caller allows.
    TooLarge {
        /// Codec of the data.
        codec: Codec,
        /// Most bytes the caller allows.
        limit: usize,
    },
    /// The data is not what the codec writes: damaged, cut off, or another format.
    Corrupt {
        /// Codec the data was said to have.
        codec: Codec,
        /// What the codec's library says.
        reason: Cow<'static, str>,
    },
    /// The codec has no such level.
    InvalidLevel {
        /// Codec to compress with.
        codec: Codec,
        /// Level that was asked for.
        level: i32,
        /// Lowest level there is.
        lowest: i32,
        /// Highest level there is.
        highest: i32,
    },
    /// Compressing failed.
    Failed {
        /// Codec to compress with.
        codec: Codec,
        /// What the codec's library, or a codec that the user registered, says.
        reason: Cow<'static, str>,
    },
}

impl CompressionError {
    pub(super) fn corrupt(codec: Codec, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt {
            codec,
            reason: reason.into(),
        }
    }

    pub(super) fn failed(codec: Codec, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Failed {
            codec,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { codec, limit } => {
                write!(
                    f,
                    "{codec} data decompresses to more than the {limit} bytes allowed"
                )
            }
            Self::Corrupt { codec, reason } => write!(f, "invalid {codec} data: {reason}"),
            Self::InvalidLevel {
                codec,
                level,
                lowest,
                highest,
            } => {
                write!(
                    f,
                    "{codec} has no compression level {level}, expected {lowest} to {highest}"
                )
            }
            Self::Failed { codec, reason } => write!(f, "{codec} compression failed: {reason}"),
        }
    }
}

impl std::error::Error for CompressionError {}
