//! The byte stream under rskafka's Messenger: whatever carries the bytes, made to fit.
//!
//! Three things the Messenger needs and does not do itself:
//! * it writes a frame's length and body separately, so writes are held back until flush (two small segments would
//!   wait for each other's acknowledgement: 44 ms a produce);
//! * it has no deadline and no way out, so a [`Switch`] fails the read side at once and with it everyone who waits;
//! * it reads an oversized frame to its end before it complains, so a frame's size is checked when its length arrives.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::tls::CodedError;

/// Anything that carries bytes: TCP, TLS, a user's JavaScript socket, memory in tests.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A frame smaller than this is copied into one write; a larger one is handed over where it lies.
const WRITE_BUFFER: usize = 64 * 1024;
/// Bytes asked of the transport at once while frames are small.
const READ_BUFFER: usize = 16 * 1024;

/// Ends a stream from outside, and tells when a frame has left.
#[derive(Debug, Default)]
pub struct Switch {
    closed: AtomicBool,
    reader: AtomicWaker,
    awaited: Mutex<HashMap<i32, oneshot::Sender<()>>>,
    has_awaited: AtomicBool,
}

impl Switch {
    /// Fails the read side: everyone who waits for an answer is told at once. Idempotent.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.awaited.lock().clear();
        self.reader.wake();
    }

    /// Whether the stream has ended, for whatever reason.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// A receiver that fires when the frame with this correlation id has been handed to the transport, and fails when
    /// the stream ends before.
    pub fn await_sent(&self, correlation_id: i32) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        if !self.is_closed() {
            self.awaited.lock().insert(correlation_id, sender);
            self.has_awaited.store(true, Ordering::Release);
        }
        receiver
    }

    fn sent(&self, correlation_ids: &mut Vec<i32>) {
        if self.has_awaited.load(Ordering::Acquire) {
            let mut awaited = self.awaited.lock();
            for id in correlation_ids.iter() {
                if let Some(sender) = awaited.remove(id) {
                    // The waiter may have given up meanwhile; then nobody needs to know.
                    let _ = sender.send(());
                }
            }
            self.has_awaited.store(!awaited.is_empty(), Ordering::Release);
        }
        correlation_ids.clear();
    }
}

/// Follows frame boundaries in a sequence of chunks.
#[derive(Debug, Default)]
struct FrameCursor {
    header: [u8; 12],
    header_len: usize,
    remaining: usize,
}

impl FrameCursor {
    /// Takes note of bytes that went by; `on_header` sees the first `want` bytes of each frame.
    fn advance(
        &mut self,
        mut chunk: &[u8],
        want: usize,
        mut on_header: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while !chunk.is_empty() {
            if self.header_len < want {
                let take = (want - self.header_len).min(chunk.len());
                let (head, tail) = chunk.split_at(take);
                if let Some(slot) = self.header.get_mut(self.header_len..self.header_len + take) {
                    slot.copy_from_slice(head);
                }
                self.header_len += take;
                chunk = tail;
                if self.header_len < want {
                    return Ok(());
                }
                let header = self.header.get(..want).unwrap_or_default();
                on_header(header)?;
                let mut length = header;
                let length = if length.len() >= 4 { length.get_i32() } else { 0 };
                self.remaining = usize::try_from(length).unwrap_or(0).saturating_sub(want - 4);
            }
            let skip = self.remaining.min(chunk.len());
            self.remaining -= skip;
            chunk = chunk.get(skip..).unwrap_or_default();
            if self.remaining == 0 {
                self.header_len = 0;
            }
        }
        Ok(())
    }
}

/// The stream the Messenger owns. See the module text.
pub struct WireStream {
    transport: Box<dyn Transport>,
    switch: Arc<Switch>,
    max_frame: usize,
    incoming: BytesMut,
    incoming_frames: FrameCursor,
    outgoing: BytesMut,
    outgoing_frames: FrameCursor,
    unflushed: Vec<i32>,
}

impl std::fmt::Debug for WireStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireStream")
            .field("switch", &self.switch)
            .finish_non_exhaustive()
    }
}

