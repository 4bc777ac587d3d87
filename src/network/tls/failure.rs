//! What can go wrong with TLS, with the error codes that Node gives and texts that say which check failed.

use std::borrow::Cow;
use std::fmt;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError, OtherError};

/// A failure with the code that Node's `error.code` has; travels inside of an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedError {
    /// Node's code, such as `CERT_HAS_EXPIRED`; `None` if Node gives none.
    pub code: Option<Cow<'static, str>>,
    /// Node's text, or ours where Node's names an address in memory.
    pub message: Cow<'static, str>,
}

impl CodedError {
    /// With a code.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Some(code.into()),
            message: message.into(),
        }
    }
}

impl fmt::Display for CodedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CodedError {}

impl From<CodedError> for TlsError {
    fn from(error: CodedError) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(std::sync::Arc::new(error))))
    }
}

/// What an I/O error of a connection says in Node's words, if it is about TLS or carries such words itself.
pub fn coded(error: &io::Error) -> Option<CodedError> {
    let inner = error.get_ref()?;
    if let Some(coded) = inner.downcast_ref::<CodedError>() {
        return Some(coded.clone());
    }
    inner.downcast_ref::<TlsError>().map(coded_tls)
}

/// As [`coded`], for an error that ended the handshake: there even an end of the stream tells something.
pub fn handshake(error: &io::Error) -> CodedError {
    coded(error).unwrap_or_else(|| match error.kind() {
        // A broker that expects plain text takes our first bytes for a monstrous frame and hangs up.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            CodedError::new(
                "ECONNRESET",
                "Client network socket disconnected before secure TLS connection was established: \
             the peer does not speak TLS, or does not want to speak with us",
            )
        }
        _ => CodedError::new("EPROTO", error.to_string()),
    })
}

fn coded_tls(error: &TlsError) -> CodedError {
    match error {
        TlsError::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            match inner.downcast_ref::<CodedError>() {
                Some(coded) => coded.clone(),
                None => CodedError::new("CERT_REJECTED", format!("certificate rejected: {inner}")),
            }
        }
        TlsError::InvalidCertificate(other) => {
            CodedError::new("CERT_REJECTED", format!("certificate rejected: {other}"))
        }
        TlsError::AlertReceived(alert) => alerted(*alert),
        TlsError::InvalidMessage(_) => CodedError::new(
            "ERR_SSL_WRONG_VERSION_NUMBER",
            "wrong version number: the peer does not speak TLS",
        ),
        TlsError::PeerIncompatible(what) => {
            let text =
                format!("unsupported protocol: no TLS version or cipher in common with the peer ({what:?})");
            CodedError::new("ERR_SSL_UNSUPPORTED_PROTOCOL", text)
        }
        other => CodedError::new("EPROTO", format!("TLS: {other}")),
    }
}

/// OpenSSL's name of an alert carries the protocol that introduced it.
fn alerted(alert: AlertDescription) -> CodedError {
    use AlertDescription as Alert;
    let number = u8::from(alert);
    let (prefix, name) = match alert {
        Alert::UnexpectedMessage => ("sslv3", "unexpected message"),
        Alert::BadRecordMac => ("sslv3", "bad record mac"),
        Alert::HandshakeFailure => ("sslv3", "handshake failure"),
        Alert::NoCertificate => ("sslv3", "no certificate"),
        Alert::BadCertificate => ("sslv3", "bad certificate"),
        Alert::UnsupportedCertificate => ("sslv3", "unsupported certificate"),
        Alert::CertificateRevoked => ("sslv3", "certificate revoked"),
        Alert::CertificateExpired => ("sslv3", "certificate expired"),
        Alert::CertificateUnknown => ("sslv3", "certificate unknown"),
        Alert::IllegalParameter => ("sslv3", "illegal parameter"),
        Alert::UnknownCA => ("tlsv1", "unknown ca"),
        Alert::AccessDenied => ("tlsv1", "access denied"),
        Alert::DecodeError => ("tlsv1", "decode error"),
        Alert::DecryptError => ("tlsv1", "decrypt error"),
        Alert::ProtocolVersion => ("tlsv1", "protocol version"),
        Alert::InsufficientSecurity => ("tlsv1", "insufficient security"),
        Alert::InternalError => ("tlsv1", "internal error"),
        Alert::UserCanceled => ("tlsv1", "user cancelled"),
        Alert::MissingExtension => ("tlsv13", "missing extension"),
        Alert::CertificateRequired => ("tlsv13", "certificate required"),
        Alert::NoApplicationProtocol => ("tlsv1", "no application protocol"),
        _ => ("tlsv1", "unknown"),
    };
    let hint = match alert {
        Alert::BadCertificate
        | Alert::CertificateRequired
        | Alert::HandshakeFailure
        | Alert::NoCertificate => {
            ": the peer may want a client certificate (ssl.cert and ssl.key, or ssl.pfx)"
        }
        Alert::UnknownCA | Alert::CertificateUnknown => ": the peer does not trust our certificate",
        _ => "",
    };
    let code = format!("ERR_SSL_{prefix}_ALERT_{}", name.replace(' ', "_")).to_uppercase();
    CodedError::new(
        code,
        format!("{prefix} alert {name}: SSL alert number {number}{hint}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_error(error: TlsError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn alerts_have_openssls_codes() {
        for (alert, code) in [
            (
                AlertDescription::BadCertificate,
                "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
            ),
            (
                AlertDescription::CertificateRequired,
                "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
            ),
            (
                AlertDescription::ProtocolVersion,
                "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
            ),
            (AlertDescription::UnknownCA, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"),
        ] {
            let error = coded(&io_error(TlsError::AlertReceived(alert))).unwrap();
            assert_eq!(error.code.as_deref(), Some(code));
            assert!(
                error
                    .message
                    .contains(&format!("SSL alert number {}", u8::from(alert))),
                "{error}"
            );
        }
    }

    #[test]
    fn what_the_verifier_found_comes_through_unchanged() {
        let found = CodedError::new("CERT_HAS_EXPIRED", "certificate has expired");
        assert_eq!(coded(&io_error(found.clone().into())), Some(found));
    }

    #[test]
    fn an_end_means_something_only_during_the_handshake() {
        let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(coded(&ended), None);
        let error = handshake(&ended);
        assert_eq!(error.code.as_deref(), Some("ECONNRESET"));
        assert!(error.message.contains("the peer does not speak TLS"), "{error}");
    }
}
