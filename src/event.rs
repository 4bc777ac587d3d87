//! What the core reports: instrumentation events and log lines.
//!
//! Both are made only when somebody wants them: an event whose bit is off, and a log line above the level, cost one
//! atomic load and build nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The object `fields` with the fields of the object `more` added; anything but objects is left as it is.
pub fn with_fields(fields: Value, more: Value) -> Value {
    match (fields, more) {
        (Value::Object(mut fields), Value::Object(more)) => {
            fields.extend(more);
            Value::Object(fields)
        }
        (fields, _) => fields,
    }
}

/// An instrumentation event of kafkajs (`InstrumentationEvents`), by its name without the client's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum EventName {
    /// `network.request`
    Request = 1,
    /// `network.request_timeout`
    RequestTimeout = 1 << 1,
    /// `network.request_queue_size`
    RequestQueueSize = 1 << 2,
    /// `heartbeat`
    Heartbeat = 1 << 3,
    /// `commit_offsets`
    CommitOffsets = 1 << 4,
    /// `fetch_start`
    FetchStart = 1 << 5,
    /// `fetch`
    Fetch = 1 << 6,
}

impl EventName {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::RequestTimeout,
        Self::RequestQueueSize,
        Self::Heartbeat,
        Self::CommitOffsets,
        Self::FetchStart,
        Self::Fetch,
    ];

    /// Name as kafkajs spells it after the client's prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "network.request",
            Self::RequestTimeout => "network.request_timeout",
            Self::RequestQueueSize => "network.request_queue_size",
            Self::Heartbeat => "heartbeat",
            Self::CommitOffsets => "commit_offsets",
            Self::FetchStart => "fetch_start",
            Self::Fetch => "fetch",
        }
    }
}

/// kafkajs' log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// 1
    Error = 1,
    /// 2
    Warn = 2,
    /// 4
    Info = 4,
    /// 5
    Debug = 5,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Report {
    /// An instrumentation event.
    Event {
        /// Which.
        name: EventName,
        /// kafkajs' payload.
        payload: Value,
    },
    /// A line for the user's logger.
    Log {
        /// How loud.
        level: Level,
        /// kafkajs' namespace, such as `Connection`.
        namespace: &'static str,
        /// The text.
        message: String,
        /// Further fields; an object.
        extra: Value,
    },
    /// Something the JavaScript face of the same client has to react to, such as a rebalance.
    Signal {
        /// Which.
        name: &'static str,
        /// Details; an object.
        payload: Value,
    },
}

/// Something only the user's own code can answer: a codec, a token provider, an assigner.
#[derive(Debug)]
pub struct Question {
    /// Which.
    pub name: &'static str,
    /// Details; an object.
    pub payload: Value,
    /// Bytes that go with it.
    pub attachments: Vec<Bytes>,
    /// Where the answer goes. Dropped unanswered when nobody is left to answer.
    pub reply: oneshot::Sender<Result<Answer>>,
}

/// What the user's code gave. May be a password.
#[derive(Clone, Default)]
pub struct Answer {
    /// A value that went through JSON.
    pub value: Value,
    /// Bytes, if it gave some.
    pub bytes: Option<Bytes>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Takes reports to wherever the user is; implemented by the binding and by tests.
pub trait Observer: Send + Sync {
    /// Hands over one report. Must not block.
    fn report(&self, report: Report);

    /// Hands over one question. Must not block. By default nobody answers.
    fn ask(&self, question: Question) {
        drop(question);
    }
}

struct Shared {
    events: AtomicU32,
    level: AtomicU8,
    observer: Box<dyn Observer>,
}

/// Cheap clone through which the parts of one client report.
#[derive(Clone)]
pub struct Reporter(Arc<Shared>);

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

impl Reporter {
    /// Reports to `observer`; no event is on, and nothing is logged, until switched on.
    pub fn new(observer: Box<dyn Observer>) -> Self {
        Self(Arc::new(Shared {
            events: AtomicU32::new(0),
            level: AtomicU8::new(0),
            observer,
        }))
    }

    /// A reporter nobody listens to.
    pub fn silent() -> Self {
        struct Nobody;
        impl Observer for Nobody {
            fn report(&self, _report: Report) {}
        }
        Self::new(Box::new(Nobody))
    }

    /// Says which events somebody listens to: a sum of [`EventName`] bits.
    pub fn set_events(&self, mask: u32) {
        self.0.events.store(mask, Ordering::Relaxed);
    }

    /// Sets the level in kafkajs' numbers: 0 nothing, 1 error, 2 warn, 4 info, 5 debug.
    pub fn set_level(&self, level: u8) {
        self.0.level.store(level, Ordering::Relaxed);
    }

    /// Whether somebody listens to `name`.
    pub fn wants(&self, name: EventName) -> bool {
        self.0.events.load(Ordering::Relaxed) & name as u32 != 0
    }

    /// Emits `name` if somebody listens; `payload` is built only then.
    pub fn event(&self, name: EventName, payload: impl FnOnce() -> Value) {
        if self.wants(name) {
            self.0.observer.report(Report::Event {
                name,
                payload: payload(),
            });
        }
    }

    /// Logs if `level` is on; `line` (text, fields) is built only then.
    pub fn log(&self, level: Level, namespace: &'static str, line: impl FnOnce() -> (String, Value)) {
        if level as u8 <= self.0.level.load(Ordering::Relaxed) {
            let (message, extra) = line();
            self.0.observer.report(Report::Log {
                level,
                namespace,
                message,
                extra,
            });
        }
    }

    /// Asks the user's code. The caller bounds the time; an answer that comes after it gave up is dropped.
    ///
    /// # Errors
    /// What the user's code threw, or that nobody is left to answer.
    pub async fn ask(&self, name: &'static str, payload: Value, attachments: Vec<Bytes>) -> Result<Answer> {
        let (reply, answer) = oneshot::channel();
        self.0.observer.ask(Question {
            name,
            payload,
            attachments,
            reply,
        });
        answer.await.unwrap_or_else(|_| {
            Err(Error::non_retriable(format!(
                "Nobody is left to answer \"{name}\": the client was closed"
            )))
        })
    }

    /// Tells the JavaScript face something it must react to; always delivered.
    pub fn signal(&self, name: &'static str, payload: Value) {
        self.0.observer.report(Report::Signal { name, payload });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use serde_json::json;

    struct Sink(Arc<Mutex<Vec<String>>>);
    impl Observer for Sink {
        fn report(&self, report: Report) {
            self.0.lock().push(format!("{report:?}"));
        }
    }

    #[test]
    fn builds_nothing_nobody_asked_for() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reporter = Reporter::new(Box::new(Sink(Arc::clone(&seen))));
        reporter.event(EventName::Request, || unreachable!("built for nobody"));
        reporter.log(Level::Error, "Connection", || unreachable!("built for nobody"));
        reporter.set_events(EventName::Request as u32);
        reporter.set_level(2);
        reporter.event(EventName::Request, || json!({}));
        reporter.log(Level::Info, "Connection", || unreachable!("above the level"));
        reporter.log(Level::Warn, "Connection", || ("x".into(), json!({})));
        assert_eq!(seen.lock().len(), 2);
    }

    #[test]
    fn bits_and_names_are_distinct() {
        let mask = EventName::ALL.iter().fold(0, |mask, name| mask | *name as u32);
        assert_eq!(mask.count_ones() as usize, EventName::ALL.len());
    }
}
