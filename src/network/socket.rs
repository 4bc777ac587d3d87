//! The Rust end of a socket that a user's `socketFactory` made.
//!
//! JavaScript owns the socket; its other end here is a transport like any other. What the socket receives is copied
//! in, what we write is pulled out by JavaScript when the socket takes more, so both directions have back-pressure.
//! Every byte crosses the boundary and is copied once, about 35 us a crossing: for tunnels and odd networks, not for
//! throughput.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::dial::coded_failure;
use super::endpoint::Endpoint;
use super::tls::CodedError;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Reporter;

/// Bytes held in one direction before the other side is asked to wait.
const HIGH_WATER: usize = 1024 * 1024;

/// How the socket ended.
#[derive(Debug, Clone)]
enum End {
    Closed,
    Failed(CodedError),
}

#[derive(Default)]
struct State {
    incoming: VecDeque<Bytes>,
    incoming_bytes: usize,
    ended: Option<End>,
    outgoing: Vec<Bytes>,
    outgoing_bytes: usize,
    abandoned: bool,
}

/// What both ends of a socket share.
#[derive(Default)]
struct Bridge {
    state: Mutex<State>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    written: Notify,
    drained: Notify,
}

/// The sockets of one client, by number.
#[derive(Default)]
pub struct Sockets {
    last: AtomicU32,
    bridges: Mutex<HashMap<u32, Arc<Bridge>>>,
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets")
            .field("open", &self.bridges.lock().len())
            .finish_non_exhaustive()
    }
}

impl Sockets {
    /// Has JavaScript make a socket to `endpoint` and waits until it is connected.
    ///
    /// # Errors
    /// `KafkaJSConnectionError`: `Failed to connect: ...` if the factory threw, `Connection error: ...` if the socket
    /// could not connect.
    pub async fn open(self: &Arc<Self>, endpoint: &Endpoint, reporter: &Reporter) -> Result<SocketTransport> {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let bridge = Arc::new(Bridge::default());
        self.bridges.lock().insert(id, Arc::clone(&bridge));
        // Made first: giving up while the socket connects has to end it.
        let transport = SocketTransport { bridge };
        let details = json!({ "socket": id, "host": endpoint.host, "port": endpoint.port });
        let answer = reporter.ask("socket.open", details, Vec::new()).await?.value;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        match (text("threw"), text("failed")) {
            (Some(text), _) => Err(
                Error::new(ErrorKind::Connection, format!("Failed to connect: {text}"))
                    .with("broker", json!(endpoint.to_string())),
            ),
            (None, Some(message)) => {
                let error = CodedError {
                    code: text("code").map(Into::into),
                    message: message.into(),
                };
                Err(coded_failure(endpoint, error))
            }
            (None, None) => Ok(transport),
        }
    }

    fn bridge(&self, id: u32) -> Option<Arc<Bridge>> {
        self.bridges.lock().get(&id).cloned()
    }

    /// The socket received `bytes`. Says whether it may go on; if not, it should pause until
    /// [`Sockets::drained`] resolves.
    pub fn received(&self, id: u32, bytes: Bytes) -> bool {
        let Some(bridge) = self.bridge(id) else {
            return true;
        };
        let mut state = bridge.state.lock();
        if state.abandoned {
            return true;
        }
        state.incoming_bytes += bytes.len();
        state.incoming.push_back(bytes);
        let go_on = state.incoming_bytes < HIGH_WATER;
        drop(state);
        bridge.reader.wake();
        go_on
    }

    /// Resolves when the connection has read enough for the socket to go on.
    pub async fn drained(&self, id: u32) {
        let Some(bridge) = self.bridge(id) else { return };
        loop {
            let drained = bridge.drained.notified();
            let enough = {
                let state = bridge.state.lock();
                state.abandoned || state.incoming_bytes < HIGH_WATER / 2
            };
            if enough {
                return;
            }
            drained.await;
        }
    }

    /// The socket has ended; with `error` if it failed.
    pub fn ended(&self, id: u32, error: Option<CodedError>) {
        let Some(bridge) = self.bridge(id) else { return };
        let end = error.map_or(End::Closed, End::Failed);
        bridge.state.lock().ended.get_or_insert(end);
        bridge.reader.wake();
        bridge.writer.wake();
    }

    /// What to write to the socket next; empty when the connection has ended and all was written.
    pub async fn outgoing(&self, id: u32) -> Vec<Bytes> {
        let Some(bridge) = self.bridge(id) else {
            return Vec::new();
        };
        loop {
            let written = bridge.written.notified();
            {
                let mut state = bridge.state.lock();
                if !state.outgoing.is_empty() {
                    state.outgoing_bytes = 0;
                    let taken = std::mem::take(&mut state.outgoing);
                    drop(state);
                    bridge.writer.wake();
                    return taken;
                }
                if state.abandoned {
                    self.bridges.lock().remove(&id);
                    return Vec::new();
                }
            }
            written.await;
        }
    }
}

/// The connection's end. Dropping it ends the socket after what was written.
pub struct SocketTransport {
    bridge: Arc<Bridge>,
}

impl std::fmt::Debug for SocketTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketTransport").finish_non_exhaustive()
    }
}

impl Drop for SocketTransport {
    fn drop(&mut self) {
        let mut state = self.bridge.state.lock();
        state.abandoned = true;
        state.incoming.clear();
        drop(state);
        // One permit each: whoever asks next finds it.
        self.bridge.written.notify_one();
        self.bridge.drained.notify_one();
    }
}

