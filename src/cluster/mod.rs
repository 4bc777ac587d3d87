//! One client's view of the cluster.
//!
//! A [`ClusterHandle`] finds the broker that leads a partition or coordinates a group ([`coordinator`]), opens one
//! connection per [`Role`] to it ([`broker`]), keeps an immutable [`metadata`] snapshot fresh ([`refresh`]), and tries again with
//! kafkajs' back-off ([`retry`]). It knows nothing of producers or consumers.

pub mod binding;
pub mod broker;
mod coordinator;
mod handle;
pub mod metadata;
pub mod offsets;
mod refresh;
pub mod retry;

pub use broker::Role;
pub use coordinator::CoordinatorKind;
pub use handle::ClusterHandle;
pub use metadata::Metadata;
