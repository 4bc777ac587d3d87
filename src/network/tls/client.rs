//! The `ssl` option made into a TLS client.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, SupportedProtocolVersion};

use super::failure::{CodedError, handshake};
use super::keys::Material;
use super::verifier::ChainVerifier;
use crate::config::{Secret, TlsConfig, TlsVersion};
use crate::error::{Error, Result};
use crate::event::Reporter;

/// Who decides whether a certificate is for the host we wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdentityCheck {
    Nobody,
    Node,
    User,
}

/// Shakes hands as the `ssl` option asks; one per client.
pub struct TlsClient {
    connector: TlsConnector,
    servername: Option<String>,
    check: IdentityCheck,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads certificates and keys; nothing is sent.
    ///
    /// # Errors
    /// A `KafkaJSNonRetriableError` that names the option that is not what it should be.
    pub fn new(config: &TlsConfig) -> Result<Self> {
        let mut provider = ring::default_provider();
        if let Some(names) = &config.cipher_suites {
            provider.cipher_suites.retain(|suite| {
                let name = suite
                    .suite()
                    .as_str()
                    .unwrap_or_default()
                    .replacen("TLS13_", "TLS_", 1);
                names.contains(&name)
            });
        }
        let provider = Arc::new(provider);
        let Material { trusted, identities } = Material::read(config, &provider)?;
        let algorithms = provider.signature_verification_algorithms;
        let verifier = ChainVerifier::new(trusted, algorithms, config.reject_unauthorized);
        let mut tls = builder(config, provider)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identities));
        tls.alpn_protocols = config
            .alpn_protocols
            .iter()
            .map(Secret::bytes)
            .map(<[u8]>::to_vec)
            .collect();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(tls)),
            servername: config.servername.clone(),
            check: match config {
                TlsConfig {
                    reject_unauthorized: false,
                    ..
                } => IdentityCheck::Nobody,
                TlsConfig {
                    custom_identity_check: true,
                    ..
                } => IdentityCheck::User,
                _ => IdentityCheck::Node,
            },
        })
    }

    /// Encrypts `tcp`, a connection to `host`, and checks who is at its other end.
    ///
    /// # Errors
    /// Which check failed, with Node's code.
    pub async fn connect(
        &self,
        tcp: TcpStream,
        host: &str,
        reporter: &Reporter,
    ) -> Result<TlsStream<TcpStream>, CodedError> {
        let host = self.servername.as_deref().unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            CodedError::new(
                "ERR_TLS_CERT_ALTNAME_INVALID",
                format!("\"{host}\" is no name that a certificate can be for"),
            )
        })?;
        let stream = self
            .connector
            .connect(name.clone(), tcp)
            .await
            .map_err(|error| handshake(&error))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        self.check_identity(host, &name, chain, reporter).await?;
        Ok(stream)
    }

    async fn check_identity(
        &self,
        host: &str,
        name: &ServerName<'_>,
        chain: &[CertificateDer<'_>],
        reporter: &Reporter,
    ) -> Result<(), CodedError> {
        let named = || {
            let leaf = chain
                .first()
                .and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
            leaf.is_some_and(|leaf| verify_server_name(&leaf, name).is_ok())
        };
        match self.check {
            IdentityCheck::Nobody => return Ok(()),
            // Node goes by the common name when there are no alternative names, and has the words for what it finds:
            // what is not plainly right is shown to Node.
            IdentityCheck::Node if named() => return Ok(()),
            IdentityCheck::Node | IdentityCheck::User => {}
        }
        let certificates = chain.iter().map(|der| Bytes::copy_from_slice(der)).collect();
        let verdict = reporter
            .ask("tls.identity", json!({ "host": host }), certificates)
            .await;
        let objection = |message: &str, code: Option<&str>| CodedError {
            code: code.map(|code| code.to_owned().into()),
            message: message.to_owned().into(),
        };
        match verdict {
            Ok(verdict) if verdict.value.is_null() => Ok(()),
            Ok(verdict) => {
                let text = |key: &str| verdict.value.get(key).and_then(Value::as_str);
                Err(objection(
                    text("message").unwrap_or("the certificate was refused"),
                    text("code"),
                ))
            }
            Err(error) => Err(objection(error.message(), None)),
        }
    }
}

type VersionedBuilder =
    tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier>;

fn builder(config: &TlsConfig, provider: Arc<CryptoProvider>) -> Result<VersionedBuilder> {
    let known: [(TlsVersion, &'static SupportedProtocolVersion); 2] =
        [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
    let wanted: Vec<_> = known
        .into_iter()
        .filter(|(version, _)| (config.min_version..=config.max_version).contains(version))
        .map(|(_, version)| version)
        .collect();
    ClientConfig::builder_with_provider(provider).with_protocol_versions(&wanted).map_err(|_| {
        Error::non_retriable(
            "Failed to connect: ssl.minVersion, ssl.maxVersion and ssl.ciphers leave nothing that is supported; \
             TLSv1.2 and TLSv1.3 are, with their AEAD ciphers",
        )
    })
}
