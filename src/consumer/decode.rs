//! From what a fetch brought for one partition to something that can be handed out. Pure.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::PartitionData;
use serde_json::{Value, json};

use super::read_committed::{Aborted, Run, committed_runs};
use crate::error::{Error, ErrorKind};
use crate::protocol::compression::{Codec, CompressionError, Decompressor};
use crate::protocol::records::{
    CompressedSection, ControlRecord, DecodeOptions, Indexed, RecordError, compressed_sections,
    index_batches, index_batches_with,
};
use crate::protocol::varint::Reader;

/// Where the partition stood when it answered.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Offset that was asked for.
    pub fetched: i64,
    /// Offset behind the last record that all replicas have.
    pub high_watermark: i64,
    /// Offset behind the last record that is decided.
    pub last_stable: i64,
}

/// Records of one partition, ready for JavaScript.
#[derive(Debug)]
pub struct FetchedBatch {
    /// Where the partition stood.
    pub limits: Limits,
    /// Payload and tables.
    pub indexed: Indexed,
    /// The records a program is to see.
    pub runs: Vec<Run>,
}

/// Records that a codec of the program has to decompress first.
#[derive(Debug)]
pub struct EncodedBatch {
    /// Where the partition stood.
    pub limits: Limits,
    /// As fetched.
    pub data: Bytes,
    /// Transactions that were taken back.
    pub aborted: Vec<Aborted>,
    /// What has to be decompressed, in order.
    pub sections: Vec<CompressedSection>,
}

/// What came for one partition.
#[derive(Debug)]
pub enum Fetched {
    /// Something to hand out.
    Batch(FetchedBatch),
    /// Something to hand out once it is decompressed.
    Encoded(EncodedBatch),
}

/// What came, and where the next fetch begins.
#[derive(Debug)]
pub struct Decoded {
    /// Something to hand out; `None` when nothing came that counts for anybody.
    pub fetched: Option<Fetched>,
    /// Offset to fetch next.
    pub next: i64,
    /// Bytes that `fetched` takes.
    pub bytes: usize,
}

/// Which codecs a program has registered itself: bit n stands for codec n.
#[derive(Debug, Clone, Copy, Default)]
pub struct Registered(pub u32);

impl Registered {
    fn has(self, codec: Codec) -> bool {
        codec != Codec::None && self.0 & (1 << codec.id()) != 0
    }
}

/// Compressed records of more bytes than this take a millisecond and longer.
const QUICK: usize = 64 * 1024;

/// Whether decoding would hold up a thread that others need. Plain records are only looked through, which is quick.
pub fn takes_long(data: &PartitionData) -> bool {
    const ATTRIBUTES_AT: usize = 22;
    const CODEC: u8 = 7;
    data.records.as_ref().is_some_and(|records| {
        records.len() > QUICK
            && records
                .get(ATTRIBUTES_AT)
                .is_some_and(|attributes| attributes & CODEC != 0)
    })
}

/// Reads what a fetch from `fetched` on brought. `decompressor` is what the codecs work with, kept from fetch to fetch.
///
/// # Errors
/// [`RecordError::Incomplete`] when not even one batch came whole; anything else means the data cannot be read.
pub fn decode(
    data: &PartitionData,
    fetched: i64,
    registered: Registered,
    decompressor: &mut Decompressor,
) -> Result<Decoded, RecordError> {
    let limits = Limits {
        fetched,
        high_watermark: data.high_watermark,
        last_stable: data.last_stable_offset,
    };
    let aborted: Vec<Aborted> = data
        .aborted_transactions
        .iter()
        .flatten()
        .map(|transaction| Aborted {
            producer_id: transaction.producer_id.0,
            first_offset: transaction.first_offset,
        })
        .collect();
    let records = data.records.clone().unwrap_or_default();
    if registered.0 != 0 {
        let sections = compressed_sections(&records);
        if sections.iter().any(|section| registered.has(section.codec)) {
            let (next, bytes) = (end_of(&records).unwrap_or(fetched).max(fetched), records.len());
            let encoded = EncodedBatch {
                limits,
                data: records,
                aborted,
                sections,
            };
            return Ok(Decoded {
                fetched: Some(Fetched::Encoded(encoded)),
                next,
                bytes,
            });
        }
    }
    let indexed = index_batches_with(records, DecodeOptions::new(fetched), decompressor)?;
    let next = indexed.next_fetch_offset;
    let batch = finish(limits, indexed, &aborted);
    let bytes = batch.as_ref().map_or(0, size);
    Ok(Decoded {
        fetched: batch.map(Fetched::Batch),
        next,
        bytes,
    })
}

