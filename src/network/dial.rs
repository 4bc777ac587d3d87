//! Opens the transport to one broker.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use super::endpoint::Endpoint;
use super::stream::Transport;
use crate::error::{Error, ErrorKind, Result};

/// kafkajs' default socket factory asks for the same.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Opens a TCP connection, trying every address the name stands for (KIP-302).
///
/// The caller bounds the time; dropping the future ends the attempt.
///
/// # Errors
/// `KafkaJSConnectionError` with Node's error code (`ECONNREFUSED`, `ENOTFOUND`, ...).
pub async fn dial(endpoint: &Endpoint) -> Result<Box<dyn Transport>> {
    let addresses: Vec<SocketAddr> = lookup_host((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|_| {
            failed(endpoint, "ENOTFOUND", &format!("getaddrinfo ENOTFOUND {}", endpoint.host))
        })?
        .collect();
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| io_failure(endpoint, "connect", &error))?;
                SockRef::from(&stream)
                    .set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))
                    .map_err(|error| io_failure(endpoint, "connect", &error))?;
                return Ok(Box::new(stream));
            }
            Err(error) => {
                let code = node_code(&error);
                last = Some(failed(endpoint, code, &format!("connect {code} {address}")));
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        failed(endpoint, "ENOTFOUND", &format!("getaddrinfo ENOTFOUND {}", endpoint.host))
    }))
}

/// The connection could not be opened within `connectionTimeout`.
pub fn timed_out(endpoint: &Endpoint) -> Error {
    Error::new(ErrorKind::Connection, "Connection timeout").with("broker", json!(endpoint.to_string()))
}

/// An I/O error in Node's words: `Connection error: read ECONNRESET`.
pub fn io_failure(endpoint: &Endpoint, syscall: &str, error: &io::Error) -> Error {
    let code = node_code(error);
    let detail = if error.raw_os_error().is_some() || error.get_ref().is_none() {
        format!("{syscall} {code}")
    } else {
        error.to_string()
    };
    failed(endpoint, code, &detail)
}

fn failed(endpoint: &Endpoint, code: &str, detail: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("Connection error: {detail}"))
        .with("broker", json!(endpoint.to_string()))
        .with("code", json!(code))
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
        let endpoint = Endpoint { host: "127.0.0.1".into(), port };
        let Err(error) = dial(&endpoint).await else { panic!("nobody listens") };
        assert_eq!(error.message(), format!("Connection error: connect ECONNREFUSED 127.0.0.1:{port}"));
        assert_eq!(error.field("code"), Some(&json!("ECONNREFUSED")));
        assert_eq!(error.field("broker"), Some(&json!(format!("127.0.0.1:{port}"))));
    }

    #[tokio::test]
    async fn an_unknown_name_is_not_found() {
        let endpoint = Endpoint { host: "no-such-host.invalid".into(), port: 1 };
        let Err(error) = dial(&endpoint).await else { panic!("no such name") };
        assert_eq!(error.message(), "Connection error: getaddrinfo ENOTFOUND no-such-host.invalid");
    }
}
