//! TLS by rustls, with the options, the judgement and the error codes of Node's `tls.connect`.
//!
//! [`client`] turns the `ssl` option into a rustls configuration once per client and shakes hands, [`keys`] reads what
//! the option brings along, [`verifier`] judges the broker's certificate chain ([`certificate`] reads what rustls
//! does not show, [`version1`] covers certificates it refuses to read), [`failure`] says in Node's words what went
//! wrong.

mod certificate;
mod client;
mod failure;
mod keys;
mod verifier;
mod version1;

pub use client::TlsClient;
pub use failure::{CodedError, coded};
