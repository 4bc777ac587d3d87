use std::time::Duration;

use super::*;
use crate::consumer::subscription::TopicPartitions;

const MB: usize = 1024 * 1024;
const RETRY: RetryConfig = RetryConfig {
    max_retry_time: 1000.0,
    initial_retry_time: 100.0,
    factor: 0.0,
    multiplier: 2.0,
    retries: 1.0,
};

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn leader_1(_: &TopicPartition, preferred: Option<i32>) -> Option<(i32, i32)> {
    Some((preferred.unwrap_or(1), 0))
}

/// Partitions 0.. of topic t, all read from offset 0.
fn assigned(count: i32, now: Instant) -> Partitions<&'static str> {
    let mut partitions = Partitions::new(64 * MB, MB);
    partitions.assign((0..count).map(tp).collect(), now);
    for need in partitions.needs(now) {
        assert!(partitions.begin_at(&need, 0, now));
    }
    partitions
}

fn asks(partitions: &mut Partitions<&'static str>, node: i32, now: Instant) -> Vec<Ask> {
    match partitions.plan(node, now, leader_1) {
        Plan::Fetch(asks) => asks,
        Plan::Wait(_) => Vec::new(),
    }
}

fn numbers(asks: &[Ask]) -> Vec<(i32, i64)> {
    let mut numbers: Vec<_> = asks
        .iter()
        .map(|ask| (ask.partition.partition, ask.offset))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn topic(partitions: Option<Vec<i32>>) -> Vec<TopicPartitions> {
    vec![TopicPartitions {
        topic: "t".into(),
        partitions,
    }]
}

#[test]
fn a_seek_that_an_assignment_overtakes_waits_for_its_partition() {
    let now = Instant::now();
    let mut partitions: Partitions<&str> = Partitions::new(64 * MB, MB);
    partitions.assign(vec![tp(0), tp(1)], now);
    for need in partitions.needs(now) {
        partitions.begin_at(&need, 5, now);
    }
    partitions.seek(tp(0), 2, now);
    partitions.seek(tp(1), 3, now);
    let origins = |partitions: &mut Partitions<&str>| -> Vec<_> {
        partitions.needs(now).iter().map(|need| need.origin).collect()
    };
    partitions.assign(vec![tp(0)], now);
    assert_eq!(origins(&mut partitions), [Origin::Sought(2)], "it stayed");
    partitions.assign(vec![tp(1)], now);
    assert_eq!(origins(&mut partitions), [Origin::Sought(3)], "it came back");
}

#[test]
fn positions_are_found_before_anything_is_fetched() {
    let now = Instant::now();
    let mut partitions: Partitions<&str> = Partitions::new(64 * MB, MB);
    partitions.seek(tp(1), 7, now);
    partitions.assign(vec![tp(0), tp(1)], now);
    let needs = partitions.needs(now);
    let origins: Vec<_> = needs.iter().map(|need| need.origin).collect();
    assert_eq!(
        origins,
        [Origin::Stored, Origin::Sought(7)],
        "a seek waited for its partition"
    );
    assert!(partitions.needs(now).is_empty(), "looked for once");
    assert!(asks(&mut partitions, 1, now).is_empty());
    for need in &needs {
        partitions.begin_at(need, 5, now);
    }
    assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 5), (1, 5)]);
}

#[test]
fn a_batch_goes_out_and_reading_goes_on_behind_it() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    assert!(asks(&mut partitions, 1, now).is_empty(), "one fetch at a time");
    assert!(partitions.put(&ask, "a", 10, 5, 9, now));
    let out = partitions.take().expect("ready");
    assert_eq!((out.slot, out.batch), (0, "a"));
    let ahead = asks(&mut partitions, 1, now).remove(0);
    assert_eq!(ahead.offset, 5, "reads ahead while the handler is busy");
    assert!(partitions.put(&ahead, "b", 10, 9, 9, now));
    assert!(
        partitions.take().is_none(),
        "a partition is handed out once at a time"
    );
    partitions.give_back(out.lease, None, false, now);
    assert_eq!(partitions.take().expect("ready").batch, "b");
}

