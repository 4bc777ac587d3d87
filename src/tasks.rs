//! The tokio runtime of the process, and the tasks of one client.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Shorter than the deadlines of requests: 30 s by default.
const TICK: Duration = Duration::from_secs(5);

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
        .spawn(move || runtime.block_on(tick()))?;
    Ok(handle)
}

/// A deadline that another thread sets wakes the runtime's thread, unless that would wake before it anyway. So that the
/// deadline of a request never does, it always wakes before.
async fn tick() {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
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
        self.spawn_boxed(Box::pin(task));
    }

    /// As [`Tasks::spawn`]. One type for all tasks: what tokio makes of each type of its own took 0.3 MB of the addon.
    pub fn spawn_boxed(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(self.owned(task));
    }

    /// As [`Tasks::spawn`], but begins on this thread. The runtime's thread takes it over when what it waits for has
    /// come, and not before: to wake it for nothing takes longer than to send a small request.
    pub fn begin(&self, task: BoxFuture<'static, ()>) {
        let mut task: BoxFuture<'static, ()> = Box::pin(self.owned(task));
        let begun = Arc::new(Begun {
            runtime: self.runtime.clone(),
            stage: Mutex::new(Stage::Polled),
        });
        let waker = Waker::from(Arc::clone(&begun));
        let _runtime = self.runtime.enter();
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            begun.park(task);
        }
    }

    /// `task`, known to the owner.
    fn owned(&self, task: BoxFuture<'static, ()>) -> impl Future<Output = ()> + Send + use<> {
        let cancelled = self.cancelled.clone();
        self.tracker.track_future(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = task => {}
            }
        })
    }

    /// Ends every task at its next await. Idempotent.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }
}

/// A task that began outside of the runtime.
struct Begun {
    runtime: Handle,
    stage: Mutex<Stage>,
}

enum Stage {
    /// The thread that began it polls it.
    Polled,
    /// As before; what it waits for has come meanwhile.
    Woken,
    /// It waits. What it waits for refers to it, and lets go of it by waking it: the end of its owner at the latest.
    Parked(BoxFuture<'static, ()>),
    /// The runtime has it, or it has ended.
    Gone,
}

impl Begun {
    /// After the poll that left it pending.
    fn park(&self, task: BoxFuture<'static, ()>) {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Woken) {
            *stage = Stage::Gone;
            drop(stage);
            self.runtime.spawn(task);
        } else {
            *stage = Stage::Parked(task);
        }
    }
}

impl Wake for Begun {
    fn wake(self: Arc<Self>) {
        let mut stage = self.stage.lock();
        let (next, task) = match std::mem::replace(&mut *stage, Stage::Gone) {
            Stage::Polled | Stage::Woken => (Stage::Woken, None),
            Stage::Parked(task) => (Stage::Gone, Some(task)),
            Stage::Gone => (Stage::Gone, None),
        };
        *stage = next;
        drop(stage);
        if let Some(task) = task {
            self.runtime.spawn(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn soon<T>(told: oneshot::Receiver<T>) -> T {
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.expect("in time").expect("not dropped")
    }

    #[tokio::test]
    async fn a_task_begins_here_and_goes_on_in_the_runtime() {
        let tasks = Tasks::new().expect("a runtime");
        let (go, gone) = oneshot::channel::<()>();
        let (begun, beginning) = oneshot::channel();
        let (done, ending) = oneshot::channel();
        tasks.begin(Box::pin(async move {
            let _ = begun.send(thread::current().id());
            let _ = gone.await;
            let _ = done.send(thread::current().name().map(str::to_owned));
        }));
        let here = thread::current().id();
        assert_eq!(beginning.await, Ok(here), "without waiting");
        go.send(()).expect("it waits");
        assert_eq!(soon(ending).await.as_deref(), Some("kafkajs-rs"));
    }

    #[tokio::test]
    async fn what_comes_while_a_task_begins_is_not_missed() {
        let tasks = Tasks::new().expect("a runtime");
        let (done, ending) = oneshot::channel();
        tasks.begin(Box::pin(async move {
            // Wakes, and leaves it pending.
            tokio::task::yield_now().await;
            let mut woken = false;
            std::future::poll_fn(|context| {
                if woken {
                    return std::task::Poll::Ready(());
                }
                woken = true;
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
            let _ = done.send(());
        }));
        soon(ending).await;
    }

    #[tokio::test]
    async fn the_end_of_the_owner_ends_a_task_that_has_only_begun() {
        let tasks = Tasks::new().expect("a runtime");
        let (held, dropped) = oneshot::channel::<()>();
        tasks.begin(Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        tasks.cancel();
        let dropped = tokio::time::timeout(PATIENCE, dropped).await;
        assert!(dropped.expect("in time").is_err());
    }
}
