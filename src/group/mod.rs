//! Membership in a consumer group, by the classic protocol.
//!
//! [`state`] decides where a member is, [`member`] carries it out: find the coordinator, JoinGroup, let an [`assignor`]
//! (ours, or the program's in JavaScript) deal the partitions out if this member leads, SyncGroup. [`heartbeat`] then
//! beats in the background, and [`poll_interval`] watches that handlers get on. [`offsets`] knows what was resolved and
//! what is stored, [`committer`] stores it. What they report reaches JavaScript as signals; when to join again is
//! decided there, because only there is known when the running handlers have finished.

pub mod assignor;
mod committer;
pub mod describe;
mod handle;
mod heartbeat;
mod member;
pub mod offsets;
pub mod poll_interval;
mod requests;
pub mod state;
mod topic_partition;

pub use committer::Committed;
pub use handle::{Group, GroupConfig};
pub use member::{Joined, Protocol, Subscription};
pub use topic_partition::TopicPartition;
