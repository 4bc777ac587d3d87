//! Records, offsets, metadata, and what opens a connection.

use super::{Field, Kind, Schema};

pub(super) const PRODUCE: Schema = schema!({
    responses: [{
        name: string,
        partition_responses: [{
            index: int32,
            error_code: int16,
            base_offset: int64,
            log_append_time_ms: int64,
            log_start_offset: int64 in 5..,
            record_errors: [{
                batch_index: int32,
                batch_index_error_message: string,
            }] in 8..,
            error_message: string in 8..,
            #0 current_leader: {
                leader_id: int32,
                leader_epoch: int32,
            } in 10..,
        }],
    }],
    throttle_time_ms: int32,
    #0 node_endpoints: [{
        node_id: int32,
        host: string,
        port: int32,
        rack: string,
    }] in 10..,
});

pub(super) const FETCH: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16 in 7..,
    session_id: int32 in 7..,
    responses: [{
        topic: string,
        partitions: [{
            partition_index: int32,
            error_code: int16,
            high_watermark: int64,
            last_stable_offset: int64,
            log_start_offset: int64 in 5..,
            aborted_transactions: [{
                producer_id: int64,
                first_offset: int64,
            }],
            preferred_read_replica: int32 in 11..,
            records: bytes,
            #0 diverging_epoch: {
                epoch: int32,
                end_offset: int64,
            },
            #1 current_leader: {
                leader_id: int32,
                leader_epoch: int32,
            },
            #2 snapshot_id: {
                end_offset: int64,
                epoch: int32,
            },
        }],
    }],
});

pub(super) const LIST_OFFSETS: Schema = schema!({
    throttle_time_ms: int32,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            error_code: int16,
            timestamp: int64,
            offset: int64,
            leader_epoch: int32 in 4..,
        }],
    }],
});

pub(super) const METADATA: Schema = schema!({
    throttle_time_ms: int32,
    brokers: [{
        node_id: int32,
        host: string,
        port: int32,
        rack: string,
    }],
    cluster_id: string,
    controller_id: int32,
    topics: [{
        error_code: int16,
        name: string,
        topic_id: uuid in 10..,
        is_internal: boolean,
        partitions: [{
            error_code: int16,
            partition_index: int32,
            leader_id: int32,
            leader_epoch: int32 in 7..,
            replica_nodes: [int32],
            isr_nodes: [int32],
            offline_replicas: [int32] in 5..,
        }],
        topic_authorized_operations: int32 in 8..,
    }],
    cluster_authorized_operations: int32 in 8..=10,
});

pub(super) const SASL_HANDSHAKE: Schema = schema!({
    error_code: int16,
    mechanisms: [string],
});

pub(super) const API_VERSIONS: Schema = schema!({
    error_code: int16,
    api_keys: [{
        api_key: int16,
        min_version: int16,
        max_version: int16,
    }],
    throttle_time_ms: int32 in 1..,
    #0 supported_features: [{
        name: string,
        min_version: int16,
        max_version: int16,
    }],
    #1 finalized_features_epoch: int64,
    #2 finalized_features: [{
        name: string,
        max_version_level: int16,
        min_version_level: int16,
    }],
    #3 zk_migration_ready: boolean,
});

pub(super) const SASL_AUTHENTICATE: Schema = schema!({
    error_code: int16,
    error_message: string,
    auth_bytes: bytes,
    session_lifetime_ms: int64 in 1..,
});
