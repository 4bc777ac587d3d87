//! Answers of any content (the first byte is the API key, the second the version): refused or read, never more memory
//! than the walk over the schema has counted. The limit of the fuzzer for one allocation is what would show it.

#![no_main]

use kafkajs_rs_fuzz::protocol::versions::decode_any;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let &[key, version, ref body @ ..] = data else {
        return;
    };
    if let Some(Ok(response)) = decode_any(i16::from(key), i16::from(version), body.to_vec()) {
        drop(response);
    }
});