/// Reads a batch whose sections the program has decompressed. `sections` in the order in which they were given out.
///
/// # Errors
/// As [`decode`].
pub fn decode_with(encoded: EncodedBatch, sections: Vec<Bytes>) -> Result<Option<FetchedBatch>, RecordError> {
    let mut answers = sections.into_iter();
    let mut given =
        |_: Codec, _: &[u8]| -> Option<Result<Bytes, CompressionError>> { answers.next().map(Ok) };
    let options = DecodeOptions {
        codec_override: Some(&mut given),
        ..DecodeOptions::new(encoded.limits.fetched)
    };
    let mut indexed = index_batches(encoded.data, options)?;
    // The next fetch begins behind all of this data, so a part that cannot be read must not be passed over in silence.
    if let Some(error) = indexed.stopped_by.take() {
        return Err(error);
    }
    Ok(finish(encoded.limits, indexed, &encoded.aborted))
}

/// Nothing to hand out: no records from the fetched offset on, not even control records.
fn finish(limits: Limits, indexed: Indexed, aborted: &[Aborted]) -> Option<FetchedBatch> {
    let seen = usize::try_from(indexed.skipped).unwrap_or(usize::MAX);
    let has_control = indexed
        .control
        .iter()
        .any(|control| control.offset >= limits.fetched);
    if indexed.record_count() <= seen && !has_control {
        return None;
    }
    let runs = committed_runs(&indexed.batches, aborted, indexed.skipped);
    Some(FetchedBatch {
        limits,
        indexed,
        runs,
    })
}

fn size(batch: &FetchedBatch) -> usize {
    let tables = batch.indexed.index.len() + batch.indexed.headers.len() + batch.indexed.legacy.len();
    batch.indexed.payload.len() + tables * 4 + batch.indexed.batch_table.len() * 8
}

/// Offset behind the last whole entry of the log in `data`.
fn end_of(data: &[u8]) -> Option<i64> {
    const OVERHEAD: usize = 12;
    const MAGIC_AT: usize = 16;
    const LAST_DELTA_AT: usize = 23;
    let (mut rest, mut end) = (data, None);
    loop {
        let mut reader = Reader::new(rest);
        let (Ok(offset), Ok(length)) = (reader.i64(), reader.i32()) else {
            return end;
        };
        let whole = usize::try_from(length).ok()?.checked_add(OVERHEAD)?;
        let Some((entry, tail)) = rest.split_at_checked(whole) else {
            return end;
        };
        let last_delta = match entry.get(MAGIC_AT) {
            Some(2) => Reader::new(entry.get(LAST_DELTA_AT..)?).i32().ok()?,
            _ => 0,
        };
        end = offset.checked_add(i64::from(last_delta))?.checked_add(1);
        rest = tail;
    }
}

impl FetchedBatch {
    /// What JavaScript has to know besides the tables, as the fields of an object. Offsets are strings.
    pub fn describe(&self) -> Value {
        let control: Vec<Value> = self.indexed.control.iter().map(control_row).collect();
        json!({
            "highWatermark": self.limits.high_watermark.to_string(),
            "lastStableOffset": self.limits.last_stable.to_string(),
            "fetchedOffset": self.limits.fetched.to_string(),
            "nextOffset": self.indexed.next_fetch_offset.to_string(),
            "skipped": self.indexed.skipped,
            "runs": self.runs,
            "control": control,
        })
    }
}

fn control_row(control: &ControlRecord) -> Value {
    json!({
        "batch": control.batch,
        "beforeRecord": control.before_record,
        "offset": control.offset.to_string(),
        "timestamp": control.timestamp.to_string(),
        "key": control.key,
        "value": control.value,
    })
}

