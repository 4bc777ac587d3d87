//! A member of a consumer group as a state machine. Pure: events and times come in, decisions go out.
//!
//! ```text
//!            start_join            joined             synced
//! Unjoined ------------> Joining ---------> Syncing ---------> Stable
//!     ^                     ^                  |                  |  rebalance announced
//!     |                     +--- start_join ---+-- Rebalancing <--+
//!     +------------------------- begin_leave (from anywhere): Leaving
//! ```
//!
//! Every join has a number; an answer that belongs to an older join is ignored. Static membership (KIP-345) would keep
//! an instance id here, incremental rebalancing (KIP-429) would keep what is owned across `start_join`, and the consumer
//! protocol (KIP-848) would replace `Joining` and `Syncing` by heartbeats.

use std::time::Duration;

use tokio::time::Instant;

/// Where the member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not in the group.
    Unjoined,
    /// JoinGroup is under way.
    Joining,
    /// SyncGroup is under way.
    Syncing,
    /// In the group, with an assignment.
    Stable,
    /// In the group, but it has to be joined again; the code says why.
    Rebalancing(i16),
    /// On the way out, for good.
    Leaving,
}

/// Kafka error codes of the group protocol.
pub mod code {
    /// The coordinator is still reading the group.
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    /// The coordinator is not up.
    pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    /// Somebody else coordinates this group.
    pub const NOT_COORDINATOR: i16 = 16;
    /// The generation is over.
    pub const ILLEGAL_GENERATION: i16 = 22;
    /// The coordinator has forgotten this member.
    pub const UNKNOWN_MEMBER_ID: i16 = 25;
    /// The members are asked to join again.
    pub const REBALANCE_IN_PROGRESS: i16 = 27;
    /// Join again with the id just given (KIP-394).
    pub const MEMBER_ID_REQUIRED: i16 = 79;
}

/// What an error code of a group request means for the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Ask who coordinates the group, then repeat.
    FindCoordinator,
    /// The same coordinator will answer later.
    Wait,
    /// Join again, as the same member.
    Rejoin,
    /// Join again, as a new member.
    RejoinAsNew,
    /// Nothing the protocol can mend.
    Fatal,
}

/// What `code` of a Heartbeat, OffsetCommit, JoinGroup or SyncGroup answer means.
pub const fn judge(code: i16) -> Verdict {
    match code {
        code::COORDINATOR_NOT_AVAILABLE | code::NOT_COORDINATOR => Verdict::FindCoordinator,
        code::COORDINATOR_LOAD_IN_PROGRESS => Verdict::Wait,
        code::REBALANCE_IN_PROGRESS | code::ILLEGAL_GENERATION => Verdict::Rejoin,
        code::UNKNOWN_MEMBER_ID => Verdict::RejoinAsNew,
        _ => Verdict::Fatal,
    }
}

/// Number of a join; see the module text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinNumber(u64);

/// Who the member is to the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id the coordinator gave.
    pub member_id: String,
    /// Generation of the group.
    pub generation: i32,
}

/// See the module text.
#[derive(Debug)]
pub struct MemberState {
    phase: Phase,
    joins: u64,
    member_id: String,
    generation: i32,
    heartbeat_interval: Duration,
    last_beat: Option<Instant>,
}

impl MemberState {
    /// Not in the group yet.
    pub fn new(heartbeat_interval: Duration) -> Self {
        Self {
            phase: Phase::Unjoined,
            joins: 0,
            member_id: String::new(),
            generation: -1,
            heartbeat_interval,
            last_beat: None,
        }
    }

    /// Where the member is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Id the coordinator gave; empty before the first join and after it was forgotten.
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// Generation of the group this member is in; -1 when it is in none.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Begins a join, or an attempt to repeat one. `None` when the member is leaving.
    pub fn start_join(&mut self) -> Option<JoinNumber> {
        if self.phase == Phase::Leaving {
            return None;
        }
        self.phase = Phase::Joining;
        self.joins += 1;
        Some(JoinNumber(self.joins))
    }

    fn is_current(&self, join: JoinNumber) -> bool {
        self.joins == join.0 && matches!(self.phase, Phase::Joining | Phase::Syncing)
    }

