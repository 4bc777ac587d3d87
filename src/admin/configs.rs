//! DescribeConfigs and AlterConfigs. A broker's own configuration is asked of that broker, all else of the controller.

use futures::future::try_join_all;
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{AlterConfigsRequest, DescribeConfigsRequest};
use serde::{Deserialize, Serialize};

use super::handle::{AdminHandle, Owner, Repeat, refusal};
use super::topics::ConfigEntry;
use super::values::{failed, text};
use crate::cluster::retry::Failure;
use crate::error::{Error, ErrorKind, Result};

/// `ConfigResourceTypes.BROKER`
const BROKER: i8 = 4;
/// `ConfigResourceTypes.BROKER_LOGGER`
const BROKER_LOGGER: i8 = 8;
/// `ConfigSource.DEFAULT_CONFIG`
const DEFAULT_CONFIG: i8 = 5;

/// A resource whose configuration is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigQuery {
    /// `ConfigResourceTypes`
    #[serde(rename = "type")]
    pub resource_type: i8,
    /// Topic name, or node id in digits.
    pub name: String,
    /// Properties asked for; empty: all.
    pub config_names: Vec<String>,
}

impl ConfigQuery {
    fn message(&self) -> DescribeConfigsResource {
        let keys = self.config_names.iter().map(|name| text(name)).collect();
        DescribeConfigsResource::default()
            .with_resource_type(self.resource_type)
            .with_resource_name(text(&self.name))
            .with_configuration_keys((!self.config_names.is_empty()).then_some(keys))
    }
}

/// Arguments of `describeConfigs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeConfigs {
    /// What is asked for.
    pub resources: Vec<ConfigQuery>,
    /// Whether to list where else a property is set.
    pub include_synonyms: bool,
}

/// A resource and the whole of its new configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChange {
    /// `ConfigResourceTypes`
    #[serde(rename = "type")]
    pub resource_type: i8,
    /// Topic name, or node id in digits.
    pub name: String,
    /// Properties it has afterwards; others go back to their defaults.
    pub config_entries: Vec<ConfigEntry>,
}

impl ConfigChange {
    fn message(&self) -> AlterConfigsResource {
        let configs = self.config_entries.iter().map(|entry| {
            AlterableConfig::default()
                .with_name(text(&entry.name))
                .with_value(Some(text(&entry.value)))
        });
        AlterConfigsResource::default()
            .with_resource_type(self.resource_type)
            .with_resource_name(text(&self.name))
            .with_configs(configs.collect())
    }
}

/// Arguments of `alterConfigs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlterConfigs {
    /// What is changed.
    pub resources: Vec<ConfigChange>,
    /// Check only.
    pub validate_only: bool,
}

/// Result of `describeConfigs` and of `alterConfigs`.
#[derive(Debug, Serialize)]
pub struct Resources<T> {
    /// One entry per resource, those of one broker together.
    pub resources: Vec<T>,
}

/// A resource as `alterConfigs` leaves it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlteredResource {
    /// Kafka error code, 0 if fine.
    pub error_code: i16,
    /// The broker's text.
    pub error_message: Option<String>,
    /// `ConfigResourceTypes`
    pub resource_type: i8,
    /// Topic name, or node id in digits.
    pub resource_name: String,
}

impl From<&AlterConfigsResourceResponse> for AlteredResource {
    fn from(response: &AlterConfigsResourceResponse) -> Self {
        Self {
            error_code: response.error_code,
            error_message: response.error_message.as_ref().map(ToString::to_string),
            resource_type: response.resource_type,
            resource_name: response.resource_name.to_string(),
        }
    }
}

/// A resource and its configuration. Brokers keep secret values to themselves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedResource {
    /// Kafka error code, 0 if fine.
    pub error_code: i16,
    /// The broker's text.
    pub error_message: Option<String>,
    /// `ConfigResourceTypes`
    pub resource_type: i8,
    /// Topic name, or node id in digits.
    pub resource_name: String,
    /// Its properties.
    pub config_entries: Vec<DescribedConfig>,
}

/// One property.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedConfig {
    /// Its name.
    pub config_name: String,
    /// Its value; `None` if it is secret or has none.
    pub config_value: Option<String>,
    /// Whether it is fixed while the broker runs.
    pub read_only: bool,
    /// Whether nobody set it.
    pub is_default: bool,
    /// `ConfigSource`
    pub config_source: i8,
    /// Whether its value is secret.
    pub is_sensitive: bool,
    /// Where else it is set, the strongest first.
    pub config_synonyms: Vec<ConfigSynonym>,
}

/// A place where a property is set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSynonym {
    /// The property's name there.
    pub config_name: String,
    /// Its value there.
    pub config_value: Option<String>,
    /// `ConfigSource`
    pub config_source: i8,
}

