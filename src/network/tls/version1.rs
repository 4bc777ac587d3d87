//! Certificates of X.509 version 1, which rustls refuses to read and OpenSSL accepts.
//!
//! They are what `openssl x509 -req` signed for years, and Kafka's own instructions for TLS use it, so brokers have
//! them. Having no extensions, they can only be directly signed by a certificate the user trusts; no chain is built.

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error as TlsError};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::OID_PKCS1_SHA1WITHRSA;
use x509_parser::x509::X509Version;

use super::certificate::{check_dates, parse};
use super::failure::CodedError;

/// Whether `der` is such a certificate.
pub fn is_version1(der: &CertificateDer<'_>) -> bool {
    parse(der).is_ok_and(|certificate| certificate.version() == X509Version::V1)
}

/// Whether one of `trusted` has signed `der`, and both are within their dates.
///
/// # Errors
/// `UNABLE_TO_VERIFY_LEAF_SIGNATURE`, `CERT_SIGNATURE_FAILURE`, `CERT_HAS_EXPIRED` or `CERT_NOT_YET_VALID`.
pub fn check_signed_by(
    der: &CertificateDer<'_>,
    trusted: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), CodedError> {
    let certificate = parse(der)?;
    let mut outcome = Err(CodedError::new(
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "unable to verify the first certificate",
    ));
    for issuer in trusted {
        let Ok(issuer) = parse(issuer) else { continue };
        if issuer.subject().as_raw() != certificate.issuer().as_raw() || !may_sign(&issuer) {
            continue;
        }
        match check_signature(&certificate, &issuer) {
            Ok(()) => return check_dates(&issuer, now).and_then(|()| check_dates(&certificate, now)),
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

/// A version 1 certificate says nothing about it; that the user trusts it has to do. An issuer that is limited to some
/// names is left out: without extensions there is nothing to hold the limits against.
fn may_sign(issuer: &X509Certificate<'_>) -> bool {
    if issuer.version() == X509Version::V1 {
        return true;
    }
    let key_usage = issuer.key_usage().ok().flatten();
    issuer.is_ca()
        && key_usage.is_none_or(|usage| usage.value.key_cert_sign())
        && matches!(issuer.name_constraints(), Ok(None))
}

fn check_signature(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
) -> Result<(), CodedError> {
    let failed = || CodedError::new("CERT_SIGNATURE_FAILURE", "certificate signature failure");
    if certificate.signature_algorithm.algorithm == OID_PKCS1_SHA1WITHRSA {
        return Err(CodedError::new(
            "CA_MD_TOO_WEAK",
            "CA signature digest algorithm too weak",
        ));
    }
    certificate
        .verify_signature(Some(issuer.public_key()))
        .map_err(|_| failed())
}

/// Whether the owner of `der` has signed `message`, that is, the handshake.
///
/// # Errors
/// If not, or in a scheme we do not know.
pub fn verify_handshake(
    message: &[u8],
    der: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, TlsError> {
    let bad = || TlsError::InvalidCertificate(CertificateError::BadSignature);
    let certificate = parse(der)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| bad())?;
    let known = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme);
    let candidates = known.map(|(_, algorithms)| *algorithms).unwrap_or_default();
    let valid = candidates.iter().any(|algorithm| {
        key.verify_signature(*algorithm, message, signed.signature())
            .is_ok()
    });
    if valid {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(bad())
    }
}
