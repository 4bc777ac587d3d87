//! The heartbeats of a member, and the watch over its handlers.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::handle::Group;
use super::requests;
use super::state::{Identity, Verdict, code};
use crate::cluster::Role;
use crate::error::{Error, Result};
use crate::event::{EventName, Level, with_fields};
use crate::network::Deadline;

/// Wait before a heartbeat that could not be delivered is tried again, unless the interval is shorter.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What follows a heartbeat.
enum Next {
    /// The next one is due an interval later.
    Interval,
    /// The coordinator could not be asked: try again soon.
    Soon,
    /// The generation is over, or the group refuses the member.
    End,
}

impl Group {
    pub(super) fn stop_beating(&self) {
        self.0.beating.lock().cancel();
    }

    /// Beats for `generation` until it ends.
    pub(super) fn start_beating(&self, generation: i32) {
        let ended = self.0.stopped.child_token();
        *self.0.beating.lock() = ended.clone();
        let group = self.clone();
        self.0.tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = group.beat(generation, &ended) => {}
            }
        });
    }

    async fn beat(&self, generation: i32, ended: &CancellationToken) {
        let mut soon = None;
        while let Some(due) = soon.take().or_else(|| self.0.state.lock().next_beat()) {
            let now = Instant::now();
            // A batch handed out from now on cannot be overdue before `max_poll_interval` has passed.
            let watch = now + self.0.config.max_poll_interval;
            let deadline = self
                .0
                .polls
                .lock()
                .next_deadline()
                .map_or(watch, |deadline| deadline.min(watch));
            tokio::time::sleep_until(due.min(deadline)).await;
            let overdue = self.0.polls.lock().overdue(Instant::now());
            if let Some(silent) = overdue {
                self.evict(silent).await;
                return;
            }
            if Instant::now() < due {
                soon = Some(due);
                continue;
            }
            let Some(identity) = self.0.state.lock().identity() else {
                return;
            };
            match self.beat_once(&identity).await {
                Next::Interval => self.0.state.lock().beaten(Instant::now()),
                Next::Soon => {
                    let wait = RETRY_AFTER.min(self.0.config.heartbeat_interval);
                    soon = Some(Instant::now() + wait);
                }
                Next::End => return,
            }
            if ended.is_cancelled() || identity.generation != generation {
                return;
            }
        }
    }

    async fn beat_once(&self, identity: &Identity) -> Next {
        match self.send_heartbeat(identity).await {
            Ok(0) => {
                self.0.cluster.reporter().event(EventName::Heartbeat, || {
                    json!({
                        "groupId": self.0.config.group_id,
                        "memberId": identity.member_id,
                        "groupGenerationId": identity.generation,
                    })
                });
                Next::Interval
            }
            Ok(code) => self.refused(identity, code),
            Err(error) => {
                // The session may outlive a coordinator that restarts or moves; it tells us if it did not.
                self.forget_coordinator();
                self.0.cluster.reporter().log(Level::Debug, "ConsumerGroup", || {
                    let extra = with_fields(self.describe(), json!({ "error": error.message() }));
                    ("Heartbeat could not be delivered".into(), extra)
                });
                Next::Soon
            }
        }
    }

    async fn send_heartbeat(&self, identity: &Identity) -> Result<i16> {
        let coordinator = self.coordinator().await?;
        let limit = self
            .0
            .cluster
            .config()
            .request_timeout
            .min(self.0.config.session_timeout);
        let request = requests::heartbeat(&self.0.config, identity);
        let response = self
            .0
            .cluster
            .send(coordinator, Role::Group, request, Deadline::Exactly(limit))
            .await?;
        Ok(requests::heartbeat_code(&response))
    }

    fn refused(&self, identity: &Identity, code: i16) -> Next {
        match self.note_group_error(identity.generation, code) {
            Verdict::FindCoordinator | Verdict::Wait => Next::Soon,
            // Handlers may still be busy with what was assigned: the membership has to last until they have finished.
            Verdict::Rejoin => Next::Interval,
            Verdict::RejoinAsNew => Next::End,
            Verdict::Fatal => {
                self.signal("failed", json!({ "error": Error::protocol(code).payload() }));
                Next::End
            }
        }
    }

    /// Takes in an error code of the group protocol and tells JavaScript if the group has to be joined again.
    pub(super) fn note_group_error(&self, generation: i32, code: i16) -> Verdict {
        let (verdict, is_news) = self.0.state.lock().group_error(generation, code);
        if verdict == Verdict::FindCoordinator {
            self.forget_coordinator();
        }
        if is_news {
            self.signal_of(generation, "rebalance", json!({ "code": code }));
        }
        verdict
    }

    /// A handler takes too long: its partitions are for others to read.
    async fn evict(&self, silent: Duration) {
        let identity = self.0.state.lock().identity();
        self.0.cluster.reporter().log(Level::Warn, "ConsumerGroup", || {
            let extra = with_fields(self.describe(), json!({ "maxPollInterval": u64::try_from(self.0.config.max_poll_interval.as_millis()).unwrap_or(u64::MAX) }));
            let text = format!(
                "A handler has made no progress for {} ms, longer than maxPollInterval: leaving the group until it has finished",
                silent.as_millis()
            );
            (text, extra)
        });
        self.0.state.lock().evicted();
        if let Some(identity) = identity {
            self.signal_of(
                identity.generation,
                "rebalance",
                json!({ "code": code::UNKNOWN_MEMBER_ID }),
            );
            self.send_leave(&identity.member_id).await;
        }
    }
}
