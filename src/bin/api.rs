//! The `api` function: wiring only.

use std::time::SystemTime;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use desk_handoff::api::event::{answer, request};
use desk_handoff::api::handle;
use desk_handoff::app::Role;
use desk_handoff::aws::{deployed_app, invocation};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

// Lambda gives a function one event at a time: more threads would only cost a start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = &deployed_app(|name| std::env::var(name).ok())?;
    app.prefetch(Role::Receive, SystemTime::now()).await;
    run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let received = event.payload.request_context.time_epoch;
        let invocation = invocation(&event.context, Role::Receive).received_at(received);
        let response = handle(app, &request(event.payload), &invocation).await;
        Ok::<_, std::convert::Infallible>(answer(response))
    }))
    .await
}
