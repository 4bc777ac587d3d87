//! The completion queue: how results, events and log lines reach JavaScript.
//!
//! A promise per call made by napi costs 4-13 us, most of it waking the event loop. Here every result of every client
//! goes into one queue, the loop is woken once for whatever has gathered, and JavaScript settles its own promises:
//! 1.4 us a call at 100 in flight. The thread-safe function behind it is weak, so a queue keeps no process alive;
//! `hold` and `release` do, while clients are connected or calls pending.
//!
//! The queue needs no bound of its own: calls are bounded by those who make them, and events are made by those calls.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, FnArgs, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::buffer::SharedBuffer;
use super::gathering::Gathering;
use super::outcome::from_json;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Answer, EventName, Level, Observer, Question, Report};
use crate::producer::ProducedPartition;
use crate::tasks::Tasks;

#[derive(Default)]
struct Pending {
    /// `[call, count, (topic, partition, base offset, append time, start offset: low and high halves)*]*`
    produced: Vec<i32>,
    /// `[call, ok, value]` or `[0, client, name, payload]`, comma separated JSON.
    control: String,
    attachments: Vec<Bytes>,
}

impl Pending {
    fn push_control(&mut self, entry: &str) {
        if !self.control.is_empty() {
            self.control.push(',');
        }
        self.control.push_str(entry);
    }
}

type Doorbell = ThreadsafeFunction<(), Unknown<'static>, FnArgs<CallbackArgs>, Status, false, true>;
type CallbackArgs = (Option<Buffer>, Option<String>, Option<Vec<SharedBuffer>>);

/// Questions of this process's copy of the module that wait for the user's code.
#[derive(Default)]
struct Questions {
    next: u32,
    waiting: HashMap<u32, oneshot::Sender<Result<Answer>>>,
}

struct Queue {
    pending: Gathering<Pending>,
    questions: Mutex<Questions>,
    doorbell: Mutex<Option<Doorbell>>,
}

impl Queue {
    /// Adds by `put` and wakes the event loop, unless it is already on its way.
    fn add(&self, put: impl FnOnce(&mut Pending)) {
        if !self.pending.add(put) {
            return;
        }
        if let Some(doorbell) = self.doorbell.lock().as_ref() {
            // A closing environment refuses; nobody is left to be told.
            let _ = doorbell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// Rust's end of the queue: cheap clone.
#[derive(Clone)]
pub struct Completions(Arc<Queue>);

impl std::fmt::Debug for Completions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completions").finish_non_exhaustive()
    }
}

impl Completions {
    /// Settles call `call` with a value, or rejects it.
    pub fn settle(&self, call: u32, result: &Result<Value>) {
        let entry = match result {
            Ok(value) => format!("[{call},1,{value}]"),
            Err(error) => format!("[{call},0,{}]", error.payload()),
        };
        self.0.add(|pending| pending.push_control(&entry));
    }

    /// Settles call `call` with a value and buffers, which JavaScript finds in its `attachments` from the index on that
    /// is put into the entry.
    pub fn settle_with(&self, call: u32, value: &Value, attachments: Vec<Bytes>) {
        self.0.add(|pending| {
            let (first, count) = (pending.attachments.len(), attachments.len());
            pending.attachments.extend(attachments);
            pending.push_control(&format!("[{call},2,{value},{first},{count}]"));
        });
    }

    /// Settles a produce call with what the brokers acknowledged.
    pub fn settle_produced(&self, call: u32, partitions: &[ProducedPartition]) {
        self.0.add(|pending| {
            let table = &mut pending.produced;
            table.reserve(2 + partitions.len() * 8);
            table.push(call.cast_signed());
            table.push(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
            for part in partitions {
                table.push(part.topic.cast_signed());
                table.push(part.partition);
                for number in [part.base_offset, part.log_append_time, part.log_start_offset] {
                    table.push(low_half(number));
                    table.push(high_half(number));
                }
            }
        });
    }

    /// Runs `operation` as a task of `tasks` and settles `call` with its outcome. If the owner ends first, the call is
    /// rejected.
    pub fn run<F>(&self, tasks: &Tasks, call: u32, operation: F)
    where
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        let guard = Unsettled {
            completions: self.clone(),
            call,
            armed: true,
        };
        tasks.spawn(async move {
            let result = operation.await;
            guard.settle(&result);
        });
    }

