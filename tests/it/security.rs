//! Hostile callers, as facts: what authenticates a sender and what does not, where a request can reach,
//! what it can write into a log, what is remembered of it. docs/security.md names these tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use desk_emulator::Seed;
use desk_handoff::auth::{Keys, authenticate, sign};
use desk_handoff::claims::{Acquired, ClaimRequest, Claims, Customer, Item, Lease, Memory};
use desk_handoff::config::{AppId, Config};
use desk_handoff::names::{header, parameter, setting};
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use crate::world::{APP, CANARY, SIGNING_SECRET, World, handoff, log_text, planted};

const SIGNATURE: &str = header::SENDBIRD_SIGNATURE;

fn passes(body: &[u8], signature: &[u8]) -> bool {
    let keys = Keys { signing: vec![SIGNING_SECRET.into()], ..Keys::default() };
    let Ok(signature) = HeaderValue::from_bytes(signature) else { return false };
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static(SIGNATURE), signature)]);
    authenticate(body, &headers, &keys, UNIX_EPOCH).is_ok()
}

#[test]
fn every_bit_of_the_signature_counts() {
    let body = handoff(json!({"order-id": "1"})).to_string();
    let right = sign(body.as_bytes(), SIGNING_SECRET);
    assert!(passes(body.as_bytes(), right.as_bytes()));
    for bit in 0..right.len() * 8 {
        let mut wrong = right.clone().into_bytes();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!passes(body.as_bytes(), &wrong), "bit {bit}");
    }

    let (upper, prefixed, doubled) =
        (right.to_uppercase(), format!("sha256={right}"), format!("{right},{right}"));
    for wrong in [&right[1..], &right[..63], &upper, &prefixed, &doubled, &format!("{right} "), ""]
    {
        assert!(!passes(body.as_bytes(), wrong.as_bytes()), "{wrong:?}");
    }
}

#[test]
fn no_altered_body_passes() {
    let body = handoff(json!({"order-id": "1", "cart-items": 2})).to_string().into_bytes();
    let right = sign(&body, SIGNING_SECRET);
    let mut chance = fastrand::Rng::with_seed(6);

    for nth in 0..1_000 {
        let mut altered = body.clone();
        let at = chance.usize(..body.len());
        match nth % 5 {
            0 => altered[at] ^= 1 << chance.u8(..8),
            1 => altered.insert(at, chance.u8(..)),
            2 => drop(altered.remove(at)),
            3 => altered.truncate(at),
            _ => altered.extend_from_slice(&body[at..]),
        }
        assert!(!passes(&altered, right.as_bytes()), "alteration {nth} at {at}");
    }
}

#[test]
fn signatures_are_compared_in_constant_time_by_construction() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth.rs");
    let text = fs::read_to_string(path).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap();
    let times = |word: &str| shipped.matches(word).count();
    // A secret is taken out in one place, which tries every one, and goes into these three
    // comparisons alone.
    assert_eq!((times(".expose_secret()"), times("fold(false, |matched, secret|")), (1, 1));
    assert_eq!(
        (times(".ct_eq("), times(".verify_slice("), times("one_fits(secrets, |secret|")),
        (2, 1, 3)
    );

    for line in shipped.lines().filter(|line| line.contains("==") || line.contains("!=")) {
        assert!(!line.contains("secret") || line.contains("AuthError::NoSecret"), "{line}");
    }
}

type Headers = Vec<(&'static str, String)>;

/// The three kinds of authentication by their parameter: what stands in a line of it, and the headers of a
/// request.
fn credentials(body: &[u8], key: &str, now: SystemTime) -> [(&'static str, String, Headers); 3] {
    let time = now.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("msg_1.{time}.").as_bytes());
    mac.update(body);
    let standard = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));

    [
        (parameter::SIGNING_SECRET, key.to_owned(), vec![(SIGNATURE, sign(body, key))]),
        (
            parameter::BEARER_TOKEN,
            key.to_owned(),
            vec![(header::AUTHORIZATION, format!("Bearer {key}"))],
        ),
        (
            parameter::STANDARD_WEBHOOKS_SECRET,
            format!("whsec_{}", BASE64.encode(key)),
            vec![
                (header::WEBHOOK_ID, "msg_1".to_owned()),
                (header::WEBHOOK_TIMESTAMP, time),
                (header::WEBHOOK_SIGNATURE, standard),
            ],
        ),
    ]
}

