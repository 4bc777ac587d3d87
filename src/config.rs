//! Validated configuration of the core. JavaScript checks and completes a user's options (`src/options.js`); what
//! arrives here has no holes, so the core has no defaults of its own.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

/// Reads a JSON number of milliseconds. kafkajs passes these to timers, which take fractions and treat negative
/// numbers as zero.
pub fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let ms = f64::deserialize(deserializer)?;
    Ok(duration_from_ms(ms))
}

/// A duration of `ms` milliseconds; negative and not-a-number count as zero, and a year is for ever.
pub fn duration_from_ms(ms: f64) -> Duration {
    const YEAR_MS: f64 = 365.0 * 86_400_000.0;
    if ms.is_nan() {
        Duration::ZERO
    } else {
        Duration::from_secs_f64(ms.clamp(0.0, YEAR_MS) / 1000.0)
    }
}

/// kafkajs' back-off (`retry` option).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryConfig {
    /// Longest wait between two attempts, ms.
    pub max_retry_time: f64,
    /// First wait, ms, before jitter.
    pub initial_retry_time: f64,
    /// Jitter: a wait of t is drawn from t - factor*t to t + factor*t.
    pub factor: f64,
    /// Each wait is the one before times this.
    pub multiplier: f64,
    /// Attempts after the first.
    pub retries: f64,
}

/// What every client of one `Kafka` instance shares, plus what differs by client kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterConfig {
    /// Sent in every request header, and reported in events.
    pub client_id: String,
    /// Deadline of one attempt to open a connection, handshake included up to ApiVersions.
    #[serde(deserialize_with = "milliseconds")]
    pub connection_timeout: Duration,
    /// Deadline of the authentication exchange of one connection.
    #[serde(deserialize_with = "milliseconds")]
    pub authentication_timeout: Duration,
    /// Deadline of one request, from its first byte to its answer.
    #[serde(deserialize_with = "milliseconds")]
    pub request_timeout: Duration,
    /// `false`: requests wait for their answer without a deadline.
    pub enforce_request_timeout: bool,
    /// Back-off of connecting, metadata and coordinator look-ups.
    pub retry: RetryConfig,
    /// Age at which cached metadata is refreshed; zero means it is stale at once.
    #[serde(deserialize_with = "milliseconds")]
    pub metadata_max_age: Duration,
    /// Whether a metadata request may create a topic.
    pub allow_auto_topic_creation: bool,
    /// Requests in flight on one connection; `None` is no limit.
    pub max_in_flight_requests: Option<u32>,
    /// How connections are encrypted and authenticated.
    #[serde(default)]
    pub security: SecurityConfig,
}

/// How connections are encrypted and authenticated. By default they are neither.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityConfig {
    /// `ssl`; `None` is plain TCP.
    pub tls: Option<TlsConfig>,
    /// `sasl`; `None` is no authentication. Credentials are not part of it: they are asked for when they are needed,
    /// so that a program may change them.
    pub sasl: Option<SaslConfig>,
    /// A session is renewed this long before it ends (KIP-368).
    #[serde(deserialize_with = "milliseconds")]
    pub reauthentication_threshold: Duration,
    /// Whether a `socketFactory` of the user makes the sockets; `tls` is then its business.
    pub socket_factory: bool,
}

impl fmt::Debug for SecurityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityConfig")
            .field("tls", &self.tls.is_some())
            .field("sasl", &self.sasl.as_ref().map(|sasl| sasl.mechanism.as_str()))
            .finish_non_exhaustive()
    }
}

/// `sasl`, as far as it is known beforehand.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaslConfig {
    /// Name of the mechanism in upper case, as the broker is told it.
    pub mechanism: String,
}

/// `ssl`: Node's `tls.ConnectionOptions`, with keys decrypted and defaults filled in. Holds private keys.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsConfig {
    /// Certificates to trust, each entry PEM (any number of certificates) or one DER.
    pub ca: Vec<Secret>,
    /// Certificates to show when the broker asks, with their keys.
    pub identities: Vec<TlsIdentity>,
    /// PKCS#12 archives; their certificates without a key are trusted as well.
    pub pfx: Vec<Pfx>,
    /// Name asked for and checked in place of the broker's host.
    pub servername: Option<String>,
    /// `false`: whoever answers is believed.
    pub reject_unauthorized: bool,
    /// Whether the user's `checkServerIdentity` decides about the name.
    pub custom_identity_check: bool,
    /// Lowest version spoken.
    pub min_version: TlsVersion,
    /// Highest version spoken.
    pub max_version: TlsVersion,
    /// Protocols offered (RFC 7301), in order of preference.
    pub alpn_protocols: Vec<Secret>,
    /// Cipher suites by IANA name; `None` is all that are supported.
    pub cipher_suites: Option<Vec<String>>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("reject_unauthorized", &self.reject_unauthorized)
            .finish_non_exhaustive()
    }
}

