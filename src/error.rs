//! The one error of the core: a kind, a text, the fields a program may read, and a cause.
//!
//! Rust decides *what* went wrong; JavaScript builds the kafkajs class from [`Error::payload`], because only there
//! do the right prototypes and the caller's stack exist.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::protocol::error_code;

/// Result of the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which kafkajs error class this is. The names follow kafkajs' export list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `KafkaJSError`: worth a retry.
    Retriable,
    /// `KafkaJSNonRetriableError`.
    NonRetriable,
    /// `KafkaJSProtocolError`: the broker answered with this code.
    Protocol(i16),
    /// `KafkaJSConnectionError`.
    Connection,
    /// `KafkaJSConnectionClosedError`.
    ConnectionClosed,
    /// `KafkaJSRequestTimeoutError`.
    RequestTimeout,
    /// `KafkaJSNumberOfRetriesExceeded`.
    RetriesExceeded,
    /// `KafkaJSBrokerNotFound`.
    BrokerNotFound,
    /// `KafkaJSNoBrokerAvailableError`.
    NoBrokerAvailable,
    /// `KafkaJSMetadataNotLoaded`.
    MetadataNotLoaded,
    /// `KafkaJSTopicMetadataNotLoaded`.
    TopicMetadataNotLoaded,
    /// `KafkaJSGroupCoordinatorNotFound`.
    GroupCoordinatorNotFound,
    /// `KafkaJSServerDoesNotSupportApiKey`.
    UnsupportedApi,
    /// `KafkaJSSASLAuthenticationError`.
    SaslAuthentication,
    /// `KafkaJSTimeout`.
    Timeout,
    /// `KafkaJSOffsetOutOfRange`.
    OffsetOutOfRange,
    /// `KafkaJSMemberIdRequired`.
    MemberIdRequired,
    /// `KafkaJSNotImplemented`: a codec nobody registered.
    CodecMissing,
    /// `KafkaJSUnsupportedMagicByteInMessageSet`.
    UnsupportedMagic,
    /// `KafkaJSCreateTopicError` with the broker's code.
    CreateTopic(i16),
    /// `KafkaJSAlterPartitionReassignmentsError` with the broker's code.
    AlterPartitionReassignments(i16),
    /// `KafkaJSDeleteTopicRecordsError`.
    DeleteTopicRecords,
    /// `KafkaJSDeleteGroupsError`.
    DeleteGroups,
    /// `KafkaJSAggregateError`.
    Aggregate,
    /// What the user's own code threw; JavaScript keeps the original under the number in field `ref`.
    User,
    /// `TypeError`: what Node's own functions throw for a wrong type.
    Type,
}

impl ErrorKind {
    /// Name of the JavaScript class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Retriable => "KafkaJSError",
            Self::NonRetriable => "KafkaJSNonRetriableError",
            Self::Protocol(_) => "KafkaJSProtocolError",
            Self::Connection => "KafkaJSConnectionError",
            Self::ConnectionClosed => "KafkaJSConnectionClosedError",
            Self::RequestTimeout => "KafkaJSRequestTimeoutError",
            Self::RetriesExceeded => "KafkaJSNumberOfRetriesExceeded",
            Self::BrokerNotFound => "KafkaJSBrokerNotFound",
            Self::NoBrokerAvailable => "KafkaJSNoBrokerAvailableError",
            Self::MetadataNotLoaded => "KafkaJSMetadataNotLoaded",
            Self::TopicMetadataNotLoaded => "KafkaJSTopicMetadataNotLoaded",
            Self::GroupCoordinatorNotFound => "KafkaJSGroupCoordinatorNotFound",
            Self::UnsupportedApi => "KafkaJSServerDoesNotSupportApiKey",
            Self::SaslAuthentication => "KafkaJSSASLAuthenticationError",
            Self::Timeout => "KafkaJSTimeout",
            Self::OffsetOutOfRange => "KafkaJSOffsetOutOfRange",
            Self::MemberIdRequired => "KafkaJSMemberIdRequired",
            Self::CodecMissing => "KafkaJSNotImplemented",
            Self::UnsupportedMagic => "KafkaJSUnsupportedMagicByteInMessageSet",
            Self::CreateTopic(_) => "KafkaJSCreateTopicError",
            Self::AlterPartitionReassignments(_) => "KafkaJSAlterPartitionReassignmentsError",
            Self::DeleteTopicRecords => "KafkaJSDeleteTopicRecordsError",
            Self::DeleteGroups => "KafkaJSDeleteGroupsError",
            Self::Aggregate => "KafkaJSAggregateError",
            Self::User => "UserError",
            Self::Type => "TypeError",
        }
    }

    /// Kafka error code, for kinds that carry one.
    pub const fn code(self) -> Option<i16> {
        match self {
            Self::Protocol(code) | Self::CreateTopic(code) | Self::AlterPartitionReassignments(code) => {
                Some(code)
            }
            Self::OffsetOutOfRange => Some(1),
            Self::MemberIdRequired => Some(79),
            _ => None,
        }
    }
}

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    fields: Map<String, Value>,
    retriable: Option<bool>,
    cause: Option<Error>,
}

/// A failed operation. Cheap to clone: one failure may reject many waiting calls.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

