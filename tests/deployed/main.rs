//! A deployed stack, met from outside. Ignored unless asked for: `make deployed-test URL=…
//! SECRET_ENV=NAME`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod end_to_end;

#[tokio::test]
#[ignore = "needs a deployed stack: make deployed-test"]
async fn deployed_stack_answers_and_writes_nothing() {
    let setting = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let secret = setting(&setting("SECRET_ENV"));
    end_to_end::check(&setting("URL"), std::env::var("APP_ID").ok().as_deref(), &secret).await;
}