async fn status(world: &World, body: &[u8], headers: &[(&str, String)]) -> u16 {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.send(Method::POST, "/handoffs/preview", &headers, body).await.status.as_u16()
}

/// A world in which this parameter alone holds a secret to verify with.
async fn world_of(parameter: &str, secret: &str) -> World {
    let world = World::new().await;
    world.parameters.remove(parameter::SIGNING_SECRET);
    world.parameters.set(parameter, secret);
    world
}

#[tokio::test]
async fn of_every_kind_ten_secrets_are_live() {
    let body = handoff(json!({})).to_string();
    for kind in 0..3 {
        let now = SystemTime::now();
        let keys: Vec<String> = (0..12).map(|n| format!("key-{n}")).collect();
        let all: Vec<_> =
            keys.iter().map(|key| credentials(body.as_bytes(), key, now)[kind].clone()).collect();
        let lines: Vec<&str> = all[..11].iter().map(|(_, secret, _)| secret.as_str()).collect();
        let world = world_of(all[0].0, &lines.join("\n\n")).await;
        for (n, (name, _, headers)) in all.iter().enumerate() {
            let expected = if n < 10 { 200 } else { 401 };
            assert_eq!(status(&world, body.as_bytes(), headers).await, expected, "{name} {n}");
        }
    }
}

#[tokio::test]
async fn eleventh_secret_is_logged_once() {
    let app_id = AppId::parse("ELEVENTH-SECRET").unwrap();
    let config =
        Config::from_lookup(|name| (name == setting::APP_IDS).then(|| app_id.to_string())).unwrap();
    // For the log.
    let world = World::new().await;
    let tokens: Vec<String> = (0..11).map(|n| planted(&n.to_string())).collect();
    world.parameters.set(parameter::BEARER_TOKEN, &tokens.join("\n"));
    let secrets = Secrets::new(Box::new(world.parameters.clone()), &config);
    let now = SystemTime::now();

    for refresh in 0..3 {
        secrets.get(&app_id, now + Duration::from_secs(refresh * 600)).await.unwrap();
    }

    let log = log_text();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("ELEVENTH-SECRET")).collect();
    assert!(
        warned.len() == 1
            && warned[0].contains("is ignored")
            && warned[0].contains(parameter::BEARER_TOKEN),
        "{warned:?}"
    );
}

#[tokio::test]
async fn header_sent_twice_authenticates_nothing() {
    let body = handoff(json!({})).to_string();
    for kind in 0..3 {
        let (parameter, secret, headers) =
            credentials(body.as_bytes(), "key", SystemTime::now())[kind].clone();
        let world = world_of(parameter, &secret).await;
        for again in &headers {
            let twice: Vec<_> = headers.iter().chain([again]).cloned().collect();
            assert_eq!(status(&world, body.as_bytes(), &twice).await, 401, "{} twice", again.0);
            // As API Gateway hands it over.
            let joined = headers.iter().map(|(name, value)| match name == &again.0 {
                true => (*name, format!("{value},{value}")),
                false => (*name, value.clone()),
            });
            assert_eq!(
                status(&world, body.as_bytes(), &joined.collect::<Vec<_>>()).await,
                401,
                "{} joined",
                again.0
            );
        }
    }
}

#[tokio::test]
async fn a_blank_secret_lets_nobody_in() {
    let body = handoff(json!({})).to_string();
    for kind in 0..3 {
        let (parameter, _, headers) =
            credentials(body.as_bytes(), "", SystemTime::now())[kind].clone();
        for blank in ["", " ", "\n\n", "whsec_"] {
            let world = world_of(parameter, blank).await;
            assert_eq!(
                status(&world, body.as_bytes(), &headers).await,
                401,
                "{parameter} {blank:?}"
            );
        }
    }
}

/// Writes down which paths are asked for.
#[derive(Clone, Default)]
struct Paths(Arc<Mutex<BTreeSet<String>>>);