impl Error {
    /// A new error of `kind` saying `message`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            fields: Map::new(),
            retriable: None,
            cause: None,
        }))
    }

    /// The broker answered with error `code`; the text is kafkajs' own for that code.
    pub fn protocol(code: i16) -> Self {
        Self::new(ErrorKind::Protocol(code), error_code::message(code))
    }

    /// As [`Error::protocol`], keeping the broker's own text beside kafkajs' in `brokerMessage`.
    pub fn protocol_with(code: i16, broker_message: Option<&str>) -> Self {
        Self::protocol(code).with_broker_message(broker_message)
    }

    /// Not worth a retry.
    pub fn non_retriable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NonRetriable, message)
    }

    /// Worth a retry.
    pub fn retriable_error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Retriable, message)
    }

    /// The connection to `host:port` was closed while somebody waited on it.
    pub fn connection_closed(host: &str, port: u16) -> Self {
        Self::new(ErrorKind::ConnectionClosed, "Closed connection")
            .with("host", json!(host))
            .with("port", json!(port))
    }

    fn inner_mut(&mut self) -> Option<&mut Inner> {
        Arc::get_mut(&mut self.0)
    }

    /// Adds a field that JavaScript sees as an own property.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(inner) = self.inner_mut() {
            inner.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// Keeps the broker's own text, when it sent one.
    #[must_use]
    pub fn with_broker_message(self, text: Option<&str>) -> Self {
        match text {
            Some(text) if !text.is_empty() => self.with("brokerMessage", json!(text)),
            _ => self,
        }
    }

    /// Adds the error that led to this one.
    #[must_use]
    pub fn caused_by(mut self, cause: Self) -> Self {
        if let Some(inner) = self.inner_mut() {
            inner.cause = Some(cause);
        }
        self
    }

    /// Overrides what the kind says about retrying.
    #[must_use]
    pub fn with_retriable(mut self, retriable: bool) -> Self {
        if let Some(inner) = self.inner_mut() {
            inner.retriable = Some(retriable);
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text, without the cause's.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error that led to this one.
    pub fn cause(&self) -> Option<&Self> {
        self.0.cause.as_ref()
    }

    /// Field set by [`Error::with`].
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.fields.get(name)
    }

    /// Kafka error code, when the broker gave one.
    pub fn code(&self) -> Option<i16> {
        self.0.kind.code()
    }

    /// Whether trying again can help.
    pub fn is_retriable(&self) -> bool {
        if let Some(retriable) = self.0.retriable {
            return retriable;
        }
        match self.0.kind {
            ErrorKind::Retriable
            | ErrorKind::Connection
            | ErrorKind::ConnectionClosed
            | ErrorKind::RequestTimeout
            | ErrorKind::BrokerNotFound
            | ErrorKind::NoBrokerAvailable
            | ErrorKind::MetadataNotLoaded
            | ErrorKind::TopicMetadataNotLoaded
            | ErrorKind::DeleteGroups => true,
            kind => kind.code().is_some_and(error_code::is_retriable),
        }
    }

    /// Whether the connection the request travelled on is lost.
    pub fn is_connection(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Connection | ErrorKind::ConnectionClosed | ErrorKind::RequestTimeout
        )
    }

    /// Whether the cached leaders are wrong, so that a refresh has to come before a retry.
    pub fn is_stale_metadata(&self) -> bool {
        self.code().is_some_and(error_code::needs_metadata_refresh)
            || matches!(
                self.0.kind,
                ErrorKind::MetadataNotLoaded | ErrorKind::TopicMetadataNotLoaded | ErrorKind::BrokerNotFound
            )
    }

    /// Whether the cached coordinator is wrong.
    pub fn is_stale_coordinator(&self) -> bool {
        self.code().is_some_and(error_code::needs_coordinator_refresh)
    }

    /// The form in which the error crosses to JavaScript.
    pub fn payload(&self) -> Value {
        let mut payload = Map::new();
        payload.insert("kind".into(), json!(self.0.kind.class()));
        payload.insert("message".into(), json!(self.0.message));
        payload.insert("retriable".into(), json!(self.is_retriable()));
        if let Some(code) = self.code() {
            payload.insert("code".into(), json!(code));
        }
        if !self.0.fields.is_empty() {
            payload.insert("fields".into(), Value::Object(self.0.fields.clone()));
        }
        if let Some(cause) = &self.0.cause {
            payload.insert("cause".into(), cause.payload());
        }
        Value::Object(payload)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(cause) = &self.0.cause {
            out.field("cause", cause);
        }
        out.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_carries_class_code_fields_and_cause() {
        let error = Error::new(ErrorKind::RetriesExceeded, "x")
            .with("retryCount", json!(5))
            .caused_by(Error::protocol_with(3, Some("no such topic")));
        let payload = error.payload();
        assert_eq!(payload["kind"], "KafkaJSNumberOfRetriesExceeded");
        assert_eq!(payload["retriable"], false);
        assert_eq!(payload["fields"]["retryCount"], 5);
        assert_eq!(payload["cause"]["code"], 3);
        assert_eq!(payload["cause"]["retriable"], true);
        assert_eq!(payload["cause"]["fields"]["brokerMessage"], "no such topic");
    }

    #[test]
    fn fields_are_not_part_of_debug_output() {
        let error = Error::non_retriable("x").with("secret", json!("hunter2"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
