//! The `api` function: wiring only.

use desk_handoff::api::handle;
use desk_handoff::aws::{deployed_stack, invocation};
use lambda_http::{Error, Request, RequestExt as _, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let stack = &deployed_stack(|name| std::env::var(name).ok())?;
    run(service_fn(|request: Request| async move {
        Ok::<_, std::convert::Infallible>(handle(stack, &request, &invocation(&request.lambda_context())).await)
    }))
    .await
}
