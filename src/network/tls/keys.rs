//! Reads the certificates and keys of the `ssl` option.

use std::sync::Arc;

use p12_keystore::Pkcs12Archive;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys, SignatureScheme};

use super::certificate::parse;
use crate::config::{Pfx, Secret, TlsConfig};
use crate::error::{Error, Result};

fn unusable(what: &str) -> Error {
    Error::non_retriable(format!("Failed to connect: {what}"))
}

/// Certificates of one entry: PEM with any number of them, or one DER. What cannot be read among those that can is
/// left out: bundles have odd ones.
///
/// # Errors
/// A `KafkaJSNonRetriableError` that names `option` if none can be read.
pub fn certificates(option: &str, entry: &Secret) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = entry.bytes();
    let mut found = if bytes.first() == Some(&0x30) {
        vec![CertificateDer::from(bytes.to_vec())]
    } else {
        CertificateDer::pem_slice_iter(bytes)
            .map_while(Result::ok)
            .collect()
    };
    found.retain(|certificate| parse(certificate).is_ok());
    if found.is_empty() {
        return Err(unusable(&format!("{option} is no certificate in PEM format")));
    }
    Ok(found)
}

/// What the option brings along: certificates to trust, and those to show.
pub struct Material {
    /// Certificates to trust.
    pub trusted: Vec<CertificateDer<'static>>,
    /// Certificates with their keys.
    pub identities: Identities,
}

impl Material {
    /// Reads `ca`, `cert`, `key` and `pfx`.
    ///
    /// # Errors
    /// A `KafkaJSNonRetriableError` that names the option that is not what it should be.
    pub fn read(config: &TlsConfig, provider: &CryptoProvider) -> Result<Self> {
        let mut material = Self {
            trusted: Vec::new(),
            identities: Identities(Vec::new()),
        };
        for entry in &config.ca {
            material.trusted.extend(certificates("ssl.ca", entry)?);
        }
        for identity in &config.identities {
            let chain = certificates("ssl.cert", &identity.cert)?;
            material.add_identity("ssl.key", chain, identity.key.bytes(), provider)?;
        }
        for archive in &config.pfx {
            material.add_archive(archive, provider)?;
        }
        Ok(material)
    }

    fn add_identity(
        &mut self,
        option: &str,
        chain: Vec<CertificateDer<'static>>,
        pkcs8: &[u8],
        provider: &CryptoProvider,
    ) -> Result<()> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
        let key = provider.key_provider.load_private_key(key).map_err(|_| {
            unusable(&format!(
                "{option} is of a kind that is not supported; RSA from 2048 bits, EC P-256 and P-384, and Ed25519 are"
            ))
        })?;
        let identity = CertifiedKey::new(chain, key);
        if let Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) = identity.keys_match() {
            return Err(unusable(&format!(
                "{option} is not the key of the certificate: key values mismatch"
            )));
        }
        self.identities.0.push(Arc::new(identity));
        Ok(())
    }

    /// As OpenSSL reads one: the certificate of the key is shown, with those of its chain; all others are trusted.
    fn add_archive(&mut self, pfx: &Pfx, provider: &CryptoProvider) -> Result<()> {
        let passphrase = std::str::from_utf8(pfx.passphrase.bytes())
            .map_err(|_| unusable("ssl.passphrase is not UTF-8"))?;
        let archive =
            Pkcs12Archive::from_pkcs12(pfx.data.bytes(), passphrase).map_err(|error| match error {
                p12_keystore::error::Error::MacError(_) => {
                    unusable("ssl.pfx cannot be opened: mac verify failure, is ssl.passphrase right?")
                }
                other => unusable(&format!("ssl.pfx cannot be opened: {other}")),
            })?;
        let der = |bag: &p12_keystore::CertificateBag| CertificateDer::from(bag.cert.as_der().to_vec());
        let Some(key) = archive.keys.first() else {
            self.trusted.extend(archive.certs.iter().map(der));
            return Ok(());
        };
        let id = key.local_key_id.as_ref().map(AsRef::as_ref);
        let leaf = archive
            .certs
            .iter()
            .position(|bag| bag.local_key_id.as_deref() == id);
        let leaf = leaf.unwrap_or(0);
        let mut chain: Vec<_> = archive.certs.iter().skip(leaf).take(1).map(der).collect();
        if chain.is_empty() {
            return Err(unusable("ssl.pfx has a key and no certificate"));
        }
        let others = archive
            .certs
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != leaf)
            .map(|(_, bag)| der(bag));
        let others: Vec<_> = others.collect();
        self.trusted.extend(others.iter().cloned());
        chain.extend(others);
        self.add_identity("ssl.pfx", chain, key.key.as_der(), provider)
    }
}

/// The certificates to show; the first that the broker can check is.
pub struct Identities(Vec<Arc<CertifiedKey>>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities")
            .field("count", &self.0.len())
            .finish()
    }
}

impl ResolvesClientCert for Identities {
    fn resolve(&self, _roots: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0
            .iter()
            .find(|identity| identity.key.choose_scheme(schemes).is_some())
            .cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
