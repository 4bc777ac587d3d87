//! Lets any kafka-protocol message travel through rskafka's Messenger.
//!
//! The Messenger knows how to correlate and pipeline, but only speaks rskafka's own message traits; kafka-protocol
//! has every message, but knows nothing of connections. [`Wire`] is the one adapter between the two: it borrows the
//! version range and the header rules from the [`ApiSpec`] of the message and the bytes from kafka-protocol.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::buf::ByteBufMut;
use kafka_protocol::protocol::{Decodable, Encodable};
use rskafka::protocol::{
    api_key::ApiKey,
    api_version::{ApiVersion, ApiVersionRange},
    messages::{ReadVersionedError, ReadVersionedType, RequestBody, WriteVersionedError, WriteVersionedType},
    primitives::Int16,
    traits::{ReadError, WriteError},
};

use super::schema::{self, Misfit, Schema};
use super::versions::{ApiSpec, NEVER_FLEXIBLE};

/// A request message and what is needed to speak it.
///
/// kafka-protocol has such a trait too, but implements it only when built for client *and* broker, which doubles the
/// size of the addon.
pub trait KafkaRequest: Encodable + Send + Sync {
    /// The message the broker answers with.
    type Response: KafkaResponse + Send;
    /// Row of the version table.
    const SPEC: ApiSpec;
    /// Milliseconds the broker asks us to stay quiet on this connection (KIP-219); 0 when it does not.
    fn throttle_ms(response: &Self::Response) -> i32;
}

/// What an answer looks like, so that it can be looked through before it is decoded.
pub trait KafkaResponse: Decodable {
    /// First version with compact types and tagged fields; [`NEVER_FLEXIBLE`] if none.
    const FIRST_FLEXIBLE: i16;
    /// Its fields.
    const SCHEMA: &'static Schema;
}

/// Why an answer cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It does not keep to its schema.
    Misfit(Misfit),
    /// The decoder refuses a value: text that is not UTF-8, null where there is none.
    Value(anyhow::Error),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::Value(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Decodes the body of an answer. Byte fields stay slices of `body`; what the rest takes in memory is bounded by
/// [`MAX_DECODED`](super::schema::MAX_DECODED).
///
/// # Errors
/// What is wrong with it; nothing of it has been decoded then.
pub fn decode<T: KafkaResponse>(mut body: Bytes, version: i16) -> Result<T, Unreadable> {
    schema::walk(T::SCHEMA, &body, version, version >= T::FIRST_FLEXIBLE).map_err(Unreadable::Misfit)?;
    let decoded = T::decode(&mut body, version).map_err(Unreadable::Value)?;
    debug_assert!(body.is_empty(), "the schema and the decoder disagree");
    Ok(decoded)
}

/// A request that must not be sent in a version above `MAX`, although both sides speak one.
#[derive(Debug)]
pub struct Capped<R, const MAX: i16>(pub R);

impl<R: Encodable, const MAX: i16> Encodable for Capped<R, MAX> {
    fn encode<B: ByteBufMut>(&self, buf: &mut B, version: i16) -> anyhow::Result<()> {
        self.0.encode(buf, version)
    }

    fn compute_size(&self, version: i16) -> anyhow::Result<usize> {
        self.0.compute_size(version)
    }
}

impl<R: KafkaRequest, const MAX: i16> KafkaRequest for Capped<R, MAX> {
    type Response = R::Response;
    const SPEC: ApiSpec = ApiSpec {
        max: if MAX < R::SPEC.max { MAX } else { R::SPEC.max },
        ..R::SPEC
    };
    fn throttle_ms(response: &Self::Response) -> i32 {
        R::throttle_ms(response)
    }
}

/// What the adapter learned about one request while it passed through.
#[derive(Debug, Default)]
pub struct Trace {
    correlation_id: AtomicI32,
    version: AtomicI32,
    request_size: AtomicUsize,
}

impl Trace {
    /// Correlation id given by the Messenger; 0 before the request was encoded.
    pub fn correlation_id(&self) -> i32 {
        self.correlation_id.load(Ordering::Acquire)
    }

    /// Version both sides agreed on; 0 before the request was encoded.
    pub fn version(&self) -> i16 {
        i16::try_from(self.version.load(Ordering::Acquire)).unwrap_or_default()
    }

    /// Bytes of the request on the wire, length prefix included; 0 before the request was encoded.
    pub fn request_size(&self) -> usize {
        self.request_size.load(Ordering::Acquire)
    }
}

/// A kafka-protocol request in the shape rskafka's Messenger takes.
pub struct Wire<'a, R> {
    request: R,
    trace: &'a Trace,
    on_encoded: Option<&'a (dyn Fn(i32) + Send + Sync)>,
}

impl<R> std::fmt::Debug for Wire<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("trace", self.trace)
            .finish_non_exhaustive()
    }
}

impl<'a, R> Wire<'a, R> {
    /// Wraps `request`; what is learned on the way is written to `trace`.
    pub fn new(request: R, trace: &'a Trace) -> Self {
        Self {
            request,
            trace,
            on_encoded: None,
        }
    }

    /// Calls `hook` with the correlation id after encoding and before the first byte is written.
    #[must_use]
    pub fn on_encoded(mut self, hook: &'a (dyn Fn(i32) + Send + Sync)) -> Self {
        self.on_encoded = Some(hook);
        self
    }
}

