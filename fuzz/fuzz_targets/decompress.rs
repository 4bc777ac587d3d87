//! Compressed data of any content (the first byte chooses the codec): no panic, never more than the limit.

#![no_main]

use kafkajs_rs_fuzz::protocol::compression::{Codec, compress, decompress};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else {
        return;
    };
    let Some(codec) = Codec::from_id(first % 5) else {
        return;
    };
    let mut plain = Vec::new();
    let _ = decompress(codec, data, LIMIT, &mut plain);
    assert!(plain.len() <= LIMIT && plain.capacity() <= 4 * LIMIT);

    let (mut packed, mut again) = (Vec::new(), Vec::new());
    compress(codec, None, data, &mut packed).expect("compressed");
    decompress(codec, &packed, data.len(), &mut again).expect("decompressed");
    assert_eq!(again, data);
});
