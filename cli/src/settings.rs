//! What stands in for a deployment: the application and the secret of the sample events, and
//! parameters that are given instead of read from SSM.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use desk_handoff::secrets::{Parameter, ParameterStore};
use desk_handoff::store::StoreFuture;

/// The application of the sample events.
pub(crate) const APP_ID: &str = "DEMO-APP-0001";
/// What the sample events are signed with. It is published, so it proves nothing but here.
pub(crate) const SIGNING_SECRET: &str = "local-only-signing-secret";
/// What a tool may send as its bearer token here; published, too.
pub(crate) const BEARER: &str = "local-only-bearer-token";
/// The header of the signature.
pub(crate) const SIGNATURE: &str = "x-sendbird-signature";

/// What SSM would hold. A clone is the same store.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Parameters {
    /// Stores a parameter, in place of what it held.
    pub(crate) fn set(&self, name: &'static str, value: impl Into<String>) {
        self.all().insert(name, value.into());
    }

    /// What a parameter holds.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.all().get(name).cloned()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ParameterStore for Parameters {
    fn by_path<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Vec<Parameter>> {
        let parameter = |(name, value): (&&str, &String)| Parameter {
            name: (*name).to_owned(),
            value: value.clone().into(),
        };
        let all = self.all().iter().map(parameter).collect();
        Box::pin(std::future::ready(Ok(all)))
    }
}