#[test]
fn what_was_not_handled_is_fetched_again() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.put(&ask, "a", 10, 5, 9, now);
    let out = partitions.take().expect("ready");
    let ahead = asks(&mut partitions, 1, now).remove(0);
    partitions.give_back(out.lease, Some(3), true, now);
    assert!(
        !partitions.put(&ahead, "b", 10, 9, 9, now),
        "an answer from before counts no more"
    );
    assert_eq!(asks(&mut partitions, 1, now)[0].offset, 3);
}

#[test]
fn giving_back_at_the_end_of_the_batch_keeps_what_was_read_ahead() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.put(&ask, "a", 10, 5, 9, now);
    let out = partitions.take().expect("ready");
    let ahead = asks(&mut partitions, 1, now).remove(0);
    partitions.put(&ahead, "b", 10, 9, 9, now);
    partitions.give_back(out.lease, Some(5), false, now);
    assert_eq!(partitions.take().expect("ready").batch, "b");
}

#[test]
fn a_seek_waits_for_the_handler_and_the_last_one_wins() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.put(&ask, "a", 10, 5, 9, now);
    let out = partitions.take().expect("ready");
    partitions.seek(tp(0), 100, now);
    partitions.seek(tp(0), 42, now);
    assert!(partitions.needs(now).is_empty());
    partitions.give_back(out.lease, Some(3), false, now);
    let needs = partitions.needs(now);
    assert_eq!(needs[0].origin, Origin::Sought(42));
    partitions.seek(tp(0), 43, now);
    assert!(!partitions.begin_at(&needs[0], 42, now), "a newer seek came");
    assert_eq!(partitions.needs(now)[0].origin, Origin::Sought(43));
}

#[test]
fn pausing_drops_what_lies_here_and_resuming_fetches_it_again() {
    let now = Instant::now();
    let mut partitions = assigned(2, now);
    for ask in asks(&mut partitions, 1, now) {
        partitions.put(&ask, "x", 10, 5, 9, now);
    }
    let under_way = asks(&mut partitions, 1, now);
    partitions.pause(&topic(Some(vec![0])), now);
    assert_eq!(partitions.paused(), [0]);
    assert_eq!(partitions.take().map(|out| out.slot), Some(1));
    assert!(partitions.take().is_none());
    for ask in under_way.iter().filter(|ask| ask.partition.partition == 0) {
        assert!(!partitions.put(ask, "late", 10, 9, 9, now), "paused meanwhile");
    }
    assert!(asks(&mut partitions, 1, now).is_empty());
    partitions.resume(&topic(None));
    assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 0)]);
}

#[test]
fn an_answer_for_a_paused_partition_is_fetched_again_later() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.pause(&topic(None), now);
    assert!(!partitions.put(&ask, "a", 10, 5, 9, now));
    partitions.resume(&topic(None));
    assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 0)]);
}

#[test]
fn an_older_assignment_is_told_apart_and_its_handlers_keep_their_partition() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.put(&ask, "a", 10, 5, 9, now);
    let old = partitions.take().expect("ready");
    let late = asks(&mut partitions, 1, now).remove(0);
    partitions.freeze();
    assert!(partitions.take().is_none() && asks(&mut partitions, 1, now).is_empty());
    partitions.assign(vec![tp(1), tp(0)], now);
    assert!(!partitions.put(&late, "late", 10, 9, 9, now));
    for need in partitions.needs(now) {
        partitions.begin_at(&need, 5, now);
    }
    for ask in asks(&mut partitions, 1, now) {
        let name = if ask.partition.partition == 0 {
            "again"
        } else {
            "other"
        };
        assert!(partitions.put(&ask, name, 10, 9, 9, now));
    }
    assert_eq!(partitions.take().map(|out| out.batch), Some("other"));
    assert!(
        partitions.take().is_none(),
        "its handler is still busy with the older batch"
    );
    partitions.give_back(old.lease, Some(2), false, now);
    assert_eq!(
        partitions.take().map(|out| out.batch),
        Some("again"),
        "not where the old handler stopped"
    );
}

#[test]
fn empty_answers_move_the_position() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.nothing(&ask, 40, 50, now);
    assert_eq!(asks(&mut partitions, 1, now)[0].offset, 40, "compacted away");
}

