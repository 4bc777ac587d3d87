//! The broker's error codes: what each one is called, says, and asks of the client.
//!
//! Codes up to 88 have the names and texts of kafkajs 2.2.4 (which keeps Kafka's old names, such as
//! `NOT_LEADER_FOR_PARTITION`), since programs compare them; newer ones, up to Kafka 4.3, those of the protocol guide.
//! Whether a code may be retried, and whether cached leaders or coordinators are stale, follows Kafka's Java client
//! (`Errors`, `RetriableException`, `InvalidMetadataException`).

use std::borrow::Cow;

/// The code of a request that went well.
pub const NONE: i16 = 0;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// Number on the wire; never 0.
    pub code: i16,
    /// Name; kafkajs shows it as `type`.
    pub name: &'static str,
    /// What it means, as a sentence; up to 88 without its full stop, as in kafkajs.
    pub message: &'static str,
    /// Whether the same request may succeed later.
    pub retriable: bool,
    /// Whether the cached leaders (or the controller) are wrong, so that metadata comes before a retry.
    pub refresh_metadata: bool,
    /// Whether the cached coordinator is wrong, so that it has to be looked up before a retry.
    pub refresh_coordinator: bool,
}

impl ErrorCode {
    const fn retriable(code: i16, name: &'static str, message: &'static str) -> Self {
        Self {
            code,
            name,
            message,
            retriable: true,
            refresh_metadata: false,
            refresh_coordinator: false,
        }
    }
}

const fn fail(code: i16, name: &'static str, message: &'static str) -> ErrorCode {
    ErrorCode {
        retriable: false,
        ..ErrorCode::retriable(code, name, message)
    }
}

const fn retry(code: i16, name: &'static str, message: &'static str) -> ErrorCode {
    ErrorCode::retriable(code, name, message)
}

const fn retry_after_metadata(code: i16, name: &'static str, message: &'static str) -> ErrorCode {
    ErrorCode {
        refresh_metadata: true,
        ..ErrorCode::retriable(code, name, message)
    }
}

const fn retry_after_coordinator(code: i16, name: &'static str, message: &'static str) -> ErrorCode {
    ErrorCode {
        refresh_coordinator: true,
        ..ErrorCode::retriable(code, name, message)
    }
}

/// The row of `code`; `None` for 0 and for a code newer than this table.
pub fn lookup(code: i16) -> Option<&'static ErrorCode> {
    // The rows are -1, 1, 2, 3, ... without a gap (a test holds them to it), so the code is the position.
    let position = if code == -1 {
        0
    } else {
        usize::try_from(code).ok()?
    };
    TABLE.get(position).filter(|row| row.code == code)
}

/// Name of `code`: `NONE` for 0, `KAFKAJS_UNKNOWN_ERROR_CODE` for one that is not in the table.
pub fn name(code: i16) -> &'static str {
    match code {
        NONE => "NONE",
        code => lookup(code).map_or("KAFKAJS_UNKNOWN_ERROR_CODE", |row| row.name),
    }
}

/// What `code` says; `Unknown error code N` for one that is not in the table.
pub fn message(code: i16) -> Cow<'static, str> {
    lookup(code).map_or_else(
        || Cow::Owned(format!("Unknown error code {code}")),
        |row| Cow::Borrowed(row.message),
    )
}

/// Whether the same request may succeed later. Unknown codes are not retried, as in kafkajs.
pub fn is_retriable(code: i16) -> bool {
    lookup(code).is_some_and(|row| row.retriable)
}

/// Whether cached leaders are wrong and have to be refreshed before a retry.
pub fn needs_metadata_refresh(code: i16) -> bool {
    lookup(code).is_some_and(|row| row.refresh_metadata)
}

/// Whether the cached coordinator is wrong and has to be looked up before a retry.
pub fn needs_coordinator_refresh(code: i16) -> bool {
    lookup(code).is_some_and(|row| row.refresh_coordinator)
}

/// All rows by code: -1, then 1 and up.
pub fn all() -> &'static [ErrorCode] {
    TABLE
}

