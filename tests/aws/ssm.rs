//! SSM Parameter Store through the real SDK: SecureString parameters of one application and no
//! other's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use desk_handoff::aws::ssm::Ssm;
use desk_handoff::config::{AppId, Config};
use desk_handoff::http_client;
use desk_handoff::names::{parameter, setting};
use desk_handoff::secrets::{ParameterStore as _, Secrets, SecretsError};
use secrecy::ExposeSecret as _;

use crate::harness::moto;
use crate::harness::sdk::{environment, shared};
use crate::harness::setup::put_parameter;

/// Puts a parameter as `aws ssm put-parameter` does.
async fn put(name: &str, value: &str) {
    put_parameter(&http_client::new().unwrap(), name, value).await;
}

async fn read(endpoint: &str, path: &str) -> Result<BTreeMap<String, String>, String> {
    let ssm = Ssm::new(&environment(endpoint), shared());
    let parameters = ssm.by_path(path).await.map_err(|error| error.to_string())?;
    Ok(parameters.into_iter().map(|one| (one.name, one.value.expose_secret().to_owned())).collect())
}

#[tokio::test]
async fn one_applications_parameters_are_read_decrypted_and_no_others() {
    for (name, value) in [
        ("/read-one/APP-1/desk-api-token", "token"),
        ("/read-one/APP-1/signing-secret", "old\nnew"),
        ("/read-one/APP-1/fields", "{}"),
        ("/read-one/APP-1/deeper/desk-api-token", "not mine"),
        ("/read-one/APP-10/desk-api-token", "not mine"),
    ] {
        put(name, value).await;
    }

    let found = read(moto::endpoint(), "/read-one/APP-1/").await.unwrap();
    let expected = [
        (parameter::DESK_API_TOKEN, "token"),
        (parameter::FIELDS, "{}"),
        (parameter::SIGNING_SECRET, "old\nnew"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn more_parameters_than_fit_a_page_are_all_read() {
    for n in 0..23 {
        put(&format!("/read-pages/APP-1/p{n}"), "x").await;
    }
    assert_eq!(read(moto::endpoint(), "/read-pages/APP-1/").await.unwrap().len(), 23);
}

/// Where any application is served, each costs one call, and a stranger one a minute.
#[tokio::test]
async fn two_hundred_applications_are_read_once_each() {
    let client = http_client::new().unwrap();
    for n in 0..200 {
        let name = format!("/read-many/APP-{n}/desk-api-token");
        put_parameter(&client, &name, &format!("token-{n}")).await;
    }
    let config = Config::from_lookup(|name| match name {
        setting::APP_IDS => Some("*".to_owned()),
        setting::PARAMETER_PREFIX => Some("/read-many".to_owned()),
        _ => None,
    });
    let ssm = Ssm::new(&environment(moto::endpoint()), shared());
    let secrets = Secrets::new(Box::new(ssm), &config.unwrap());
    let (now, began) = (SystemTime::now(), Instant::now());
    let mut read = Duration::ZERO;
    for round in 0..2 {
        for n in 0..200 {
            let app_id = AppId::parse(&format!("APP-{n}")).unwrap();
            let credentials = secrets.get(&app_id, now).await.unwrap();
            assert_eq!(credentials.desk_tokens[0].expose_secret(), format!("token-{n}"));
        }
        if round == 0 {
            read = began.elapsed();
        }
    }
    let kept = began.elapsed() - read;
    assert!(kept < read / 10, "the second round asks nobody: {read:?}, then {kept:?}");
    let unknown = secrets.get(&AppId::parse("APP-200").unwrap(), now).await.err();
    assert_eq!((unknown, secrets.met().len()), (Some(SecretsError::Unknown), 200));
}

#[tokio::test]
async fn no_parameters_is_empty_no_store_an_error() {
    assert_eq!(read(moto::endpoint(), "/read-none/APP-1/").await, Ok(BTreeMap::new()));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = read(&format!("http://{nobody}"), "/read-none/APP-1/").await.unwrap_err();
    assert_eq!(error, "the parameter store did not do its part: not reached");
}
