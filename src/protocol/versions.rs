//! The one table of what we speak: every request, its key, the versions, and why a version is capped.

use kafka_protocol::messages as m;

use super::schema::{self, Schema};
use super::wire::{KafkaRequest, KafkaResponse, Unreadable, decode};

/// `first_flexible` of an API that never got flexible versions (KIP-482).
pub const NEVER_FLEXIBLE: i16 = i16::MAX;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiSpec {
    /// Kafka API key.
    pub key: i16,
    /// Name as kafkajs reports it in `apiName` of network events.
    pub name: &'static str,
    /// Lowest version spoken.
    pub min: i16,
    /// Highest version spoken.
    pub max: i16,
    /// First version with compact types and tagged fields; [`NEVER_FLEXIBLE`] if none.
    pub first_flexible: i16,
    /// Why not higher (or why so low).
    pub reason: &'static str,
}

macro_rules! api_table {
    ($( $key:literal $name:literal $request:ident => $response:ident, $min:literal ..= $max:literal, flexible $flex:expr, $throttle:tt, $reason:literal; )*) => {
        /// Every API spoken, in order of key.
        pub const TABLE: &[ApiSpec] = &[ $( ApiSpec {
            key: $key, name: $name, min: $min, max: $max, first_flexible: $flex, reason: $reason,
        }, )* ];

        $( impl KafkaRequest for m::$request {
            type Response = m::$response;
            const SPEC: ApiSpec = ApiSpec {
                key: $key, name: $name, min: $min, max: $max, first_flexible: $flex, reason: $reason,
            };
            fn throttle_ms(response: &Self::Response) -> i32 {
                api_table!(@throttle response $throttle)
            }
        }

        impl KafkaResponse for m::$response {
            const FIRST_FLEXIBLE: i16 = $flex;
            const SCHEMA: &'static Schema = schema::of($key);
        } )*

        /// Reads an answer, header left out, of the API with this key, and gives what it was. For tests and fuzzing,
        /// which choose the API at run time; `None` for an API or a version that is not spoken.
        pub fn decode_any(key: i16, version: i16, body: Vec<u8>) -> Option<Result<Box<dyn std::fmt::Debug>, Unreadable>> {
            match key {
                $( $key if ($min..=$max).contains(&version) => Some(
                    decode::<m::$response>(body.into(), version)
                        .map(|response| Box::new(response) as Box<dyn std::fmt::Debug>)
                ), )*
                _ => None,
            }
        }

        /// Schema of the answer to the API with this key.
        pub fn schema_of(key: i16) -> Option<&'static Schema> {
            match key {
                $( $key => Some(m::$response::SCHEMA), )*
                _ => None,
            }
        }
    };
    (@throttle $response:ident throttled) => { $response.throttle_time_ms };
    (@throttle $response:ident unthrottled) => { { let _ = $response; 0 } };
}

