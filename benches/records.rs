//! Packing checked, batches encoded, batches indexed: records a second and bytes a second, beside what a plain copy and
//! a plain checksum of the same bytes cost.

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
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot do its work has to stop"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use kafkajs_rs::protocol::compression::{Codec, Decompressor};
use kafkajs_rs::protocol::murmur2::partition_for_key;
use kafkajs_rs::protocol::records::{
    BatchHeader, DecodeOptions, NO_TIMESTAMP, NULL, PackedRecords, RecordView, Scratch, encode_batch,
    index_batches_with,
};

/// What the records of a benchmark look like.
struct Shape {
    name: &'static str,
    count: usize,
    value: usize,
    key: bool,
    headers: usize,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "256 B",
        count: 4000,
        value: 256,
        key: false,
        headers: 0,
    },
    Shape {
        name: "100 B, key",
        count: 4000,
        value: 100,
        key: true,
        headers: 0,
    },
    Shape {
        name: "256 B, 2 headers",
        count: 4000,
        value: 256,
        key: false,
        headers: 2,
    },
    Shape {
        name: "1 KB, key",
        count: 1000,
        value: 1024,
        key: true,
        headers: 0,
    },
];

/// The halves of [`NO_TIMESTAMP`].
const NO_TIMESTAMP_LOW: u32 = 0;
const NO_TIMESTAMP_HIGH: u32 = 0x8000_0000;
const _: () = assert!(NO_TIMESTAMP == i64::MIN);

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("a length of 32 bits")
}

impl Shape {
    fn pack(&self) -> PackedRecords {
        let (mut data, mut table) = (Vec::new(), Vec::new());
        let mut field = |table: &mut Vec<u32>, bytes: &[u8]| {
            table.push(number(bytes.len()));
            data.extend_from_slice(bytes);
        };
        for order in 0..self.count {
            table.extend([NULL, NO_TIMESTAMP_LOW, NO_TIMESTAMP_HIGH]);
            if self.key {
                field(&mut table, format!("user-{order:08}").as_bytes());
            } else {
                table.push(NULL);
            }
            let json = format!(
                "{{\"orderId\":{order},\"amount\":{},\"items\":[1,2,3]}}",
                order * 7919 % 10_007
            );
            field(
                &mut table,
                &json.bytes().cycle().take(self.value).collect::<Vec<_>>(),
            );
            table.push(number(self.headers));
            for header in 0..self.headers {
                field(&mut table, format!("header-{header}").as_bytes());
                field(&mut table, b"0123456789abcdef");
            }
        }
        PackedRecords {
            data: Bytes::from(data),
            table,
        }
    }
}

const HEADER: BatchHeader = BatchHeader {
    codec: Codec::None,
    level: None,
    producer_id: -1,
    producer_epoch: 0,
    base_sequence: 0,
    transactional: false,
    now_ms: 1_700_000_000_000,
    partition_leader_epoch: -1,
};

fn views(packed: &PackedRecords) -> Vec<RecordView> {
    packed
        .parse()
        .expect("packed well")
        .map(|record| record.view)
        .collect()
}

fn encode(packed: &PackedRecords, codec: Codec) -> Vec<u8> {
    let (mut out, views) = (Vec::new(), views(packed));
    let records = views.iter().map(|view| (packed, *view));
    let header = BatchHeader { codec, ..HEADER };
    encode_batch(&mut out, records, &header, &mut Scratch::default()).expect("encoded");
    out
}

fn throughput(group: &mut BenchmarkGroup<'_, WallTime>, elements: usize, bytes: usize) {
    group.throughput(Throughput::ElementsAndBytes {
        elements: elements as u64,
        bytes: bytes as u64,
    });
}

fn packing(c: &mut Criterion) {
    let mut group = c.benchmark_group("check packing");
    for shape in SHAPES {
        let packed = shape.pack();
        throughput(&mut group, shape.count, packed.data.len());
        group.bench_function(shape.name, |b| {
            b.iter(|| {
                let records = black_box(&packed).parse().expect("packed well");
                records.map(|record| record.size_bound).sum::<u32>()
            });
        });
    }
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for shape in SHAPES {
        let packed = shape.pack();
        let views = views(&packed);
        let mut out = Vec::new();
        let mut scratch = Scratch::default();
        throughput(&mut group, shape.count, packed.data.len());
        group.bench_function(shape.name, |b| {
            b.iter(|| {
                out.clear();
                let records = views.iter().map(|view| (&packed, *view));
                encode_batch(&mut out, records, &HEADER, &mut scratch).expect("encoded")
            });
        });
        group.bench_function(format!("{}, checksum alone", shape.name), |b| {
            b.iter(|| crc32c::crc32c(black_box(&out)));
        });
        group.bench_function(format!("{}, copy alone", shape.name), |b| {
            let mut target = vec![0; packed.data.len()];
            b.iter(|| black_box(&mut target).copy_from_slice(black_box(&packed.data)));
        });
    }
    let packed = SHAPES[0].pack();
    let views = views(&packed);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut out = Vec::new();
        let mut scratch = Scratch::default();
        let header = BatchHeader { codec, ..HEADER };
        throughput(&mut group, SHAPES[0].count, packed.data.len());
        group.bench_function(format!("{}, {codec}", SHAPES[0].name), |b| {
            b.iter(|| {
                out.clear();
                let records = views.iter().map(|view| (&packed, *view));
                encode_batch(&mut out, records, &header, &mut scratch).expect("encoded")
            });
        });
    }
}

fn indexing(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    let mut decompressor = Decompressor::default();
    for shape in SHAPES {
        let batch = Bytes::from(encode(&shape.pack(), Codec::None));
        throughput(&mut group, shape.count, batch.len());
        for (check_crc, name) in [(true, ""), (false, ", no checksum")] {
            group.bench_function(format!("{}{name}", shape.name), |b| {
                b.iter(|| {
                    let options = DecodeOptions {
                        check_crc,
                        ..DecodeOptions::new(0)
                    };
                    index_batches_with(batch.clone(), options, &mut decompressor).expect("indexed")
                });
            });
        }
    }
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let packed = SHAPES[0].pack();
        let batch = Bytes::from(encode(&packed, codec));
        throughput(&mut group, SHAPES[0].count, packed.data.len());
        group.bench_function(format!("{}, {codec}", SHAPES[0].name), |b| {
            b.iter(|| {
                index_batches_with(batch.clone(), DecodeOptions::new(0), &mut decompressor).expect("indexed")
            });
        });
    }
    // Many small batches, as one record a send makes them.
    let one = Shape {
        name: "",
        count: 1,
        value: 100,
        key: false,
        headers: 0,
    };
    for codec in [Codec::None, Codec::Lz4, Codec::Gzip, Codec::Zstd] {
        let batches = Bytes::from(encode(&one.pack(), codec).repeat(1000));
        throughput(&mut group, 1000, batches.len());
        group.bench_function(format!("1,000 batches of 100 B, {codec}"), |b| {
            b.iter(|| {
                index_batches_with(batches.clone(), DecodeOptions::new(0), &mut decompressor)
                    .expect("indexed")
            });
        });
    }
}

fn partitioning(c: &mut Criterion) {
    let mut group = c.benchmark_group("partition of a key");
    for length in [8, 36] {
        let key = vec![b'k'; length];
        throughput(&mut group, 1, length);
        group.bench_function(format!("{length} B"), |b| {
            b.iter(|| partition_for_key(black_box(&key), 12));
        });
    }
}

criterion_group!(benches, packing, partitioning, encoding, indexing);
criterion_main!(benches);
