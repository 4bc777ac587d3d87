//! The fixed part of a record batch of message format 2, and the attributes in it.

use crate::protocol::compression::Codec;
use crate::protocol::varint::{ReadError, Reader};

/// Bytes of base offset and batch length, which the length itself does not count.
pub(super) const LOG_OVERHEAD: usize = 12;
/// Bytes before the records.
pub(super) const SIZE: usize = 61;
/// Where the checksum is; it covers everything behind it.
pub(super) const CRC_AT: usize = 17;
/// First byte that the checksum covers.
pub(super) const CHECKED_FROM: usize = 21;
/// The format's number.
pub(super) const MAGIC: i8 = 2;

const TIMESTAMP_TYPE: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// Fields of the header in their order on the wire (protocol guide, "Record Batch").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireHeader {
    pub(super) base_offset: i64,
    pub(super) batch_length: i32,
    pub(super) partition_leader_epoch: i32,
    pub(super) magic: i8,
    pub(super) crc: u32,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) first_timestamp: i64,
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) record_count: i32,
}

impl WireHeader {
    pub(super) fn read(data: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(data);
        Ok(Self {
            base_offset: reader.i64()?,
            batch_length: reader.i32()?,
            partition_leader_epoch: reader.i32()?,
            magic: reader.i8()?,
            crc: reader.u32()?,
            attributes: reader.i16()?,
            last_offset_delta: reader.i32()?,
            first_timestamp: reader.i64()?,
            max_timestamp: reader.i64()?,
            producer_id: reader.i64()?,
            producer_epoch: reader.i16()?,
            base_sequence: reader.i32()?,
            record_count: reader.i32()?,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        out[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        out[16..17].copy_from_slice(&self.magic.to_be_bytes());
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.first_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        out
    }

    /// Number of the codec; see [`Codec::from_id`].
    pub(super) const fn codec_id(&self) -> u8 {
        let [_, low] = self.attributes.to_be_bytes();
        low & Codec::MASK
    }

    /// Whether the broker replaced the timestamps by the time of appending.
    pub(super) const fn is_log_append_time(&self) -> bool {
        self.attributes & TIMESTAMP_TYPE != 0
    }

    pub(super) const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the records are markers that a broker wrote, such as the end of a transaction.
    pub(super) const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

/// Attributes of a batch that a producer writes.
pub(super) fn attributes(codec: Codec, transactional: bool) -> i16 {
    i16::from(codec.id()) | if transactional { TRANSACTIONAL } else { 0 }
}
