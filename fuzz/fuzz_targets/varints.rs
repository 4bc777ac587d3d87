//! Varints of any content: read as the definition says, and the same after writing again.

#![no_main]

use kafkajs_rs_fuzz::protocol::varint::{push_i32, push_i64, size_i32, size_i64, split_i32, split_i64};
use libfuzzer_sys::fuzz_target;

/// The definition, one byte at a time.
fn plain(data: &[u8], most: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (at, byte) in data.iter().take(most).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    let narrow = split_i32(data);
    assert_eq!(narrow.map(|(_, rest)| data.len() - rest.len()), plain(data, 5).map(|(_, taken)| taken));
    if let (Some((value, _)), Some((raw, _))) = (narrow, plain(data, 5)) {
        let raw = raw as u32;
        assert_eq!(value, (raw >> 1) as i32 ^ -((raw & 1) as i32));
        let mut out = Vec::new();
        push_i32(&mut out, value);
        assert_eq!(out.len(), size_i32(value));
        assert_eq!(split_i32(&out), Some((value, &[][..])));
    }
    let wide = split_i64(data);
    assert_eq!(wide.map(|(_, rest)| data.len() - rest.len()), plain(data, 10).map(|(_, taken)| taken));
    if let (Some((value, _)), Some((raw, _))) = (wide, plain(data, 10)) {
        assert_eq!(value, (raw >> 1) as i64 ^ -((raw & 1) as i64));
        let mut out = Vec::new();
        push_i64(&mut out, value);
        assert_eq!(out.len(), size_i64(value));
        assert_eq!(split_i64(&out), Some((value, &[][..])));
    }
});
