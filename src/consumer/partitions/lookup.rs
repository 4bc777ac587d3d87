//! Positions that have to be found before a partition can be read.

use tokio::time::Instant;

use super::{Need, Origin, Partitions, fail};
use crate::config::RetryConfig;
use crate::error::Error;

impl<B> Partitions<B> {
    /// Positions to be found. Each is given once, until [`Partitions::begin_at`] or [`Partitions::not_found`].
    pub fn needs(&mut self, now: Instant) -> Vec<Need> {
        let assignment = self.assignment;
        if self.frozen {
            return Vec::new();
        }
        let buffer = &self.buffer;
        self.slots
            .iter_mut()
            .enumerate()
            .filter(|(index, slot)| {
                let unknown = slot.cursor.position().is_none() && !slot.cursor.is_asked();
                // The handler that is still busy may commit what the seek is to replace.
                let settled = !matches!(slot.origin, Origin::Sought(_)) || !buffer.is_handed_out(*index);
                unknown && settled && slot.cursor.pausing_until().is_none_or(|until| until <= now)
            })
            .map(|(index, slot)| Need {
                partition: slot.partition.clone(),
                origin: slot.origin,
                assignment,
                slot: index,
                mark: slot.cursor.ask(),
            })
            .collect()
    }

    /// When a position that could not be found is to be looked for again.
    pub fn next_need(&self) -> Option<Instant> {
        let waiting = self
            .slots
            .iter()
            .filter(|slot| slot.cursor.position().is_none() && !slot.cursor.is_asked());
        waiting.filter_map(|slot| slot.cursor.pausing_until()).min()
    }

    /// Whether the position asked for is still wanted.
    pub fn still_needed(&self, need: &Need) -> bool {
        need.assignment == self.assignment
            && self
                .slots
                .get(need.slot)
                .is_some_and(|slot| slot.cursor.awaits(need.mark))
    }

    /// The position was found. Says whether it still counts.
    pub fn begin_at(&mut self, need: &Need, offset: i64, now: Instant) -> bool {
        if need.assignment != self.assignment {
            return false;
        }
        let Some(slot) = self.slots.get_mut(need.slot) else {
            return false;
        };
        if !slot.cursor.answered(need.mark) {
            return false;
        }
        slot.cursor.jump(Some(offset), now);
        slot.origin = Origin::Stored;
        slot.delivered = offset;
        true
    }

    /// The position could not be found. Gives `cause` back, wrapped, when the back-off has no attempt left.
    pub fn not_found(
        &mut self,
        need: &Need,
        retry: RetryConfig,
        now: Instant,
        random: f64,
        cause: &Error,
    ) -> Option<Error> {
        if need.assignment != self.assignment {
            return None;
        }
        let slot = self.slots.get_mut(need.slot)?;
        if !slot.cursor.answered(need.mark) {
            return None;
        }
        fail(&mut slot.cursor, retry, now, random, cause)
    }
}
