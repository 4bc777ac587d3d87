//! Administration: topics, configurations, groups, offsets, ACLs.
//!
//! An [`AdminHandle`] knows who owns a request (the controller, a group's coordinator, a partition's leader, one
//! broker) and follows it when it moves, with the client's back-off ([`handle`]). Each family of operations has a file
//! that turns typed arguments into requests and answers into typed results; [`operation`] is the list of all of them,
//! as they cross from JavaScript. Arguments arrive checked and complete: `src/admin/arguments` has kafkajs' checks and words.

pub mod acls;
mod binding;
pub mod configs;
pub mod group_offsets;
pub mod groups;
pub mod handle;
pub mod metadata;
pub mod operation;
pub mod partitions;
pub mod reassignments;
pub mod records;
pub mod topic_offsets;
pub mod topics;
mod values;

pub use handle::AdminHandle;
pub use operation::Operation;
