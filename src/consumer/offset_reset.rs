//! Where reading of a partition begins. Pure.

use crate::cluster::offsets::{EARLIEST, LATEST};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this offset.
    At(i64),
    /// Where the leader says that this timestamp is: [`EARLIEST`] or [`LATEST`].
    Ask(i64),
}

/// The end to begin at when there is nothing else to go by.
pub const fn default_end(from_beginning: bool) -> i64 {
    if from_beginning { EARLIEST } else { LATEST }
}

/// What a sought offset stands for: -1 is the end, -2 the beginning.
pub const fn sought(offset: i64) -> Start {
    match offset {
        LATEST | EARLIEST => Start::Ask(offset),
        offset => Start::At(offset),
    }
}

/// A seek beats what the group has stored; without either the topic's `fromBeginning` decides. A negative stored offset
/// counts as none: that is how a reset is stored.
pub fn start(seek: Option<i64>, stored: Option<i64>, from_beginning: bool) -> Start {
    match (seek, stored.filter(|offset| *offset >= 0)) {
        (Some(offset), _) => sought(offset),
        (None, Some(offset)) => Start::At(offset),
        (None, None) => Start::Ask(default_end(from_beginning)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_beats_the_stored_offset_beats_the_default() {
        assert_eq!(start(Some(7), Some(3), true), Start::At(7));
        assert_eq!(start(Some(-1), Some(3), true), Start::Ask(LATEST));
        assert_eq!(start(Some(-2), Some(3), false), Start::Ask(EARLIEST));
        assert_eq!(start(None, Some(3), true), Start::At(3));
        assert_eq!(start(None, Some(0), false), Start::At(0));
        assert_eq!(start(None, None, true), Start::Ask(EARLIEST));
        assert_eq!(start(None, None, false), Start::Ask(LATEST));
    }

    #[test]
    fn a_negative_stored_offset_is_none() {
        assert_eq!(start(None, Some(-1), true), Start::Ask(EARLIEST));
        assert_eq!(start(None, Some(-2), false), Start::Ask(LATEST));
    }
}
