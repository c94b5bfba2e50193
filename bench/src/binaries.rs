//! What is measured, and how often.

use std::io::Result;
use std::path::{Path, PathBuf};

use crate::events::Route;

/// Where the bootstraps are.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) api: PathBuf,
    pub(crate) worker: PathBuf,
    pub(crate) empty_api: PathBuf,
    pub(crate) empty_worker: PathBuf,
    /// Makes the calls of the direct routes and of the webhook, and decides nothing.
    pub(crate) floor_api: PathBuf,
}

/// How often things are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) starts: usize,
    pub(crate) invocations: usize,
    pub(crate) slow_invocations: usize,
    /// How long handoffs come at a steady rate.
    pub(crate) seconds: u32,
}

impl Binaries {
    pub(crate) fn beside_this_one() -> Result<Self> {
        let this = std::env::current_exe()?;
        let names = ["api", "worker", "empty-api", "empty-worker", "floor-api"];
        let [api, worker, empty_api, empty_worker, floor_api] =
            names.map(|name| this.with_file_name(name));
        Ok(Self { api, worker, empty_api, empty_worker, floor_api })
    }

    /// The bootstrap that makes the calls of a route and nothing else, if there is one.
    pub(crate) fn floor(&self, route: Route) -> Option<&Path> {
        Route::OF_FLOOR.contains(&route).then_some(self.floor_api.as_path())
    }

    /// The function that an event is for, and the empty one beside it.
    pub(crate) fn pair(&self, route: Route) -> (&Path, &Path) {
        match route {
            Route::Batch(_) => (&self.worker, &self.empty_worker),
            Route::Webhook
            | Route::Create
            | Route::UpdateKnown
            | Route::UpdateUnknown
            | Route::Preview => (&self.api, &self.empty_api),
        }
    }
}
