//! PLAIN (RFC 4616).

use serde::Deserialize;

/// What the mechanism needs to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlainCredentials {
    authorization_identity: Option<String>,
    username: String,
    password: String,
}

impl PlainCredentials {
    /// The one message: whom to act as, user and password, separated by NUL.
    pub fn message(&self) -> Vec<u8> {
        let identity = self.authorization_identity.as_deref().unwrap_or_default();
        [identity, &self.username, &self.password].join("\0").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4616_examples() {
        let credentials: PlainCredentials =
            serde_json::from_str(r#"{ "username": "tim", "password": "tanstaaftanstaaf" }"#).unwrap();
        assert_eq!(credentials.message(), b"\0tim\0tanstaaftanstaaf");
        let credentials: PlainCredentials = serde_json::from_str(
            r#"{ "authorizationIdentity": "Ursel", "username": "Kurt", "password": "xipj3plmq" }"#,
        )
        .unwrap();
        assert_eq!(credentials.message(), b"Ursel\0Kurt\0xipj3plmq");
    }

    #[test]
    fn is_utf_8() {
        let credentials: PlainCredentials =
            serde_json::from_str(r#"{ "authorizationIdentity": null, "username": "zoë", "password": "pä" }"#)
                .unwrap();
        assert_eq!(credentials.message(), "\0zoë\0pä".as_bytes());
    }
}
