//! Records written and read: against other clients' bytes, against each other, and against bytes meant to hurt.

mod decode;
mod encode;
mod hostile;
mod legacy;
mod packed;
mod round_trip;

use bytes::Bytes;

use super::*;
use crate::protocol::compression::Codec;

/// A record as a test states it and gets it back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Message {
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

pub(super) fn message(key: Option<&str>, value: Option<&str>) -> Message {
    Message {
        key: key.map(Into::into),
        value: value.map(Into::into),
        ..Message::default()
    }
}

impl Message {
    pub(super) fn at(self, timestamp: i64) -> Self {
        Self {
            timestamp: Some(timestamp),
            ..self
        }
    }

    pub(super) fn header(mut self, name: &[u8], value: Option<&[u8]>) -> Self {
        self.headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
        self
    }
}

/// Packs messages as JavaScript does.
pub(super) fn pack(messages: &[Message]) -> PackedRecords {
    let (mut data, mut table) = (Vec::new(), Vec::new());
    for message in messages {
        let halves = tables::halves(message.timestamp.unwrap_or(NO_TIMESTAMP));
        table.push(NULL);
        table.extend(halves.map(i32::cast_unsigned));
        for field in [&message.key, &message.value] {
            table.push(
                field
                    .as_ref()
                    .map_or(NULL, |field| u32::try_from(field.len()).unwrap()),
            );
            data.extend(field.iter().flatten());
        }
        table.push(u32::try_from(message.headers.len()).unwrap());
        for (name, value) in &message.headers {
            table.push(u32::try_from(name.len()).unwrap());
            table.push(
                value
                    .as_ref()
                    .map_or(NULL, |value| u32::try_from(value.len()).unwrap()),
            );
            data.extend(name);
            data.extend(value.iter().flatten());
        }
    }
    PackedRecords {
        data: Bytes::from(data),
        table,
    }
}

pub(super) fn views(packed: &PackedRecords) -> Vec<(&PackedRecords, RecordView)> {
    packed
        .parse()
        .unwrap()
        .map(|record| (packed, record.view))
        .collect()
}

pub(super) const NOW: i64 = 1_700_000_000_000;

/// The header that kafkajs gives a batch.
pub(super) fn header(codec: Codec) -> BatchHeader {
    BatchHeader {
        codec,
        level: None,
        producer_id: -1,
        producer_epoch: 0,
        base_sequence: 0,
        transactional: false,
        now_ms: NOW,
        partition_leader_epoch: 0,
    }
}

pub(super) fn encode(messages: &[Message], header: &BatchHeader) -> Vec<u8> {
    let packed = pack(messages);
    let mut out = Vec::new();
    encode_batch(
        &mut out,
        views(&packed).into_iter(),
        header,
        &mut Scratch::default(),
    )
    .unwrap();
    out
}

/// Writes `offset` over the base offset, as a broker does when it appends; the checksum does not cover it.
pub(super) fn with_base_offset(mut batch: Vec<u8>, offset: i64) -> Vec<u8> {
    batch[..8].copy_from_slice(&offset.to_be_bytes());
    batch
}

/// Makes the checksum of a changed batch right again.
pub(super) fn with_right_crc(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

pub(super) fn index(data: impl Into<Bytes>) -> Result<Indexed, RecordError> {
    index_batches(data.into(), DecodeOptions::new(0))
}

/// Messages with their offsets, read out of the tables as JavaScript does.
pub(super) fn messages(indexed: &Indexed) -> Vec<(i64, Message)> {
    let part = |start: i32, length: i32| {
        let start = usize::try_from(start).unwrap();
        (length >= 0).then(|| indexed.payload[start..start + usize::try_from(length).unwrap()].to_vec())
    };
    let (records, left) = indexed.index.as_chunks::<RECORD_STRIDE>();
    assert!(left.is_empty());
    let records = records.iter().map(|record| {
        let batch =
            &indexed.batch_table[usize::try_from(record[0]).unwrap() * BATCH_STRIDE..][..BATCH_STRIDE];
        let timestamp = i64::from(record[3]) << 32 | i64::from(record[2].cast_unsigned());
        let headers = (0..record[9])
            .map(|header| {
                let at = usize::try_from(record[8] + header).unwrap() * HEADER_STRIDE;
                let row = &indexed.headers[at..at + HEADER_STRIDE];
                (part(row[0], row[1]).unwrap(), part(row[2], row[3]))
            })
            .collect();
        let message = Message {
            timestamp: Some(timestamp),
            key: part(record[4], record[5]),
            value: part(record[6], record[7]),
            headers,
        };
        (batch[0] + i64::from(record[1]), message)
    });
    records.collect()
}

/// The batch called `name` in a file of `name=hex` lines.
pub(super) fn fixture(file: &str, name: &str) -> Vec<u8> {
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .expect("fixture");
    line.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub(super) fn java(name: &str) -> Vec<u8> {
    fixture(include_str!("java.txt"), name)
}

pub(super) fn kafkajs(name: &str) -> Vec<u8> {
    fixture(include_str!("kafkajs.txt"), name)
}

pub(super) const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
