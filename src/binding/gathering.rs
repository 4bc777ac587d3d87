//! What gathers for the event loop between two wake-ups, from any number of threads.
//!
//! The promise: whatever is added is taken by a wake-up that is asked for after it was added, or was on its way then.
//! `tests/interleavings.rs` tries the orders in which two threads and the event loop can take turns.

use super::sync::{AtomicBool, Mutex, Ordering};

/// See the module text.
#[derive(Debug, Default)]
pub struct Gathering<T> {
    pending: Mutex<T>,
    waking: AtomicBool,
}

impl<T: Default> Gathering<T> {
    /// Adds by `put`, and says whether the caller has to wake the event loop; otherwise that is under way.
    ///
    /// `put` runs under a lock: it must not call back.
    #[must_use = "nobody would take what was added"]
    pub fn add(&self, put: impl FnOnce(&mut T)) -> bool {
        put(&mut self.pending.lock());
        !self.waking.swap(true, Ordering::AcqRel)
    }

    /// Takes all that is there. For the event loop alone.
    pub fn take(&self) -> T {
        // Lowered before taking: whoever adds something after this wakes again. The other way round, what is added
        // between the two would lie here until something else is added.
        self.waking.swap(false, Ordering::AcqRel);
        std::mem::take(&mut *self.pending.lock())
    }
}