// One row a line, however long its text: this is a table.
#[rustfmt::skip]
static TABLE: &[ErrorCode] = &[
    fail(-1, "UNKNOWN", "The server experienced an unexpected error when processing the request"),
    fail(1, "OFFSET_OUT_OF_RANGE", "The requested offset is not within the range of offsets maintained by the server"),
    retry(2, "CORRUPT_MESSAGE", "This message has failed its CRC checksum, exceeds the valid size, or is otherwise corrupt"),
    retry_after_metadata(3, "UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition"),
    fail(4, "INVALID_FETCH_SIZE", "The requested fetch size is invalid"),
    retry_after_metadata(5, "LEADER_NOT_AVAILABLE", "There is no leader for this topic-partition as we are in the middle of a leadership election"),
    retry_after_metadata(6, "NOT_LEADER_FOR_PARTITION", "This server is not the leader for that topic-partition"),
    retry(7, "REQUEST_TIMED_OUT", "The request timed out"),
    fail(8, "BROKER_NOT_AVAILABLE", "The broker is not available"),
    retry_after_metadata(9, "REPLICA_NOT_AVAILABLE", "The replica is not available for the requested topic-partition"),
    fail(10, "MESSAGE_TOO_LARGE", "The request included a message larger than the max message size the server will accept"),
    fail(11, "STALE_CONTROLLER_EPOCH", "The controller moved to another broker"),
    fail(12, "OFFSET_METADATA_TOO_LARGE", "The metadata field of the offset request was too large"),
    retry_after_metadata(13, "NETWORK_EXCEPTION", "The server disconnected before a response was received"),
    retry(14, "GROUP_LOAD_IN_PROGRESS", "The coordinator is loading and hence can't process requests for this group"),
    retry_after_coordinator(15, "GROUP_COORDINATOR_NOT_AVAILABLE", "The group coordinator is not available"),
    retry_after_coordinator(16, "NOT_COORDINATOR_FOR_GROUP", "This is not the correct coordinator for this group"),
    fail(17, "INVALID_TOPIC_EXCEPTION", "The request attempted to perform an operation on an invalid topic"),
    fail(18, "RECORD_LIST_TOO_LARGE", "The request included message batch larger than the configured segment size on the server"),
    retry(19, "NOT_ENOUGH_REPLICAS", "Messages are rejected since there are fewer in-sync replicas than required"),
    retry(20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "Messages are written to the log, but to fewer in-sync replicas than required"),
    fail(21, "INVALID_REQUIRED_ACKS", "Produce request specified an invalid value for required acks"),
    fail(22, "ILLEGAL_GENERATION", "Specified group generation id is not valid"),
    fail(23, "INCONSISTENT_GROUP_PROTOCOL", "The group member's supported protocols are incompatible with those of existing members"),
    fail(24, "INVALID_GROUP_ID", "The configured groupId is invalid"),
    fail(25, "UNKNOWN_MEMBER_ID", "The coordinator is not aware of this member"),
    fail(26, "INVALID_SESSION_TIMEOUT", "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms)"),
    fail(27, "REBALANCE_IN_PROGRESS", "The group is rebalancing, so a rejoin is needed"),
    fail(28, "INVALID_COMMIT_OFFSET_SIZE", "The committing offset data size is not valid"),
    fail(29, "TOPIC_AUTHORIZATION_FAILED", "Not authorized to access topics: [Topic authorization failed]"),
    fail(30, "GROUP_AUTHORIZATION_FAILED", "Not authorized to access group: Group authorization failed"),
    fail(31, "CLUSTER_AUTHORIZATION_FAILED", "Cluster authorization failed"),
    fail(32, "INVALID_TIMESTAMP", "The timestamp of the message is out of acceptable range"),
    fail(33, "UNSUPPORTED_SASL_MECHANISM", "The broker does not support the requested SASL mechanism"),
    fail(34, "ILLEGAL_SASL_STATE", "Request is not valid given the current SASL state"),
    fail(35, "UNSUPPORTED_VERSION", "The version of API is not supported"),
    fail(36, "TOPIC_ALREADY_EXISTS", "Topic with this name already exists"),
    fail(37, "INVALID_PARTITIONS", "Number of partitions is invalid"),
    fail(38, "INVALID_REPLICATION_FACTOR", "Replication-factor is invalid"),
    fail(39, "INVALID_REPLICA_ASSIGNMENT", "Replica assignment is invalid"),
    fail(40, "INVALID_CONFIG", "Configuration is invalid"),
    retry_after_metadata(41, "NOT_CONTROLLER", "This is not the correct controller for this cluster"),
    fail(42, "INVALID_REQUEST", "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details"),
    fail(43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", "The message format version on the broker does not support the request"),
    fail(44, "POLICY_VIOLATION", "Request parameters do not satisfy the configured policy"),
    fail(45, "OUT_OF_ORDER_SEQUENCE_NUMBER", "The broker received an out of order sequence number"),
    fail(46, "DUPLICATE_SEQUENCE_NUMBER", "The broker received a duplicate sequence number"),
    fail(47, "INVALID_PRODUCER_EPOCH", "Producer attempted an operation with an old epoch. Either there is a newer producer with the same transactionalId, or the producer's transaction has been expired by the broker"),
    fail(48, "INVALID_TXN_STATE", "The producer attempted a transactional operation in an invalid state"),
    fail(49, "INVALID_PRODUCER_ID_MAPPING", "The producer attempted to use a producer id which is not currently assigned to its transactional id"),
    fail(50, "INVALID_TRANSACTION_TIMEOUT", "The transaction timeout is larger than the maximum value allowed by the broker (as configured by max.transaction.timeout.ms)"),
    retry(51, "CONCURRENT_TRANSACTIONS", "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing"),
    fail(52, "TRANSACTION_COORDINATOR_FENCED", "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer"),
    fail(53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "Transactional Id authorization failed"),
    fail(54, "SECURITY_DISABLED", "Security features are disabled"),
    fail(55, "OPERATION_NOT_ATTEMPTED", "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest"),
    retry_after_metadata(56, "KAFKA_STORAGE_ERROR", "Disk error when trying to access log file on the disk"),
    fail(57, "LOG_DIR_NOT_FOUND", "The user-specified log directory is not found in the broker config"),
    fail(58, "SASL_AUTHENTICATION_FAILED", "SASL Authentication failed"),
    fail(59, "UNKNOWN_PRODUCER_ID", "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception"),
    fail(60, "REASSIGNMENT_IN_PROGRESS", "A partition reassignment is in progress"),
    fail(61, "DELEGATION_TOKEN_AUTH_DISABLED", "Delegation Token feature is not enabled"),
    fail(62, "DELEGATION_TOKEN_NOT_FOUND", "Delegation Token is not found on server"),
    fail(63, "DELEGATION_TOKEN_OWNER_MISMATCH", "Specified Principal is not valid Owner/Renewer"),
    fail(64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels"),
    fail(65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", "Delegation Token authorization failed"),
    fail(66, "DELEGATION_TOKEN_EXPIRED", "Delegation Token is expired"),
    fail(67, "INVALID_PRINCIPAL_TYPE", "Supplied principalType is not supported"),
    fail(68, "NON_EMPTY_GROUP", "The group is not empty"),
    fail(69, "GROUP_ID_NOT_FOUND", "The group id was not found"),
    retry(70, "FETCH_SESSION_ID_NOT_FOUND", "The fetch session ID was not found"),
    retry(71, "INVALID_FETCH_SESSION_EPOCH", "The fetch session epoch is invalid"),
    retry_after_metadata(72, "LISTENER_NOT_FOUND", "There is no listener on the leader broker that matches the listener on which metadata request was processed"),
    fail(73, "TOPIC_DELETION_DISABLED", "Topic deletion is disabled"),
    retry_after_metadata(74, "FENCED_LEADER_EPOCH", "The leader epoch in the request is older than the epoch on the broker"),
    retry(75, "UNKNOWN_LEADER_EPOCH", "The leader epoch in the request is newer than the epoch on the broker"),
    fail(76, "UNSUPPORTED_COMPRESSION_TYPE", "The requesting client does not support the compression type of given partition"),
    fail(77, "STALE_BROKER_EPOCH", "Broker epoch has changed"),
    retry(78, "OFFSET_NOT_AVAILABLE", "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing"),
    fail(79, "MEMBER_ID_REQUIRED", "The group member needs to have a valid member id before actually entering a consumer group"),
    retry_after_metadata(80, "PREFERRED_LEADER_NOT_AVAILABLE", "The preferred leader was not available"),
    fail(81, "GROUP_MAX_SIZE_REACHED", "The consumer group has reached its max size. It already has the configured maximum number of members"),
    fail(82, "FENCED_INSTANCE_ID", "The broker rejected this static consumer since another consumer with the same group instance id has registered with a different member id"),
    retry_after_metadata(83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", "Eligible topic partition leaders are not available"),
    retry_after_metadata(84, "ELECTION_NOT_NEEDED", "Leader election not needed for topic partition"),
    fail(85, "NO_REASSIGNMENT_IN_PROGRESS", "No partition reassignment is in progress"),
    fail(86, "GROUP_SUBSCRIBED_TO_TOPIC", "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it"),
    fail(87, "INVALID_RECORD", "This record has failed the validation on broker and hence be rejected"),
    retry(88, "UNSTABLE_OFFSET_COMMIT", "There are unstable offsets that need to be cleared"),
    retry(89, "THROTTLING_QUOTA_EXCEEDED", "The throttling quota has been exceeded."),
    fail(90, "PRODUCER_FENCED", "There is a newer producer with the same transactionalId which fences the current one."),
    fail(91, "RESOURCE_NOT_FOUND", "A request illegally referred to a resource that does not exist."),
    fail(92, "DUPLICATE_RESOURCE", "A request illegally referred to the same resource twice."),
    fail(93, "UNACCEPTABLE_CREDENTIAL", "Requested credential would not meet criteria for acceptability."),
    fail(94, "INCONSISTENT_VOTER_SET", "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters."),
    fail(95, "INVALID_UPDATE_VERSION", "The given update version was invalid."),
    fail(96, "FEATURE_UPDATE_FAILED", "Unable to update finalized features due to an unexpected server error."),
    fail(97, "PRINCIPAL_DESERIALIZATION_FAILURE", "Request principal deserialization failed during forwarding. This indicates an internal error on the broker cluster security setup."),
    fail(98, "SNAPSHOT_NOT_FOUND", "Requested snapshot was not found."),
    fail(99, "POSITION_OUT_OF_RANGE", "Requested position is not greater than or equal to zero, and less than the size of the snapshot."),
    retry_after_metadata(100, "UNKNOWN_TOPIC_ID", "This server does not host this topic ID."),
    fail(101, "DUPLICATE_BROKER_REGISTRATION", "This broker ID is already in use."),
    fail(102, "BROKER_ID_NOT_REGISTERED", "The given broker ID was not registered."),
    retry_after_metadata(103, "INCONSISTENT_TOPIC_ID", "The log's topic ID did not match the topic ID in the request."),
    fail(104, "INCONSISTENT_CLUSTER_ID", "The clusterId in the request does not match that found on the server."),
    fail(105, "TRANSACTIONAL_ID_NOT_FOUND", "The transactionalId could not be found."),
    retry(106, "FETCH_SESSION_TOPIC_ID_ERROR", "The fetch session encountered inconsistent topic ID usage."),
    fail(107, "INELIGIBLE_REPLICA", "The new ISR contains at least one ineligible replica."),
    fail(108, "NEW_LEADER_ELECTED", "The AlterPartition request successfully updated the partition state but the leader has changed."),
    fail(109, "OFFSET_MOVED_TO_TIERED_STORAGE", "The requested offset is moved to tiered storage."),
    fail(110, "FENCED_MEMBER_EPOCH", "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin."),
    fail(111, "UNRELEASED_INSTANCE_ID", "The instance ID is still used by another member in the consumer group. That member must leave first."),
    fail(112, "UNSUPPORTED_ASSIGNOR", "The assignor or its version range is not supported by the consumer group."),
    fail(113, "STALE_MEMBER_EPOCH", "The member epoch is stale. The member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API."),
    fail(114, "MISMATCHED_ENDPOINT_TYPE", "The request was sent to an endpoint of the wrong type."),
    fail(115, "UNSUPPORTED_ENDPOINT_TYPE", "This endpoint type is not supported yet."),
    fail(116, "UNKNOWN_CONTROLLER_ID", "This controller ID is not known."),
    fail(117, "UNKNOWN_SUBSCRIPTION_ID", "Client sent a push telemetry request with an invalid or outdated subscription ID."),
    fail(118, "TELEMETRY_TOO_LARGE", "Client sent a push telemetry request larger than the maximum size the broker will accept."),
    fail(119, "INVALID_REGISTRATION", "The controller has considered the broker registration to be invalid."),
    fail(120, "TRANSACTION_ABORTABLE", "The server encountered an error with the transaction. The client can abort the transaction to continue using this transactional ID."),
    fail(121, "INVALID_RECORD_STATE", "The record state is invalid. The acknowledgement of delivery could not be completed."),
    retry(122, "SHARE_SESSION_NOT_FOUND", "The share session was not found."),
    retry(123, "INVALID_SHARE_SESSION_EPOCH", "The share session epoch is invalid."),
    fail(124, "FENCED_STATE_EPOCH", "The share coordinator rejected the request because the share-group state epoch did not match."),
    fail(125, "INVALID_VOTER_KEY", "The voter key doesn't match the receiving replica's key."),
    fail(126, "DUPLICATE_VOTER", "The voter is already part of the set of voters."),
    fail(127, "VOTER_NOT_FOUND", "The voter is not part of the set of voters."),
    fail(128, "INVALID_REGULAR_EXPRESSION", "The regular expression is not valid."),
    fail(129, "REBOOTSTRAP_REQUIRED", "Client metadata is stale. The client should rebootstrap to obtain new metadata."),
    fail(130, "STREAMS_INVALID_TOPOLOGY", "The supplied topology is invalid."),
    fail(131, "STREAMS_INVALID_TOPOLOGY_EPOCH", "The supplied topology epoch is invalid."),
    fail(132, "STREAMS_TOPOLOGY_FENCED", "The supplied topology epoch is outdated."),
    retry(133, "SHARE_SESSION_LIMIT_REACHED", "The limit of share sessions has been reached."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn rows_are_in_order_without_a_gap() {
        assert_eq!(all().len(), 134);
        for (position, row) in all().iter().enumerate() {
            let code = if position == 0 {
                -1
            } else {
                i16::try_from(position).unwrap()
            };
            assert_eq!(row.code, code);
            assert_eq!(lookup(code), Some(row));
            assert_eq!(row.message.ends_with('.'), code > 88, "{code}");
        }
    }

    /// FNV-1a of `code|type|retriable|message\n` over the table of kafkajs 2.2.4.
    #[test]
    fn codes_up_to_88_read_as_in_kafkajs() {
        let mut text = String::new();
        for row in all().iter().filter(|row| row.code <= 88) {
            writeln!(
                text,
                "{}|{}|{}|{}",
                row.code, row.name, row.retriable, row.message
            )
            .unwrap();
        }
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!(hash, 0xff12_dc34_0e49_d6e2);
    }

    #[test]
    fn old_names_are_kept() {
        let names = [
            (-1, "UNKNOWN"),
            (6, "NOT_LEADER_FOR_PARTITION"),
            (14, "GROUP_LOAD_IN_PROGRESS"),
            (15, "GROUP_COORDINATOR_NOT_AVAILABLE"),
            (16, "NOT_COORDINATOR_FOR_GROUP"),
            (17, "INVALID_TOPIC_EXCEPTION"),
            (89, "THROTTLING_QUOTA_EXCEEDED"),
            (133, "SHARE_SESSION_LIMIT_REACHED"),
        ];
        for (code, expected) in names {
            assert_eq!(name(code), expected);
        }
    }

    #[test]
    fn unknown_codes_are_named_and_not_retried() {
        for code in [i16::MIN, -2, 134, i16::MAX] {
            assert_eq!(lookup(code), None);
            assert_eq!(name(code), "KAFKAJS_UNKNOWN_ERROR_CODE");
            assert_eq!(message(code), format!("Unknown error code {code}"));
            assert!(!is_retriable(code));
        }
        assert_eq!(
            (lookup(NONE), name(NONE), is_retriable(NONE)),
            (None, "NONE", false)
        );
    }

    #[test]
    fn what_has_to_be_refreshed_is_also_worth_a_retry() {
        let metadata: Vec<i16> = all()
            .iter()
            .filter(|row| row.refresh_metadata)
            .map(|row| row.code)
            .collect();
        assert_eq!(metadata, [3, 5, 6, 9, 13, 41, 56, 72, 74, 80, 83, 84, 100, 103]);
        let coordinator: Vec<i16> = all()
            .iter()
            .filter(|row| row.refresh_coordinator)
            .map(|row| row.code)
            .collect();
        assert_eq!(coordinator, [15, 16]);
        assert!(
            metadata
                .iter()
                .chain(&coordinator)
                .all(|&code| is_retriable(code))
        );
        assert!(needs_metadata_refresh(6) && !needs_metadata_refresh(16));
        assert!(needs_coordinator_refresh(16) && !needs_coordinator_refresh(6));
    }
}
