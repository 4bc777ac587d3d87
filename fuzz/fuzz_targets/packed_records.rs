//! Tables and data of any content: refused, or encoded and read back.

#![no_main]

use bytes::Bytes;
use kafkajs_rs_fuzz::protocol::compression::Codec;
use kafkajs_rs_fuzz::protocol::records::{
    BatchHeader, DecodeOptions, PackedRecords, Scratch, encode_batch, index_batches,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u32>, Vec<u8>)| {
    let (table, data) = input;
    let packed = PackedRecords {
        data: Bytes::from(data),
        table,
    };
    let Ok(records) = packed.parse() else { return };
    let bound: usize = records.clone().map(|record| record.size_bound as usize).sum();
    let header = BatchHeader {
        codec: Codec::None,
        level: None,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        transactional: false,
        now_ms: 0,
        partition_leader_epoch: -1,
    };
    let mut out = Vec::new();
    let count = records.len();
    let views = records.map(|record| (&packed, record.view));
    match encode_batch(&mut out, views, &header, &mut Scratch::default()) {
        Ok(stats) => {
            assert_eq!(stats.size, out.len());
            assert!(stats.uncompressed_size <= bound);
            let indexed = index_batches(Bytes::from(out), DecodeOptions::new(0)).expect("our own batch");
            assert_eq!(indexed.record_count(), count);
        }
        Err(_) => assert!(count == 0 && out.is_empty()),
    }
});