impl From<&DescribeConfigsResourceResult> for DescribedConfig {
    fn from(config: &DescribeConfigsResourceResult) -> Self {
        let synonyms = config.synonyms.iter().map(|synonym| ConfigSynonym {
            config_name: synonym.name.to_string(),
            config_value: synonym.value.as_ref().map(ToString::to_string),
            config_source: synonym.source,
        });
        Self {
            config_name: config.name.to_string(),
            config_value: config.value.as_ref().map(ToString::to_string),
            read_only: config.read_only,
            is_default: config.config_source == DEFAULT_CONFIG,
            config_source: config.config_source,
            is_sensitive: config.is_sensitive,
            config_synonyms: synonyms.collect(),
        }
    }
}

impl From<&DescribeConfigsResult> for DescribedResource {
    fn from(result: &DescribeConfigsResult) -> Self {
        Self {
            error_code: result.error_code,
            error_message: result.error_message.as_ref().map(ToString::to_string),
            resource_type: result.resource_type,
            resource_name: result.resource_name.to_string(),
            config_entries: result.configs.iter().map(DescribedConfig::from).collect(),
        }
    }
}

impl AdminHandle {
    /// Who is asked about which of the resources, in the order in which they are first needed. Metadata is fresh when
    /// the controller is known, so a broker that is not in it does not exist.
    fn by_broker<'a, T>(
        &self,
        resources: &'a [T],
        controller: &Owner,
        key: impl Fn(&T) -> (i8, &str),
    ) -> Result<Vec<(Owner, Vec<&'a T>)>, Failure> {
        let mut groups: Vec<(Owner, Vec<&T>)> = Vec::new();
        for resource in resources {
            let (resource_type, name) = key(resource);
            let node_id = if matches!(resource_type, BROKER | BROKER_LOGGER) {
                name.parse()
                    .ok()
                    .filter(|node_id| self.cluster().broker(*node_id).is_ok())
                    .ok_or_else(|| Failure::Bail(unknown_broker(name)))?
            } else {
                controller.node_id
            };
            match groups.iter_mut().find(|(owner, _)| owner.node_id == node_id) {
                Some((_, group)) => group.push(resource),
                None => groups.push((controller.beside(node_id), vec![resource])),
            }
        }
        Ok(groups)
    }

    /// Configurations of topics and brokers.
    ///
    /// # Errors
    /// The protocol error of the first resource that has one; `KafkaJSBrokerNotFound` for a broker nobody knows.
    pub async fn describe_configs(&self, request: &DescribeConfigs) -> Result<Resources<DescribedResource>> {
        self.on_controller("describe configs", |controller| async move {
            let groups = self.by_broker(&request.resources, &controller, |query| {
                (query.resource_type, &query.name)
            })?;
            let asked = groups.into_iter().map(|(owner, queries)| async move {
                let message = DescribeConfigsRequest::default()
                    .with_resources(queries.into_iter().map(ConfigQuery::message).collect())
                    .with_include_synonyms(request.include_synonyms);
                self.send(&owner, message, 0, Repeat::Safe).await
            });
            let results: Vec<_> = try_join_all(asked)
                .await?
                .into_iter()
                .flat_map(|response| response.results)
                .collect();
            let mut all = results.iter();
            match all.find_map(|result| failed(result.error_code, result.error_message.as_ref())) {
                Some(error) => Err(refusal(error)),
                None => Ok(Resources {
                    resources: results.iter().map(DescribedResource::from).collect(),
                }),
            }
        })
        .await
    }

    /// Replaces configurations.
    ///
    /// # Errors
    /// As [`AdminHandle::describe_configs`].
    pub async fn alter_configs(&self, request: &AlterConfigs) -> Result<Resources<AlteredResource>> {
        self.on_controller("alter configs", |controller| async move {
            let groups = self.by_broker(&request.resources, &controller, |change| {
                (change.resource_type, &change.name)
            })?;
            let asked = groups.into_iter().map(|(owner, changes)| async move {
                let message = AlterConfigsRequest::default()
                    .with_resources(changes.into_iter().map(ConfigChange::message).collect())
                    .with_validate_only(request.validate_only);
                self.send(&owner, message, 0, Repeat::Safe).await
            });
            let results: Vec<_> = try_join_all(asked)
                .await?
                .into_iter()
                .flat_map(|response| response.responses)
                .collect();
            let mut all = results.iter();
            match all.find_map(|result| failed(result.error_code, result.error_message.as_ref())) {
                Some(error) => Err(refusal(error)),
                None => Ok(Resources {
                    resources: results.iter().map(AlteredResource::from).collect(),
                }),
            }
        })
        .await
    }
}

fn unknown_broker(name: &str) -> Error {
    let text = format!("Broker {name} not found in the cached metadata");
    Error::new(ErrorKind::BrokerNotFound, text)
}
