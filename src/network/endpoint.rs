//! `host:port`, read the way kafkajs reads it.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host name or address, as configured or advertised.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint a broker advertised.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` if the port is none.
    pub fn advertised(host: &str, port: i32) -> Result<Self> {
        match u16::try_from(port) {
            Ok(port) => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            Err(_) => Err(bad_port(host, &port.to_string())),
        }
    }

    /// Reads one entry of the `brokers` option.
    ///
    /// `[v6-address]:port` works besides kafkajs' `host:port`.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` with Node's text for a port that is none.
    pub fn parse(broker: &str) -> Result<Self> {
        let (host, port) = match broker.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            Some((host, port)) => (host, port),
            None => {
                let mut parts = broker.split(':');
                (parts.next().unwrap_or_default(), parts.next().unwrap_or(""))
            }
        };
        // JavaScript's Number(): surrounding white space is fine, and a missing port is not a number.
        match port.trim().parse::<u16>() {
            Ok(number) => Ok(Self {
                host: host.to_owned(),
                port: number,
            }),
            Err(_) => Err(bad_port(host, port.trim())),
        }
    }
}

fn bad_port(host: &str, port: &str) -> Error {
    let number = match port.parse::<f64>() {
        Ok(number) if number.is_finite() => port.to_owned(),
        _ => "NaN".to_owned(),
    };
    let text =
        format!("Failed to connect: Port should be >= 0 and < 65536. Received type number ({number}).");
    Error::new(ErrorKind::Connection, text).with("broker", format!("{host}:{number}").into())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_and_port() {
        assert_eq!(
            Endpoint::parse("kafka-1:9092").unwrap().to_string(),
            "kafka-1:9092"
        );
        assert_eq!(
            Endpoint::parse("[::1]:9092").unwrap(),
            Endpoint {
                host: "::1".into(),
                port: 9092
            }
        );
    }

    #[test]
    fn a_port_that_is_none_says_so_in_nodes_words() {
        for (broker, shown) in [
            ("localhost", "NaN"),
            ("localhost:abc", "NaN"),
            ("l:99999", "99999"),
            ("l:-1", "-1"),
        ] {
            let error = Endpoint::parse(broker).expect_err("refused");
            assert_eq!(
                error.message(),
                format!(
                    "Failed to connect: Port should be >= 0 and < 65536. Received type number ({shown})."
                )
            );
        }
    }
}