/// A certificate and its key.
#[derive(Clone, Deserialize)]
pub struct TlsIdentity {
    /// PEM: the certificate, then those between it and the CA.
    pub cert: Secret,
    /// PKCS#8 in DER, not encrypted.
    pub key: Secret,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity")
    }
}

/// A PKCS#12 archive.
#[derive(Clone, Deserialize)]
pub struct Pfx {
    /// The file's content.
    pub data: Secret,
    /// What it is encrypted with; empty if there is none.
    pub passphrase: Secret,
}

impl fmt::Debug for Pfx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pfx")
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246
    #[serde(rename = "TLSv1.2")]
    V1_2,
    /// RFC 8446
    #[serde(rename = "TLSv1.3")]
    V1_3,
}

/// Bytes that crossed as base64 and may be secret: they show in no output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The decoder's own error would name the offending byte.
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("not base64"))
    }
}

impl ClusterConfig {
    /// For tests, those outside of the crate too: nothing is tried again, and each wait ends after `patience`.
    #[doc(hidden)]
    pub fn impatient(patience: Duration) -> Self {
        Self {
            client_id: "test".into(),
            connection_timeout: patience,
            authentication_timeout: patience,
            request_timeout: patience,
            enforce_request_timeout: true,
            retry: RetryConfig {
                max_retry_time: 10.0,
                initial_retry_time: 1.0,
                factor: 0.0,
                multiplier: 1.0,
                retries: 0.0,
            },
            metadata_max_age: Duration::from_secs(300),
            allow_auto_topic_creation: false,
            max_in_flight_requests: None,
            security: SecurityConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_durations_are_clamped() {
        assert_eq!(duration_from_ms(-5.0), Duration::ZERO);
        assert_eq!(duration_from_ms(f64::NAN), Duration::ZERO);
        assert_eq!(duration_from_ms(1.5), Duration::from_micros(1500));
        assert_eq!(duration_from_ms(f64::INFINITY), Duration::from_secs(365 * 86_400));
    }

    #[test]
    fn security_is_read_and_shows_no_secret() {
        let json = r#"{
            "tls": {
                "ca": ["Y2E="], "identities": [{ "cert": "Y2VydA==", "key": "c2VjcmV0LWtleQ==" }],
                "pfx": [{ "data": "cGZ4", "passphrase": "c2VjcmV0LXBhc3M=" }], "servername": "kafka",
                "rejectUnauthorized": true, "customIdentityCheck": false, "minVersion": "TLSv1.2",
                "maxVersion": "TLSv1.3", "alpnProtocols": ["aDI="], "cipherSuites": null
            },
            "sasl": { "mechanism": "PLAIN" }, "reauthenticationThreshold": 1.5, "socketFactory": false
        }"#;
        let security: SecurityConfig = serde_json::from_str(json).unwrap();
        let tls = security.tls.as_ref().unwrap();
        assert_eq!(tls.identities[0].key.bytes(), b"secret-key");
        assert_eq!(tls.pfx[0].passphrase.bytes(), b"secret-pass");
        assert!(tls.min_version < tls.max_version);
        assert_eq!(security.reauthentication_threshold, Duration::from_micros(1500));
        let shown = format!("{security:?} {:?}", tls.ca);
        assert_eq!(
            shown,
            "SecurityConfig { tls: true, sasl: Some(\"PLAIN\"), .. } [Secret]"
        );
    }

    #[test]
    fn security_is_off_by_default_and_a_misfit_does_not_repeat_what_it_read() {
        let security: SecurityConfig = serde_json::from_str("{}").unwrap();
        assert!(security.tls.is_none() && security.sasl.is_none() && !security.socket_factory);
        let error = serde_json::from_str::<Pfx>(r#"{ "data": "hunter2!", "passphrase": "" }"#)
            .err()
            .unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
