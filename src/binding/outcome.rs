//! Errors of synchronous native methods.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// An error thrown by a synchronous native method: JavaScript finds the payload as JSON in `message`, because napi
/// lets a thrown error carry nothing else.
pub fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(error.payload().to_string())
}

/// Reads an argument that crosses as JSON. Our own JavaScript wrote it, so a misfit is a defect of ours.
///
/// # Errors
/// What does not fit, and where.
pub fn from_json<T: DeserializeOwned>(what: &'static str, json: &str) -> napi::Result<T> {
    serde_json::from_str(json)
        .or_else(|error| match well_formed(json) {
            Some(json) => serde_json::from_str(&json),
            None => Err(error),
        })
        .map_err(|error| thrown(&Error::non_retriable(format!("Invalid {what}: {error}"))))
}

/// The JSON with U+FFFD in place of halves of surrogate pairs, as Node puts it into UTF-8; `None` if it has none.
///
/// A string of JavaScript may hold such a half alone. `JSON.stringify` escapes it, and escapes nothing else of that
/// range: a whole pair stands as its character.
fn well_formed(json: &str) -> Option<String> {
    let mut made = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        made.push_str(before);
        let length = match escape.get(1..4) {
            Some(half) if is_surrogate(half) => {
                made.push(char::REPLACEMENT_CHARACTER);
                6
            }
            _ => {
                made.push_str(escape.get(..2)?);
                2
            }
        };
        rest = escape.get(length..)?;
    }
    made.push_str(rest);
    (made != json).then_some(made)
}

/// Whether an escape begins like those from `\ud800` to `\udfff`.
fn is_surrogate(escape: &str) -> bool {
    matches!(
        escape.as_bytes(),
        [b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F']
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_surrogate_pairs_become_the_replacement_character() {
        let made = |json| well_formed(json).as_deref().map(serde_json::from_str::<String>);
        assert!(matches!(made(r#""a\ud800b\udfff""#), Some(Ok(text)) if text == "a\u{fffd}b\u{fffd}"));
        assert!(
            matches!(made(r#""\\ud800 \" \n\ud8ff""#), Some(Ok(text)) if text == "\\ud800 \" \n\u{fffd}")
        );
        for whole in [r#""plain 😀""#, r#""\\ud800""#, r#""\u0007\ud7ff""#, "\"\\", ""] {
            assert_eq!(well_formed(whole), None, "{whole}");
        }
    }
}