/// The answer to a [`Wire`] request and the bytes it took.
#[derive(Debug)]
pub struct WireResponse<T> {
    /// The decoded message.
    pub body: T,
    /// Bytes of the frame without its length prefix.
    pub size: usize,
}

const fn version(v: i16) -> ApiVersion {
    ApiVersion(Int16(v))
}

impl<R: KafkaRequest> RequestBody for Wire<'_, R> {
    type ResponseBody = WireResponse<R::Response>;

    const API_KEY: ApiKey = rskafka_key(R::SPEC.key);
    const API_VERSION_RANGE: ApiVersionRange =
        ApiVersionRange::new(version(R::SPEC.min), version(R::SPEC.max));
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = version(R::SPEC.first_flexible);
    // ApiVersions is the one API whose answer keeps header v0 for ever, so that old clients can read it (KIP-511).
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = version(if R::SPEC.key == 18 {
        NEVER_FLEXIBLE
    } else {
        R::SPEC.first_flexible
    });
}

impl<R: KafkaRequest> WriteVersionedType<Vec<u8>> for Wire<'_, R> {
    fn write_versioned(&self, writer: &mut Vec<u8>, version: ApiVersion) -> Result<(), WriteVersionedError> {
        // The Messenger has already written the header: api key, api version, correlation id.
        let correlation_id = writer.get(4..8).map(|mut id| id.get_i32()).unwrap_or_default();
        let malformed = |e: String| WriteVersionedError::WriteError(WriteError::Malformed(e.into()));
        let size = self
            .request
            .compute_size(version.0.0)
            .map_err(|e| malformed(format!("{}: {e}", R::SPEC.name)))?;
        writer.reserve(size);
        self.request
            .encode(writer, version.0.0)
            .map_err(|e| malformed(format!("{}: {e}", R::SPEC.name)))?;
        self.trace
            .version
            .store(i32::from(version.0.0), Ordering::Release);
        self.trace.request_size.store(writer.len() + 4, Ordering::Release);
        self.trace.correlation_id.store(correlation_id, Ordering::Release);
        if let Some(hook) = self.on_encoded {
            hook(correlation_id);
        }
        Ok(())
    }
}

impl<T: KafkaResponse> ReadVersionedType<Cursor<Vec<u8>>> for WireResponse<T> {
    fn read_versioned(reader: &mut Cursor<Vec<u8>>, version: ApiVersion) -> Result<Self, ReadVersionedError> {
        let header = usize::try_from(reader.position()).unwrap_or(usize::MAX);
        // Taking the Vec out of the cursor turns the frame into shared bytes without a copy: record payloads of a
        // fetch stay slices of it. The Messenger's own check for trailing bytes then sees an empty frame at position
        // 0; the walk over the schema makes that check.
        let mut body = Bytes::from(std::mem::take(reader.get_mut()));
        reader.set_position(0);
        let size = body.len();
        body.advance(header.min(size));
        let decoded = decode(body, version.0.0)
            .map_err(|error| ReadVersionedError::ReadError(ReadError::Malformed(Box::new(error))))?;
        Ok(Self { body: decoded, size })
    }
}

/// rskafka's name of an API key. Keys rskafka does not name travel as `Unknown`.
pub const fn rskafka_key(key: i16) -> ApiKey {
    match key {
        0 => ApiKey::Produce,
        1 => ApiKey::Fetch,
        2 => ApiKey::ListOffsets,
        3 => ApiKey::Metadata,
        8 => ApiKey::OffsetCommit,
        9 => ApiKey::OffsetFetch,
        10 => ApiKey::FindCoordinator,
        11 => ApiKey::JoinGroup,
        12 => ApiKey::Heartbeat,
        13 => ApiKey::LeaveGroup,
        14 => ApiKey::SyncGroup,
        15 => ApiKey::DescribeGroups,
        16 => ApiKey::ListGroups,
        17 => ApiKey::SaslHandshake,
        18 => ApiKey::ApiVersions,
        19 => ApiKey::CreateTopics,
        20 => ApiKey::DeleteTopics,
        21 => ApiKey::DeleteRecords,
        22 => ApiKey::InitProducerId,
        24 => ApiKey::AddPartitionsToTxn,
        25 => ApiKey::AddOffsetsToTxn,
        26 => ApiKey::EndTxn,
        28 => ApiKey::TxnOffsetCommit,
        29 => ApiKey::DescribeAcls,
        30 => ApiKey::CreateAcls,
        31 => ApiKey::DeleteAcls,
        32 => ApiKey::DescribeConfigs,
        33 => ApiKey::AlterConfigs,
        36 => ApiKey::SaslAuthenticate,
        37 => ApiKey::CreatePartitions,
        42 => ApiKey::DeleteGroups,
        45 => ApiKey::AlterPartitionReassignments,
        46 => ApiKey::ListPartitionReassignments,
        other => ApiKey::Unknown(Int16(other)),
    }
}

/// Lets tests look at the encoded form without a Messenger.
///
/// # Errors
/// When the message cannot be written in that version.
pub fn encode_body<R: KafkaRequest>(request: &R, api_version: i16, out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut body = Vec::new();
    request
        .encode(&mut body, api_version)
        .map_err(std::io::Error::other)?;
    out.write_all(&body)
}
