//! Bytes to and from brokers.
//!
//! [`dial`] opens a transport, encrypted by [`tls`] or made by the user ([`socket`]); [`stream`] makes it fit for
//! rskafka's Messenger, [`connection`] adds deadlines, throttling and events, [`handshake`] agrees on versions and has
//! [`sasl`] authenticate. Nothing above this folder opens a socket, and nothing in it knows what a topic is.

pub mod binding;
pub mod connection;
mod dial;
mod endpoint;
mod handshake;
mod messenger;
mod sasl;
mod socket;
pub mod stream;
mod tls;
mod version_ranges;

pub use connection::{Connection, Deadline};
pub use dial::Dialer;
pub use endpoint::Endpoint;
pub use sasl::Couriers;
pub use socket::Sockets;
pub use tls::CodedError;
pub use version_ranges::VersionRanges;
