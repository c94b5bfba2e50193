//! The `worker` function: wiring only.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsEvent;
use desk_handoff::aws::{deployed_stack, invocation};
use desk_handoff::stack::Duty;
use desk_handoff::worker::handle;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let stack = &deployed_stack(|name| std::env::var(name).ok())?;
    stack.prefetch(Duty::Work, SystemTime::now()).await;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, std::convert::Infallible>(handle(stack, event.payload, &invocation(&event.context, Duty::Work)).await)
    }))
    .await
}
