//! Any headers over any body: a request passes if, and only if, a second reading of the three kinds
//! of authentication says so.
//!
//! The input is lines of `name: value`, an empty line, and the body. `{sendbird}`, `{bearer}` and
//! `{standard}` in a value stand for what a right header holds, so that the right ones and their
//! neighbours are met.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use desk_handoff::auth::{Keys, authenticate};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const NOW: u64 = 1_700_000_000;
const SIGNING: [&str; 2] = ["old", "new"];
const BEARER: [&str; 2] = ["token-1", "token-2"];
const STANDARD: &str = "whsec_c2VjcmV0";

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    let [one] = all[..] else { return None };
    one.to_str().ok()
}

fn standard_message(id: &str, time: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", time.as_bytes(), b".", body].concat()
}

fn passes(headers: &HeaderMap, body: &[u8]) -> bool {
    let sendbird = only(headers, "x-sendbird-signature").is_some_and(|given| {
        SIGNING.iter().any(|key| hex::encode(mac(key.as_bytes(), body)) == given)
    });
    let bearer = only(headers, "authorization").is_some_and(|given| {
        let token = given.get(7..).unwrap_or_default().trim();
        given.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))
            && BEARER.contains(&token)
    });

    let standard = (|| {
        let (id, time) = (only(headers, "webhook-id")?, only(headers, "webhook-timestamp")?);
        let recent = (NOW - 300..=NOW + 300).contains(&time.parse().ok()?);
        let right = mac(b"secret", &standard_message(id, time, body));
        let given = only(headers, "webhook-signature")?
            .split(' ')
            .filter_map(|one| one.strip_prefix("v1,"));
        Some(recent && given.filter_map(|one| BASE64.decode(one).ok()).any(|one| one == right))
    })();

    sendbird || bearer || standard == Some(true)
}

fn filled(value: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let (id, time) = (only(headers, "webhook-id"), only(headers, "webhook-timestamp"));
    let message = standard_message(id.unwrap_or_default(), time.unwrap_or_default(), body);
    value
        .replace("{sendbird}", &hex::encode(mac(b"new", body)))
        .replace("{bearer}", BEARER[0])
        .replace("{standard}", &BASE64.encode(mac(b"secret", &message)))
}

fuzz_target!(|data: &[u8]| {
    let split = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..split], data.get(split + 2..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let value = filled(value, &headers, body);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    let keys = Keys {
        signing: SIGNING.map(Into::into).into(),
        bearer: BEARER.map(Into::into).into(),
        standard_webhooks: vec![STANDARD.into()],
    };
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    assert_eq!(
        authenticate(body, &headers, &keys, now).is_ok(),
        passes(&headers, body),
        "{headers:?}"
    );
    assert!(authenticate(body, &headers, &Keys::default(), now).is_err());
});
