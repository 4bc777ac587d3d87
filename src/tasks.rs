//! The tokio runtime of the process, and the tasks of one client.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Compression and encoding run on these too, so one thread would let a large batch delay a heartbeat.
const WORKERS: usize = 2;

/// The runtime; started by the first client, so that loading the module starts no thread.
///
/// # Errors
/// When the operating system refuses threads.
pub fn runtime() -> std::io::Result<&'static Handle> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("kafkajs-rs")
            .enable_io()
            .enable_time()
            .build()
    });
    match started {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
    }
}

/// Owns every task of one client: ends them, and waits until they have ended.
#[derive(Debug, Clone)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
    cancelled: CancellationToken,
}

impl Tasks {
    /// No task yet.
    ///
    /// # Errors
    /// As [`runtime`].
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            runtime: runtime()?.clone(),
            tracker: TaskTracker::new(),
            cancelled: CancellationToken::new(),
        })
    }

    /// Runs `task` until it ends or the owner does.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancelled = self.cancelled.clone();
        self.tracker.spawn_on(
            async move {
                tokio::select! {
                    () = cancelled.cancelled() => {}
                    () = task => {}
                }
            },
            &self.runtime,
        );
    }

    /// Ends every task at its next await. Idempotent.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }
}
