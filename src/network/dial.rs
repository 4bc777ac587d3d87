//! Opens the transport to one broker: TCP, TLS over it, or a socket that the user makes.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use super::endpoint::Endpoint;
use super::sasl::Couriers;
use super::socket::Sockets;
use super::stream::Transport;
use super::tls::{CodedError, TlsClient, coded};
use crate::config::ClusterConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Reporter;

/// How a peer that is gone is noticed on a connection nobody uses: kafkajs' default socket factory asks for this
/// time of silence, and Node then sends so many probes, so far apart.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(1))
    .with_retries(10);

/// Opens the connections of one client, as its configuration asks.
pub struct Dialer {
    config: Arc<ClusterConfig>,
    reporter: Reporter,
    couriers: Arc<Couriers>,
    sockets: Arc<Sockets>,
    // Certificates are read when the first connection needs them: kafkajs reports what is wrong with them then.
    tls: OnceLock<Result<TlsClient>>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("security", &self.config.security)
            .finish_non_exhaustive()
    }
}

impl Dialer {
    /// Opens nothing yet.
    pub fn new(config: Arc<ClusterConfig>, reporter: Reporter) -> Self {
        Self {
            config,
            reporter,
            couriers: Arc::default(),
            sockets: Arc::default(),
            tls: OnceLock::new(),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<ClusterConfig> {
        &self.config
    }

    /// Where events and log lines go.
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Ways to the broker for providers of the user.
    pub fn couriers(&self) -> &Arc<Couriers> {
        &self.couriers
    }

    /// Sockets that the user's JavaScript has made.
    pub fn sockets(&self) -> &Arc<Sockets> {
        &self.sockets
    }

    /// Opens a transport that is ready for Kafka's bytes.
    ///
    /// The caller bounds the time; dropping the future ends the attempt.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` with Node's error code (`ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`, ...),
    /// `KafkaJSNonRetriableError` for an `ssl` option that cannot be used.
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<Box<dyn Transport>> {
        let security = &self.config.security;
        if security.socket_factory {
            return Ok(Box::new(self.sockets.open(endpoint, &self.reporter).await?));
        }
        let Some(tls) = &security.tls else {
            return Ok(Box::new(connect(endpoint).await?));
        };
        let tls = self
            .tls
            .get_or_init(|| TlsClient::new(tls))
            .as_ref()
            .map_err(Error::clone)?;
        let tcp = connect(endpoint).await?;
        match tls.connect(tcp, &endpoint.host, &self.reporter).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(coded_failure(endpoint, error)),
        }
    }
}

/// Opens a TCP connection, trying every address the name stands for (KIP-302).
async fn connect(endpoint: &Endpoint) -> Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|_| {
            failed(
                endpoint,
                "ENOTFOUND",
                &format!("getaddrinfo ENOTFOUND {}", endpoint.host),
            )
        })?
        .collect();
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream
                    .set_nodelay(true)
                    .map_err(|error| io_failure(endpoint, "connect", &error))?;
                SockRef::from(&stream)
                    .set_tcp_keepalive(&KEEP_ALIVE)
                    .map_err(|error| io_failure(endpoint, "connect", &error))?;
                return Ok(stream);
            }
            Err(error) => {
                let code = node_code(&error);
                last = Some(failed(endpoint, code, &format!("connect {code} {address}")));
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        failed(
            endpoint,
            "ENOTFOUND",
            &format!("getaddrinfo ENOTFOUND {}", endpoint.host),
        )
    }))
}

/// The connection could not be opened within `connectionTimeout`.
pub fn timed_out(endpoint: &Endpoint) -> Error {
    Error::new(ErrorKind::Connection, "Connection timeout").with("broker", json!(endpoint.to_string()))
}

/// An I/O error in Node's words: `Connection error: read ECONNRESET`.
pub fn io_failure(endpoint: &Endpoint, syscall: &str, error: &io::Error) -> Error {
    if let Some(coded) = coded(error) {
        return coded_failure(endpoint, coded);
    }
    let code = node_code(error);
    let detail = if error.raw_os_error().is_some() || error.get_ref().is_none() {
        format!("{syscall} {code}")
    } else {
        error.to_string()
    };
    failed(endpoint, code, &detail)
}

/// An error that has its words and code already: `Connection error: certificate has expired`.
pub fn coded_failure(endpoint: &Endpoint, error: CodedError) -> Error {
    let failure = Error::new(
        ErrorKind::Connection,
        format!("Connection error: {}", error.message),
    )
    .with("broker", json!(endpoint.to_string()));
    match error.code {
        Some(code) => failure.with("code", json!(code)),
        None => failure,
    }
}

fn failed(endpoint: &Endpoint, code: &'static str, detail: &str) -> Error {
    coded_failure(
        endpoint,
        CodedError {
            code: Some(Cow::Borrowed(code)),
            message: Cow::Owned(detail.to_owned()),
        },
    )
}

/// The code Node's `error.code` would have.
pub fn node_code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset => "ECONNRESET",
        io::ErrorKind::ConnectionAborted => "ECONNABORTED",
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
        io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
        io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::InvalidInput => "EINVAL",
        _ => "EIO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refused_connection_carries_nodes_code_and_text() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let endpoint = Endpoint {
            host: "127.0.0.1".into(),
            port,
        };
        let Err(error) = connect(&endpoint).await else {
            panic!("nobody listens")
        };
        assert_eq!(
            error.message(),
            format!("Connection error: connect ECONNREFUSED 127.0.0.1:{port}")
        );
        assert_eq!(error.field("code"), Some(&json!("ECONNREFUSED")));
        assert_eq!(error.field("broker"), Some(&json!(format!("127.0.0.1:{port}"))));
    }

    #[cfg(not(windows))]
    #[tokio::test]
    async fn a_connection_is_kept_alive_and_sends_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
        };
        let stream = connect(&endpoint).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 10);
    }

    #[tokio::test]
    async fn an_unknown_name_is_not_found() {
        let endpoint = Endpoint {
            host: "no-such-host.invalid".into(),
            port: 1,
        };
        let Err(error) = connect(&endpoint).await else {
            panic!("no such name")
        };
        assert_eq!(
            error.message(),
            "Connection error: getaddrinfo ENOTFOUND no-such-host.invalid"
        );
    }
}
