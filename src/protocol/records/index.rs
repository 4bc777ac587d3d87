//! From fetched bytes to [`Indexed`].

use std::fmt;

use bytes::Bytes;

use super::RecordError;
use super::legacy::{self, Located, Message};
use super::payload::{MAX_POSITION, Payload};
use super::record::{self, Reason};
use super::tables::{BATCH_STRIDE, BatchInfo, Indexed, LEGACY_STRIDE, RECORD_STRIDE};
use super::walk::{self, Entry, Next};
use super::wire_header::{self, CHECKED_FROM, WireHeader};
use crate::protocol::compression::{Codec, CompressionError, Decompressor};

/// [`DecodeOptions::max_decompressed`] unless said otherwise: 128 MiB.
pub const DEFAULT_MAX_DECOMPRESSED: usize = 128 * 1024 * 1024;

/// Decompresses in place of the built-in codec, for codecs that the user registered: gets the codec and the compressed
/// bytes, gives `None` to leave it to the built-in one.
pub type CodecOverride<'a> = &'a mut dyn FnMut(Codec, &[u8]) -> Option<Result<Bytes, CompressionError>>;

/// How to read fetched data.
pub struct DecodeOptions<'a> {
    /// Most bytes that all batches together may decompress to. A batch that would exceed it ends the reading; if it is
    /// the first one, it is refused.
    pub max_decompressed: usize,
    /// Whether to compare checksums.
    pub check_crc: bool,
    /// Offset that was asked for.
    pub fetch_offset: i64,
    /// Codecs that the user registered.
    pub codec_override: Option<CodecOverride<'a>>,
}

impl DecodeOptions<'_> {
    /// Checksums compared, [`DEFAULT_MAX_DECOMPRESSED`], built-in codecs.
    pub const fn new(fetch_offset: i64) -> Self {
        Self {
            max_decompressed: DEFAULT_MAX_DECOMPRESSED,
            check_crc: true,
            fetch_offset,
            codec_override: None,
        }
    }
}

impl fmt::Debug for DecodeOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeOptions")
            .field("max_decompressed", &self.max_decompressed)
            .field("check_crc", &self.check_crc)
            .field("fetch_offset", &self.fetch_offset)
            .field("codec_override", &self.codec_override.is_some())
            .finish()
    }
}

/// Indexes what a fetch brought for one partition.
///
/// A batch that is cut off at the end is left out, as fetching by size makes them; [`RecordError::Incomplete`] if it is
/// the only one. An error in the first batch is returned; one in a later batch ends the reading before it and is in
/// [`Indexed::stopped_by`], so that what came before is delivered. No data is no error.
pub fn index_batches(data: Bytes, options: DecodeOptions<'_>) -> Result<Indexed, RecordError> {
    index_batches_with(data, options, &mut Decompressor::default())
}

/// As [`index_batches`], with working memory of the codecs that is used again.
pub fn index_batches_with(
    data: Bytes,
    options: DecodeOptions<'_>,
    decompressor: &mut Decompressor,
) -> Result<Indexed, RecordError> {
    if data.len() > MAX_POSITION {
        return Err(RecordError::TooLarge);
    }
    let DecodeOptions {
        max_decompressed,
        check_crc,
        fetch_offset,
        codec_override,
    } = options;
    let mut indexer = Indexer {
        check_crc,
        payload: Payload {
            gathered: any_compressed(&data).then(Vec::new),
            max_decompressed,
            decompressed: 0,
            codec_override,
            decompressor,
        },
        out: Indexed {
            next_fetch_offset: fetch_offset,
            ..Indexed::default()
        },
    };
    let consumed = indexer.run(&data)?;
    let Indexer { payload, mut out, .. } = indexer;
    out.payload = payload
        .gathered
        .map_or_else(|| data.slice(..consumed), Bytes::from);
    if !out.legacy.is_empty() {
        out.legacy.resize(out.record_count() * LEGACY_STRIDE, 0);
    }
    out.skipped = skipped(&out, fetch_offset);
    Ok(out)
}

/// A compressed section of fetched data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompressedSection {
    /// Its codec.
    pub codec: Codec,
    /// The compressed bytes.
    pub payload: Bytes,
}

/// The compressed sections of fetched data in the order in which [`index_batches`] asks for them: for codecs of the
/// user's own that answer later, so that the answers are there when [`DecodeOptions::codec_override`] is called.
///
/// Ends at the first entry that cannot be read; [`index_batches`] says what is wrong with it.
pub fn compressed_sections(data: &Bytes) -> Vec<CompressedSection> {
    let mut sections = Vec::new();
    let mut rest: &[u8] = data;
    while let Ok(Next::Entry(entry, tail)) = walk::next(rest) {
        let Some((codec, bytes)) = compressed_part(&entry) else {
            break;
        };
        if codec != Codec::None {
            sections.push(CompressedSection {
                codec,
                payload: data.slice_ref(bytes),
            });
        }
        rest = tail;
    }
    sections
}

