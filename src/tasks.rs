//! The tokio runtime of the process, and the tasks of one client.

use std::future::Future;
use std::sync::OnceLock;

use futures::future::BoxFuture;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The runtime; started by the first client, so that loading the module starts no thread.
///
/// One thread does all of a process's waiting. A second one would cost more than it brings: each request would wake
/// both, of which one finds nothing to do (measured: 7 more system calls for an awaited `send`). What takes long,
/// compression above all, runs in threads of its own (`spawn_blocking`).
///
/// # Errors
/// When the operating system refuses threads.
pub fn runtime() -> std::io::Result<&'static Handle> {
    static RUNTIME: OnceLock<std::io::Result<Handle>> = OnceLock::new();
    match RUNTIME.get_or_init(start) {
        Ok(handle) => Ok(handle),
        Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
    }
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("kafkajs-rs".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
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
        self.spawn_boxed(Box::pin(task));
    }

    /// As [`Tasks::spawn`]. One type for all tasks: what tokio makes of each type of its own took 0.3 MB of the addon.
    pub fn spawn_boxed(&self, task: BoxFuture<'static, ()>) {
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

    /// Lets this thread poll what needs the runtime's timers and sockets, until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Ends every task at its next await. Idempotent.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }
}
