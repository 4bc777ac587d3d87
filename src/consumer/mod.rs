//! One run of a consumer: what its group assigned is fetched ahead and handed out batch by batch.
//!
//! [`Session`] is what the binding holds. Its [`partitions`] decide, without a clock or a socket: per partition a
//! [`cursor`] with the position, one [`fetch_buffer`] for what lies here, the pauses of [`subscription`], and who holds
//! which batch. Tasks carry it out: [`positions`] finds where reading begins ([`offset_reset`]), one [`fetcher`] per
//! broker asks ([`fetch_request`]), [`absorb`]s what comes and [`decode`]s it, leaving out what transactions took back
//! ([`read_committed`]), and the [`supervisor`] keeps fetchers and metadata in step with the cluster. JavaScript pulls;
//! nothing is pushed to it but the word that something is there.

mod absorb;
mod binding;
pub mod cursor;
pub mod decode;
pub mod fetch_buffer;
mod fetch_request;
mod fetcher;
mod handle;
pub mod offset_reset;
pub mod partitions;
mod positions;
pub mod read_committed;
pub mod subscription;
mod supervisor;

pub use handle::{FetchConfig, Session, Start};
