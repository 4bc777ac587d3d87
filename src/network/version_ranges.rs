//! What a broker speaks, as it has said in the handshake.

use std::collections::HashMap;

/// What a broker speaks.
#[derive(Debug, Clone, Default)]
pub struct VersionRanges {
    apis: HashMap<i16, (i16, i16)>,
    transaction_version: i16,
}

impl VersionRanges {
    /// API key to lowest and highest version, and the level of the cluster's `transaction.version` feature (0 if the
    /// broker names none).
    pub fn new(apis: impl IntoIterator<Item = (i16, (i16, i16))>, transaction_version: i16) -> Self {
        Self {
            apis: apis.into_iter().collect(),
            transaction_version,
        }
    }

    /// Lowest and highest version of an API.
    pub fn get(&self, key: i16) -> Option<(i16, i16)> {
        self.apis.get(&key).copied()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (i16, (i16, i16))> + '_ {
        self.apis.iter().map(|(key, range)| (*key, *range))
    }

    /// Level of the `transaction.version` feature; 2 stands for KIP-890.
    pub fn transaction_version(&self) -> i16 {
        self.transaction_version
    }
}
