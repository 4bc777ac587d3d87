//! The core of kafkajs-rs: a Kafka client behind the API of kafkajs.
//!
//! Two data paths run through it. **Produce**: `producer::binding` takes one packed buffer per `send`, the partition
//! of each record is chosen once, the accumulator queues it, a sender per leader drains what is ready into one request,
//! and the completion queue settles the call. **Consume**: a group member joins and beats in the background, a fetcher
//! per leader fills bounded buffers, and JavaScript pulls one batch at a time as one buffer and one index.
//!
//! Layers import downwards only: bindings, then producer, consumer, group and admin, then cluster, network, protocol.

#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(
    test,
    allow(
        dead_code,
        clippy::pedantic,
        clippy::type_complexity,
        clippy::disallowed_methods,
        reason = "tests may be blunt, and reach no binding"
    )
)]

// Tests count allocations, and bring an allocator for that.
#[cfg(not(test))]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod admin;
pub mod binding;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod consumer;
pub mod error;
pub mod event;
pub mod group;
pub mod network;
pub mod producer;
pub mod protocol;
pub mod tasks;
