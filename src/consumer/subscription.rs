//! Which partitions are paused. Pure.
//!
//! The rules are kafkajs': a topic can be paused as a whole, partitions that come later included, with exceptions made
//! by resuming; pausing single partitions ends the pause of the whole. What is paused survives rebalances.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

/// A topic, or some partitions of it.
#[derive(Debug, Clone, Deserialize)]
pub struct TopicPartitions {
    /// Topic name.
    pub topic: String,
    /// Partition numbers; all of the topic if absent.
    pub partitions: Option<Vec<i32>>,
}

#[derive(Debug, Default)]
struct Pauses {
    all: bool,
    paused: BTreeSet<i32>,
    resumed: BTreeSet<i32>,
}

/// See the module text.
#[derive(Debug, Default)]
pub struct Subscription(HashMap<String, Pauses>);

impl Subscription {
    /// Pauses topics or partitions.
    pub fn pause(&mut self, targets: &[TopicPartitions]) {
        for target in targets {
            let pauses = self.0.entry(target.topic.clone()).or_default();
            match &target.partitions {
                None => {
                    *pauses = Pauses {
                        all: true,
                        ..Pauses::default()
                    }
                }
                Some(partitions) => {
                    for partition in partitions {
                        pauses.paused.insert(*partition);
                        pauses.resumed.remove(partition);
                    }
                    pauses.all = false;
                }
            }
        }
    }

    /// Resumes topics or partitions.
    pub fn resume(&mut self, targets: &[TopicPartitions]) {
        for target in targets {
            let pauses = self.0.entry(target.topic.clone()).or_default();
            match &target.partitions {
                None => *pauses = Pauses::default(),
                Some(partitions) => {
                    for partition in partitions {
                        pauses.paused.remove(partition);
                        if pauses.all {
                            pauses.resumed.insert(*partition);
                        }
                    }
                }
            }
        }
    }

    /// Whether a partition is paused.
    pub fn is_paused(&self, topic: &str, partition: i32) -> bool {
        self.0.get(topic).is_some_and(|pauses| {
            (pauses.all && !pauses.resumed.contains(&partition)) || pauses.paused.contains(&partition)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> TopicPartitions {
        TopicPartitions {
            topic: "t".into(),
            partitions: None,
        }
    }

    fn some(partitions: &[i32]) -> TopicPartitions {
        TopicPartitions {
            topic: "t".into(),
            partitions: Some(partitions.to_vec()),
        }
    }

    fn paused(subscription: &Subscription) -> Vec<i32> {
        (0..4)
            .filter(|partition| subscription.is_paused("t", *partition))
            .collect()
    }

    #[test]
    fn partitions_are_paused_and_resumed_one_by_one() {
        let mut subscription = Subscription::default();
        subscription.pause(&[some(&[0, 2])]);
        assert_eq!(paused(&subscription), [0, 2]);
        subscription.resume(&[some(&[2])]);
        assert_eq!(paused(&subscription), [0]);
        assert!(!subscription.is_paused("other", 0));
    }

    #[test]
    fn a_whole_topic_is_paused_but_for_what_is_resumed() {
        let mut subscription = Subscription::default();
        subscription.pause(&[all()]);
        assert_eq!(paused(&subscription), [0, 1, 2, 3]);
        subscription.resume(&[some(&[1])]);
        assert_eq!(paused(&subscription), [0, 2, 3]);
        subscription.pause(&[all()]);
        assert_eq!(
            paused(&subscription),
            [0, 1, 2, 3],
            "pausing all forgets the exceptions"
        );
        subscription.resume(&[all()]);
        assert!(paused(&subscription).is_empty());
    }

    #[test]
    fn pausing_a_partition_ends_the_pause_of_the_whole() {
        let mut subscription = Subscription::default();
        subscription.pause(&[all()]);
        subscription.pause(&[some(&[3])]);
        assert_eq!(paused(&subscription), [3]);
    }

    #[test]
    fn resuming_makes_no_exception_where_nothing_is_paused_as_a_whole() {
        let mut subscription = Subscription::default();
        subscription.resume(&[some(&[1])]);
        subscription.pause(&[all()]);
        assert_eq!(paused(&subscription), [0, 1, 2, 3]);
    }
}
