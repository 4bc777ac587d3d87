//! One `send` or `sendBatch` call: how much of it is still under way, and what came of the rest.

use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::error::Error;

/// Result of one produce call for one partition; crosses to JavaScript as numbers, not as an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducedPartition {
    /// Position of the topic in the call.
    pub topic: u32,
    /// Partition number.
    pub partition: i32,
    /// Offset of the call's first record in that partition.
    pub base_offset: i64,
    /// Milliseconds since 1970, or -1 when the topic keeps the producer's timestamps.
    pub log_append_time: i64,
    /// First offset the partition still has, or -1 if the broker did not say.
    pub log_start_offset: i64,
}

/// Takes the outcome of calls to whoever waits; implemented by the binding and by tests. Must not block.
pub trait CallSink: Send + Sync {
    /// Every part of the call was delivered. Empty for acks 0, where nobody says where records went.
    fn delivered(&self, call: u32, partitions: &[ProducedPartition]);
    /// A part of the call failed for good; the others have ended, too.
    fn failed(&self, call: u32, error: &Error);
}

struct Progress {
    parts: usize,
    partitions: SmallVec<[ProducedPartition; 1]>,
    error: Option<Error>,
    bytes: usize,
    told: bool,
}

/// See the module text. Settled exactly once, when its last part ends.
pub struct Call {
    id: u32,
    sink: Arc<dyn CallSink>,
    progress: Mutex<Progress>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A call with `parts` parts under way that holds `bytes` of the producer's memory.
    pub fn new(id: u32, parts: usize, bytes: usize, sink: Arc<dyn CallSink>) -> Arc<Self> {
        let progress = Progress {
            parts,
            partitions: SmallVec::new(),
            error: None,
            bytes,
            told: false,
        };
        Arc::new(Self {
            id,
            sink,
            progress: Mutex::new(progress),
        })
    }

    /// One part becomes `parts`: a topic's records were spread over its partitions.
    pub fn split(&self, parts: usize) {
        self.progress.lock().parts += parts.saturating_sub(1);
    }

    /// Takes it upon the caller to tell of the outcome at once; the sink will not hear of this call. False if a part has
    /// failed already, so that the sink knows.
    pub fn tell_at_once(&self) -> bool {
        let mut progress = self.progress.lock();
        progress.told = progress.parts > 0 && progress.error.is_none();
        progress.told
    }

    /// One part arrived; `None` if the broker does not say where. Gives back the memory of the call when it was the
    /// last one.
    pub fn delivered(&self, partition: Option<ProducedPartition>) -> usize {
        self.end_part(|progress| progress.partitions.extend(partition))
    }

    /// One part failed for good. The first failure is the call's.
    pub fn failed(&self, error: Error) -> usize {
        self.end_part(|progress| {
            progress.error.get_or_insert(error);
        })
    }

    fn end_part(&self, note: impl FnOnce(&mut Progress)) -> usize {
        let mut progress = self.progress.lock();
        note(&mut progress);
        progress.parts = progress.parts.saturating_sub(1);
        if progress.parts > 0 {
            return 0;
        }
        let bytes = std::mem::take(&mut progress.bytes);
        let error = progress.error.take();
        let mut partitions = std::mem::take(&mut progress.partitions);
        let told = progress.told;
        drop(progress);
        if told {
            return bytes;
        }
        if let Some(error) = error {
            self.sink.failed(self.id, &error);
        } else {
            partitions.sort_unstable_by_key(|part| (part.topic, part.partition));
            self.sink.delivered(self.id, &partitions);
        }
        bytes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[derive(Default)]
    pub(crate) struct Sink(pub Mutex<Vec<(u32, Result<Vec<ProducedPartition>, Error>)>>);
    impl CallSink for Sink {
        fn delivered(&self, call: u32, partitions: &[ProducedPartition]) {
            self.0.lock().push((call, Ok(partitions.to_vec())));
        }
        fn failed(&self, call: u32, error: &Error) {
            self.0.lock().push((call, Err(error.clone())));
        }
    }

    fn part(partition: i32) -> ProducedPartition {
        ProducedPartition {
            topic: 0,
            partition,
            base_offset: 7,
            log_append_time: -1,
            log_start_offset: 0,
        }
    }

    #[test]
    fn settles_once_with_its_partitions_in_order_and_gives_back_its_memory() {
        let sink = Arc::new(Sink::default());
        let call = Call::new(1, 1, 100, Arc::clone(&sink) as _);
        call.split(2);
        assert_eq!(call.delivered(Some(part(1))), 0);
        assert_eq!(call.delivered(Some(part(0))), 100);
        assert_eq!(sink.0.lock().len(), 1);
        assert_eq!(sink.0.lock()[0].1.as_ref().unwrap(), &[part(0), part(1)]);
    }

    #[test]
    fn what_was_told_at_once_is_not_told_again_but_holds_its_memory_to_the_end() {
        let sink = Arc::new(Sink::default());
        let call = Call::new(1, 2, 100, Arc::clone(&sink) as _);
        assert!(call.tell_at_once());
        assert_eq!(call.delivered(None), 0);
        assert_eq!(call.failed(Error::protocol(3)), 100);
        assert!(sink.0.lock().is_empty());
    }

    #[test]
    fn what_has_failed_cannot_be_told_at_once() {
        let sink = Arc::new(Sink::default());
        let call = Call::new(1, 1, 100, Arc::clone(&sink) as _);
        call.failed(Error::protocol(3));
        assert!(!call.tell_at_once());
        assert_eq!(sink.0.lock().len(), 1);
    }

    #[test]
    fn fails_with_the_first_error_once_every_part_has_ended() {
        let sink = Arc::new(Sink::default());
        let call = Call::new(1, 3, 100, Arc::clone(&sink) as _);
        call.failed(Error::protocol(10));
        call.delivered(Some(part(0)));
        assert!(sink.0.lock().is_empty());
        assert_eq!(call.failed(Error::protocol(3)), 100);
        assert_eq!(sink.0.lock()[0].1.as_ref().expect_err("failed").code(), Some(10));
    }
}
