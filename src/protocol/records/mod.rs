//! Record batches: the one format in which messages are produced, stored and fetched, and the two before it.
//!
//! Writing: JavaScript packs the messages of a call into one buffer and one table ([`PackedRecords`]); they are checked
//! once, distributed over partitions as [`RecordView`]s, and [`encode_batch`] writes what is due for a partition, from
//! however many calls, as one batch of message format 2.
//!
//! Reading: [`index_batches`] goes through what a fetch brought for one partition. It checks and decompresses, but makes
//! no record: it tells where the parts of each are in one contiguous payload, by position and length in tables of
//! integers that JavaScript reads directly ([`Indexed`]). Without compression the payload is the fetched data itself.
//!
//! The data comes from the network: whatever it says, nothing here panics, reads beyond it, or takes memory out of
//! proportion to it (a decompressed byte costs at most 24 bytes of tables, and decompressing has its own limit).

mod encode;
mod error;
mod index;
mod legacy;
mod packed;
mod payload;
mod record;
mod tables;
#[cfg(test)]
mod tests;
mod walk;
mod wire_header;

pub use encode::{
    BatchHeader, BatchStats, RecordsSection, Scratch, assemble_batch, encode_batch, encode_records_section,
};
pub use error::RecordError;
pub use index::{
    CodecOverride, CompressedSection, DEFAULT_MAX_DECOMPRESSED, DecodeOptions, compressed_sections,
    index_batches, index_batches_with,
};
pub use packed::{NO_TIMESTAMP, NULL, PackedRecords, ParsedRecord, ParsedRecords, RecordView};
pub use tables::{
    BATCH_STRIDE, BatchInfo, ControlKind, ControlRecord, HEADER_STRIDE, Indexed, LEGACY_STRIDE, RECORD_STRIDE,
};
