//! Lets any kafka-protocol message travel through rskafka's Messenger.
//!
//! The Messenger knows how to correlate and pipeline, but only speaks rskafka's own message traits; kafka-protocol
//! has every message, but knows nothing of connections. [`Wire`] is the one adapter between the two: it borrows the
//! header rules from the [`ApiSpec`] of the message and the bytes from kafka-protocol.

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
    traits::WriteError,
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
    request_size: AtomicUsize,
}

impl Trace {
    /// Correlation id given by the Messenger; 0 before the request was encoded.
    pub fn correlation_id(&self) -> i32 {
        self.correlation_id.load(Ordering::Acquire)
    }

    /// Bytes of the request on the wire, length prefix included; 0 before the request was encoded.
    pub fn request_size(&self) -> usize {
        self.request_size.load(Ordering::Acquire)
    }
}

/// A request that writes its own body, whatever it is: what the Messenger does with requests need not be compiled for
/// each of them.
pub trait Body: Send + Sync {
    /// Appends the body in that version.
    ///
    /// # Errors
    /// What cannot be written.
    fn write(&self, out: &mut Vec<u8>, version: i16) -> Result<(), String>;
}

impl<R: KafkaRequest> Body for R {
    fn write(&self, out: &mut Vec<u8>, version: i16) -> Result<(), String> {
        let malformed = |error: anyhow::Error| format!("{}: {error}", R::SPEC.name);
        out.reserve(self.compute_size(version).map_err(malformed)?);
        self.encode(out, version).map_err(malformed)
    }
}

/// Called with the correlation id after encoding and before the first byte is written.
pub type OnEncoded<'a> = &'a (dyn Fn(i32) + Send + Sync);

/// Any request in the shape rskafka's Messenger takes.
///
/// The Messenger writes the header from constants of the type, so there is one type for each form of it (KIP-482), and key
/// and version are put into the header afterwards. Both sides of the Messenger's own choice of a version are
/// [`MESSENGER_RANGE`] of [`MESSENGER_KEY`]: the version is chosen before.
pub struct Wire<'a, const TAGS_IN_REQUEST: bool, const TAGS_IN_RESPONSE: bool> {
    body: &'a dyn Body,
    key: i16,
    version: i16,
    trace: &'a Trace,
    on_encoded: Option<OnEncoded<'a>>,
}

impl<const TAGS_IN_REQUEST: bool, const TAGS_IN_RESPONSE: bool> std::fmt::Debug
    for Wire<'_, TAGS_IN_REQUEST, TAGS_IN_RESPONSE>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("trace", self.trace)
            .finish_non_exhaustive()
    }
}

/// Key under which the Messenger finds every [`Wire`] request.
pub const MESSENGER_KEY: ApiKey = ApiKey::Unknown(Int16(-1));

/// The version that the Messenger takes every [`Wire`] request for.
pub const MESSENGER_RANGE: ApiVersionRange = ApiVersionRange::new(version(0), version(0));

impl<'a, const TAGS_IN_REQUEST: bool, const TAGS_IN_RESPONSE: bool>
    Wire<'a, TAGS_IN_REQUEST, TAGS_IN_RESPONSE>
{
    /// A request of the API with this key in `version`; what is learned on the way is written to `trace`.
    pub fn new(
        key: i16,
        version: i16,
        body: &'a dyn Body,
        trace: &'a Trace,
        on_encoded: Option<OnEncoded<'a>>,
    ) -> Self {
        Self {
            body,
            key,
            version,
            trace,
            on_encoded,
        }
    }
}

/// The answer to a request, not decoded yet.
#[derive(Debug)]
pub struct Frame {
    /// The body.
    pub body: Bytes,
    /// Bytes of the frame without its length prefix.
    pub size: usize,
}

/// The answer to a request and the bytes it took.
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

const fn first_with_tags(tags: bool) -> ApiVersion {
    version(if tags { 0 } else { NEVER_FLEXIBLE })
}

impl<const TAGS_IN_REQUEST: bool, const TAGS_IN_RESPONSE: bool> RequestBody
    for Wire<'_, TAGS_IN_REQUEST, TAGS_IN_RESPONSE>
{
    type ResponseBody = Frame;

    const API_KEY: ApiKey = MESSENGER_KEY;
    const API_VERSION_RANGE: ApiVersionRange = MESSENGER_RANGE;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = first_with_tags(TAGS_IN_REQUEST);
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = first_with_tags(TAGS_IN_RESPONSE);
}

impl<const TAGS_IN_REQUEST: bool, const TAGS_IN_RESPONSE: bool> WriteVersionedType<Vec<u8>>
    for Wire<'_, TAGS_IN_REQUEST, TAGS_IN_RESPONSE>
{
    fn write_versioned(&self, writer: &mut Vec<u8>, _version: ApiVersion) -> Result<(), WriteVersionedError> {
        // The Messenger has already written the header: api key, api version, correlation id.
        let [k0, k1] = self.key.to_be_bytes();
        let [v0, v1] = self.version.to_be_bytes();
        if let Some(head) = writer.first_chunk_mut() {
            *head = [k0, k1, v0, v1];
        }
        let correlation_id = writer.get(4..8).map(|mut id| id.get_i32()).unwrap_or_default();
        self.body
            .write(writer, self.version)
            .map_err(|error| WriteVersionedError::WriteError(WriteError::Malformed(error.into())))?;
        self.trace.request_size.store(writer.len() + 4, Ordering::Release);
        self.trace.correlation_id.store(correlation_id, Ordering::Release);
        if let Some(hook) = self.on_encoded {
            hook(correlation_id);
        }
        Ok(())
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for Frame {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        _version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        let header = usize::try_from(reader.position()).unwrap_or(usize::MAX);
        // Taking the Vec out of the cursor turns the frame into shared bytes without a copy: record payloads of a
        // fetch stay slices of it. The Messenger's own check for trailing bytes then sees an empty frame at position
        // 0; the walk over the schema makes that check.
        let mut body = Bytes::from(std::mem::take(reader.get_mut()));
        reader.set_position(0);
        let size = body.len();
        body.advance(header.min(size));
        Ok(Self { body, size })
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