impl ParameterStore for Paths {
    fn by_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        self.0.lock().unwrap().insert(path.to_owned());
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

#[tokio::test]
async fn chosen_application_reaches_no_other_path() {
    let mut world = World::new().await;
    let paths = Paths::default();
    world.app.secrets = Secrets::new(Box::new(paths.clone()), &world.app.config);
    for chosen in [
        "../OTHER",
        "..%2FOTHER",
        "%2e%2e/OTHER",
        "OTHER",
        "DEMO-APP-0001/",
        "DEMO-APP-0001%00",
        "demo-app-0001",
        "*",
        "DEMO-APP-0001%0d%0a",
        "a&app_id=DEMO-APP-0001",
        "",
        "%F0%9F%98%80",
        "DEMO-APP-0001.evil.example",
        "@evil.example",
    ] {
        let answer = world.post_bytes(&format!("/handoffs?app_id={chosen}"), b"{}").await;
        answer.is(404, "unknown-application");
    }
    assert_eq!(*paths.0.lock().unwrap(), BTreeSet::new());
    world
        .post_bytes("/handoffs?app_id=DEMO-APP-0001&app_id=OTHER", b"{}")
        .await
        .is(401, "unauthenticated");

    assert_eq!(*paths.0.lock().unwrap(), BTreeSet::from([format!("/desk-handoff/{APP}/")]));
}

proptest! {
    #[test]
    fn no_application_id_changes_the_host_or_the_path(text in prop_oneof!["[A-Za-z0-9-]{1,64}", ".{0,70}", "[a-z./@:#?%-]{1,20}"]) {
        if let Some(app_id) = AppId::parse(&text) {
            let config = Config::from_lookup(|name| (name == setting::APP_IDS).then(|| text.clone())).unwrap();
            prop_assert_eq!(config.parameter_path(&app_id), format!("/desk-handoff/{text}/"));
            for (base, host, path) in [(config.desk, "desk-api-", "/platform/v1"), (config.chat, "api-", "/v3")] {
                let url = Url::parse(&base.for_app(&app_id)).unwrap();
                let expected = format!("{host}{}.sendbird.com", text.to_ascii_lowercase());
                prop_assert_eq!((url.scheme(), url.host_str(), url.path()), ("https", Some(expected.as_str()), path));
            }
        }
    }
}

#[tokio::test]
async fn ids_never_change_the_request_to_desk() {
    for hostile in
        ["../customers", "a&limit=500", "a#b", "a?b=c", "a/../../v3", "%2e%2e", "😀 ", "a\\b"]
    {
        let world = World::new().await;
        let mut body = handoff(json!({"order-id": "1"}));
        body["conversation"]["user_id"] = json!(hostile);
        body["conversation"]["channel_url"] = json!(hostile);
        world.post("/handoffs", &body).await.is(201, "created");
        assert_eq!(world.only_ticket()["customer"]["sendbirdId"], hostile.trim());
        let known = ["/platform/v1/tickets", "/platform/v1/customers"];
        let asked = world.desk.requests();
        let odd: Vec<_> =
            asked.iter().filter(|seen| !known.contains(&seen.path.as_str())).collect();
        assert!(odd.iter().all(|seen| seen.path.starts_with("/v3/group_channels/")), "{odd:#?}");
    }
}

#[tokio::test]
async fn a_channel_of_dots_posts_no_message_anywhere() {
    for channel in [".", "..", "%2e%2e"] {
        let world = World::new().await;
        let status = "INITIALIZED".to_owned();
        let related = vec!["ch_ai_1".to_owned()];
        world.desk.seed_ticket(Seed {
            channel_url: Some(channel.into()),
            status,
            related,
            ..Seed::default()
        });
        world.hand_over(json!({"order-id": "1"})).await.is(200, "updated");
        let posted = world.desk.messages();
        assert!(posted.iter().all(|message| message.channel_url == channel), "{posted:#?}");
        assert_eq!(posted.len(), usize::from(channel.starts_with('%')));
    }
}

#[tokio::test]
async fn callers_text_never_breaks_a_log_line() {
    let world = World::new().await;
    let hostile = "x\r\n{\"level\":\"ERROR\",\"forged\":true}\u{1b}[2J\u{2028}\"";
    let mut body = handoff(json!({ hostile: hostile, "order-id": "1" }));
    body["event_id"] = json!("quoted \"},{\"forged\":true");
    world.post("/handoffs", &body).await.is(201, "created");
    body["conversation"]["user_id"] = json!(hostile);
    world.post("/handoffs", &body).await.is(400, "bad-body");
    let odd = hostile.replace(['\r', '\n', '\u{1b}', '\u{2028}'], "\t");
    for (name, value) in
        [(header::IDEMPOTENCY_KEY, odd.as_str()), ("user-agent", &odd), (SIGNATURE, &odd)]
    {
        world
            .send(
                Method::POST,
                "/handoffs?app_id=%0a%7B%22forged%22%3Atrue%7D",
                &[(name, value)],
                b"{}",
            )
            .await;
    }
    world
        .send(Method::POST, "/%0a%7B%22forged%22%3Atrue%7D", &[], b"")
        .await
        .is(404, "unknown-route");
    let log = log_text();

    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(line.get("forged").is_none() && line["fields"].get("forged").is_none(), "{line}");
    }
    assert!(!log.contains(['\r', '\u{1b}']), "a control character is in the log");

