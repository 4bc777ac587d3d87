//! The codecs by themselves, on 4 KiB and 256 KiB of JSON, with their working memory kept and made anew.

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

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kafkajs_rs::protocol::compression::{Codec, Compressor, Decompressor, compress, decompress};

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
const SIZES: [usize; 2] = [4 * 1024, 256 * 1024];

fn json(len: usize) -> Vec<u8> {
    let orders = (0_usize..).flat_map(|number| {
        let amount = number * 7919 % 10_007;
        format!("{{\"orderId\":{number},\"amount\":{amount},\"currency\":\"EUR\"}}").into_bytes()
    });
    orders.take(len).collect()
}

fn compressing(c: &mut Criterion) {
    let mut group = c.benchmark_group("compress");
    for size in SIZES {
        let input = json(size);
        group.throughput(Throughput::Bytes(size as u64));
        for codec in CODECS {
            let (mut out, mut compressor) = (Vec::new(), Compressor::default());
            group.bench_with_input(BenchmarkId::new(codec.name(), size), &input, |b, input| {
                b.iter(|| {
                    out.clear();
                    compressor
                        .compress(codec, None, input, &mut out)
                        .expect("compressed");
                });
            });
            group.bench_with_input(
                BenchmarkId::new(format!("{codec}, new"), size),
                &input,
                |b, input| {
                    b.iter(|| {
                        out.clear();
                        compress(codec, None, input, &mut out).expect("compressed");
                    });
                },
            );
        }
    }
}

fn decompressing(c: &mut Criterion) {
    let mut group = c.benchmark_group("decompress");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        for codec in CODECS {
            let mut packed = Vec::new();
            compress(codec, None, &json(size), &mut packed).expect("compressed");
            let (mut out, mut decompressor) = (Vec::new(), Decompressor::default());
            group.bench_with_input(BenchmarkId::new(codec.name(), size), &packed, |b, packed| {
                b.iter(|| {
                    out.clear();
                    decompressor
                        .decompress(codec, packed, size, &mut out)
                        .expect("decompressed");
                });
            });
            group.bench_with_input(
                BenchmarkId::new(format!("{codec}, new"), size),
                &packed,
                |b, packed| {
                    b.iter(|| {
                        out.clear();
                        decompress(codec, packed, size, &mut out).expect("decompressed");
                    });
                },
            );
        }
    }
}

criterion_group!(benches, compressing, decompressing);
criterion_main!(benches);
