//! kafkajs' `RoundRobinAssigner`: members in order of their ids, the partitions of the leader's topics one by one.

use super::{Assignments, Member, sorted_ids};

pub(super) fn assign(
    members: &[Member],
    leader_topics: &[String],
    partitions_of: impl Fn(&str) -> Vec<i32>,
) -> Assignments {
    let ids = sorted_ids(members.iter());
    let mut assignments = Assignments::new();
    let mut turns = ids.iter().cycle();
    for topic in leader_topics {
        for partition in partitions_of(topic) {
            let Some(id) = turns.next() else {
                return assignments;
            };
            let assignment = assignments.entry((*id).to_owned()).or_default();
            match assignment.iter_mut().find(|(name, _)| name == topic) {
                Some((_, partitions)) => partitions.push(partition),
                None => assignment.push((topic.clone(), vec![partition])),
            }
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::*;

    fn member(id: &str, topics: &[&str]) -> Member {
        Member {
            id: id.into(),
            topics: topics.iter().map(|&topic| topic.into()).collect(),
        }
    }

    fn partitions_of(topic: &str) -> Vec<i32> {
        match topic {
            "a" => vec![0, 1, 2],
            "b" => vec![0, 1],
            _ => vec![],
        }
    }

    #[test]
    fn one_running_index_over_all_topics_of_the_leader() {
        let members = [member("m2", &["a"]), member("m1", &["a", "b"])];
        let given = Assignor::RoundRobin.assign(&members, &["a".into(), "b".into()], partitions_of);
        assert_eq!(given["m1"], [("a".into(), vec![0, 2]), ("b".into(), vec![1])]);
        assert_eq!(given["m2"], [("a".into(), vec![1]), ("b".into(), vec![0])]);
    }

    #[test]
    fn members_without_partitions_are_left_out() {
        let members = [member("m1", &["b"]), member("m2", &["b"]), member("m3", &["b"])];
        let given = Assignor::RoundRobin.assign(&members, &["b".into()], partitions_of);
        assert_eq!(given.keys().collect::<Vec<_>>(), ["m1", "m2"]);
    }

    #[test]
    fn no_members_and_unknown_topics_are_no_trouble() {
        assert!(
            Assignor::RoundRobin
                .assign(&[], &["a".into()], partitions_of)
                .is_empty()
        );
        let members = [member("m1", &["x"])];
        assert!(
            Assignor::RoundRobin
                .assign(&members, &["x".into()], partitions_of)
                .is_empty()
        );
    }
}
