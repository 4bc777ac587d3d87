//! ListGroups, DescribeGroups and DeleteGroups. Groups live with their coordinators, so what concerns many groups goes
//! to many brokers at once.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::{join_all, try_join_all};
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;

use super::handle::{AdminHandle, Hangups, Owner, Repeat};
use super::values::{failed, group_id};
use crate::cluster::retry::{Failure, retry};
use crate::error::{Error, ErrorKind, Result};

/// Result of `listGroups`.
#[derive(Debug, Serialize)]
pub struct GroupList {
    /// Groups of all brokers.
    pub groups: Vec<GroupOverview>,
}

/// One group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupOverview {
    /// Its id.
    pub group_id: String,
    /// `consumer` for consumers; empty for a group that only has offsets.
    pub protocol_type: String,
}

/// Result of `describeGroups`.
#[derive(Debug, Serialize)]
pub struct GroupDescriptions {
    /// In the order asked for.
    pub groups: Vec<GroupDescription>,
}

/// One group and who is in it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDescription {
    /// Kafka error code, 0 if fine.
    pub error_code: i16,
    /// Its id.
    pub group_id: String,
    /// `Dead` if there is no such group.
    pub state: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// Name of the assigner in use.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberDescription {
    /// Id the coordinator gave it.
    pub member_id: String,
    /// Its `clientId`.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// Its subscription, base64.
    pub member_metadata: String,
    /// Its assignment, base64.
    pub member_assignment: String,
}

/// Result of `deleteGroups` for one group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedGroup {
    /// Its id.
    pub group_id: String,
    /// Always 0.
    pub error_code: i16,
}

impl From<&DescribedGroupMember> for MemberDescription {
    fn from(member: &DescribedGroupMember) -> Self {
        Self {
            member_id: member.member_id.to_string(),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            member_metadata: BASE64.encode(&member.member_metadata),
            member_assignment: BASE64.encode(&member.member_assignment),
        }
    }
}

impl From<&DescribedGroup> for GroupDescription {
    fn from(group: &DescribedGroup) -> Self {
        Self {
            error_code: group.error_code,
            group_id: group.group_id.to_string(),
            state: group.group_state.to_string(),
            protocol_type: group.protocol_type.to_string(),
            protocol: group.protocol_data.to_string(),
            members: group.members.iter().map(MemberDescription::from).collect(),
        }
    }
}

/// What was found out about groups, by group.
type Answers<T> = HashMap<String, Result<T, Failure>>;

impl AdminHandle {
    /// All groups, asked of every broker.
    ///
    /// # Errors
    /// The protocol error of the first broker that has one.
    pub async fn list_groups(&self) -> Result<GroupList> {
        let hangups = Hangups::default();
        let hangups = &hangups;
        retry(self.retry(), |_| async move {
            let metadata = self.cluster().refresh_metadata().await.map_err(Failure::Bail)?;
            let asked = metadata.brokers.keys().map(|node_id| async move {
                let owner = hangups.owner(*node_id);
                let response = self
                    .send(&owner, ListGroupsRequest::default(), 0, Repeat::Safe)
                    .await?;
                match failed(response.error_code, None) {
                    // Its groups are being loaded, or it is about to stop.
                    Some(error) if error.is_retriable() => Err(Failure::Retry(error)),
                    Some(error) => Err(Failure::Bail(error)),
                    None => Ok(response.groups),
                }
            });
            let groups = try_join_all(asked)
                .await?
                .into_iter()
                .flatten()
                .map(|group| GroupOverview {
                    group_id: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                });
            Ok(GroupList {
                groups: groups.collect(),
            })
        })
        .await
    }

    /// State and members of groups. A group nobody knows is in state `Dead`.
    ///
    /// # Errors
    /// `KafkaJSNonRetriableError` around the protocol error of the first group that has one.
    pub async fn describe_groups(&self, groups: &[String]) -> Result<GroupDescriptions> {
        let known: Mutex<HashMap<String, GroupDescription>> = Mutex::new(HashMap::new());
        let hangups = Hangups::default();
        let (known, hangups) = (&known, &hangups);
        retry(self.retry(), |_| async move {
            let missing = {
                let known = known.lock();
                groups
                    .iter()
                    .filter(|group| !known.contains_key(*group))
                    .cloned()
                    .collect()
            };
            let describe = |owner, groups| self.describe_at(owner, groups);
            let mut answers = self.ask_coordinators(missing, hangups, describe).await;
            let mut first = None;
            for group in groups {
                match answers.remove(group) {
                    Some(Ok(description)) => drop(known.lock().insert(group.clone(), description)),
                    Some(Err(failure)) if first.is_none() => first = Some(failure),
                    _ => {}
                }
            }
            first.map_or(Ok(()), Err)
        })
        .await?;
        let known = known.lock();
        Ok(GroupDescriptions {
            groups: groups
                .iter()
                .filter_map(|group| known.get(group).cloned())
                .collect(),
        })
    }

