//! What a server says in a SCRAM exchange (two messages, apart by a zero byte; the first byte chooses the hash): an
//! error or an answer, and no proof is accepted that a stranger could make.

#![no_main]

use kafkajs_rs_fuzz::scram::{ClientFirst, Hash, ScramCredentials};
use libfuzzer_sys::fuzz_target;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
/// Each iteration costs time; the limit of the real exchange has a test of its own.
const MAX_DIGITS: usize = 4;

fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else {
        return;
    };
    let hash = if first % 2 == 0 { Hash::Sha256 } else { Hash::Sha512 };
    let mut messages = data.splitn(2, |byte| *byte == 0);
    let (server_first, server_final) = (
        messages.next().unwrap_or_default(),
        messages.next().unwrap_or_default(),
    );
    let iterations = server_first
        .split(|byte| *byte == b',')
        .find_map(|part| part.strip_prefix(b"i="));
    if iterations.is_some_and(|digits| digits.len() > MAX_DIGITS && digits.first() != Some(&b'0')) {
        return;
    }
    let credentials: ScramCredentials =
        serde_json::from_str(r#"{ "username": "us,e=r", "password": "pencil" }"#).expect("credentials");
    let Ok(last) = ClientFirst::new(hash, credentials, NONCE.into()).answer(server_first) else {
        return;
    };
    assert!(last.message().starts_with(b"c=biws,r=rOprNGfwEbeRWgbNEkqO"));
    let refusal = server_final.starts_with(b"e=") || server_final.windows(3).any(|part| part == b",e=");
    assert!(!refusal || last.verify(server_final).is_err());
    // Only whoever knows the password can compute the signature; a fuzzer cannot guess it.
    assert!(last.verify(server_final).is_err());
});
