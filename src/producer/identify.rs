//! InitProducerId: gets an idempotent producer its id, and a new one when the old one is spoilt.

use std::sync::Arc;

use kafka_protocol::messages::{InitProducerIdRequest, ProducerId};

use super::handle::Shared;
use super::idempotence::IdentityState;
use crate::cluster::Role;
use crate::cluster::retry::{Failure, retry};
use crate::error::{Error, Result};
use crate::network::Deadline;

/// Asks any broker for an id (a producer without transactions has no coordinator) with the producer's back-off, and
/// starts using it.
///
/// # Errors
/// The broker's error; `KafkaJSNumberOfRetriesExceeded` when none answers.
pub(super) async fn init_producer_id(shared: &Shared) -> Result<()> {
    let answer = retry(shared.config.retry, |_| async {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(shared.config.transaction_timeout)
            // A broker gives a producer without a name a new id whatever it says here, and before version 3 there is
            // no place to say it.
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let connection = any_broker(shared).await?;
        let response = connection.send(request, Deadline::Default).await?;
        match response.error_code {
            0 => Ok((response.producer_id.0, response.producer_epoch)),
            code => {
                let error = Error::protocol(code);
                Err(if error.is_retriable() {
                    Failure::Retry(error)
                } else {
                    Failure::Bail(error)
                })
            }
        }
    })
    .await?;
    shared.state.lock().identity.assign(answer.0, answer.1);
    Ok(())
}

async fn any_broker(shared: &Shared) -> Result<Arc<crate::network::Connection>, Failure> {
    // The control connection of the first broker that answers; kafkajs asks the controller, which is any broker on KRaft.
    let known = shared.cluster.metadata().brokers.keys().next().copied();
    match known {
        Some(node_id) => match shared.cluster.connection(node_id, Role::Control).await {
            Ok(connection) => Ok(connection),
            Err(_) => shared.cluster.any_connection().await.map_err(Failure::Bail),
        },
        None => shared.cluster.any_connection().await.map_err(Failure::Bail),
    }
}

/// Gets a new id in the background, once nothing of the old one is in flight, and wakes the senders.
pub(super) fn start(shared: &Arc<Shared>) {
    {
        let mut state = shared.state.lock();
        if state.identifying || state.closed.is_some() && state.accumulator.is_idle() {
            return;
        }
        state.identifying = true;
    }
    let strong = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let result = if strong.state.lock().identity.state() == IdentityState::Known {
            Ok(())
        } else {
            wait_for_quiet(&strong).await;
            init_producer_id(&strong).await
        };
        strong.state.lock().identifying = false;
        match result {
            Ok(()) => strong.ring_all(),
            Err(error) => {
                strong.reject_waiting(&error);
            }
        }
    });
}

/// Waits until no batch is in flight: what is answered after the new id came could not be told from what is not.
async fn wait_for_quiet(shared: &Shared) {
    loop {
        let progress = shared.progress.notified();
        if shared.state.lock().accumulator.in_flight() == 0 {
            return;
        }
        progress.await;
    }
}