api_table! {
    0 "Produce" ProduceRequest => ProduceResponse, 3..=12, flexible 9, throttled, "13 replaces topic names by ids (KIP-516)";
    1 "Fetch" FetchRequest => FetchResponse, 4..=12, flexible 12, throttled, "13 replaces topic names by ids (KIP-516)";
    2 "ListOffsets" ListOffsetsRequest => ListOffsetsResponse, 2..=7, flexible 6, throttled, "8 and up serve tiered storage only; 1 has no isolation level";
    3 "Metadata" MetadataRequest => MetadataResponse, 4..=12, flexible 9, throttled, "13 adds an error that only KIP-1102 uses; 3 cannot forbid to create topics";
    8 "OffsetCommit" OffsetCommitRequest => OffsetCommitResponse, 2..=8, flexible 8, throttled, "9 answers with errors of the consumer protocol (KIP-848)";
    9 "OffsetFetch" OffsetFetchRequest => OffsetFetchResponse, 1..=7, flexible 6, throttled, "8 asks for several groups at once, which nobody here does";
    10 "GroupCoordinator" FindCoordinatorRequest => FindCoordinatorResponse, 0..=3, flexible 3, throttled, "4 asks for several keys at once, which nobody here does";
    11 "JoinGroup" JoinGroupRequest => JoinGroupResponse, 2..=9, flexible 6, throttled, "newest known";
    12 "Heartbeat" HeartbeatRequest => HeartbeatResponse, 0..=4, flexible 4, throttled, "newest known";
    13 "LeaveGroup" LeaveGroupRequest => LeaveGroupResponse, 0..=5, flexible 4, throttled, "newest known";
    14 "SyncGroup" SyncGroupRequest => SyncGroupResponse, 0..=5, flexible 4, throttled, "newest known";
    15 "DescribeGroups" DescribeGroupsRequest => DescribeGroupsResponse, 0..=5, flexible 5, throttled, "6 answers an error where kafkajs users see state Dead";
    16 "ListGroups" ListGroupsRequest => ListGroupsResponse, 0..=4, flexible 3, throttled, "5 filters by group type (KIP-848)";
    17 "SaslHandshake" SaslHandshakeRequest => SaslHandshakeResponse, 1..=1, flexible NEVER_FLEXIBLE, unthrottled, "0 is followed by raw bytes instead of SaslAuthenticate";
    18 "ApiVersions" ApiVersionsRequest => ApiVersionsResponse, 0..=3, flexible 3, throttled, "4 only changes which features are listed";
    19 "CreateTopics" CreateTopicsRequest => CreateTopicsResponse, 2..=7, flexible 5, throttled, "newest known";
    20 "DeleteTopics" DeleteTopicsRequest => DeleteTopicsResponse, 1..=5, flexible 4, throttled, "6 replaces the list of names (KIP-516)";
    21 "DeleteRecords" DeleteRecordsRequest => DeleteRecordsResponse, 0..=2, flexible 2, throttled, "newest known";
    22 "InitProducerId" InitProducerIdRequest => InitProducerIdResponse, 0..=5, flexible 2, throttled, "newest known";
    24 "AddPartitionsToTxn" AddPartitionsToTxnRequest => AddPartitionsToTxnResponse, 0..=3, flexible 3, throttled, "4 is for brokers among themselves";
    25 "AddOffsetsToTxn" AddOffsetsToTxnRequest => AddOffsetsToTxnResponse, 0..=4, flexible 3, throttled, "newest known";
    26 "EndTxn" EndTxnRequest => EndTxnResponse, 0..=5, flexible 3, throttled, "newest known";
    28 "TxnOffsetCommit" TxnOffsetCommitRequest => TxnOffsetCommitResponse, 0..=5, flexible 3, throttled, "newest known";
    29 "DescribeAcls" DescribeAclsRequest => DescribeAclsResponse, 1..=3, flexible 2, throttled, "newest known";
    30 "CreateAcls" CreateAclsRequest => CreateAclsResponse, 1..=3, flexible 2, throttled, "newest known";
    31 "DeleteAcls" DeleteAclsRequest => DeleteAclsResponse, 1..=3, flexible 2, throttled, "newest known";
    32 "DescribeConfigs" DescribeConfigsRequest => DescribeConfigsResponse, 1..=4, flexible 4, throttled, "newest known";
    33 "AlterConfigs" AlterConfigsRequest => AlterConfigsResponse, 0..=2, flexible 2, throttled, "newest known";
    36 "SaslAuthenticate" SaslAuthenticateRequest => SaslAuthenticateResponse, 0..=2, flexible 2, unthrottled, "newest known";
    37 "CreatePartitions" CreatePartitionsRequest => CreatePartitionsResponse, 0..=3, flexible 2, throttled, "newest known";
    42 "DeleteGroups" DeleteGroupsRequest => DeleteGroupsResponse, 0..=2, flexible 2, throttled, "newest known";
    45 "AlterPartitionReassignments" AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse, 0..=0, flexible 0, throttled, "1 adds a switch kafkajs does not have";
    46 "ListPartitionReassignments" ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse, 0..=0, flexible 0, throttled, "newest known";
    65 "DescribeTransactions" DescribeTransactionsRequest => DescribeTransactionsResponse, 0..=0, flexible 0, throttled, "newest known";
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn keys_are_unique_and_sorted() {
        assert!(TABLE.windows(2).all(|pair| pair[0].key < pair[1].key));
    }

    #[test]
    fn every_row_is_inside_what_the_messages_can_speak() {
        for row in TABLE {
            let key = ApiKey::try_from(row.key).expect("known key");
            let known = key.valid_versions();
            assert!(
                known.min <= row.min && row.max <= known.max,
                "{row:?} outside {known:?}"
            );
            assert!(row.min <= row.max && !row.reason.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn flexible_versions_agree_with_the_header_rules_of_the_messages() {
        for row in TABLE {
            let key = ApiKey::try_from(row.key).expect("known key");
            for version in row.min..=row.max {
                let request = if version >= row.first_flexible { 2 } else { 1 };
                assert_eq!(
                    key.request_header_version(version),
                    request,
                    "{} v{version}",
                    row.name
                );
                let response = i16::from(version >= row.first_flexible && row.key != 18);
                assert_eq!(
                    key.response_header_version(version),
                    response,
                    "{} v{version}",
                    row.name
                );
            }
        }
    }
}
