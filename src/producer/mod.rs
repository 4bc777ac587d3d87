//! From a `send` call to acknowledged records.
//!
//! A call comes out of [`packed_calls`] and enters through [`intake`]: memory is reserved, its topics are looked up, and the
//! partition of every record is chosen, once. The [`accumulator`] holds a queue of batches per partition. A [`sender`] per leader drains what is
//! ready into one request; what a turn of the event loop sends while nothing is under way leaves [`at_once`].
//! [`delivery`] decides what the answer means and [`settle`] carries it out: deliver, try the
//! same bytes again, split, or give up. The [`refresher`] finds leaders that moved. [`idempotence`] numbers batches.

pub mod accumulator;
mod at_once;
pub mod batch;
mod binding;
pub mod call;
pub mod coordinate;
pub mod delivery;
mod encode;
mod handle;
pub mod idempotence;
mod identify;
mod intake;
mod packed_calls;
pub mod partitioner;
mod refresher;
mod sender;
mod settle;
pub mod transaction;

pub use call::{CallSink, ProducedPartition};
pub use handle::{ProducerConfig, ProducerHandle};
pub use intake::{Submission, Taken};
