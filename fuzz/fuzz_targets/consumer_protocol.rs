//! Member metadata and assignments of any content: refused, or the same after encoding and decoding again.

#![no_main]

use kafkajs_rs_fuzz::protocol::consumer_protocol::{MemberAssignment, MemberMetadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(metadata) = MemberMetadata::decode(data) {
        let encoded = metadata.encode().expect("short enough, it was decoded");
        assert_eq!(MemberMetadata::decode(&encoded), Ok(metadata));
    }
    if let Ok(Some(assignment)) = MemberAssignment::decode(data) {
        let encoded = assignment.encode().expect("short enough, it was decoded");
        assert_eq!(MemberAssignment::decode(&encoded), Ok(Some(assignment)));
    }
});
