//! What became of a batch: the one question is "could the broker have it?". Pure.

use crate::error::{Error, ErrorKind};

const MESSAGE_TOO_LARGE: i16 = 10;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const UNKNOWN_PRODUCER_ID: i16 = 59;
const PRODUCER_FENCED: i16 = 90;

/// What to do with a batch after an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// The broker has it.
    Delivered {
        /// Offset of its first record, -1 if the broker did not say.
        base_offset: i64,
        /// Milliseconds since 1970, or -1.
        log_append_time: i64,
        /// First offset the partition still has, or -1.
        log_start_offset: i64,
    },
    /// The broker does not have it; the same again may help.
    Retry(Error),
    /// Nobody knows whether the broker has it. Sent again, it may be there twice, unless sequence numbers let the broker
    /// tell.
    Unknown(Error),
    /// The batch is too large for the broker; smaller ones may not be.
    TooLarge(Error),
    /// The broker lost count of our sequence numbers: a new epoch, then the same again (KIP-360).
    Resequence(Error),
    /// The broker does not have it and will not take it.
    Failed(Error),
    /// Another producer with the same transactional id took over.
    Fenced(Error),
}

/// What the answer for one partition means. `idempotent`: the batch had sequence numbers.
pub fn classify(code: i16, message: Option<&str>, idempotent: bool) -> Option<Outcome> {
    let error = || Error::protocol_with(code, message);
    match code {
        0 => None,
        // The broker has had this batch before: an earlier answer was lost on the way.
        DUPLICATE_SEQUENCE_NUMBER if idempotent => {
            Some(Outcome::Delivered { base_offset: -1, log_append_time: -1, log_start_offset: -1 })
        }
        OUT_OF_ORDER_SEQUENCE_NUMBER | UNKNOWN_PRODUCER_ID if idempotent => Some(Outcome::Resequence(error())),
        INVALID_PRODUCER_EPOCH | PRODUCER_FENCED => Some(Outcome::Fenced(error())),
        MESSAGE_TOO_LARGE => Some(Outcome::TooLarge(error())),
        _ if error().is_retriable() => Some(Outcome::Retry(error())),
        _ => Some(Outcome::Failed(error())),
    }
}

/// What a failed request means for the batches it carried.
pub fn classify_request(error: Error) -> Outcome {
    match error.kind() {
        // No connection was made, so no byte of it left.
        ErrorKind::Connection if error.field("code").is_some_and(|code| code == "ECONNREFUSED") => {
            Outcome::Retry(error)
        }
        ErrorKind::BrokerNotFound | ErrorKind::NoBrokerAvailable => Outcome::Retry(error),
        _ if error.is_connection() => Outcome::Unknown(error),
        _ if error.is_retriable() => Outcome::Retry(error),
        _ => Outcome::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_leads_to_one_outcome() {
        assert!(classify(0, None, false).is_none());
        for code in [3, 5, 6, 7, 13, 19, 20, 56] {
            assert!(matches!(classify(code, None, false), Some(Outcome::Retry(_))), "{code}");
        }
        for code in [17, 18, 29, 87] {
            assert!(matches!(classify(code, None, false), Some(Outcome::Failed(_))), "{code}");
        }
        assert!(matches!(classify(10, None, false), Some(Outcome::TooLarge(_))));
        assert!(matches!(classify(46, None, true), Some(Outcome::Delivered { .. })));
        assert!(matches!(classify(46, None, false), Some(Outcome::Failed(_))));
        assert!(matches!(classify(45, None, true), Some(Outcome::Resequence(_))));
        assert!(matches!(classify(59, None, true), Some(Outcome::Resequence(_))));
        assert!(matches!(classify(47, None, true), Some(Outcome::Fenced(_))));
        assert!(matches!(classify(90, None, true), Some(Outcome::Fenced(_))));
    }

    #[test]
    fn a_request_that_may_have_arrived_is_unknown() {
        assert!(matches!(classify_request(Error::connection_closed("h", 1)), Outcome::Unknown(_)));
        assert!(matches!(classify_request(Error::new(ErrorKind::RequestTimeout, "x")), Outcome::Unknown(_)));
        let refused = Error::new(ErrorKind::Connection, "x").with("code", "ECONNREFUSED".into());
        assert!(matches!(classify_request(refused), Outcome::Retry(_)));
        assert!(matches!(classify_request(Error::new(ErrorKind::BrokerNotFound, "x")), Outcome::Retry(_)));
        assert!(matches!(classify_request(Error::non_retriable("x")), Outcome::Failed(_)));
    }
}
