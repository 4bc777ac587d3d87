//! `NativeAdmin`: the operations of one admin client, for `src/admin/index.js`.

use napi_derive::napi;

use super::{AdminHandle, Operation};
use crate::binding::Completions;
use crate::binding::outcome::from_json;
use crate::cluster::binding::NativeCluster;
use crate::config::RetryConfig;
use crate::tasks::Tasks;

/// One admin client.
#[napi(js_name = "NativeAdmin")]
#[derive(Debug)]
pub struct NativeAdmin {
    handle: AdminHandle,
    completions: Completions,
    tasks: Tasks,
}

#[napi]
impl NativeAdmin {
    /// `retry` is a `RetryConfig` as JSON.
    #[napi(constructor)]
    pub fn new(cluster: &NativeCluster, retry: String) -> napi::Result<Self> {
        let retry: RetryConfig = from_json("retry", &retry)?;
        Ok(Self {
            handle: AdminHandle::new(cluster.handle().clone(), retry),
            completions: cluster.completions().clone(),
            tasks: cluster.tasks().clone(),
        })
    }

    /// Carries out `operation`, an [`Operation`] as JSON: `{ [method]: arguments }`. Settles `call` with what the
    /// operation says there.
    #[napi]
    pub fn invoke(&self, call: u32, operation: String) -> napi::Result<()> {
        let operation: Operation = from_json("arguments", &operation)?;
        let handle = self.handle.clone();
        self.completions
            .run(&self.tasks, call, async move { operation.run(&handle).await });
        Ok(())
    }
}
