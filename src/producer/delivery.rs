//! What became of a batch: the one question is "could the broker have it?". Pure.

use crate::error::{Error, ErrorKind};

const UNKNOWN_SERVER_ERROR: i16 = -1;
const REQUEST_TIMED_OUT: i16 = 7;
const MESSAGE_TOO_LARGE: i16 = 10;
const RECORD_LIST_TOO_LARGE: i16 = 18;
const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
const INVALID_TIMESTAMP: i16 = 32;
/// The numbers of a batch do not follow those that the broker has.
pub(super) const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const UNKNOWN_PRODUCER_ID: i16 = 59;
const KAFKA_STORAGE_ERROR: i16 = 56;
const INVALID_RECORD: i16 = 87;
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
    /// The broker does not have it, and said who leads the partition by now.
    Moved(Error),
    /// Nobody knows whether the broker has it. Sent again, it may be there twice, unless sequence numbers let the broker
    /// tell.
    Unknown(Error),
    /// The broker refuses the batch for its size or for a record in it. Calls that share it may not all be to blame.
    Refused(Error),
    /// The broker lost count of our sequence numbers: a new id, then the same again. A transaction has to be aborted.
    Resequence(Error),
    /// The broker will not take it.
    Failed(Error),
    /// Another producer with the same transactional id took over.
    Fenced(Error),
}

/// How much the producer promises, which decides what some errors mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Nothing.
    None,
    /// Sequence numbers.
    Idempotent,
    /// Sequence numbers under a name that another producer can take over.
    Transactional,
}

/// Whether the broker may have appended what it answered this code for.
fn may_be_stored(code: i16) -> bool {
    matches!(
        code,
        UNKNOWN_SERVER_ERROR | REQUEST_TIMED_OUT | NOT_ENOUGH_REPLICAS_AFTER_APPEND | KAFKA_STORAGE_ERROR
    )
}

/// Whether the broker may have the batch, although this attempt did not deliver it.
pub fn leaves_doubt(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Unknown(_) => true,
        Outcome::Failed(error) => error.code().is_some_and(may_be_stored),
        _ => false,
    }
}

/// What the answer for one partition means.
pub fn classify(code: i16, message: Option<&str>, guarantee: Guarantee) -> Option<Outcome> {
    let idempotent = guarantee != Guarantee::None;
    let error = || Error::protocol_with(code, message);
    match code {
        0 => None,
        // The broker has had this batch before: an earlier answer was lost on the way.
        DUPLICATE_SEQUENCE_NUMBER if idempotent => Some(Outcome::Delivered {
            base_offset: -1,
            log_append_time: -1,
            log_start_offset: -1,
        }),
        PRODUCER_FENCED if guarantee == Guarantee::Transactional => Some(Outcome::Fenced(error())),
        // Nobody can take over an id that has no name. Of one that has, the epoch may also be old because the
        // coordinator ended a transaction that took too long (KIP-588); it knows which, and says so at the end.
        OUT_OF_ORDER_SEQUENCE_NUMBER | UNKNOWN_PRODUCER_ID | INVALID_PRODUCER_EPOCH | PRODUCER_FENCED
            if idempotent =>
        {
            Some(Outcome::Resequence(error()))
        }
        MESSAGE_TOO_LARGE | RECORD_LIST_TOO_LARGE | INVALID_TIMESTAMP | INVALID_RECORD => {
            Some(Outcome::Refused(error()))
        }
        _ if error().is_retriable() && may_be_stored(code) => Some(Outcome::Unknown(error())),
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
        assert!(classify(0, None, Guarantee::None).is_none());
        use Guarantee::{Idempotent, None as Nothing, Transactional};
        for code in [3, 5, 6, 13, 19] {
            assert!(
                matches!(classify(code, None, Nothing), Some(Outcome::Retry(_))),
                "{code}"
            );
        }
        for code in [7, 20, 56] {
            assert!(
                matches!(classify(code, None, Nothing), Some(Outcome::Unknown(_))),
                "{code}"
            );
        }
        for code in [-1, 17, 29, 47, 90] {
            assert!(
                matches!(classify(code, None, Nothing), Some(Outcome::Failed(_))),
                "{code}"
            );
        }
        for code in [10, 18, 32, 87] {
            assert!(
                matches!(classify(code, None, Nothing), Some(Outcome::Refused(_))),
                "{code}"
            );
        }
        assert!(matches!(
            classify(46, None, Idempotent),
            Some(Outcome::Delivered { .. })
        ));
        assert!(matches!(classify(46, None, Nothing), Some(Outcome::Failed(_))));
        for code in [45, 47, 59, 90] {
            assert!(
                matches!(classify(code, None, Idempotent), Some(Outcome::Resequence(_))),
                "{code}"
            );
        }
        assert!(matches!(
            classify(90, None, Transactional),
            Some(Outcome::Fenced(_))
        ));
        assert!(matches!(
            classify(47, None, Transactional),
            Some(Outcome::Resequence(_))
        ));
    }

    #[test]
    fn a_request_that_may_have_arrived_is_unknown() {
        assert!(matches!(
            classify_request(Error::connection_closed("h", 1)),
            Outcome::Unknown(_)
        ));
        assert!(matches!(
            classify_request(Error::new(ErrorKind::RequestTimeout, "x")),
            Outcome::Unknown(_)
        ));
        let refused = Error::new(ErrorKind::Connection, "x").with("code", "ECONNREFUSED".into());
        assert!(matches!(classify_request(refused), Outcome::Retry(_)));
        assert!(matches!(
            classify_request(Error::new(ErrorKind::BrokerNotFound, "x")),
            Outcome::Retry(_)
        ));
        assert!(matches!(
            classify_request(Error::non_retriable("x")),
            Outcome::Failed(_)
        ));
    }
}
