//! Judges a broker's certificate chain the way Node does, with Node's error codes.
//!
//! The judgement itself is webpki's. What it refuses and OpenSSL accepts is accepted here too, where that is safe: a
//! self-signed certificate that the user trusts by name, and certificates of version 1. Whether the certificate names
//! the right host is not looked at here: Node lets the user decide about that, after the handshake.

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::certificate::{check_dates, expired, is_self_issued, not_yet_valid, parse};
use super::failure::CodedError;
use super::version1;

/// See the module text.
#[derive(Debug)]
pub struct ChainVerifier {
    roots: RootCertStore,
    trusted: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    enforce: bool,
}

impl ChainVerifier {
    /// Trusts `trusted`; with `enforce` off, everybody.
    pub fn new(
        trusted: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
        enforce: bool,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        // A root that cannot be used is no reason to distrust the others: operating systems ship some.
        roots.add_parsable_certificates(trusted.iter().cloned());
        Self {
            roots,
            trusted,
            algorithms,
            enforce,
        }
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CodedError> {
        let self_issued = is_self_issued(leaf);
        if self_issued
            && self
                .trusted
                .iter()
                .any(|trusted| trusted.as_ref() == leaf.as_ref())
        {
            return check_dates(&parse(leaf)?, now);
        }
        if !self_issued && version1::is_version1(leaf) {
            return version1::check_signed_by(leaf, &self.trusted, now);
        }
        let verified = ParsedCertificate::try_from(leaf).and_then(|certificate| {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                others,
                now,
                self.algorithms.all,
            )
        });
        verified.map_err(|error| {
            if self_issued {
                CodedError::new("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate")
            } else {
                rejected(&error, others)
            }
        })
    }
}

/// What webpki found, in OpenSSL's words.
fn rejected(error: &TlsError, others: &[CertificateDer<'_>]) -> CodedError {
    let TlsError::InvalidCertificate(error) = error else {
        return CodedError::new("CERT_REJECTED", format!("certificate rejected: {error}"));
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => expired(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => not_yet_valid(),
        CertificateError::Revoked => CodedError::new("CERT_REVOKED", "certificate revoked"),
        CertificateError::BadSignature => {
            CodedError::new("CERT_SIGNATURE_FAILURE", "certificate signature failure")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CodedError::new("INVALID_PURPOSE", "unsuitable certificate purpose")
        }
        CertificateError::UnknownIssuer if others.iter().any(is_self_issued) => CodedError::new(
            "SELF_SIGNED_CERT_IN_CHAIN",
            "self-signed certificate in certificate chain",
        ),
        CertificateError::UnknownIssuer if others.is_empty() => CodedError::new(
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "unable to verify the first certificate",
        ),
        CertificateError::UnknownIssuer => CodedError::new(
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            "unable to get local issuer certificate",
        ),
        other => CodedError::new("CERT_REJECTED", format!("certificate rejected: {other}")),
    }
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if self.enforce {
            self.check(end_entity, intermediates, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if version1::is_version1(cert) {
            return version1::verify_handshake(message, cert, dss, &self.algorithms);
        }
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if version1::is_version1(cert) {
            return version1::verify_handshake(message, cert, dss, &self.algorithms);
        }
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
