//! All operations by the name of kafkajs' method, with their arguments: the form in which they cross from JavaScript.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AdminHandle;
use super::acls::{Acl, AclFilter};
use super::configs::{AlterConfigs, DescribeConfigs};
use super::group_offsets::{FetchOffsets, ResetOffsets, SetOffsets};
use super::partitions::CreatePartitions;
use super::reassignments::{AlterPartitionReassignments, ListPartitionReassignments};
use super::records::DeleteTopicRecords;
use super::topic_offsets::TopicTime;
use super::topics::{CreateTopics, DeleteTopics};
use crate::error::{Error, Result};

/// `{ [method]: arguments }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Settles with an array of names.
    ListTopics,
    /// Settles with whether any was created.
    CreateTopics(CreateTopics),
    /// Settles with null.
    DeleteTopics(DeleteTopics),
    /// Settles with null.
    CreatePartitions(CreatePartitions),
    /// Topics, or null for all of them. Settles with [`super::metadata::TopicsMetadata`].
    FetchTopicMetadata(Option<Vec<String>>),
    /// Settles with [`super::metadata::ClusterDescription`].
    DescribeCluster,
    /// Settles with [`super::group_offsets::GroupTopicOffsets`].
    FetchOffsets(FetchOffsets),
    /// Topic name. Settles with [`super::topic_offsets::PartitionRange`].
    FetchTopicOffsets(String),
    /// Settles with [`super::topic_offsets::PartitionOffset`].
    FetchTopicOffsetsByTimestamp(TopicTime),
    /// Settles with null.
    SetOffsets(SetOffsets),
    /// Settles with null.
    ResetOffsets(ResetOffsets),
    /// Settles with [`super::configs::DescribedResource`].
    DescribeConfigs(DescribeConfigs),
    /// Settles with [`super::configs::AlteredResource`].
    AlterConfigs(AlterConfigs),
    /// Settles with [`super::groups::GroupList`].
    ListGroups,
    /// Group ids. Settles with [`super::groups::GroupDescriptions`].
    DescribeGroups(Vec<String>),
    /// Group ids. Settles with [`super::groups::DeletedGroup`].
    DeleteGroups(Vec<String>),
    /// Settles with null.
    CreateAcls(Vec<Acl>),
    /// Settles with [`super::acls::AclsByResource`].
    DescribeAcls(AclFilter),
    /// Settles with [`super::acls::DeletedAcls`].
    DeleteAcls(Vec<AclFilter>),
    /// Settles with null.
    DeleteTopicRecords(DeleteTopicRecords),
    /// Settles with null.
    AlterPartitionReassignments(AlterPartitionReassignments),
    /// Settles with [`super::reassignments::OngoingReassignments`].
    ListPartitionReassignments(ListPartitionReassignments),
}

impl Operation {
    /// Carries it out.
    ///
    /// # Errors
    /// Those of the method of [`AdminHandle`].
    pub async fn run(self, admin: &AdminHandle) -> Result<Value> {
        match self {
            Self::ListTopics => crossing(&admin.list_topics().await?),
            Self::CreateTopics(request) => crossing(&admin.create_topics(&request).await?),
            Self::DeleteTopics(request) => crossing(&admin.delete_topics(&request).await?),
            Self::CreatePartitions(request) => crossing(&admin.create_partitions(&request).await?),
            Self::FetchTopicMetadata(topics) => {
                crossing(&admin.fetch_topic_metadata(topics.as_deref()).await?)
            }
            Self::DescribeCluster => crossing(&admin.describe_cluster().await?),
            Self::FetchOffsets(request) => crossing(&admin.fetch_offsets(&request).await?),
            Self::FetchTopicOffsets(topic) => crossing(&admin.fetch_topic_offsets(&topic).await?),
            Self::FetchTopicOffsetsByTimestamp(request) => {
                crossing(&admin.fetch_topic_offsets_by_timestamp(&request).await?)
            }
            Self::SetOffsets(request) => crossing(&admin.set_offsets(&request).await?),
            Self::ResetOffsets(request) => crossing(&admin.reset_offsets(&request).await?),
            Self::DescribeConfigs(request) => crossing(&admin.describe_configs(&request).await?),
            Self::AlterConfigs(request) => crossing(&admin.alter_configs(&request).await?),
            Self::ListGroups => crossing(&admin.list_groups().await?),
            Self::DescribeGroups(groups) => crossing(&admin.describe_groups(&groups).await?),
            Self::DeleteGroups(groups) => crossing(&admin.delete_groups(&groups).await?),
            Self::CreateAcls(acls) => crossing(&admin.create_acls(&acls).await?),
            Self::DescribeAcls(filter) => crossing(&admin.describe_acls(&filter).await?),
            Self::DeleteAcls(filters) => crossing(&admin.delete_acls(&filters).await?),
            Self::DeleteTopicRecords(request) => crossing(&admin.delete_topic_records(&request).await?),
            Self::AlterPartitionReassignments(request) => {
                crossing(&admin.alter_partition_reassignments(&request).await?)
            }
            Self::ListPartitionReassignments(request) => {
                crossing(&admin.list_partition_reassignments(&request).await?)
            }
        }
    }
}

fn crossing<T: Serialize>(result: &T) -> Result<Value> {
    serde_json::to_value(result).map_err(|error| Error::non_retriable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_by_kafkajs_names() {
        let read = |json: &str| serde_json::from_str::<Operation>(json);
        assert!(matches!(
            read(r#"{"listTopics":null}"#),
            Ok(Operation::ListTopics)
        ));
        assert!(matches!(
            read(r#"{"fetchTopicMetadata":null}"#),
            Ok(Operation::FetchTopicMetadata(None))
        ));
        let time = read(r#"{"fetchTopicOffsetsByTimestamp":{"topic":"t","timestamp":"9007199254740993"}}"#);
        assert!(matches!(
            time,
            Ok(Operation::FetchTopicOffsetsByTimestamp(TopicTime {
                timestamp: 9_007_199_254_740_993,
                ..
            }))
        ));
        assert!(read(r#"{"dropEverything":null}"#).is_err());
    }

    #[test]
    fn debug_output_of_a_configuration_has_no_values() {
        let json = r#"{"alterConfigs":{"validateOnly":false,"resources":[{"type":4,"name":"1","configEntries":
            [{"name":"ssl.key.password","value":"hunter2"}]}]}}"#;
        let operation: Operation = serde_json::from_str(json).expect("fits");
        let shown = format!("{operation:?}");
        assert!(
            shown.contains("ssl.key.password") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
