//! Authentication by SASL over SaslHandshake and SaslAuthenticate (KIP-43, KIP-152), and again before the session
//! ends (KIP-368).
//!
//! [`exchange`] drives a mechanism over a connection; [`plain`], [`scram`], [`oauthbearer`] and [`aws`] make and read
//! its bytes and know of nothing else; [`courier`] lets a user's provider do the talking; [`session`] knows when to do
//! it again. Credentials live in the user's object: they are asked for each time and kept no longer than the exchange.

mod aws;
mod courier;
mod exchange;
mod oauthbearer;
mod plain;
mod scram;
mod session;

pub use courier::Couriers;
pub use exchange::Authenticator;
pub use session::{Session, Standing};
