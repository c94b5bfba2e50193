//! What stands in for a deployment: the application and the secret of the sample events, and
//! parameters that are given instead of read from SSM.

use desk_handoff::secrets::{Parameter, ParameterStore};
use desk_handoff::store::{BoxFuture, StoreError};

/// The application of the sample events.
pub(crate) const APP_ID: &str = "DEMO-APP-0001";
/// What the sample events are signed with. It is published, so it proves nothing but here.
pub(crate) const SIGNING_SECRET: &str = "local-only-signing-secret";
/// What a tool may send as its bearer token here; published, too.
pub(crate) const BEARER: &str = "local-only-bearer-token";
/// The header of the signature.
pub(crate) const SIGNATURE: &str = "x-sendbird-signature";

/// What SSM would hold.
#[derive(Default)]
pub(crate) struct Parameters(pub(crate) Vec<(&'static str, String)>);

impl ParameterStore for Parameters {
    fn by_path<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        let parameter = |(name, value): &(&str, String)| Parameter {
            name: (*name).to_owned(),
            value: value.clone().into(),
        };
        Box::pin(std::future::ready(Ok(self.0.iter().map(parameter).collect())))
    }
}