    /// As [`Completions::run`], for an operation that gives buffers as well.
    pub fn run_with<F>(&self, tasks: &Tasks, call: u32, operation: F)
    where
        F: Future<Output = Result<(Value, Vec<Bytes>)>> + Send + 'static,
    {
        let mut guard = Unsettled {
            completions: self.clone(),
            call,
            armed: true,
        };
        tasks.spawn(async move {
            match operation.await {
                Ok((value, attachments)) => {
                    guard.armed = false;
                    guard.completions.settle_with(call, &value, attachments);
                }
                Err(error) => guard.settle(&Err(error)),
            }
        });
    }
}

/// Rejects its call when dropped unsettled, so that a cancelled task leaves no promise behind.
struct Unsettled {
    completions: Completions,
    call: u32,
    armed: bool,
}

impl Unsettled {
    fn settle(mut self, result: &Result<Value>) {
        self.armed = false;
        self.completions.settle(self.call, result);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if self.armed {
            let gone =
                Error::retriable_error("The client was disconnected while the operation was under way");
            self.completions.settle(self.call, &Err(gone));
        }
    }
}

/// Low 32 bits, as JavaScript reads them from an `Int32Array`.
#[expect(clippy::cast_possible_truncation, reason = "the half is what is wanted")]
pub const fn low_half(number: i64) -> i32 {
    number as i32
}

/// High 32 bits.
pub const fn high_half(number: i64) -> i32 {
    (number >> 32) as i32
}

/// Reports of one client, tagged with its number.
#[derive(Debug)]
pub struct ClientObserver {
    completions: Completions,
    client: u32,
}

impl ClientObserver {
    /// Reports as client `client` of this module instance.
    pub fn new(completions: Completions, client: u32) -> Self {
        Self { completions, client }
    }
}

impl Observer for ClientObserver {
    fn report(&self, report: Report) {
        let entry = match report {
            Report::Event { name, payload } => json!([0, self.client, "event", name.as_str(), payload]),
            Report::Log {
                level,
                namespace,
                message,
                extra,
            } => {
                json!([0, self.client, "log", level as u8, namespace, message, extra])
            }
            Report::Signal { name, payload } => json!([0, self.client, "signal", name, payload]),
        };
        let entry = entry.to_string();
        self.completions.0.add(|pending| pending.push_control(&entry));
    }

