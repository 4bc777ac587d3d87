//! Fetched data of any content: no panic, no position outside of the payload, memory within the limit.

#![no_main]

use bytes::Bytes;
use kafkajs_rs_fuzz::protocol::records::{
    DecodeOptions, HEADER_STRIDE, RECORD_STRIDE, compressed_sections, index_batches,
};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let data = Bytes::copy_from_slice(data);
    let options = DecodeOptions {
        check_crc: false,
        max_decompressed: LIMIT,
        ..DecodeOptions::new(0)
    };
    let _ = compressed_sections(&data);
    let length = data.len();
    let Ok(indexed) = index_batches(data, options) else {
        return;
    };
    assert!(indexed.payload.len() <= length + LIMIT);
    let inside = |start: i32, length: i32| {
        let start = usize::try_from(start).expect("a position");
        let end = start + usize::try_from(length).unwrap_or(0);
        assert!(end <= indexed.payload.len());
    };
    for record in indexed.index.chunks_exact(RECORD_STRIDE) {
        inside(record[4], record[5]);
        inside(record[6], record[7]);
        if record[9] > 0 {
            let end = usize::try_from(record[8] + record[9]).expect("a position") * HEADER_STRIDE;
            assert!(end <= indexed.headers.len());
        }
    }
    for header in indexed.headers.chunks_exact(HEADER_STRIDE) {
        inside(header[0], header[1]);
        inside(header[2], header[3]);
    }
});