    assert!(world.records().iter().all(|record| record.get("forged").is_none()));
}

#[tokio::test]
async fn a_link_that_is_a_program_is_never_sent() {
    let world = World::new().await;
    for link in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "https:javascript:alert(1)",
        "blob:https://a.example/1",
        "about:blank",
    ] {
        let answer = world.hand_over(json!({"order-link": link, "order-id": link.len()})).await;
        assert_eq!(answer.outcome("order-link"), "wrong-type", "{link:?}");
    }

    let ticket = world.only_ticket();
    assert!(
        !ticket.to_string().contains("script:")
            && world.desk.field(ticket["id"].as_u64().unwrap(), "order-link").is_none()
    );
}

/// Claims that write down everything they are given.
#[derive(Default)]
struct Overheard(Memory, Arc<Mutex<String>>);

impl Overheard {
    fn note(&self, given: &impl std::fmt::Debug) {
        self.1.lock().unwrap().push_str(&format!("{given:?}\n"));
    }
}

impl Claims for Overheard {
    fn acquire<'a>(
        &'a self,
        request: &'a ClaimRequest,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        self.note(request);
        self.0.acquire(request)
    }

    fn give_back<'a>(
        &'a self,
        permit: Lease,
        customer: &'a Customer,
        now: u64,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.note(&(&permit, customer));
        self.0.give_back(permit, customer, now)
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.0.read(key)
    }
}

/// The names of a conversation are ids, which the log holds too; who the customer is and what was
/// said of her are not there.
#[tokio::test]
async fn claims_hold_no_value_and_no_user() {
    let mut world = World::new().await;
    let claims = Overheard::default();
    let given = Arc::clone(&claims.1);
    world.app.claims = Box::new(claims);
    world
        .hand_over(json!({"order-id": planted("1"), "priority": "HIGH", "support-team": "vip"}))
        .await
        .is(201, "created");
    let given = given.lock().unwrap();
    assert_eq!(given.lines().count(), 2, "{given}");
    for private in [CANARY, "user_1", "HIGH", "vip"] {
        assert!(!given.contains(private), "{private} in {given}");
    }

    assert!(given.contains("order-id"), "the names of the fields are remembered: {given}");
}

#[tokio::test]
async fn credentials_print_no_secret() {
    let world = World::new().await;
    for name in
        [parameter::SIGNING_SECRET, parameter::BEARER_TOKEN, parameter::STANDARD_WEBHOOKS_SECRET]
    {
        world.parameters.set(name, &planted(name));
    }

    let app_id = AppId::parse(APP).unwrap();
    let credentials =
        world.app.secrets.get(&app_id, SystemTime::now() + Duration::from_secs(1)).await.unwrap();
    let printed = format!("{credentials:?}");

    assert!(
        printed.contains("signing")
            && !printed.contains(CANARY)
            && !printed.contains("emulator-chat"),
        "{printed}"
    );
}