impl WireStream {
    /// Wraps `transport`. A frame announced as longer than `max_frame` bytes ends the stream.
    pub fn new(transport: Box<dyn Transport>, max_frame: usize) -> (Self, Arc<Switch>) {
        let switch = Arc::new(Switch::default());
        let stream = Self {
            transport,
            switch: Arc::clone(&switch),
            max_frame,
            incoming: BytesMut::new(),
            incoming_frames: FrameCursor::default(),
            outgoing: BytesMut::new(),
            outgoing_frames: FrameCursor::default(),
            unflushed: Vec::new(),
        };
        (stream, switch)
    }

    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let take = self.incoming.len().min(buf.remaining());
        let max_frame = self.max_frame;
        let chunk = self.incoming.split_to(take);
        self.incoming_frames
            .advance(&chunk, 4, |mut header| check_size(header.get_i32(), max_frame))?;
        buf.put_slice(&chunk);
        Ok(())
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut self.transport).poll_write(cx, &self.outgoing))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn note_outgoing(&mut self, chunk: &[u8]) {
        let unflushed = &mut self.unflushed;
        // Length, api key, api version, correlation id. Our own frames are never malformed, so nothing can fail here.
        let _ = self.outgoing_frames.advance(chunk, 12, |header| {
            if let Some(mut id) = header.get(8..12) {
                unflushed.push(id.get_i32());
            }
            Ok(())
        });
    }
}

/// First bytes of the alert with which a TLS server answers what is not TLS, read as a frame's size.
const TLS_ALERT: i32 = i32::from_be_bytes([21, 3, 0, 0]);

