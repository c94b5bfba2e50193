//! The `worker` function: wiring only.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsEvent;
use desk_handoff::app::Role;
use desk_handoff::aws::{deployed_app, invocation};
use desk_handoff::worker::handle;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

// Lambda gives a function one event at a time: more threads would only cost a start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = &deployed_app(|name| std::env::var(name).ok())?;
    app.prefetch(Role::Work, SystemTime::now()).await;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, std::convert::Infallible>(
            handle(app, event.payload, &invocation(&event.context, Role::Work)).await,
        )
    }))
    .await
}
