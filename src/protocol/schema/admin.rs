//! Topics, configuration, access control and reassignments.

use super::{Field, Kind, Schema};

pub(super) const CREATE_TOPICS: Schema = schema!({
    throttle_time_ms: int32,
    topics: [{
        name: string,
        topic_id: uuid in 7..,
        error_code: int16,
        error_message: string,
        num_partitions: int32 in 5..,
        replication_factor: int16 in 5..,
        configs: [{
            name: string,
            value: string,
            read_only: boolean,
            config_source: int8,
            is_sensitive: boolean,
        }] in 5..,
        #0 topic_config_error_code: int16,
    }],
});

pub(super) const DELETE_TOPICS: Schema = schema!({
    throttle_time_ms: int32,
    responses: [{
        name: string,
        error_code: int16,
        error_message: string in 5..,
    }],
});

pub(super) const DELETE_RECORDS: Schema = schema!({
    throttle_time_ms: int32,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            low_watermark: int64,
            error_code: int16,
        }],
    }],
});

pub(super) const DESCRIBE_ACLS: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    error_message: string,
    resources: [{
        resource_type: int8,
        resource_name: string,
        pattern_type: int8,
        acls: [{
            principal: string,
            host: string,
            operation: int8,
            permission_type: int8,
        }],
    }],
});

pub(super) const CREATE_ACLS: Schema = schema!({
    throttle_time_ms: int32,
    results: [{
        error_code: int16,
        error_message: string,
    }],
});

pub(super) const DELETE_ACLS: Schema = schema!({
    throttle_time_ms: int32,
    filter_results: [{
        error_code: int16,
        error_message: string,
        matching_acls: [{
            error_code: int16,
            error_message: string,
            resource_type: int8,
            resource_name: string,
            pattern_type: int8,
            principal: string,
            host: string,
            operation: int8,
            permission_type: int8,
        }],
    }],
});

pub(super) const DESCRIBE_CONFIGS: Schema = schema!({
    throttle_time_ms: int32,
    results: [{
        error_code: int16,
        error_message: string,
        resource_type: int8,
        resource_name: string,
        configs: [{
            name: string,
            value: string,
            read_only: boolean,
            config_source: int8,
            is_sensitive: boolean,
            synonyms: [{
                name: string,
                value: string,
                source: int8,
            }],
            config_type: int8 in 3..,
            documentation: string in 3..,
        }],
    }],
});

pub(super) const ALTER_CONFIGS: Schema = schema!({
    throttle_time_ms: int32,
    responses: [{
        error_code: int16,
        error_message: string,
        resource_type: int8,
        resource_name: string,
    }],
});

pub(super) const CREATE_PARTITIONS: Schema = schema!({
    throttle_time_ms: int32,
    results: [{
        name: string,
        error_code: int16,
        error_message: string,
    }],
});

pub(super) const ALTER_PARTITION_REASSIGNMENTS: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    error_message: string,
    responses: [{
        name: string,
        partitions: [{
            partition_index: int32,
            error_code: int16,
            error_message: string,
        }],
    }],
});

pub(super) const LIST_PARTITION_REASSIGNMENTS: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    error_message: string,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            replicas: [int32],
            adding_replicas: [int32],
            removing_replicas: [int32],
        }],
    }],
});
