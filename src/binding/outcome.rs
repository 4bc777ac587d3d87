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
        .map_err(|error| thrown(&Error::non_retriable(format!("Invalid {what}: {error}"))))
}
