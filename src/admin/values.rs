//! Small values as messages and JSON carry them: names, 64-bit numbers, a broker's code and text.

use kafka_protocol::messages::{GroupId, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::error::Error;

pub(super) fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// The error for `code`, or nothing for 0.
pub(super) fn failed(code: i16, broker_text: Option<&StrBytes>) -> Option<Error> {
    (code != 0).then(|| Error::protocol_with(code, broker_text.map(StrBytes::as_str)))
}

/// Reads a 64-bit number that crossed as digits: JavaScript's numbers are exact up to 2^53 only.
pub(super) fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// Writes a 64-bit number as digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn as_digits<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}
