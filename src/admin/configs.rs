//! DescribeConfigs and AlterConfigs. A broker's own configuration is asked of that broker, all else of the controller.

use futures::future::try_join_all;
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{AlterConfigsRequest, DescribeConfigsRequest};
use serde::{Deserialize, Serialize};

use super::handle::{AdminHandle, Repeat, refusal};
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

/// Who is asked about which of the resources, in the order in which they are first needed.
fn by_broker<'a, T>(
    resources: &'a [T],
    controller: i32,
    key: impl Fn(&T) -> (i8, &str),
) -> Result<Vec<(i32, Vec<&'a T>)>> {
    let mut groups: Vec<(i32, Vec<&T>)> = Vec::new();
    for resource in resources {
        let (resource_type, name) = key(resource);
        let owner = if matches!(resource_type, BROKER | BROKER_LOGGER) {
            name.parse().map_err(|_| {
                let text = format!("Broker {name} not found in the cached metadata");
                Error::new(ErrorKind::BrokerNotFound, text)
            })?
        } else {
            controller
        };
        match groups.iter_mut().find(|(node_id, _)| *node_id == owner) {
            Some((_, group)) => group.push(resource),
            None => groups.push((owner, vec![resource])),
        }
    }
    Ok(groups)
}

impl AdminHandle {
    /// Configurations of topics and brokers.
    ///
    /// # Errors
    /// The protocol error of the first resource that has one; `KafkaJSBrokerNotFound` for a broker nobody knows.
    pub async fn describe_configs(&self, request: &DescribeConfigs) -> Result<Resources<DescribedResource>> {
        self.on_controller("describe configs", |controller| async move {
            let groups = by_broker(&request.resources, controller, |query| {
                (query.resource_type, &query.name)
            })
            .map_err(Failure::Bail)?;
            let asked = groups.into_iter().map(|(node_id, queries)| async move {
                let resources = queries.into_iter().map(|query| {
                    let keys = query.config_names.iter().map(|name| text(name)).collect();
                    DescribeConfigsResource::default()
                        .with_resource_type(query.resource_type)
                        .with_resource_name(text(&query.name))
                        .with_configuration_keys((!query.config_names.is_empty()).then_some(keys))
                });
                let message = DescribeConfigsRequest::default()
                    .with_resources(resources.collect())
                    .with_include_synonyms(request.include_synonyms);
                self.send(node_id, message, 0, Repeat::Safe).await
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
            let groups = by_broker(&request.resources, controller, |change| {
                (change.resource_type, &change.name)
            })
            .map_err(Failure::Bail)?;
            let asked = groups.into_iter().map(|(node_id, changes)| async move {
                let resources = changes.into_iter().map(|change| {
                    let configs = change.config_entries.iter().map(|entry| {
                        AlterableConfig::default()
                            .with_name(text(&entry.name))
                            .with_value(Some(text(&entry.value)))
                    });
                    AlterConfigsResource::default()
                        .with_resource_type(change.resource_type)
                        .with_resource_name(text(&change.name))
                        .with_configs(configs.collect())
                });
                let message = AlterConfigsRequest::default()
                    .with_resources(resources.collect())
                    .with_validate_only(request.validate_only);
                self.send(node_id, message, 0, Repeat::Safe).await
            });
            let results: Vec<_> = try_join_all(asked)
                .await?
                .into_iter()
                .flat_map(|response| response.responses)
                .collect();
            let mut all = results.iter();
            if let Some(error) =
                all.find_map(|result| failed(result.error_code, result.error_message.as_ref()))
            {
                return Err(refusal(error));
            }
            let resources = results.iter().map(|result| AlteredResource {
                error_code: result.error_code,
                error_message: result.error_message.as_ref().map(ToString::to_string),
                resource_type: result.resource_type,
                resource_name: result.resource_name.to_string(),
            });
            Ok(Resources {
                resources: resources.collect(),
            })
        })
        .await
    }
}