    /// The coordinator gave an id before it lets the member in (KIP-394).
    pub fn member_id_given(&mut self, join: JoinNumber, member_id: String) {
        if self.is_current(join) {
            self.member_id = member_id;
        }
    }

    /// The group has formed; says whether this join still counts.
    pub fn joined(&mut self, join: JoinNumber, identity: Identity) -> bool {
        if !self.is_current(join) {
            return false;
        }
        self.phase = Phase::Syncing;
        self.member_id = identity.member_id;
        self.generation = identity.generation;
        true
    }

    /// The assignment is here; says whether this join still counts.
    pub fn synced(&mut self, join: JoinNumber, now: Instant) -> bool {
        if !self.is_current(join) {
            return false;
        }
        self.phase = Phase::Stable;
        self.last_beat = Some(now);
        true
    }

    /// A join failed with `code`; says what that means. The member is out of the group until it joins.
    pub fn join_failed(&mut self, join: JoinNumber, code: Option<i16>) -> Verdict {
        let verdict = code.map_or(Verdict::Fatal, judge);
        if self.is_current(join) {
            self.phase = Phase::Unjoined;
            if verdict == Verdict::RejoinAsNew {
                self.forget_member();
            }
        }
        verdict
    }

    /// The answer to a Heartbeat or an OffsetCommit of `generation` carried `code`. Says what it means, and whether it
    /// is news that the group has to be joined again.
    pub fn group_error(&mut self, generation: i32, code: i16) -> (Verdict, bool) {
        let verdict = judge(code);
        let rejoins = matches!(verdict, Verdict::Rejoin | Verdict::RejoinAsNew);
        if !rejoins || generation != self.generation || self.phase != Phase::Stable {
            return (verdict, false);
        }
        if verdict == Verdict::RejoinAsNew {
            self.forget_member();
        }
        self.phase = Phase::Rebalancing(code);
        (verdict, true)
    }

    /// The member left the group by itself because a handler took too long, and may come back.
    pub fn evicted(&mut self) {
        if self.phase != Phase::Leaving {
            self.forget_member();
            self.phase = Phase::Rebalancing(code::UNKNOWN_MEMBER_ID);
        }
    }

    fn forget_member(&mut self) {
        self.member_id.clear();
        self.generation = -1;
    }

    /// Who the member is, while the coordinator takes its heartbeats and commits.
    pub fn identity(&self) -> Option<Identity> {
        let known = matches!(self.phase, Phase::Stable | Phase::Rebalancing(_)) && !self.member_id.is_empty();
        known.then(|| Identity {
            member_id: self.member_id.clone(),
            generation: self.generation,
        })
    }

    /// Why the group has to be joined again, if it has.
    pub fn rebalance_code(&self) -> Option<i16> {
        match self.phase {
            Phase::Rebalancing(code) => Some(code),
            _ => None,
        }
    }

    /// When the next heartbeat is due; `None` while none may be sent.
    pub fn next_beat(&self) -> Option<Instant> {
        self.identity()
            .and(self.last_beat)
            .map(|last| last + self.heartbeat_interval)
    }

    /// A heartbeat was answered, or at least sent: the next one is due an interval later.
    pub fn beaten(&mut self, now: Instant) {
        self.last_beat = Some(now);
    }

