//! Takes bytes between a user's `authenticationProvider` and the broker, while the core waits for the provider to be
//! done.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};

/// Bytes for the broker, and where the broker's go.
pub type Parcel = (Bytes, oneshot::Sender<Result<Bytes>>);

/// The authentications of one client that are under way, by number.
#[derive(Debug, Default)]
pub struct Couriers {
    last: AtomicU32,
    open: Mutex<HashMap<u32, mpsc::Sender<Parcel>>>,
}

impl Couriers {
    /// Opens a way to the broker; it is closed when the round is dropped.
    pub fn open(self: &Arc<Self>) -> Round {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        // An exchange with the broker is a dialogue: one message at a time.
        let (sender, parcels) = mpsc::channel(1);
        self.open.lock().insert(id, sender);
        Round {
            id,
            parcels,
            couriers: Arc::clone(self),
        }
    }

    /// Takes `bytes` to the broker and gives back the broker's answer.
    ///
    /// # Errors
    /// What the exchange failed with, or that authentication `id` has ended.
    pub async fn carry(&self, id: u32, bytes: Bytes) -> Result<Bytes> {
        let ended = || Error::non_retriable("saslAuthenticate was called after the authentication had ended");
        let sender = self.open.lock().get(&id).cloned().ok_or_else(ended)?;
        let (reply, answer) = oneshot::channel();
        sender.send((bytes, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// One authentication.
#[derive(Debug)]
pub struct Round {
    /// Its number.
    pub id: u32,
    /// What the provider wants taken to the broker.
    pub parcels: mpsc::Receiver<Parcel>,
    couriers: Arc<Couriers>,
}

impl Drop for Round {
    fn drop(&mut self) {
        self.couriers.open.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_are_carried_while_the_authentication_lasts() {
        let couriers = Arc::new(Couriers::default());
        let mut round = couriers.open();
        let broker = async {
            let (bytes, reply) = round.parcels.recv().await.unwrap();
            assert_eq!(bytes, "hello");
            reply.send(Ok(Bytes::from_static(b"welcome"))).unwrap();
        };
        let (answer, ()) = tokio::join!(couriers.carry(round.id, Bytes::from_static(b"hello")), broker);
        assert_eq!(answer.unwrap(), "welcome");

        let id = round.id;
        drop(round);
        assert!(couriers.carry(id, Bytes::new()).await.is_err());
        assert!(couriers.open.lock().is_empty());
    }

    #[tokio::test]
    async fn an_end_amid_an_exchange_is_told() {
        let couriers = Arc::new(Couriers::default());
        let mut round = couriers.open();
        let (answer, ()) = tokio::join!(couriers.carry(round.id, Bytes::new()), async {
            drop(round.parcels.recv().await);
        });
        assert!(answer.is_err());
    }
}
