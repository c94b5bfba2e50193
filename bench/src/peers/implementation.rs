//! An implementation of this software, and its invocations.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use crate::binaries::Binaries;
use crate::cloud;
use crate::desk::Desk;
use crate::events::Route;
use crate::figures::Figures;
use crate::function::{Cost, Function, Prefetch, World};

/// Where `make peers` installs them.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv");
/// What is measured of each.
pub(super) const ROUTES: [Route; 4] =
    [Route::Webhook, Route::Create, Route::UpdateKnown, Route::Batch(1)];

/// One implementation, in a world of its own.
pub(super) struct Implementation {
    pub(super) name: &'static str,
    api: PathBuf,
    worker: PathBuf,
    /// What would be deployed for the two.
    pub(super) packages: Vec<PathBuf>,
    pub(super) world: World,
}

/// One route's invocations by one implementation.
#[derive(Default)]
pub(super) struct Series {
    pub(super) costs: Vec<Cost>,
    pub(super) desk_calls: usize,
    pub(super) aws_calls: usize,
    /// In bytes.
    pub(super) peak_memory: u64,
}

/// Ours first: the ratios are to it.
pub(super) fn implementations(
    servers: &Handle,
    binaries: &Binaries,
) -> Result<Vec<Implementation>> {
    let world = || {
        Ok::<_, Error>(World {
            aws: cloud::start(servers)?,
            desk: Desk::start(servers)?,
            servers: servers.clone(),
        })
    };
    let peer = |name, folder| {
        let folder = Path::new(INSTALLED).join(folder);
        let bootstrap = folder.join("package/bootstrap");
        if !bootstrap.exists() {
            return Err(Error::other(format!("`make peers` installs the peer in {name}")));
        }
        let packages = vec![folder.join("package.zip")];
        Ok(Implementation {
            name,
            api: bootstrap.clone(),
            worker: bootstrap,
            packages,
            world: world()?,
        })
    };

    let Binaries { api, worker, .. } = binaries;
    let packages = [api, worker].map(|path| path.with_extension("zip")).into();
    Ok(vec![
        Implementation {
            name: "Rust (this)",
            api: api.clone(),
            worker: worker.clone(),
            packages,
            world: world()?,
        },
        peer("Python", "peers-python")?,
        peer("Node", "peers-node")?,
    ])
}

impl Implementation {
    pub(super) fn bootstrap(&self, route: Route) -> &Path {
        if let Route::Batch(_) = route { &self.worker } else { &self.api }
    }

    pub(super) fn start(&self, route: Route) -> Result<Function> {
        let function = Function::start(&self.world, self.bootstrap(route), Prefetch::On)?;
        function.runtime.poll();
        Ok(function)
    }
}

impl Series {
    pub(super) fn wall(&self) -> Figures {
        Figures::of_times(self.costs.iter().map(|cost| cost.wall))
    }

    pub(super) fn cpu(&self) -> Figures {
        Figures::of_times(self.costs.iter().map(|cost| cost.cpu))
    }

    pub(super) fn a_call(&self, calls: usize) -> f64 {
        calls as f64 / self.costs.len() as f64
    }
}

/// The implementations by turns, a process each.
pub(super) fn invocations(
    all: &[Implementation],
    route: Route,
    warm_up: usize,
    count: usize,
) -> Result<Vec<Series>> {
    let functions = all.iter().map(|one| one.start(route)).collect::<Result<Vec<_>>>()?;
    let mut all_series: Vec<Series> = all.iter().map(|_| Series::default()).collect();
    // A runtime client may put a space into the answer to the queue, which is compared to the
    // letter; what Desk was asked shows below that the work was done.
    let expected = (!matches!(route, Route::Batch(_))).then_some(route);

    for number in 0..warm_up + count {
        for ((one, function), series) in all.iter().zip(&functions).zip(&mut all_series) {
            // Taken to begin anew: what came before is not of this invocation.
            one.world.desk.busy();
            cloud::calls();
            let cost = function.invoke(expected, route.event())?;
            let (desk_calls, _) = one.world.desk.busy();
            assert!(desk_calls >= 2 || route == Route::Webhook, "{} skips its work", one.name);
            if number >= warm_up {
                series.costs.push(cost);
                series.desk_calls += desk_calls;
                series.aws_calls += cloud::calls();
            }
        }
    }
    for (function, series) in functions.iter().zip(&mut all_series) {
        series.peak_memory = function.peak_memory()?;
    }

    Ok(all_series)
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