    /// Leaves for good: no join counts any more. Gives the id to leave with, if the coordinator knows the member.
    pub fn begin_leave(&mut self) -> Option<String> {
        self.phase = Phase::Leaving;
        let member_id = std::mem::take(&mut self.member_id);
        (!member_id.is_empty()).then_some(member_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(3);

    fn identity(generation: i32) -> Identity {
        Identity {
            member_id: "m-1".into(),
            generation,
        }
    }

    fn stable(now: Instant) -> MemberState {
        let mut state = MemberState::new(BEAT);
        let join = state.start_join().expect("not leaving");
        assert!(state.joined(join, identity(1)) && state.synced(join, now));
        state
    }

    #[test]
    fn joins_syncs_and_beats() {
        let now = Instant::now();
        let mut state = MemberState::new(BEAT);
        let join = state.start_join().expect("not leaving");
        state.member_id_given(join, "m-1".into());
        assert_eq!(
            (state.phase(), state.member_id(), state.next_beat()),
            (Phase::Joining, "m-1", None)
        );
        assert!(state.joined(join, identity(1)));
        assert_eq!(
            state.identity(),
            None,
            "no heartbeat before the assignment is here"
        );
        assert!(state.synced(join, now));
        assert_eq!(state.next_beat(), Some(now + BEAT));
        state.beaten(now + BEAT);
        assert_eq!(state.next_beat(), Some(now + BEAT * 2));
    }

    #[test]
    fn a_rebalance_is_news_once_and_keeps_the_member_beating() {
        let mut state = stable(Instant::now());
        assert_eq!(
            state.group_error(1, code::REBALANCE_IN_PROGRESS),
            (Verdict::Rejoin, true)
        );
        assert_eq!(
            state.group_error(1, code::REBALANCE_IN_PROGRESS),
            (Verdict::Rejoin, false)
        );
        assert_eq!(state.rebalance_code(), Some(code::REBALANCE_IN_PROGRESS));
        assert_eq!(
            state.identity(),
            Some(identity(1)),
            "handlers may still be busy: keep the membership alive"
        );
    }

    #[test]
    fn an_error_of_an_older_generation_is_no_news() {
        let mut state = stable(Instant::now());
        assert_eq!(
            state.group_error(0, code::ILLEGAL_GENERATION),
            (Verdict::Rejoin, false)
        );
        assert_eq!(state.phase(), Phase::Stable);
    }

    #[test]
    fn a_forgotten_member_joins_anew() {
        let mut state = stable(Instant::now());
        assert_eq!(
            state.group_error(1, code::UNKNOWN_MEMBER_ID),
            (Verdict::RejoinAsNew, true)
        );
        assert_eq!((state.member_id(), state.identity()), ("", None));
        let join = state.start_join().expect("not leaving");
        assert_eq!(
            state.join_failed(join, Some(code::UNKNOWN_MEMBER_ID)),
            Verdict::RejoinAsNew
        );
    }

    #[test]
    fn a_coordinator_that_moved_is_no_rebalance() {
        let mut state = stable(Instant::now());
        assert_eq!(
            state.group_error(1, code::NOT_COORDINATOR),
            (Verdict::FindCoordinator, false)
        );
        assert_eq!(
            state.group_error(1, code::COORDINATOR_LOAD_IN_PROGRESS),
            (Verdict::Wait, false)
        );
        assert_eq!(state.phase(), Phase::Stable);
    }

    #[test]
    fn answers_to_an_older_join_are_ignored() {
        let mut state = MemberState::new(BEAT);
        let old = state.start_join().expect("not leaving");
        let new = state.start_join().expect("not leaving");
        assert!(!state.joined(old, identity(1)));
        state.member_id_given(old, "old".into());
        assert_eq!(state.member_id(), "");
        assert!(state.joined(new, identity(2)));
        assert!(!state.synced(old, Instant::now()));
    }

    #[test]
    fn leaving_is_final() {
        let mut state = MemberState::new(BEAT);
        let join = state.start_join().expect("not leaving");
        state.member_id_given(join, "m-1".into());
        assert_eq!(state.begin_leave().as_deref(), Some("m-1"), "also while joining");
        assert!(!state.joined(join, identity(1)), "no zombie comes back");
        assert!(state.start_join().is_none());
        assert_eq!(state.begin_leave(), None, "once is enough");
        state.evicted();
        assert_eq!(state.phase(), Phase::Leaving);
    }

    #[test]
    fn a_member_that_left_for_a_slow_handler_may_come_back() {
        let mut state = stable(Instant::now());
        state.evicted();
        assert_eq!(
            (state.rebalance_code(), state.identity()),
            (Some(code::UNKNOWN_MEMBER_ID), None)
        );
        assert!(state.start_join().is_some());
    }

    #[test]
    fn codes_the_protocol_cannot_mend_are_fatal() {
        for code in [30, 81, 24, 26] {
            assert_eq!(judge(code), Verdict::Fatal, "{code}");
        }
    }
}
