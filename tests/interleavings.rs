//! Every order in which threads can take turns, up to a number of interruptions, where the program is not ordered by a
//! lock alone.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests may be blunt"
)]

/// The file under test finds these in the place of the real ones.
mod sync {
    pub use loom::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

#[path = "../src/binding/gathering.rs"]
mod gathering;

use gathering::Gathering;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use sync::Ordering;

/// Threads that add, each so many times.
const THREADS: usize = 2;
const TIMES: usize = 2;
/// How often a thread is interrupted where it need not wait. Without a bound the orders would take minutes.
const PREEMPTIONS: usize = 2;

#[test]
fn whatever_is_added_is_taken_by_a_wake_up_that_was_asked_for() {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(PREEMPTIONS);
    orders.check(|| {
        let gathering = Arc::new(Gathering::<Vec<usize>>::default());
        let wake_ups = Arc::new(AtomicUsize::new(0));
        let adding: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (gathering, wake_ups) = (Arc::clone(&gathering), Arc::clone(&wake_ups));
                thread::spawn(move || {
                    for time in 0..TIMES {
                        if gathering.add(|pending| pending.push(thread * TIMES + time)) {
                            wake_ups.fetch_add(1, Ordering::AcqRel);
                        }
                    }
                })
            })
            .collect();
        let mut taken = Vec::new();
        let mut answered = 0;
        // The event loop, which may be awake while things are added; it takes only when it was woken.
        let mut turn = |taken: &mut Vec<usize>| {
            if wake_ups.load(Ordering::Acquire) > answered {
                answered += 1;
                taken.extend(gathering.take());
                return true;
            }
            false
        };
        turn(&mut taken);
        for thread in adding {
            thread.join().unwrap();
        }
        while turn(&mut taken) {}
        taken.sort_unstable();
        assert_eq!(taken, (0..THREADS * TIMES).collect::<Vec<_>>());
    });
}