impl AsyncRead for SocketTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.bridge.reader.register(cx.waker());
        let mut state = self.bridge.state.lock();
        let Some(chunk) = state.incoming.front_mut() else {
            return match &state.ended {
                None => Poll::Pending,
                Some(End::Closed) => Poll::Ready(Ok(())),
                Some(End::Failed(error)) => Poll::Ready(Err(io::Error::other(error.clone()))),
            };
        };
        let take = chunk.len().min(buf.remaining());
        buf.put_slice(chunk.get(..take).unwrap_or_default());
        chunk.advance(take);
        if chunk.is_empty() {
            state.incoming.pop_front();
        }
        state.incoming_bytes = state.incoming_bytes.saturating_sub(take);
        if state.incoming_bytes < HIGH_WATER / 2 {
            self.bridge.drained.notify_one();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SocketTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.bridge.writer.register(cx.waker());
        let mut state = self.bridge.state.lock();
        match &state.ended {
            Some(End::Failed(error)) => return Poll::Ready(Err(io::Error::other(error.clone()))),
            Some(End::Closed) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            None => {}
        }
        if state.outgoing_bytes >= HIGH_WATER {
            return Poll::Pending;
        }
        let take = data.len().min(HIGH_WATER);
        state
            .outgoing
            .push(Bytes::copy_from_slice(data.get(..take).unwrap_or_default()));
        state.outgoing_bytes += take;
        drop(state);
        self.bridge.written.notify_one();
        Poll::Ready(Ok(take))
    }

    /// Written is what was handed over: the socket's own buffer is JavaScript's.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Answer, Observer, Question, Report};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A socket factory whose outcome is always the same.
    fn factory(outcome: Value) -> Reporter {
        struct Factory(Value);
        impl Observer for Factory {
            fn report(&self, _report: Report) {}
            fn ask(&self, question: Question) {
                assert_eq!(
                    (question.name, &question.payload["host"]),
                    ("socket.open", &json!("kafka"))
                );
                question
                    .reply
                    .send(Ok(Answer {
                        value: self.0.clone(),
                        bytes: None,
                    }))
                    .unwrap();
            }
        }
        Reporter::new(Box::new(Factory(outcome)))
    }

    async fn socket() -> (Arc<Sockets>, SocketTransport) {
        let sockets = Arc::new(Sockets::default());
        let endpoint = Endpoint {
            host: "kafka".into(),
            port: 9092,
        };
        let transport = sockets.open(&endpoint, &factory(Value::Null)).await.unwrap();
        (sockets, transport)
    }

    #[tokio::test]
    async fn bytes_go_both_ways_in_order() {
        let (sockets, mut transport) = socket().await;
        assert!(sockets.received(0, Bytes::from_static(b"ab")));
        assert!(sockets.received(0, Bytes::from_static(b"cde")));
        let mut read = [0; 5];
        transport.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abcde");
        transport.write_all(b"one").await.unwrap();
        transport.write_all(b"two").await.unwrap();
        assert_eq!(sockets.outgoing(0).await.concat(), b"onetwo");
    }

    #[tokio::test]
    async fn a_fast_socket_is_told_to_pause_until_it_was_read() {
        let (sockets, mut transport) = socket().await;
        assert!(!sockets.received(0, Bytes::from(vec![7; HIGH_WATER])));
        assert!(futures::poll!(Box::pin(sockets.drained(0))).is_pending());
        let mut read = vec![0; HIGH_WATER];
        let (_, ()) = tokio::join!(transport.read_exact(&mut read), sockets.drained(0));
    }

    #[tokio::test]
    async fn a_slow_socket_holds_the_writer() {
        let (sockets, mut transport) = socket().await;
        transport.write_all(&vec![1; HIGH_WATER]).await.unwrap();
        let mut more = Box::pin(transport.write_all(b"more"));
        assert!(futures::poll!(&mut more).is_pending());
        assert_eq!(sockets.outgoing(0).await.concat().len(), HIGH_WATER);
        more.await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_connection_writes_its_rest_and_then_ends_the_socket() {
        let (sockets, mut transport) = socket().await;
        transport.write_all(b"last").await.unwrap();
        drop(transport);
        assert_eq!(sockets.outgoing(0).await.concat(), b"last");
        assert!(sockets.outgoing(0).await.is_empty());
        assert!(sockets.bridges.lock().is_empty());
    }

    #[tokio::test]
    async fn the_end_of_the_socket_comes_after_its_bytes() {
        let (sockets, mut transport) = socket().await;
        sockets.received(0, Bytes::from_static(b"x"));
        sockets.ended(0, None);
        let mut read = Vec::new();
        transport.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"x");
    }

    #[tokio::test]
    async fn a_failing_socket_fails_reads_and_writes_with_its_words() {
        let (sockets, mut transport) = socket().await;
        sockets.ended(0, Some(CodedError::new("ECONNRESET", "read ECONNRESET")));
        for error in [
            transport.read_u8().await.err(),
            transport.write_all(b"x").await.err(),
        ] {
            assert_eq!(error.unwrap().to_string(), "read ECONNRESET");
        }
    }

    #[tokio::test]
    async fn a_socket_that_cannot_be_made_leaves_nothing() {
        let sockets = Arc::new(Sockets::default());
        let endpoint = Endpoint {
            host: "kafka".into(),
            port: 9092,
        };
        let outcomes = [
            (
                json!({ "threw": "no sockets" }),
                "Failed to connect: no sockets",
                None,
            ),
            (
                json!({ "failed": "no", "code": "ENO" }),
                "Connection error: no",
                Some(&json!("ENO")),
            ),
        ];
        for (outcome, text, code) in outcomes {
            let error = sockets
                .open(&endpoint, &factory(outcome))
                .await
                .expect_err("no socket");
            assert_eq!((error.message(), error.field("code")), (text, code));
            assert!(error.is_connection());
        }
        for id in 0..2 {
            assert!(sockets.outgoing(id).await.is_empty());
        }
        assert!(sockets.bridges.lock().is_empty());
    }
}
