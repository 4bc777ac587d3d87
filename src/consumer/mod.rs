//! The consumer's side of the core.

pub mod cursor;
pub mod fetch_buffer;
pub mod offset_reset;
pub mod partitions;
pub mod read_committed;
pub mod subscription;
