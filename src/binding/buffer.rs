//! Bytes that cross to JavaScript without being copied.

#![expect(
    unsafe_code,
    reason = "an external Buffer points into memory that Rust owns; see each SAFETY note"
)]

use bytes::Bytes;
use napi::bindgen_prelude::{BufferSlice, ToNapiValue};
use napi::{Env, sys};

/// Below this a copy is cheaper than what the engine keeps for every external buffer.
const COPY_BELOW: usize = 4096;

/// Becomes a Node `Buffer` over the same memory, which stays alive until the Buffer is collected.
///
/// The receiver may write to its Buffer, so no two of these may overlap and Rust must not read the memory afterwards.
#[derive(Debug)]
pub struct SharedBuffer(pub Bytes);

impl ToNapiValue for SharedBuffer {
    unsafe fn to_napi_value(raw: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(raw);
        let bytes = value.0;
        let slice = if bytes.len() < COPY_BELOW {
            BufferSlice::copy_from(&env, &bytes)?
        } else {
            let (start, length) = (bytes.as_ptr().cast_mut(), bytes.len());
            // The engine sees a small object; without this it would let garbage of many times its heap gather.
            let weight = i64::try_from(length).unwrap_or(i64::MAX);
            env.adjust_external_memory(weight)?;
            // SAFETY: `bytes` is the finalizer's hint, so the memory outlives the Buffer; it does not move. Writes by
            // JavaScript are to a range that nothing in Rust reads any more (see the type's text).
            unsafe {
                BufferSlice::from_external(&env, start, length, bytes, move |env, bytes| {
                    drop(bytes);
                    // A closing environment refuses; it counts nothing any more.
                    let _ = env.adjust_external_memory(-weight);
                })?
            }
        };
        // SAFETY: called with the environment the slice was made in.
        unsafe { <&BufferSlice<'_> as ToNapiValue>::to_napi_value(raw, &slice) }
    }
}