fn check_size(size: i32, max_frame: usize) -> io::Result<()> {
    if size & i32::from_be_bytes([0xff, 0xff, 0, 0]) == TLS_ALERT {
        let error = CodedError::new(
            "EPROTO",
            "the peer speaks TLS and we do not: the ssl option turns it on",
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    match usize::try_from(size) {
        Ok(size) if size <= max_frame => Ok(()),
        Ok(size) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the peer announced a frame of {size} bytes, the limit is {max_frame}: is it a Kafka broker?"
            ),
        )),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the peer announced a frame of {size} bytes: is it a Kafka broker?"),
        )),
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "Closed connection")
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.switch.reader.register(cx.waker());
        if this.switch.is_closed() {
            return Poll::Ready(Err(closed()));
        }
        if !this.incoming.is_empty() {
            let delivered = this.deliver(buf);
            if delivered.is_err() {
                this.switch.close();
            }
            return Poll::Ready(delivered);
        }
        let result = if buf.remaining() >= READ_BUFFER {
            let before = buf.filled().len();
            match ready!(Pin::new(&mut this.transport).poll_read(cx, buf)) {
                Ok(()) => {
                    let max_frame = this.max_frame;
                    let chunk = buf.filled().get(before..).unwrap_or_default();
                    let ended = chunk.is_empty();
                    this.incoming_frames
                        .advance(chunk, 4, |mut header| check_size(header.get_i32(), max_frame))
                        .map(|()| ended)
                }
                Err(error) => Err(error),
            }
        } else {
            this.incoming.resize(READ_BUFFER, 0);
            let mut block = ReadBuf::new(&mut this.incoming);
            let polled = Pin::new(&mut this.transport).poll_read(cx, &mut block);
            let filled = block.filled().len();
            this.incoming.truncate(filled);
            match ready!(polled) {
                Ok(()) => this.deliver(buf).map(|()| filled == 0),
                Err(error) => Err(error),
            }
        };
        match result {
            Ok(ended) => {
                if ended {
                    this.switch.close();
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                this.switch.close();
                Poll::Ready(Err(error))
            }
        }
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.switch.is_closed() {
            return Poll::Ready(Err(closed()));
        }
        if this.outgoing.len() + data.len() <= WRITE_BUFFER {
            this.outgoing.extend_from_slice(data);
            this.note_outgoing(data);
            return Poll::Ready(Ok(data.len()));
        }
        loop {
            let parts = [IoSlice::new(&this.outgoing), IoSlice::new(data)];
            let written = ready!(Pin::new(&mut this.transport).poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let held = this.outgoing.len();
            this.outgoing.advance(written.min(held));
            if written > held {
                let taken = written - held;
                this.note_outgoing(data.get(..taken).unwrap_or_default());
                return Poll::Ready(Ok(taken));
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        ready!(Pin::new(&mut this.transport).poll_flush(cx))?;
        let switch = Arc::clone(&this.switch);
        switch.sent(&mut this.unflushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.transport).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn length_and_body_leave_together_on_flush() {
        let (ours, mut peer) = tokio::io::duplex(1024);
        let (mut stream, switch) = WireStream::new(Box::new(ours), 1024);
        let sent = switch.await_sent(7);
        stream.write_all(&[0, 0, 0, 10]).await.unwrap();
        stream.write_all(&[0, 3, 0, 1, 0, 0, 0, 7, 9, 9]).await.unwrap();
        assert!(
            futures::poll!(Box::pin(peer.read_u8())).is_pending(),
            "nothing before flush"
        );
        stream.flush().await.unwrap();
        sent.await.unwrap();
        let mut frame = [0; 14];
        peer.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, [0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 7, 9, 9]);
    }

    #[tokio::test]
    async fn a_large_frame_keeps_its_order_behind_a_held_back_length() {
        let (ours, mut peer) = tokio::io::duplex(1024);
        let (mut stream, _) = WireStream::new(Box::new(ours), 1 << 20);
        let body: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let expected = body.clone();
        let writer = tokio::spawn(async move {
            stream.write_all(&200_000_i32.to_be_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
            stream.flush().await.unwrap();
            stream
        });
        let mut seen = vec![0; 200_004];
        peer.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen[..4], 200_000_i32.to_be_bytes());
        assert_eq!(seen[4..], expected);
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn a_frame_beyond_the_limit_or_negative_ends_the_stream_at_its_length() {
        for size in [1025_i32, -1, i32::from_be_bytes(*b"HTTP")] {
            let (ours, mut peer) = tokio::io::duplex(1024);
            let (mut stream, switch) = WireStream::new(Box::new(ours), 1024);
            peer.write_all(&size.to_be_bytes()).await.unwrap();
            let error = stream.read_u32().await.expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(switch.is_closed());
        }
    }

    #[tokio::test]
    async fn a_tls_server_is_recognized() {
        let (ours, mut peer) = tokio::io::duplex(1024);
        let (mut stream, _) = WireStream::new(Box::new(ours), usize::MAX);
        peer.write_all(&[21, 3, 3, 0, 2, 2, 80]).await.unwrap();
        let error = stream.read_u32().await.expect_err("no frame");
        assert!(error.to_string().contains("speaks TLS"), "{error}");
    }

    #[tokio::test]
    async fn frames_split_at_every_byte_are_delivered_whole() {
        let (ours, mut peer) = tokio::io::duplex(1);
        let (mut stream, _) = WireStream::new(Box::new(ours), 1024);
        let frames = [&[0, 0, 0, 5][..], b"hello", &[0, 0, 0, 0], &[0, 0, 0, 2], b"ok"].concat();
        let sent = frames.clone();
        tokio::spawn(async move {
            for byte in sent {
                peer.write_all(&[byte]).await.unwrap();
            }
        });
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, frames);
    }

    #[tokio::test]
    async fn closing_fails_a_pending_read_and_awaited_frames() {
        let (ours, _peer) = tokio::io::duplex(1024);
        let (mut stream, switch) = WireStream::new(Box::new(ours), 1024);
        let awaited = switch.await_sent(1);
        let reader = tokio::spawn(async move { stream.read_u8().await });
        tokio::task::yield_now().await;
        switch.close();
        assert_eq!(
            reader.await.unwrap().expect_err("closed").kind(),
            io::ErrorKind::ConnectionAborted
        );
        assert!(awaited.await.is_err());
        assert!(switch.await_sent(2).await.is_err());
    }

    #[tokio::test]
    async fn the_peer_hanging_up_closes_the_switch() {
        let (ours, peer) = tokio::io::duplex(1024);
        let (mut stream, switch) = WireStream::new(Box::new(ours), 1024);
        drop(peer);
        assert!(stream.read_u8().await.is_err());
        assert!(switch.is_closed());
    }
}
