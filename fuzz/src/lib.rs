//! The files under test without the rest of the addon, which would take minutes to build with instrumentation.

#![allow(clippy::pedantic, dead_code, reason = "the crate that they belong to lints them")]

#[path = "../../src/protocol/mod.rs"]
pub mod protocol;
#[path = "../../src/network/sasl/scram.rs"]
pub mod scram;