/// Codec of an entry and the part of it that is compressed; `None` if the entry cannot be read.
fn compressed_part<'a>(entry: &Entry<'a>) -> Option<(Codec, &'a [u8])> {
    if entry.magic == wire_header::MAGIC {
        let header = WireHeader::read(entry.bytes).ok()?;
        let codec = if header.record_count == 0 {
            Codec::None
        } else {
            Codec::from_id(header.codec_id())?
        };
        return Some((codec, entry.bytes.get(wire_header::SIZE..)?));
    }
    let message = Message::read(entry).ok()?;
    let codec = Codec::from_id(message.codec_id())?;
    let (start, length) = message.value.unwrap_or_default();
    Some((codec, entry.bytes.get(start..)?.get(..length)?))
}

fn any_compressed(data: &[u8]) -> bool {
    let mut rest = data;
    while let Ok(Next::Entry(entry, tail)) = walk::next(rest) {
        match compressed_part(&entry) {
            Some((Codec::None, _)) => rest = tail,
            Some(_) => return true,
            None => return false,
        }
    }
    false
}

/// How many records at the start lie before `fetch_offset`.
fn skipped(out: &Indexed, fetch_offset: i64) -> u32 {
    let (records, _) = out.index.as_chunks::<RECORD_STRIDE>();
    let before = records.iter().take_while(|record| {
        let batch = usize::try_from(record[0])
            .ok()
            .and_then(|batch| out.batches.get(batch));
        batch.is_some_and(|batch| batch.base_offset.saturating_add(i64::from(record[1])) < fetch_offset)
    });
    u32::try_from(before.count()).unwrap_or(u32::MAX)
}

struct Indexer<'o, 'd> {
    check_crc: bool,
    payload: Payload<'o, 'd>,
    out: Indexed,
}

/// Lengths to go back to when an entry turns out to be bad half way.
struct Mark {
    index: usize,
    headers: usize,
    legacy: usize,
    control: usize,
    gathered: usize,
}

impl Indexer<'_, '_> {
    /// Reads entries until the data ends, or is bad; gives how many bytes were read.
    fn run(&mut self, data: &[u8]) -> Result<usize, RecordError> {
        let mut rest = data;
        loop {
            let at = data.len() - rest.len();
            let error = match walk::next(rest) {
                Ok(Next::Entry(entry, tail)) => match self.add(&entry, at) {
                    Ok(()) => {
                        rest = tail;
                        continue;
                    }
                    Err(error) => error,
                },
                Ok(Next::End { needed }) if at == 0 && !data.is_empty() => RecordError::Incomplete {
                    needed,
                    available: data.len(),
                },
                Ok(Next::End { .. }) => return Ok(at),
                Err(error) => error,
            };
            if at == 0 {
                return Err(error);
            }
            self.out.stopped_by = Some(error);
            return Ok(at);
        }
    }

    /// Adds the entry at position `at` of the data, or leaves everything as it was.
    fn add(&mut self, entry: &Entry<'_>, at: usize) -> Result<(), RecordError> {
        let mark = Mark {
            index: self.out.index.len(),
            headers: self.out.headers.len(),
            legacy: self.out.legacy.len(),
            control: self.out.control.len(),
            gathered: self.payload.len(),
        };
        let added = if entry.magic == wire_header::MAGIC {
            self.add_batch(entry, at)
        } else {
            self.add_set(entry, at)
        };
        if added.is_err() {
            self.out.index.truncate(mark.index);
            self.out.headers.truncate(mark.headers);
            self.out.legacy.truncate(mark.legacy);
            self.out.control.truncate(mark.control);
            self.payload.truncate(mark.gathered);
        }
        added
    }

    /// Adds a batch of format 2.
    fn add_batch(&mut self, entry: &Entry<'_>, at: usize) -> Result<(), RecordError> {
        let base_offset = entry.offset;
        let corrupt = |reason: Reason| RecordError::Corrupt { base_offset, reason };
        let header = WireHeader::read(entry.bytes).map_err(|_| corrupt("its header is cut off"))?;
        if self.check_crc {
            let computed = crc32c::crc32c(entry.bytes.get(CHECKED_FROM..).unwrap_or_default());
            compare_crc(base_offset, header.crc, computed)?;
        }
        let last_delta = Some(header.last_offset_delta).filter(|&delta| delta >= 0);
        let last_offset = last_delta.and_then(|delta| base_offset.checked_add(i64::from(delta)));
        let last_offset = last_offset.ok_or_else(|| corrupt("its last offset is out of range"))?;
        let codec = codec(base_offset, header.codec_id())?;
        let (batch, first_record) = self.positions()?;

        let bytes = entry.bytes.get(wire_header::SIZE..).unwrap_or_default();
        // Compaction may leave a batch without records; whatever its codec, there is nothing to decompress then.
        let section = if codec == Codec::None || header.record_count == 0 {
            self.payload.place(bytes, at + wire_header::SIZE)?
        } else {
            self.payload.decompress(base_offset, codec, bytes)?
        };
        let Indexed {
            index,
            headers,
            control,
            ..
        } = &mut self.out;
        let marker = if header.is_control() {
            let at = (batch.cast_unsigned(), first_record);
            record::control_records(section, &header, at, control).map_err(corrupt)?
        } else {
            record::index_records(section, &header, batch, index, headers).map_err(corrupt)?;
            None
        };
        self.finish(
            last_offset,
            BatchInfo {
                first_record,
                record_count: 0,
                base_offset,
                last_offset,
                producer_id: header.producer_id,
                is_transactional: header.is_transactional(),
                control: marker,
            },
            [
                base_offset,
                header.last_offset_delta.into(),
                header.first_timestamp,
                header.max_timestamp,
                header.is_log_append_time().into(),
                header.partition_leader_epoch.into(),
                header.producer_id,
                header.producer_epoch.into(),
                header.base_sequence.into(),
                header.is_transactional().into(),
                header.is_control().into(),
                header.magic.into(),
                codec.id().into(),
                header.record_count.into(),
            ],
        )
    }