/// The error a program sees for data that cannot be read.
pub fn record_error(error: &RecordError, topic: &str, partition: i32) -> Error {
    let kind = match error {
        RecordError::UnsupportedMagic { .. } => ErrorKind::UnsupportedMagic,
        RecordError::UnsupportedCodec { .. } => ErrorKind::CodecMissing,
        _ => ErrorKind::Retriable,
    };
    Error::new(kind, format!("{error} ({topic}-{partition})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::records::{BatchHeader, NULL, PackedRecords, Scratch, encode_batch};

    fn batch(values: &[&str], codec: Codec) -> Vec<u8> {
        let mut table = Vec::new();
        let mut data = Vec::new();
        for value in values {
            data.extend_from_slice(value.as_bytes());
            table.extend_from_slice(&[u32::MAX, 5, 0, NULL, u32::try_from(value.len()).unwrap(), 0]);
        }
        let packed = PackedRecords {
            data: data.into(),
            table,
        };
        let parsed: Vec<_> = packed.parse().unwrap().map(|record| record.view).collect();
        let mut out = Vec::new();
        let header = BatchHeader {
            codec,
            level: None,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            now_ms: 0,
            partition_leader_epoch: 0,
        };
        encode_batch(
            &mut out,
            parsed.iter().map(|view| (&packed, *view)),
            &header,
            &mut Scratch::default(),
        )
        .unwrap();
        out
    }

    fn decode(data: &PartitionData, fetched: i64, registered: Registered) -> Result<Decoded, RecordError> {
        super::decode(data, fetched, registered, &mut Decompressor::default())
    }

    fn partition(records: Vec<u8>) -> PartitionData {
        PartitionData::default()
            .with_high_watermark(9)
            .with_last_stable_offset(8)
            .with_records(Some(records.into()))
    }

    #[test]
    fn nothing_fetched_is_nothing_to_hand_out() {
        let decoded = decode(&PartitionData::default(), 5, Registered::default()).unwrap();
        assert!(decoded.fetched.is_none());
        assert_eq!((decoded.next, decoded.bytes), (5, 0));
    }

    #[test]
    fn records_before_the_fetched_offset_alone_are_nothing_either() {
        let decoded = decode(
            &partition(batch(&["a", "b"], Codec::None)),
            2,
            Registered::default(),
        )
        .unwrap();
        assert!(decoded.fetched.is_none());
        assert_eq!(decoded.next, 2);
    }

    #[test]
    fn a_batch_is_described_with_offsets_as_strings() {
        let decoded = decode(
            &partition(batch(&["a", "b"], Codec::Gzip)),
            1,
            Registered::default(),
        )
        .unwrap();
        let Some(Fetched::Batch(batch)) = decoded.fetched else {
            panic!("a batch")
        };
        let description = batch.describe();
        assert_eq!(description["highWatermark"], "9");
        assert_eq!(description["lastStableOffset"], "8");
        assert_eq!(description["fetchedOffset"], "1");
        assert_eq!(description["nextOffset"], "2");
        assert_eq!(description["runs"], json!([[1, 2]]));
        assert!(decoded.bytes > 0);
    }

    #[test]
    fn a_registered_codec_decompresses_what_is_its_own() {
        let mut records = batch(&["a", "b"], Codec::Gzip);
        let mut second = batch(&["c"], Codec::None);
        // Its base offset, which no checksum covers.
        second[7] = 2;
        records.extend(second);
        let gzip = Registered(1 << Codec::Gzip.id());
        let decoded = decode(&partition(records.clone()), 0, gzip).unwrap();
        let Some(Fetched::Encoded(encoded)) = decoded.fetched else {
            panic!("encoded")
        };
        assert_eq!((decoded.next, encoded.sections.len()), (3, 1));
        let mut plain = Vec::new();
        crate::protocol::compression::decompress(
            Codec::Gzip,
            &encoded.sections[0].payload,
            1 << 20,
            &mut plain,
        )
        .unwrap();
        let batch = decode_with(encoded, vec![plain.into()])
            .unwrap()
            .expect("records");
        assert_eq!(batch.indexed.record_count(), 3);
        let snappy = Registered(1 << Codec::Snappy.id());
        let decoded = decode(&partition(records), 0, snappy).unwrap();
        assert!(
            matches!(decoded.fetched, Some(Fetched::Batch(_))),
            "no business of that codec"
        );
    }

    #[test]
    fn a_broken_batch_behind_one_that_a_registered_codec_reads_is_not_passed_over() {
        let mut records = batch(&["a"], Codec::Gzip);
        let mut second = batch(&["b"], Codec::None);
        second[7] = 1;
        let last = second.len() - 1;
        second[last] ^= 1;
        records.extend(second);
        let decoded = decode(&partition(records), 0, Registered(1 << Codec::Gzip.id())).unwrap();
        let Some(Fetched::Encoded(encoded)) = decoded.fetched else {
            panic!("encoded")
        };
        let mut plain = Vec::new();
        crate::protocol::compression::decompress(
            Codec::Gzip,
            &encoded.sections[0].payload,
            1 << 20,
            &mut plain,
        )
        .unwrap();
        let result = decode_with(encoded, vec![plain.into()]);
        assert!(matches!(
            result,
            Err(RecordError::ChecksumMismatch { base_offset: 1, .. })
        ));
    }

    #[test]
    fn the_end_of_data_is_that_of_its_last_whole_batch() {
        let records = batch(&["a", "b", "c"], Codec::None);
        assert_eq!(end_of(&records), Some(3));
        assert_eq!(end_of(&records[..records.len() - 1]), None);
        assert_eq!(end_of(&[]), None);
        let mut two = records.clone();
        two.extend_from_slice(&records[..20]);
        assert_eq!(end_of(&two), Some(3));
    }
}