    fn ask(&self, question: Question) {
        let Question {
            name,
            payload,
            attachments,
            reply,
        } = question;
        let queue = &self.completions.0;
        let id = {
            let mut questions = queue.questions.lock();
            // Whoever gave up waiting has no use for an answer any more.
            questions.waiting.retain(|_, reply| !reply.is_closed());
            questions.next = questions.next.wrapping_add(1);
            let id = questions.next;
            questions.waiting.insert(id, reply);
            id
        };
        queue.add(|pending| {
            let (first, count) = (pending.attachments.len(), attachments.len());
            pending.attachments.extend(attachments);
            pending
                .push_control(&json!([0, self.client, "ask", name, id, payload, first, count]).to_string());
        });
    }
}

/// JavaScript's end of the queue; one per loaded copy of the module.
#[napi(js_name = "CompletionQueue")]
#[derive(Debug)]
pub struct CompletionQueue {
    completions: Completions,
}

#[napi]
impl CompletionQueue {
    /// `callback(produced, control, attachments)` is called with everything that gathered since its last call:
    /// `produced` is a Buffer over int32 numbers or null, `control` the inside of a JSON array or null, `attachments`
    /// an array of Buffers or null.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        callback: Function<'_, FnArgs<CallbackArgs>, Unknown<'static>>,
    ) -> napi::Result<Self> {
        let queue = Arc::new(Queue {
            pending: Gathering::default(),
            questions: Mutex::new(Questions::default()),
            doorbell: Mutex::new(None),
        });
        let weak = Arc::downgrade(&queue);
        let doorbell = callback
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_: ThreadsafeCallContext<()>| {
                let Some(queue) = weak.upgrade() else {
                    return Ok((None, None, None).into());
                };
                Ok(arguments(queue.pending.take()))
            })?;
        *queue.doorbell.lock() = Some(doorbell);
        let on_exit = Arc::clone(&queue);
        env.add_env_cleanup_hook(on_exit, |queue| drop(queue.doorbell.lock().take()))?;
        Ok(Self {
            completions: Completions(queue),
        })
    }

    /// Keeps the event loop alive until [`CompletionQueue::release`].
    #[napi]
    pub fn hold(&self, env: Env) -> napi::Result<()> {
        self.refer(env, true)
    }

    /// Lets the process end when nothing else keeps it.
    #[napi]
    pub fn release(&self, env: Env) -> napi::Result<()> {
        self.refer(env, false)
    }

    /// Answers a question: `value` is JSON, `bytes` what goes with it; with `failed` the value is an error's payload.
    #[napi]
    pub fn answer(
        &self,
        question: u32,
        failed: bool,
        value: String,
        bytes: Option<&[u8]>,
    ) -> napi::Result<()> {
        let reply = self.completions.0.questions.lock().waiting.remove(&question);
        let Some(reply) = reply else { return Ok(()) };
        let value: Value = from_json("answer", &value)?;
        let answer = if failed {
            let text = value
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("The callback failed")
                .to_owned();
            let number = value.get("ref").cloned().unwrap_or_default();
            let retriable = value
                .get("retriable")
                .and_then(Value::as_bool)
                .unwrap_or_default();
            Err(Error::new(ErrorKind::User, text)
                .with("ref", number)
                .with_retriable(retriable))
        } else {
            Ok(Answer {
                value,
                bytes: bytes.map(Bytes::copy_from_slice),
            })
        };
        // The one who asked may have given up meanwhile.
        let _ = reply.send(answer);
        Ok(())
    }

    #[expect(
        deprecated,
        reason = "cloning cannot be undone from JavaScript; ref and unref can"
    )]
    fn refer(&self, env: Env, hold: bool) -> napi::Result<()> {
        match self.completions.0.doorbell.lock().as_mut() {
            Some(doorbell) if hold => doorbell.refer(&env),
            Some(doorbell) => doorbell.unref(&env),
            None => Ok(()),
        }
    }
}

impl CompletionQueue {
    /// Rust's end.
    pub fn completions(&self) -> Completions {
        self.completions.clone()
    }
}

fn arguments(taken: Pending) -> FnArgs<CallbackArgs> {
    let produced = (!taken.produced.is_empty()).then(|| {
        let bytes: Vec<u8> = taken
            .produced
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect();
        Buffer::from(bytes)
    });
    let control = (!taken.control.is_empty()).then_some(taken.control);
    let attachments =
        (!taken.attachments.is_empty()).then(|| taken.attachments.into_iter().map(SharedBuffer).collect());
    (produced, control, attachments).into()
}

/// Log levels and event bits, so that JavaScript need not repeat the numbers.
#[napi]
pub fn event_bits() -> String {
    let bits: serde_json::Map<String, Value> = EventName::ALL
        .iter()
        .map(|name| (name.as_str().to_owned(), json!(*name as u32)))
        .collect();
    json!({ "events": bits, "levels": [Level::Error as u8, Level::Warn as u8, Level::Info as u8, Level::Debug as u8] })
        .to_string()
}
