//! CreateAcls, DescribeAcls and DeleteAcls. The numbers are those of the protocol guide and of `src/enums.js`.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::delete_acls_response::{DeleteAclsFilterResult, DeleteAclsMatchingAcl};
use kafka_protocol::messages::describe_acls_response::DescribeAclsResource;
use kafka_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
use kafka_protocol::protocol::StrBytes;
use serde::{Deserialize, Serialize};

use super::handle::{AdminHandle, Repeat, refusal};
use super::values::{failed, text};
use crate::error::Result;

/// One ACL: who may or may not do what with which resource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acl {
    /// `AclResourceTypes`
    pub resource_type: i8,
    /// Name, or prefix of the names, of the resource.
    pub resource_name: String,
    /// `ResourcePatternTypes`
    pub resource_pattern_type: i8,
    /// Such as `User:alice`.
    pub principal: String,
    /// Host the principal comes from; `*` for any.
    pub host: String,
    /// `AclOperationTypes`
    pub operation: i8,
    /// `AclPermissionTypes`
    pub permission_type: i8,
}

impl Acl {
    fn message(&self) -> AclCreation {
        AclCreation::default()
            .with_resource_type(self.resource_type)
            .with_resource_name(text(&self.resource_name))
            .with_resource_pattern_type(self.resource_pattern_type)
            .with_principal(text(&self.principal))
            .with_host(text(&self.host))
            .with_operation(self.operation)
            .with_permission_type(self.permission_type)
    }
}

/// Which ACLs are meant; `None` matches any.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AclFilter {
    /// `AclResourceTypes`
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: Option<String>,
    /// `ResourcePatternTypes`
    pub resource_pattern_type: i8,
    /// Such as `User:alice`.
    pub principal: Option<String>,
    /// Host the principal comes from.
    pub host: Option<String>,
    /// `AclOperationTypes`
    pub operation: i8,
    /// `AclPermissionTypes`
    pub permission_type: i8,
}

impl AclFilter {
    fn resource_name(&self) -> Option<StrBytes> {
        self.resource_name.as_deref().map(text)
    }

    fn principal(&self) -> Option<StrBytes> {
        self.principal.as_deref().map(text)
    }

    fn host(&self) -> Option<StrBytes> {
        self.host.as_deref().map(text)
    }

    fn deletion(&self) -> DeleteAclsFilter {
        DeleteAclsFilter::default()
            .with_resource_type_filter(self.resource_type)
            .with_resource_name_filter(self.resource_name())
            .with_pattern_type_filter(self.resource_pattern_type)
            .with_principal_filter(self.principal())
            .with_host_filter(self.host())
            .with_operation(self.operation)
            .with_permission_type(self.permission_type)
    }

    fn description(&self) -> DescribeAclsRequest {
        DescribeAclsRequest::default()
            .with_resource_type_filter(self.resource_type)
            .with_resource_name_filter(self.resource_name())
            .with_pattern_type_filter(self.resource_pattern_type)
            .with_principal_filter(self.principal())
            .with_host_filter(self.host())
            .with_operation(self.operation)
            .with_permission_type(self.permission_type)
    }
}

/// Result of `describeAcls`.
#[derive(Debug, Serialize)]
pub struct AclsByResource {
    /// One entry per resource.
    pub resources: Vec<ResourceAcls>,
}

/// A resource and its ACLs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAcls {
    /// `AclResourceTypes`
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: String,
    /// `ResourcePatternTypes`
    pub resource_pattern_type: i8,
    /// What is granted and denied.
    pub acls: Vec<AclDescription>,
}

/// One ACL of a resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclDescription {
    /// Such as `User:alice`.
    pub principal: String,
    /// Host the principal comes from.
    pub host: String,
    /// `AclOperationTypes`
    pub operation: i8,
    /// `AclPermissionTypes`
    pub permission_type: i8,
}

impl From<&DescribeAclsResource> for ResourceAcls {
    fn from(resource: &DescribeAclsResource) -> Self {
        let acls = resource.acls.iter().map(|acl| AclDescription {
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: acl.operation,
            permission_type: acl.permission_type,
        });
        Self {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.to_string(),
            resource_pattern_type: resource.pattern_type,
            acls: acls.collect(),
        }
    }
}

