//! Keeps a fetcher per broker, metadata fresh, and an eye on partitions that stand still.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fetcher::Lanes;
use super::handle::Session;
use crate::cluster::Role;
use crate::event::{Level, with_fields};

/// How often is looked.
const TICK: Duration = Duration::from_secs(1);

/// A partition that is known to hold data, and gets none for so long, is asked for again on new connections.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// Shortest time between two refreshes that failures ask for.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

impl Session {
    /// Runs until `ended`.
    pub(super) async fn supervise(self, ended: CancellationToken) {
        let mut fetchers: HashMap<i32, CancellationToken> = HashMap::new();
        let mut told_of_growth = false;
        let mut stalls = 0_u32;
        loop {
            self.reconcile(&mut fetchers, &ended);
            let refresh_at_once = tokio::select! {
                () = self.0.refresh_wanted.notified() => true,
                () = self.0.cluster.metadata_changed() => false,
                () = tokio::time::sleep(TICK) => false,
            };
            self.refresh(refresh_at_once).await;
            if !told_of_growth && let Some((topic, partitions)) = self.0.group.grown_topic() {
                told_of_growth = true;
                self.0.group.signal(
                    "grown",
                    json!({ "topic": topic, "unknownPartitions": partitions }),
                );
            }
            if self.watch(&mut stalls) {
                for (node, fetcher) in fetchers.drain() {
                    fetcher.cancel();
                    for role in [Role::Fetch, Role::FetchNow] {
                        self.0.cluster.retire_connection(node, role);
                    }
                }
                self.0.refresh_wanted.notify_one();
            }
        }
    }

    /// One pair of connections per broker that is known.
    fn reconcile(&self, fetchers: &mut HashMap<i32, CancellationToken>, ended: &CancellationToken) {
        let metadata = self.0.cluster.metadata();
        fetchers.retain(|node, fetcher| {
            let is_known = metadata.brokers.contains_key(node);
            if !is_known {
                fetcher.cancel();
            }
            is_known
        });
        let count = metadata.brokers.len();
        for node in metadata.brokers.keys() {
            fetchers.entry(*node).or_insert_with(|| {
                let fetcher = ended.child_token();
                for lane in Lanes::of(self, *node, count) {
                    self.spawn(fetcher.clone(), lane.run());
                }
                fetcher
            });
        }
        // What waited for its leader to be known may be fetched now.
        self.note_change();
    }

    async fn refresh(&self, at_once: bool) {
        let refreshed = if at_once {
            let refreshed = self.0.cluster.refresh_metadata().await;
            tokio::time::sleep(REFRESH_PAUSE).await;
            refreshed
        } else {
            self.0.cluster.refresh_metadata_if_necessary().await
        };
        if let Err(error) = refreshed {
            self.0.cluster.reporter().log(Level::Debug, "ConsumerGroup", || {
                let extra = with_fields(self.0.group.describe(), json!({ "error": error.message() }));
                ("Could not refresh metadata".into(), extra)
            });
        }
    }

    /// Says whether anything stands still.
    fn watch(&self, stalls: &mut u32) -> bool {
        let stalled = self.0.partitions.lock().stalled(STALL_LIMIT, Instant::now());
        for (partition, silent) in &stalled {
            *stalls += 1;
            self.0.cluster.reporter().log(Level::Warn, "ConsumerGroup", || {
                let extra = with_fields(self.0.group.describe(), json!({ "topic": &*partition.topic, "partition": partition.partition, "stalls": *stalls }));
                let text = format!(
                    "A partition with data has given none for {} ms, fetching it on new connections",
                    silent.as_millis()
                );
                (text, extra)
            });
        }
        !stalled.is_empty()
    }
}
