//! From a fresh transport to a connection that can be used: which versions both sides speak, and who we are.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::connection::{Connection, Deadline};
use super::dial::{Dialer, timed_out};
use super::endpoint::Endpoint;
use super::sasl::{Authenticator, Session};
use super::stream::Transport;
use super::version_ranges::VersionRanges;
use crate::error::{Error, Result};

const UNSUPPORTED_VERSION: i16 = 35;

impl Dialer {
    /// Opens a connection to `endpoint` and makes it ready for requests.
    ///
    /// `known` are versions learned from the same broker a moment ago; with them the exchange of versions is spared.
    ///
    /// # Errors
    /// `KafkaJSConnectionError` (`Connection timeout`, `Connection error: ...`), `KafkaJSRequestTimeoutError` for a
    /// peer that accepts and says nothing, `KafkaJSSASLAuthenticationError` and the others of
    /// [`Authenticator::authenticate`].
    pub async fn open(&self, endpoint: &Endpoint, known: Option<Arc<VersionRanges>>) -> Result<Connection> {
        let transport = tokio::time::timeout(self.config().connection_timeout, self.dial(endpoint))
            .await
            .map_err(|_| timed_out(endpoint))??;
        self.establish(transport, endpoint, known).await
    }

    /// The part of [`Dialer::open`] that needs no socket.
    ///
    /// # Errors
    /// As [`Dialer::open`].
    pub async fn establish(
        &self,
        transport: Box<dyn Transport>,
        endpoint: &Endpoint,
        known: Option<Arc<VersionRanges>>,
    ) -> Result<Connection> {
        let config = self.config();
        let mut connection = Connection::over(
            transport,
            endpoint.clone(),
            Arc::clone(config),
            self.reporter().clone(),
        );
        let versions = match known {
            Some(versions) => versions,
            None => Arc::new(fetch_versions(&mut connection, config.connection_timeout).await?),
        };
        connection.learn_versions(versions);
        if let Some(authenticator) = Authenticator::new(config, self.couriers(), self.reporter()) {
            let threshold = config.security.reauthentication_threshold;
            let session = Session::begin(authenticator, threshold, &connection).await?;
            connection.begin_session(session);
        }
        Ok(connection)
    }
}

async fn fetch_versions(connection: &mut Connection, timeout: Duration) -> Result<VersionRanges> {
    let request = || {
        ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("kafkajs-rs"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")))
    };
    // A broker that does not know our version of ApiVersions answers in version 0 with UNSUPPORTED_VERSION (KIP-511).
    // Brokers before 2.4 are the only ones left that do; asking again in version 0 serves all of them.
    let first = connection.exchange(request(), Deadline::Exactly(timeout)).await;
    match first {
        Ok(response) if response.body.error_code == 0 => Ok(table_of(&response.body)),
        Ok(response) if response.body.error_code != UNSUPPORTED_VERSION => {
            Err(Error::protocol(response.body.error_code))
        }
        Err(error) if !connection.is_open() => Err(error),
        Ok(_) | Err(_) => {
            connection.learn_versions(Arc::new(VersionRanges::new([(18, (0, 0))], 0)));
            let response = connection.exchange(request(), Deadline::Exactly(timeout)).await?;
            match response.body.error_code {
                0 => Ok(table_of(&response.body)),
                code => Err(Error::protocol(code)),
            }
        }
    }
}

fn table_of(response: &ApiVersionsResponse) -> VersionRanges {
    let transaction_version = response
        .finalized_features
        .iter()
        .find(|feature| feature.name.as_str() == "transaction.version")
        .map_or(0, |feature| feature.max_version_level);
    let apis = response
        .api_keys
        .iter()
        .map(|api| (api.api_key, (api.min_version, api.max_version)));
    VersionRanges::new(apis, transaction_version)
}