/// Result of `deleteAcls`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedAcls {
    /// One entry per filter.
    pub filter_responses: Vec<FilterResponse>,
}

/// What one filter matched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterResponse {
    /// Kafka error code, 0 if fine.
    pub error_code: i16,
    /// The broker's text.
    pub error_message: Option<String>,
    /// The ACLs that were deleted.
    pub matching_acls: Vec<MatchingAcl>,
}

/// A deleted ACL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchingAcl {
    /// Kafka error code, 0 if fine.
    pub error_code: i16,
    /// The broker's text.
    pub error_message: Option<String>,
    /// `AclResourceTypes`
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: String,
    /// `ResourcePatternTypes`
    pub resource_pattern_type: i8,
    /// Such as `User:alice`.
    pub principal: String,
    /// Host the principal comes from.
    pub host: String,
    /// `AclOperationTypes`
    pub operation: i8,
    /// `AclPermissionTypes`
    pub permission_type: i8,
}

impl From<&DeleteAclsMatchingAcl> for MatchingAcl {
    fn from(acl: &DeleteAclsMatchingAcl) -> Self {
        Self {
            error_code: acl.error_code,
            error_message: acl.error_message.as_ref().map(ToString::to_string),
            resource_type: acl.resource_type,
            resource_name: acl.resource_name.to_string(),
            resource_pattern_type: acl.pattern_type,
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: acl.operation,
            permission_type: acl.permission_type,
        }
    }
}

impl From<&DeleteAclsFilterResult> for FilterResponse {
    fn from(result: &DeleteAclsFilterResult) -> Self {
        Self {
            error_code: result.error_code,
            error_message: result.error_message.as_ref().map(ToString::to_string),
            matching_acls: result.matching_acls.iter().map(MatchingAcl::from).collect(),
        }
    }
}

impl AdminHandle {
    /// Adds ACLs.
    ///
    /// # Errors
    /// The protocol error of the first ACL that has one.
    pub async fn create_acls(&self, acls: &[Acl]) -> Result<()> {
        self.on_controller("create ACL", |controller| async move {
            let message =
                CreateAclsRequest::default().with_creations(acls.iter().map(Acl::message).collect());
            let response = self.send(&controller, message, 0, Repeat::Safe).await?;
            let mut results = response.results.iter();
            let error = results.find_map(|result| failed(result.error_code, result.error_message.as_ref()));
            error.map_or(Ok(()), |error| Err(refusal(error)))
        })
        .await
    }

    /// The ACLs that `filter` matches.
    ///
    /// # Errors
    /// The protocol error of the answer.
    pub async fn describe_acls(&self, filter: &AclFilter) -> Result<AclsByResource> {
        self.on_controller("describe ACL", |controller| async move {
            let response = self
                .send(&controller, filter.description(), 0, Repeat::Safe)
                .await?;
            match failed(response.error_code, response.error_message.as_ref()) {
                Some(error) => Err(refusal(error)),
                None => Ok(AclsByResource {
                    resources: response.resources.iter().map(ResourceAcls::from).collect(),
                }),
            }
        })
        .await
    }

    /// Deletes the ACLs that any of `filters` matches.
    ///
    /// # Errors
    /// The protocol error of the first filter, else of the first ACL, that has one.
    pub async fn delete_acls(&self, filters: &[AclFilter]) -> Result<DeletedAcls> {
        self.on_controller("delete ACL", |controller| async move {
            let message =
                DeleteAclsRequest::default().with_filters(filters.iter().map(AclFilter::deletion).collect());
            // A second request would not tell what the first one has deleted.
            let response = self.send(&controller, message, 0, Repeat::Unsafe).await?;
            let results = &response.filter_results;
            let of_filters = results
                .iter()
                .map(|result| (result.error_code, result.error_message.as_ref()));
            let of_acls = results
                .iter()
                .flat_map(|result| &result.matching_acls)
                .map(|acl| (acl.error_code, acl.error_message.as_ref()));
            match of_filters
                .chain(of_acls)
                .find_map(|(code, broker_text)| failed(code, broker_text))
            {
                Some(error) => Err(refusal(error)),
                None => Ok(DeletedAcls {
                    filter_responses: results.iter().map(FilterResponse::from).collect(),
                }),
            }
        })
        .await
    }
}
