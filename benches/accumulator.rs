//! The producer's queues: calls that gather into batches, and batches that leave.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests may be blunt"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kafkajs_rs::error::Error;
use kafkajs_rs::producer::accumulator::Accumulator;
use kafkajs_rs::producer::batch::{BatchKey, Chunk, Slot};
use kafkajs_rs::producer::call::{Call, CallSink, ProducedPartition};
use kafkajs_rs::protocol::compression::Codec;
use kafkajs_rs::protocol::records::{NULL, PackedRecords};
use tokio::time::Instant;

const BATCH_SIZE: usize = 1024 * 1024;
const REQUEST_SIZE: usize = 8 * 1024 * 1024;
const VALUE_BYTES: usize = 100;

const KEY: BatchKey = BatchKey {
    acks: -1,
    timeout_ms: 30_000,
    codec: Codec::None,
    registered_codec: false,
    level: None,
    transactional: false,
};

struct Nobody;

impl CallSink for Nobody {
    fn delivered(&self, _call: u32, _partitions: &[ProducedPartition]) {}
    fn failed(&self, _call: u32, _error: &Error) {}
}

/// A call of `records` records, all for one partition.
fn chunk(records: usize) -> Chunk {
    let value = u32::try_from(VALUE_BYTES).unwrap();
    // No partition, no timestamp, no key, the value, no headers.
    let table = [NULL, 0, 0x8000_0000, NULL, value, 0].repeat(records);
    let packed = PackedRecords {
        data: Bytes::from(vec![b'v'; VALUE_BYTES * records]),
        table,
    };
    let views = packed
        .parse()
        .expect("packed well")
        .map(|record| record.view)
        .collect();
    let bytes = records * (VALUE_BYTES + 20);
    Chunk {
        records: Arc::new(packed),
        views,
        bytes,
        call: Call::new(0, 1, bytes, Arc::new(Nobody)),
        topic_in_call: 0,
    }
}

fn slot(partition: usize) -> Slot {
    Slot {
        topic: 0,
        partition: i32::try_from(partition).unwrap(),
    }
}

fn gathering(c: &mut Criterion) {
    let mut group = c.benchmark_group("append and drain");
    for (calls, records, partitions) in [(1000, 1, 3), (1000, 1, 1000), (100, 100, 3)] {
        let chunks: Vec<(Slot, Chunk)> = (0..calls)
            .map(|call| (slot(call % partitions), chunk(records)))
            .collect();
        group.throughput(Throughput::ElementsAndBytes {
            elements: (calls * records) as u64,
            bytes: (calls * records * VALUE_BYTES) as u64,
        });
        let now = Instant::now();
        group.bench_function(
            format!("{calls} calls of {records}, {partitions} partitions"),
            |b| {
                let mut accumulator = Accumulator::new(BATCH_SIZE, Duration::ZERO);
                b.iter_batched(
                    || chunks.clone(),
                    |chunks| {
                        for (slot, chunk) in chunks {
                            accumulator.append(slot, KEY, chunk, now);
                        }
                        let batches = accumulator.drain(|_| 1, REQUEST_SIZE, now);
                        for batch in &batches {
                            accumulator.ended(batch.slot);
                        }
                        assert!(accumulator.is_idle());
                        batches
                    },
                    BatchSize::LargeInput,
                );
            },
        );
    }
}

criterion_group!(benches, gathering);
criterion_main!(benches);
