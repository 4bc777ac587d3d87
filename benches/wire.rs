//! Answers of a broker looked through and decoded: Metadata of many topics, Fetch with records that are not looked at.

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

use bytes::{BufMut, Bytes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchResponse, MetadataResponse, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafkajs_rs::protocol::schema::walk;
use kafkajs_rs::protocol::wire::{KafkaResponse, decode, encode_body};

/// The first versions with compact types are what today's brokers are spoken to in.
const METADATA_VERSION: i16 = 12;
const FETCH_VERSION: i16 = 12;
const PRODUCE_VERSION: i16 = 9;

/// Writes compact types and empty tagged fields, as a broker does.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn length(&mut self, length: usize) {
        let mut rest = length + 1;
        while rest >= 0x80 {
            self.0.put_u8(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        self.0.put_u8(u8::try_from(rest).unwrap());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.put_slice(bytes);
    }

    fn null(&mut self) {
        self.0.put_u8(0);
    }

    fn no_tags(&mut self) {
        self.0.put_u8(0);
    }

    fn nodes(&mut self, nodes: &[i32]) {
        self.length(nodes.len());
        for node in nodes {
            self.0.put_i32(*node);
        }
    }
}

fn metadata_body(topics: usize, partitions: i32) -> Bytes {
    let mut body = Body::default();
    body.0.put_i32(0); // throttle_time_ms
    body.length(3);
    for node in 1..=3 {
        body.0.put_i32(node);
        body.bytes(format!("broker-{node}.kafka.example.com").as_bytes());
        body.0.put_i32(9092);
        body.bytes(b"rack-a");
        body.no_tags();
    }
    body.bytes(b"local-kafka-cluster-0A");
    body.0.put_i32(1); // controller_id
    body.length(topics);
    for topic in 0..topics {
        body.0.put_i16(0);
        body.bytes(format!("some-service.some-event.v{topic}").as_bytes());
        body.0.put_u128(topic as u128 + 1);
        body.0.put_u8(0); // is_internal
        body.length(usize::try_from(partitions).unwrap());
        for partition in 0..partitions {
            body.0.put_i16(0);
            body.0.put_i32(partition);
            body.0.put_i32(partition % 3 + 1);
            body.0.put_i32(0); // leader_epoch
            body.nodes(&[1, 2, 3]);
            body.nodes(&[1, 2, 3]);
            body.nodes(&[]);
            body.no_tags();
        }
        body.0.put_i32(i32::MIN); // topic_authorized_operations
        body.no_tags();
    }
    body.no_tags();
    Bytes::from(body.0)
}

fn fetch_body(partitions: i32, record_bytes: usize) -> Bytes {
    let mut body = Body::default();
    body.0.put_i32(0); // throttle_time_ms
    body.0.put_i16(0);
    body.0.put_i32(0); // session_id
    body.length(1);
    body.bytes(b"some-service.some-event.v1");
    body.length(usize::try_from(partitions).unwrap());
    for partition in 0..partitions {
        body.0.put_i32(partition);
        body.0.put_i16(0);
        body.0.put_i64(1_000_000); // high_watermark
        body.0.put_i64(1_000_000); // last_stable_offset
        body.0.put_i64(0); // log_start_offset
        body.null(); // aborted_transactions
        body.0.put_i32(-1); // preferred_read_replica
        body.bytes(&vec![b'r'; record_bytes]);
        body.no_tags();
    }
    body.no_tags();
    body.no_tags();
    Bytes::from(body.0)
}

fn answers(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode Metadata");
    for (topics, partitions) in [(1, 3), (1000, 1), (100, 100)] {
        let body = metadata_body(topics, partitions);
        group.throughput(Throughput::ElementsAndBytes {
            elements: topics as u64 * u64::try_from(partitions).unwrap(),
            bytes: body.len() as u64,
        });
        group.bench_function(format!("{topics} topics of {partitions}"), |b| {
            b.iter(|| decode::<MetadataResponse>(body.clone(), METADATA_VERSION).expect("decoded"));
        });
        // The part of it that comes before the decoder.
        group.bench_function(format!("{topics} topics of {partitions}, looked through"), |b| {
            b.iter(|| walk(MetadataResponse::SCHEMA, &body, METADATA_VERSION, true).expect("in form"));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("decode Fetch");
    for (partitions, record_bytes) in [(3, 1024 * 1024), (1000, 1024), (1000, 0)] {
        let body = fetch_body(partitions, record_bytes);
        group.throughput(Throughput::ElementsAndBytes {
            elements: u64::try_from(partitions).unwrap(),
            bytes: body.len() as u64,
        });
        group.bench_function(format!("{partitions} partitions of {record_bytes} B"), |b| {
            b.iter(|| decode::<FetchResponse>(body.clone(), FETCH_VERSION).expect("decoded"));
        });
        group.bench_function(
            format!("{partitions} partitions of {record_bytes} B, looked through"),
            |b| b.iter(|| walk(FetchResponse::SCHEMA, &body, FETCH_VERSION, true).expect("in form")),
        );
    }
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode Produce");
    for (partitions, record_bytes) in [(1, 100), (3, 10_000), (100, 10_000)] {
        let records = Bytes::from(vec![b'r'; record_bytes]);
        let data = (0..partitions).map(|partition| {
            PartitionProduceData::default()
                .with_index(partition)
                .with_records(Some(records.clone()))
        });
        let topic = TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str("some-service.some-event.v1")))
            .with_partition_data(data.collect());
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        let mut out = Vec::new();
        group.throughput(Throughput::ElementsAndBytes {
            elements: u64::try_from(partitions).unwrap(),
            bytes: u64::try_from(partitions).unwrap() * record_bytes as u64,
        });
        group.bench_function(format!("{partitions} partitions of {record_bytes} B"), |b| {
            b.iter(|| {
                out.clear();
                encode_body(&request, PRODUCE_VERSION, &mut out).expect("encoded");
            });
        });
    }
}

criterion_group!(benches, answers, requests);
criterion_main!(benches);
