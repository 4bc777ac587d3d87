//! OAUTHBEARER (RFC 7628, KIP-255).

use serde::Deserialize;

/// Between the fields of a message.
const SEPARATOR: char = '\u{1}';

/// What the client says to a refusal, so that the broker ends the exchange with its reason.
pub const GIVE_UP: &[u8] = b"\x01";

/// What the mechanism needs to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OauthBearerCredentials {
    authorization_identity: Option<String>,
    value: String,
    /// Name and value, in order (KIP-342).
    extensions: Vec<(String, String)>,
}

impl OauthBearerCredentials {
    /// The first message; an answer other than an empty one is a refusal.
    pub fn message(&self) -> Vec<u8> {
        let mut message = String::from("n,");
        if let Some(identity) = &self.authorization_identity {
            message.push_str("a=");
            // A name's own commas and equal signs are escaped (RFC 5801).
            message.push_str(&identity.replace('=', "=3D").replace(',', "=2C"));
        }
        message.push(',');
        message.push(SEPARATOR);
        message.push_str("auth=Bearer ");
        message.push_str(&self.value);
        message.push(SEPARATOR);
        for (name, value) in &self.extensions {
            message.push_str(name);
            message.push('=');
            message.push_str(value);
            message.push(SEPARATOR);
        }
        message.push(SEPARATOR);
        message.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Vec<u8> {
        serde_json::from_str::<OauthBearerCredentials>(json)
            .unwrap()
            .message()
    }

    #[test]
    fn a_token_alone() {
        assert_eq!(
            message(r#"{ "value": "tok.en.", "extensions": [] }"#),
            b"n,,\x01auth=Bearer tok.en.\x01\x01"
        );
    }

    #[test]
    fn extensions_follow_the_token_in_order() {
        let message = message(r#"{ "value": "t", "extensions": [["traceId", "12"], ["a", "b=c"]] }"#);
        assert_eq!(message, b"n,,\x01auth=Bearer t\x01traceId=12\x01a=b=c\x01\x01");
    }

    #[test]
    fn an_identity_to_act_as_as_in_rfc_7628() {
        let message = message(
            r#"{ "authorizationIdentity": "user@example.com", "value": "vF9dft4qmT", "extensions": [] }"#,
        );
        assert_eq!(
            message,
            b"n,a=user@example.com,\x01auth=Bearer vF9dft4qmT\x01\x01"
        );
    }
}
