//! Requests of all kinds through rskafka's Messenger, which is compiled once for each form of the header instead of once
//! for each request.

use rskafka::messenger::{Messenger, RequestError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::protocol::versions::ApiSpec;
use crate::protocol::wire::{Body, Frame, OnEncoded, Trace, Wire};

/// The one API whose answer keeps header v0 for ever, so that old clients can read it (KIP-511).
const API_VERSIONS: i16 = 18;

/// Sends a request of API `spec` in `version` and waits for the frame of its answer. What is learned on the way is
/// written to `trace`.
///
/// # Errors
/// As the Messenger: the request cannot be written, or the connection ends.
pub(super) async fn request<RW: AsyncRead + AsyncWrite + Send + 'static>(
    messenger: &Messenger<RW>,
    spec: &ApiSpec,
    version: i16,
    body: &dyn Body,
    trace: &Trace,
    on_encoded: Option<OnEncoded<'_>>,
) -> Result<Frame, RequestError> {
    let key = spec.key;
    if version < spec.first_flexible {
        let wire = Wire::<false, false>::new(key, version, body, trace, on_encoded);
        messenger.request(wire).await
    } else if key == API_VERSIONS {
        let wire = Wire::<true, false>::new(key, version, body, trace, on_encoded);
        messenger.request(wire).await
    } else {
        let wire = Wire::<true, true>::new(key, version, body, trace, on_encoded);
        messenger.request(wire).await
    }
}
