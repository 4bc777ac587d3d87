//! AWS: the mechanism of a broker plug-in that takes credentials of AWS IAM. Not `AWS_MSK_IAM`, which signs requests
//! and comes as a custom `authenticationProvider`.

use serde::Deserialize;

/// What the mechanism needs to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsCredentials {
    authorization_identity: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl AwsCredentials {
    /// The one message: all four, separated by NUL.
    pub fn message(&self) -> Vec<u8> {
        let token = self.session_token.as_deref().unwrap_or_default();
        [
            &self.authorization_identity,
            &self.access_key_id,
            &self.secret_access_key,
            token,
        ]
        .join("\0")
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_fields_and_an_empty_one_for_no_token() {
        let credentials: AwsCredentials = serde_json::from_str(
            r#"{ "authorizationIdentity": "id", "accessKeyId": "key", "secretAccessKey": "secret" }"#,
        )
        .unwrap();
        assert_eq!(credentials.message(), b"id\0key\0secret\0");
        let credentials: AwsCredentials = serde_json::from_str(
            r#"{ "authorizationIdentity": "id", "accessKeyId": "key", "secretAccessKey": "secret",
                 "sessionToken": "token" }"#,
        )
        .unwrap();
        assert_eq!(credentials.message(), b"id\0key\0secret\0token");
    }
}
