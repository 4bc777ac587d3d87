//! Idempotence and transactions.

use super::{Field, Kind, Schema};

pub(super) const INIT_PRODUCER_ID: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    producer_id: int64,
    producer_epoch: int16,
});

pub(super) const ADD_PARTITIONS_TO_TXN: Schema = schema!({
    throttle_time_ms: int32,
    results_by_topic_v3_and_below: [{
        name: string,
        results_by_partition: [{
            partition_index: int32,
            partition_error_code: int16,
        }],
    }],
});

pub(super) const ADD_OFFSETS_TO_TXN: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
});

pub(super) const END_TXN: Schema = schema!({
    throttle_time_ms: int32,
    error_code: int16,
    producer_id: int64 in 5..,
    producer_epoch: int16 in 5..,
});

pub(super) const TXN_OFFSET_COMMIT: Schema = schema!({
    throttle_time_ms: int32,
    topics: [{
        name: string,
        partitions: [{
            partition_index: int32,
            error_code: int16,
        }],
    }],
});

pub(super) const DESCRIBE_TRANSACTIONS: Schema = schema!({
    throttle_time_ms: int32,
    transaction_states: [{
        error_code: int16,
        transactional_id: string,
        transaction_state: string,
        transaction_timeout_ms: int32,
        transaction_start_time_ms: int64,
        producer_id: int64,
        producer_epoch: int16,
        topics: [{
            topic: string,
            partitions: [int32],
        }],
    }],
});
