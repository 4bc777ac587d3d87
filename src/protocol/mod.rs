//! What the bytes mean: messages, versions, record batches, error codes. No sockets, no clock, no tasks.

pub mod compression;
pub mod consumer_protocol;
pub mod error_code;
pub mod murmur2;
pub mod records;
pub mod schema;
pub mod varint;
pub mod versions;
pub mod wire;