    async fn describe_at(
        &self,
        owner: Owner,
        groups: Vec<String>,
    ) -> Result<Answers<GroupDescription>, Failure> {
        let message = DescribeGroupsRequest::default()
            .with_groups(groups.iter().map(|group| group_id(group)).collect());
        let response = self.send(&owner, message, 0, Repeat::Safe).await?;
        let answers = response.groups.iter().map(|group| {
            let answer = match failed(group.error_code, group.error_message.as_ref()) {
                None => Ok(GroupDescription::from(group)),
                Some(error) if error.is_stale_coordinator() => Err(Failure::Bail(error)),
                // Wrapped if it is not retriable, as kafkajs does here and nowhere else.
                Some(error) => Err(Failure::Retry(error)),
            };
            (group.group_id.to_string(), answer)
        });
        Ok(answers.collect())
    }

    /// Deletes groups that have no members.
    ///
    /// # Errors
    /// `KafkaJSDeleteGroupsError` that lists those which could not be deleted.
    pub async fn delete_groups(&self, groups: &[String]) -> Result<Vec<DeletedGroup>> {
        let refused: Mutex<BTreeMap<String, Error>> = Mutex::new(BTreeMap::new());
        let left: Mutex<Vec<String>> = Mutex::new(groups.to_vec());
        let hangups = Hangups::default();
        let (refused, left, hangups) = (&refused, &left, &hangups);
        let outcome = retry(self.retry(), |_| async move {
            let asked = std::mem::take(&mut *left.lock());
            let delete = |owner, groups| self.delete_at(owner, groups);
            let answers = self.ask_coordinators(asked, hangups, delete).await;
            let mut again = None;
            for (group, answer) in answers {
                match answer {
                    Ok(()) => drop(refused.lock().remove(&group)),
                    Err(Failure::Bail(error)) if error.code().is_none() => return Err(Failure::Bail(error)),
                    Err(Failure::Bail(error)) => drop(refused.lock().insert(group, error)),
                    Err(Failure::Retry(error)) => {
                        refused.lock().insert(group.clone(), error.clone());
                        left.lock().push(group);
                        again = Some(Failure::Retry(error));
                    }
                }
            }
            again.map_or(Ok(()), Err)
        })
        .await;
        let refused = refused.lock();
        // Attempts that ran out are told per group, unless a coordinator could not be asked at all.
        if let Err(error) = outcome
            && (error.kind() != ErrorKind::RetriesExceeded
                || refused.values().any(|error| error.code().is_none()))
        {
            return Err(error);
        }
        if refused.is_empty() {
            let deleted = groups.iter().map(|group| DeletedGroup {
                group_id: group.clone(),
                error_code: 0,
            });
            return Ok(deleted.collect());
        }
        let entries: Vec<_> = groups
            .iter()
            .filter_map(|group| {
                let error = refused.get(group)?;
                Some(json!({ "groupId": group, "errorCode": error.code(), "error": error.payload() }))
            })
            .collect();
        Err(Error::new(ErrorKind::DeleteGroups, "Error in DeleteGroups").with("groups", json!(entries)))
    }

    async fn delete_at(&self, owner: Owner, groups: Vec<String>) -> Result<Answers<()>, Failure> {
        let message = DeleteGroupsRequest::default()
            .with_groups_names(groups.iter().map(|group| group_id(group)).collect());
        let response = self.send(&owner, message, 0, Repeat::Unsafe).await?;
        let answers = response.results.iter().map(|result| {
            let answer = failed(result.error_code, None).map_or(Ok(()), |error| Err(Failure::Bail(error)));
            (result.group_id.to_string(), answer)
        });
        Ok(answers.collect())
    }

    /// Finds the coordinators of `groups`, and runs `ask` once for each of them with its groups, all in parallel. A
    /// group gets the failure of its coordinator when that could not be asked.
    async fn ask_coordinators<T, F, Fut>(&self, groups: Vec<String>, hangups: &Hangups, ask: F) -> Answers<T>
    where
        F: Fn(Owner, Vec<String>) -> Fut,
        Fut: Future<Output = Result<Answers<T>, Failure>>,
    {
        let found = groups.into_iter().map(|group| async move {
            let coordinator = self.coordinator(&group).await;
            (group, coordinator)
        });
        let mut answers: Answers<T> = HashMap::new();
        let mut by_coordinator: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for (group, coordinator) in join_all(found).await {
            match coordinator {
                Ok(node_id) => by_coordinator.entry(node_id).or_default().push(group),
                Err(failure) => drop(answers.insert(group, Err(failure))),
            }
        }
        let ask = &ask;
        let asked = by_coordinator.into_iter().map(|(node_id, groups)| async move {
            let answers = ask(hangups.owner(node_id), groups.clone()).await;
            (groups, answers)
        });
        for (groups, answer) in join_all(asked).await {
            match answer {
                Ok(part) => answers.extend(part),
                Err(failure) => {
                    for group in groups {
                        answers.insert(group, Err(same(&failure)));
                    }
                }
            }
        }
        answers
            .into_iter()
            .map(|(group, answer)| {
                let answer = answer.map_err(|failure| self.follow_coordinator(&group, failure));
                (group, answer)
            })
            .collect()
    }
}

fn same(failure: &Failure) -> Failure {
    match failure {
        Failure::Retry(error) => Failure::Retry(error.clone()),
        Failure::Bail(error) => Failure::Bail(error.clone()),
    }
}