    /// Adds a message of format 0 or 1, or a compressed set of them.
    fn add_set(&mut self, entry: &Entry<'_>, at: usize) -> Result<(), RecordError> {
        let corrupt = |reason: Reason| RecordError::Corrupt {
            base_offset: entry.offset,
            reason,
        };
        let message = Message::read(entry).map_err(corrupt)?;
        if self.check_crc {
            compare_crc(entry.offset, message.crc, legacy::checksum(entry.bytes))?;
        }
        let codec = codec(entry.offset, message.codec_id())?;
        let (batch, first_record) = self.positions()?;

        let messages = if codec == Codec::None {
            let part = self.payload.place(entry.bytes, at)?;
            vec![Located {
                message,
                at: part.start(),
            }]
        } else {
            let value = message
                .value
                .and_then(|(start, length)| entry.bytes.get(start..)?.get(..length));
            let value = value.ok_or_else(|| corrupt("a compressed set has no value"))?;
            let set = self.payload.decompress(entry.offset, codec, value)?;
            legacy::messages(set, &message, self.check_crc).map_err(corrupt)?
        };
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Err(corrupt("a compressed set is empty"));
        };
        let (base_offset, last_offset) = (first.message.offset, last.message.offset);
        let Indexed { index, legacy, .. } = &mut self.out;
        legacy::index_messages(&messages, base_offset, batch, index, legacy).map_err(corrupt)?;
        let timestamp_type = match message.magic {
            0 => -1,
            _ => message.is_log_append_time().into(),
        };
        self.finish(
            // The set's own offset counts as well, should compaction have removed its last message.
            last_offset.max(entry.offset),
            BatchInfo {
                first_record,
                record_count: 0,
                base_offset,
                last_offset,
                producer_id: -1,
                is_transactional: false,
                control: None,
            },
            [
                base_offset,
                last_offset - base_offset,
                first.message.timestamp,
                message.timestamp,
                timestamp_type,
                -1,
                -1,
                -1,
                -1,
                0,
                0,
                message.magic.into(),
                codec.id().into(),
                i64::try_from(messages.len()).unwrap_or(i64::MAX),
            ],
        )
    }

    /// Positions of the next batch and of the next record.
    fn positions(&self) -> Result<(i32, u32), RecordError> {
        let batch = i32::try_from(self.out.batches.len()).map_err(|_| RecordError::TooLarge)?;
        let record = u32::try_from(self.out.record_count()).map_err(|_| RecordError::TooLarge)?;
        Ok((batch, record))
    }

    /// Takes note of a batch whose records are in the index, and of `covered`, the last offset that it accounts for.
    fn finish(
        &mut self,
        covered: i64,
        batch: BatchInfo,
        row: [i64; BATCH_STRIDE],
    ) -> Result<(), RecordError> {
        let out_of_range = RecordError::Corrupt {
            base_offset: batch.base_offset,
            reason: "its last offset is out of range",
        };
        let next = covered.checked_add(1).ok_or(out_of_range)?;
        let (_, record) = self.positions()?;
        self.out.batches.push(BatchInfo {
            record_count: record - batch.first_record,
            ..batch
        });
        self.out.batch_table.extend_from_slice(&row);
        self.out.next_fetch_offset = self.out.next_fetch_offset.max(next);
        Ok(())
    }
}

fn compare_crc(base_offset: i64, stated: u32, computed: u32) -> Result<(), RecordError> {
    if stated == computed {
        Ok(())
    } else {
        Err(RecordError::ChecksumMismatch {
            base_offset,
            stated,
            computed,
        })
    }
}

fn codec(base_offset: i64, id: u8) -> Result<Codec, RecordError> {
    Codec::from_id(id).ok_or(RecordError::UnsupportedCodec { base_offset, id })
}
