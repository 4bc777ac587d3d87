//! Consumer groups.

use super::{Field, Kind, Schema};

pub(super) const OFFSET_COMMIT: Schema = schema!({
    throttle_time_ms: int32 in 3..,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            error_code: int16,
        }],
    }],
});

pub(super) const OFFSET_FETCH: Schema = schema!({
    throttle_time_ms: int32 in 3..,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            committed_offset: int64,
            committed_leader_epoch: int32 in 5..,
            metadata: string,
            error_code: int16,
        }],
    }],
    error_code: int16 in 2..,
});

pub(super) const FIND_COORDINATOR: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    error_code: int16,
    error_message: string in 1..,
    node_id: int32,
    host: string,
    port: int32,
});

pub(super) const JOIN_GROUP: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    generation_id: int32,
    protocol_type: string in 7..,
    protocol_name: string,
    leader: string,
    skip_assignment: boolean in 9..,
    member_id: string,
    members: [{
        member_id: string,
        group_instance_id: string in 5..,
        metadata: bytes,
    }],
});

pub(super) const HEARTBEAT: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    error_code: int16,
});

pub(super) const LEAVE_GROUP: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    error_code: int16,
    members: [{
        member_id: string,
        group_instance_id: string,
        error_code: int16,
    }] in 3..,
});

pub(super) const SYNC_GROUP: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    error_code: int16,
    protocol_type: string in 5..,
    protocol_name: string in 5..,
    assignment: bytes,
});

pub(super) const DESCRIBE_GROUPS: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    groups: [{
        error_code: int16,
        group_id: string,
        group_state: string,
        protocol_type: string,
        protocol_data: string,
        members: [{
            member_id: string,
            group_instance_id: string in 4..,
            client_id: string,
            client_host: string,
            member_metadata: bytes,
            member_assignment: bytes,
        }],
        authorized_operations: int32 in 3..,
    }],
});

pub(super) const LIST_GROUPS: Schema = schema!({
    throttle_time_ms: int32 in 1..,
    error_code: int16,
    groups: [{
        group_id: string,
        protocol_type: string,
        group_state: string in 4..,
    }],
});

pub(super) const DELETE_GROUPS: Schema = schema!({
    throttle_time_ms: int32,
    results: [{
        group_id: string,
        error_code: int16,
    }],
});
