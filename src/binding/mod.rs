//! What every binding shares: the runtime, the completion queue, and bytes that cross without a copy.
//!
//! napi lives here and in the `binding.rs` of each capability, nowhere else. A binding converts and delegates: it has
//! no rules of its own.

pub mod buffer;
mod codec;
pub mod completion;
pub mod outcome;

pub use crate::tasks::Tasks;
pub use completion::{CompletionQueue, Completions};
