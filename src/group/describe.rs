//! DescribeGroups for one group, as `consumer.describeGroup()` shows it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use kafka_protocol::messages::{DescribeGroupsRequest, GroupId};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::cluster::retry::{Failure, retry};
use crate::cluster::{ClusterHandle, CoordinatorKind, Role};
use crate::config::RetryConfig;
use crate::error::{Error, Result};
use crate::network::Deadline;

/// kafkajs' description of a group; `memberMetadata` and `memberAssignment` are base64.
///
/// # Errors
/// `KafkaJSNumberOfRetriesExceeded` if the coordinator cannot be reached, protocol errors.
pub async fn describe_group(cluster: &ClusterHandle, group_id: &str, backoff: RetryConfig) -> Result<Value> {
    retry(backoff, |_| async {
        let coordinator = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![GroupId(StrBytes::from_string(group_id.to_owned()))]);
        let forget = |error: Error| {
            if error.is_connection() || error.is_stale_coordinator() {
                cluster.forget_coordinator(CoordinatorKind::Group, group_id);
            }
            Failure::Retry(error)
        };
        let response = cluster
            .send(coordinator, Role::Control, request, Deadline::Default)
            .await
            .map_err(forget)?;
        let Some(group) = response
            .groups
            .iter()
            .find(|group| group.group_id.as_str() == group_id)
        else {
            return Err(Failure::Bail(Error::non_retriable(format!(
                "The coordinator says nothing about group {group_id}"
            ))));
        };
        if group.error_code != 0 {
            return Err(forget(Error::protocol(group.error_code)));
        }
        let members: Vec<Value> = group
            .members
            .iter()
            .map(|member| {
                json!({
                    "memberId": member.member_id.as_str(),
                    "clientId": member.client_id.as_str(),
                    "clientHost": member.client_host.as_str(),
                    "memberMetadata": BASE64.encode(&member.member_metadata),
                    "memberAssignment": BASE64.encode(&member.member_assignment),
                })
            })
            .collect();
        Ok(json!({
            "errorCode": group.error_code,
            "groupId": group.group_id.as_str(),
            "state": group.group_state.as_str(),
            "protocolType": group.protocol_type.as_str(),
            "protocol": group.protocol_data.as_str(),
            "members": members,
        }))
    })
    .await
}
