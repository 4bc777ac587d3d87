//! What every binding shares: the runtime, the completion queue, and bytes that cross without a copy.
//!
//! napi lives here and in the `binding.rs` of each capability, nowhere else. A binding converts and delegates: it has
//! no rules of its own.
//!
//! # Threads and memory
//!
//! Two kinds of threads meet here: those of JavaScript (one per loaded copy of the module, also in worker threads) and
//! those of the runtime. Why there is no data race:
//!
//! * Safe Rust has none: everything that crosses is `Send`, what is shared is `Sync`. Outside of this folder nothing is
//!   `unsafe` (the crate denies it, `__test__/architecture.test.js` looks for it), so the question is this folder alone.
//! * [`completion`] shares one [`gathering`] behind a lock and a flag. No lock is held across a call into JavaScript.
//! * What JavaScript passes in is copied before the native method returns: the runtime never reads memory that a
//!   program can write to (`send`, `socket_received`, `sasl_authenticate`, `decode_batch`, `answer`).
//! * What JavaScript gets is memory that nothing in Rust reads any more ([`buffer::SharedBuffer`], the only `unsafe`
//!   there is). It is made from: the payload of a batch that has left the fetch buffer, whose ranges of one frame do not
//!   overlap, because the records of each partition are a range of their own; records to be compressed by a codec of the
//!   program, which are given away; bytes for a socket of the program, likewise; certificates, copied. Sections to be
//!   decompressed by a codec of the program are copies, because the original is read again.
//! * Napi values stay on the thread of their environment: only the thread-safe function is called from others, and it is
//!   taken out of the queue when its environment ends, under the lock that calls are made under.
//!
//! Miri cannot run what calls into Node; the two `unsafe` blocks have their reasons beside them.

pub mod buffer;
mod codec;
pub mod completion;
mod gathering;
pub mod outcome;

/// What [`gathering`] is made of; its test puts others in their place that try every order of events.
mod sync {
    pub use parking_lot::Mutex;
    pub use std::sync::atomic::{AtomicBool, Ordering};
}

pub use crate::tasks::Tasks;
pub use completion::{CompletionQueue, Completions};