#[test]
fn a_failing_partition_does_not_hold_up_the_others() {
    let now = Instant::now();
    let mut partitions = assigned(2, now);
    let both = asks(&mut partitions, 1, now);
    let (bad, good) = (&both[0], &both[1]);
    assert!(
        partitions
            .failed(bad, RETRY, now, 0.5, &Error::protocol(6))
            .is_none()
    );
    partitions.nothing(good, 0, 0, now);
    assert_eq!(
        numbers(&asks(&mut partitions, 1, now)),
        [(good.partition.partition, 0)]
    );
    assert!(matches!(partitions.plan(1, now, leader_1), Plan::Wait(Some(_))));
    let later = now + Duration::from_millis(100);
    let again = asks(&mut partitions, 1, later);
    let given_up = partitions
        .failed(&again[0], RETRY, later, 0.5, &Error::protocol(6))
        .expect("spent");
    assert_eq!(given_up.cause().and_then(Error::code), Some(6));
}

#[test]
fn what_a_broker_was_asked_for_that_is_gone_is_for_the_next_one() {
    let now = Instant::now();
    let mut partitions = assigned(2, now);
    let both = asks(&mut partitions, 1, now);
    partitions.nothing(&both[0], 3, 3, now);
    assert_eq!(numbers(&asks(&mut partitions, 1, now)), [(0, 3)], "under way");
    partitions.abandoned(&both);
    let again = asks(&mut partitions, 1, now);
    assert_eq!(numbers(&again), [(1, 0)], "the newer fetch is still under way");
    assert!(!partitions.is_wanted(&both[1]) && partitions.is_wanted(&again[0]));
}

#[test]
fn a_batch_larger_than_the_limits_is_asked_for_first() {
    let now = Instant::now();
    let mut partitions = assigned(3, now);
    let all = asks(&mut partitions, 1, now);
    for ask in &all {
        if ask.partition.partition == 2 {
            partitions.cut_off(ask)
        } else {
            partitions.nothing(ask, 0, 0, now)
        }
    }
    assert_eq!(asks(&mut partitions, 1, now)[0].partition.partition, 2);
}

#[test]
fn out_of_range_means_a_reset_but_from_a_follower_it_means_the_leader() {
    let now = Instant::now();
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    assert!(partitions.prefer_replica(&ask, 2, now, Duration::from_secs(9)));
    assert!(
        asks(&mut partitions, 1, now).is_empty(),
        "the leader is asked no more"
    );
    let ask = asks(&mut partitions, 2, now).remove(0);
    assert!(!partitions.out_of_range(&ask, now));
    let ask = asks(&mut partitions, 1, now).remove(0);
    assert!(partitions.out_of_range(&ask, now));
    assert_eq!(partitions.needs(now)[0].origin, Origin::Default);
}

#[test]
fn a_stall_is_noticed_once_per_interval() {
    let now = Instant::now();
    let limit = Duration::from_secs(30);
    let mut partitions = assigned(1, now);
    let ask = asks(&mut partitions, 1, now).remove(0);
    partitions.nothing(&ask, 0, 9, now);
    let never_answered = asks(&mut partitions, 1, now).remove(0);
    assert!(partitions.stalled(limit, now).is_empty());
    assert_eq!(partitions.stalled(limit, now + limit), [(tp(0), limit)]);
    assert!(partitions.stalled(limit, now + limit).is_empty());
    assert!(
        !partitions.put(&never_answered, "late", 1, 5, 9, now + limit),
        "asked for anew since"
    );
    assert_eq!(asks(&mut partitions, 1, now + limit).len(), 1);
}

#[test]
fn who_comes_first_in_a_fetch_changes() {
    let now = Instant::now();
    let mut partitions = assigned(3, now);
    let mut firsts = Vec::new();
    for _ in 0..3 {
        let all = asks(&mut partitions, 1, now);
        firsts.push(all[0].partition.partition);
        for ask in &all {
            partitions.nothing(ask, 0, 0, now);
        }
    }
    assert_eq!(firsts, [0, 1, 2]);
}
