//! Reads of a certificate what rustls does not show.

use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::failure::CodedError;

/// Parses `der`.
///
/// # Errors
/// If it is no certificate.
pub fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CodedError> {
    X509Certificate::from_der(der.as_ref())
        .map(|(_, certificate)| certificate)
        .map_err(|_| CodedError::new("CERT_REJECTED", "certificate rejected: it cannot be read"))
}

/// Whether the certificate names itself as its issuer.
pub fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    parse(der).is_ok_and(|certificate| certificate.subject().as_raw() == certificate.issuer().as_raw())
}

/// Whether `now` is between the certificate's dates.
///
/// # Errors
/// `CERT_NOT_YET_VALID` or `CERT_HAS_EXPIRED`.
pub fn check_dates(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), CodedError> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if seconds < validity.not_before.timestamp() {
        return Err(not_yet_valid());
    }
    if seconds > validity.not_after.timestamp() {
        return Err(expired());
    }
    Ok(())
}

/// The certificate's time is over.
pub fn expired() -> CodedError {
    CodedError::new("CERT_HAS_EXPIRED", "certificate has expired")
}

/// The certificate's time has not begun.
pub fn not_yet_valid() -> CodedError {
    CodedError::new("CERT_NOT_YET_VALID", "certificate is not yet valid")
}
