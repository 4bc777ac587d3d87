//! Apache Kafka's `range`: of each topic, every member that subscribed to it gets one run of neighbouring partitions.

use std::collections::BTreeSet;

use super::{Assignments, Member, sorted_ids};

pub(super) fn assign(members: &[Member], partitions_of: impl Fn(&str) -> Vec<i32>) -> Assignments {
    let mut assignments: Assignments = members
        .iter()
        .map(|member| (member.id.clone(), Vec::new()))
        .collect();
    let topics: BTreeSet<&str> = members
        .iter()
        .flat_map(|member| member.topics.iter().map(String::as_str))
        .collect();
    for topic in topics {
        let mut partitions = partitions_of(topic);
        partitions.sort_unstable();
        let subscribers = sorted_ids(
            members
                .iter()
                .filter(|member| member.topics.iter().any(|name| name == topic)),
        );
        let (each, longer) = (
            partitions.len() / subscribers.len(),
            partitions.len() % subscribers.len(),
        );
        let mut rest = partitions.as_slice();
        for (index, id) in subscribers.into_iter().enumerate() {
            let length = each + usize::from(index < longer);
            let (run, others) = rest.split_at(length.min(rest.len()));
            rest = others;
            if let Some(assignment) = assignments.get_mut(id).filter(|_| !run.is_empty()) {
                assignment.push((topic.to_owned(), run.to_vec()));
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
            "a" => vec![2, 0, 1],
            "b" => vec![0, 1, 2],
            "c" => vec![0],
            _ => vec![],
        }
    }

    #[test]
    fn topics_with_equally_many_partitions_are_cut_alike() {
        let members = [member("m1", &["a", "b"]), member("m2", &["b", "a"])];
        let given = Assignor::Range.assign(&members, &[], partitions_of);
        assert_eq!(given["m1"], [("a".into(), vec![0, 1]), ("b".into(), vec![0, 1])]);
        assert_eq!(given["m2"], [("a".into(), vec![2]), ("b".into(), vec![2])]);
    }

    #[test]
    fn only_subscribers_get_a_topic() {
        let members = [member("m1", &["c"]), member("m2", &["a"]), member("m3", &["x"])];
        let given = Assignor::Range.assign(&members, &[], partitions_of);
        assert_eq!(given["m1"], [("c".into(), vec![0])]);
        assert_eq!(given["m2"], [("a".into(), vec![0, 1, 2])]);
        assert!(given["m3"].is_empty(), "a topic nobody knows has no partitions");
    }

    #[test]
    fn more_members_than_partitions() {
        let members = [member("m2", &["c"]), member("m1", &["c"])];
        let given = Assignor::Range.assign(&members, &[], partitions_of);
        assert_eq!(given["m1"], [("c".into(), vec![0])]);
        assert!(given["m2"].is_empty());
    }

    #[test]
    fn topics_of_all_members_are_needed() {
        let members = [member("m1", &["a"]), member("m2", &["b"])];
        assert_eq!(Assignor::Range.topics_needed(&["a".into()], &members), ["a", "b"]);
        assert_eq!(Assignor::RoundRobin.topics_needed(&["a".into()], &members), ["a"]);
    }
}
