//! Bytes to and from brokers.
//!
//! [`dial`] opens a transport, [`stream`] makes it fit for rskafka's Messenger, [`connection`] adds deadlines,
//! throttling and events, [`handshake`] agrees on versions. Nothing above this folder opens a socket, and nothing in
//! it knows what a topic is.

pub mod connection;
mod dial;
mod endpoint;
mod handshake;
pub mod stream;

pub use connection::{Connection, Deadline, VersionRanges};
pub use endpoint::Endpoint;
pub use handshake::{establish, open};
