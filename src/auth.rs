//! Who may hand over: the three ways to authenticate a request of the AI agent.
//!
//! Pure, and closed by default: without a secret of the right kind nothing passes. Comparison takes
//! constant time, the raw bytes are what is verified, and the only way to an [`Authenticated`] body
//! leads through [`authenticate`].
//!
//! * `x-sendbird-signature`: lowercase hex HMAC-SHA256 of the raw body (desk-wire section 8,
//!   documented by Sendbird for tools and Chat webhooks).
//! * `Authorization: Bearer <token>`.
//! * Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`, five minutes'
//!   tolerance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::names::header;

/// How far a Standard Webhooks time may lie from ours, either way.
pub const TIMESTAMP_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The secrets of one application, each kind with as many as are live (two while one is being
/// rotated).
#[derive(Debug, Default)]
pub struct Keys {
    /// Keys of the `x-sendbird-signature` HMAC.
    pub signing: Vec<SecretString>,
    /// Bearer tokens.
    pub bearer: Vec<SecretString>,
    /// Standard Webhooks secrets, `whsec_` and base64.
    pub standard_webhooks: Vec<SecretString>,
}

/// The body of an authenticated request.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated<'a> {
    body: &'a [u8],
}

impl<'a> Authenticated<'a> {
    /// The raw bytes that were verified.
    pub fn body(self) -> &'a [u8] {
        self.body
    }
}

/// Why a request was refused: for the operator's log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The application has no secret at all.
    #[error("the application has no secret to verify with")]
    NoSecret,
    /// No header that a secret of the application could verify.
    #[error(
        "the request carries no signature or token of a kind that the application has a secret for"
    )]
    Missing,
    /// The signature or the token fits neither the body nor a secret.
    #[error("the signature or token does not match")]
    Mismatch,
    /// A Standard Webhooks time further away than [`TIMESTAMP_TOLERANCE`], or none that can be
    /// read.
    #[error("the timestamp is missing, unreadable or too far away")]
    Stale,
}

/// Passes the body on if one of the kinds of authentication that it carries holds.
///
/// ```
/// use std::time::UNIX_EPOCH;
///
/// use desk_handoff::auth::{Keys, authenticate, sign};
/// use desk_handoff::names::header::SENDBIRD_SIGNATURE;
/// use http::HeaderMap;
///
/// let keys = Keys { signing: vec!["secret".into()], ..Keys::default() };
/// let body = br#"{"user_id": "user_1"}"#;
/// let mut headers = HeaderMap::new();
/// headers.insert(SENDBIRD_SIGNATURE, sign(body, "secret").parse().unwrap());
///
/// let authenticated = authenticate(body, &headers, &keys, UNIX_EPOCH).unwrap();
/// assert_eq!(authenticated.body(), body);
/// assert!(authenticate(b"{}", &headers, &keys, UNIX_EPOCH).is_err());
/// ```
///
/// # Errors
/// [`AuthError`], of the kinds for which there is a secret: with the reason of the last one of
/// which the request carries headers, or that it carries none.
pub fn authenticate<'a>(
    body: &'a [u8],
    headers: &HeaderMap,
    keys: &Keys,
    now: SystemTime,
) -> Result<Authenticated<'a>, AuthError> {
    let kinds: [(&[SecretString], Check); 3] = [
        (&keys.signing, sendbird_signature),
        (&keys.bearer, bearer_token),
        (&keys.standard_webhooks, standard_webhooks),
    ];
    let mut refused = AuthError::NoSecret;

    for (secrets, check) in kinds {
        // A header of a kind without a secret neither authenticates anybody nor does harm.
        if secrets.is_empty() {
            continue;
        }
        match check(&Request { body, headers, now }, secrets) {
            Ok(()) => return Ok(Authenticated { body }),
            // The operator learns more from a header that does not fit than from one that is not
            // there.
            Err(AuthError::Missing) if refused != AuthError::NoSecret => {}
            Err(reason) => refused = reason,
        }
    }

    Err(refused)
}

/// The `x-sendbird-signature` of a body, as the sender makes it.
pub fn sign(body: &[u8], secret: &str) -> String {
    hex::encode(hmac(secret.as_bytes(), &[body]).finalize().into_bytes())
}

/// The key inside a Standard Webhooks secret, or `None` for one that can verify nothing.
pub fn standard_webhooks_key(secret: &str) -> Option<Vec<u8>> {
    BASE64
        .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
        .ok()
        .filter(|key| !key.is_empty())
}

type Check = fn(&Request<'_>, &[SecretString]) -> Result<(), AuthError>;

struct Request<'a> {
    body: &'a [u8],
    headers: &'a HeaderMap,
    now: SystemTime,
}

impl<'a> Request<'a> {
    /// The header's one value; a header sent twice authenticates nobody.
    fn header(&self, name: &str) -> Result<&'a str, AuthError> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().ok_or(AuthError::Missing)?;
        if values.next().is_some() {
            return Err(AuthError::Mismatch);
        }
        first.to_str().map_err(|_| AuthError::Mismatch)
    }
}

fn sendbird_signature(request: &Request<'_>, secrets: &[SecretString]) -> Result<(), AuthError> {
    // The hex texts are compared: whatever is no lowercase hex cannot be equal.
    let given = request.header(header::SENDBIRD_SIGNATURE)?.as_bytes();
    one_fits(secrets, |secret| sign(request.body, secret).as_bytes().ct_eq(given).into())
}

fn bearer_token(request: &Request<'_>, secrets: &[SecretString]) -> Result<(), AuthError> {
    let (scheme, token) =
        request.header(header::AUTHORIZATION)?.split_once(' ').ok_or(AuthError::Missing)?;
    // Another scheme is no try with a bearer token.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Missing);
    }
    let token = token.trim();
    one_fits(secrets, |secret| secret.as_bytes().ct_eq(token.as_bytes()).into())
}

/// As <https://www.standardwebhooks.com> has it: base64 HMAC-SHA256 of `id.timestamp.body`, several
/// signatures allowed.
fn standard_webhooks(request: &Request<'_>, secrets: &[SecretString]) -> Result<(), AuthError> {
    let signatures = request.header(header::WEBHOOK_SIGNATURE)?;
    // The id is a part of what is signed: without it nothing can fit.
    let id = request.header(header::WEBHOOK_ID).map_err(|_| AuthError::Mismatch)?;
    let timestamp = request.header(header::WEBHOOK_TIMESTAMP).map_err(|_| AuthError::Stale)?;

    // Else whoever once saw a signed request could send it again for ever.
    if !is_recent(timestamp, request.now) {
        return Err(AuthError::Stale);
    }

    let given: Vec<Vec<u8>> = signatures
        .split(' ')
        // Other versions are passed over: `v1a` is asymmetric and needs a public key.
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|signature| BASE64.decode(signature).ok())
        .collect();

    one_fits(secrets, |secret| {
        // Of several secrets one may be misspelt; the others still verify.
        let Some(key) = standard_webhooks_key(secret) else { return false };
        let mac = hmac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body]);
        // `verify_slice` takes constant time.
        given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    })
}

/// Tries every secret, so that the time taken does not show which one fitted. A blank secret fits
/// nothing.
fn one_fits(secrets: &[SecretString], matches: impl Fn(&str) -> bool) -> Result<(), AuthError> {
    let matched = secrets.iter().fold(false, |matched, secret| {
        let secret = secret.expose_secret();
        matched | (!secret.is_empty() && matches(secret))
    });
    if matched { Ok(()) } else { Err(AuthError::Mismatch) }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

fn is_recent(timestamp: &str, now: SystemTime) -> bool {
    let Ok(seconds) = timestamp.parse::<u64>() else { return false };
    let Ok(now) = now.duration_since(UNIX_EPOCH) else { return false };
    now.as_secs().abs_diff(seconds) <= TIMESTAMP_TOLERANCE.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const BODY: &[u8] = br#"{"category":"handoff"}"#;

    fn secrets(values: &[&str]) -> Vec<SecretString> {
        values.iter().map(|value| SecretString::from(*value)).collect()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn try_it(body: &[u8], headers: &HeaderMap, keys: &Keys) -> Result<(), AuthError> {
        authenticate(body, headers, keys, UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .map(|_| ())
    }

    fn standard_signature(id: &str, timestamp: &str, body: &[u8], key: &[u8]) -> String {
        let mac = hmac(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn the_signature_is_the_documented_hmac() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(b"what do ya want for nothing?", "Jefe"), expected);
    }

    #[test]
    fn body_passes_with_either_live_secret() {
        let keys = Keys { signing: secrets(&["old", "new"]), ..Keys::default() };
        for secret in ["old", "new"] {
            let signed = headers(&[("x-sendbird-signature", &sign(BODY, secret))]);
            assert_eq!(try_it(BODY, &signed, &keys), Ok(()));
        }

        let twice = Keys { signing: secrets(&["new", "new"]), ..Keys::default() };
        assert_eq!(
            try_it(BODY, &headers(&[("x-sendbird-signature", &sign(BODY, "new"))]), &twice),
            Ok(())
        );
        let signed = headers(&[("x-sendbird-signature", &sign(BODY, "older"))]);

        assert_eq!(try_it(BODY, &signed, &keys), Err(AuthError::Mismatch));
    }

    #[test]
    fn without_a_secret_everything_is_refused() {
        let signed =
            headers(&[("x-sendbird-signature", &sign(BODY, "")), ("authorization", "Bearer ")]);
        assert_eq!(try_it(BODY, &signed, &Keys::default()), Err(AuthError::NoSecret));
        let blank = Keys {
            signing: secrets(&[""]),
            bearer: secrets(&[""]),
            standard_webhooks: secrets(&["whsec_"]),
        };
        assert_eq!(try_it(BODY, &signed, &blank), Err(AuthError::Mismatch));
    }

    #[test]
    fn missing_signature_and_repeated_header_are_refused() {
        let keys = Keys { signing: secrets(&["s"]), bearer: secrets(&["t"]), ..Keys::default() };
        assert_eq!(try_it(BODY, &HeaderMap::new(), &keys), Err(AuthError::Missing));
        let mut twice = headers(&[("x-sendbird-signature", &sign(BODY, "s"))]);
        twice.append("x-sendbird-signature", HeaderValue::from_static("00"));
        assert_eq!(try_it(BODY, &twice, &keys), Err(AuthError::Mismatch));
    }

    #[test]
    fn a_bearer_token_passes_whole_or_not_at_all() {
        let keys = Keys { bearer: secrets(&["token-1", "token-2"]), ..Keys::default() };
        assert_eq!(try_it(BODY, &headers(&[("authorization", "bearer token-2")]), &keys), Ok(()));
        for wrong in ["Bearer token-", "Bearer token-22", "Bearer ", "Bearer"] {
            assert!(try_it(BODY, &headers(&[("authorization", wrong)]), &keys).is_err(), "{wrong}");
        }
        assert_eq!(
            try_it(BODY, &headers(&[("authorization", "Basic token-1")]), &keys),
            Err(AuthError::Missing)
        );
    }

    #[test]
    fn a_standard_webhook_passes_within_five_minutes_only() {
        let secret = format!("whsec_{}", BASE64.encode("standard secret"));
        let keys = Keys { standard_webhooks: secrets(&[&secret]), ..Keys::default() };
        let request = |timestamp: &str| {
            let signature = standard_signature("msg_1", timestamp, BODY, b"standard secret");
            let both = format!("v1,AAAA {signature}");
            headers(&[
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", &both),
            ])
        };

        for recent in ["1700000000", "1699999700", "1700000300"] {
            assert_eq!(try_it(BODY, &request(recent), &keys), Ok(()), "{recent}");
        }
        for stale in ["1699999699", "1700000301", "soon", "-1", ""] {
            assert_eq!(try_it(BODY, &request(stale), &keys), Err(AuthError::Stale), "{stale}");
        }

        assert_eq!(try_it(b"{}", &request("1700000000"), &keys), Err(AuthError::Mismatch));
    }

    #[test]
    fn any_one_valid_signature_or_token_is_enough() {
        let keys = Keys { signing: secrets(&["s"]), bearer: secrets(&["t"]), ..Keys::default() };
        let both = headers(&[
            ("x-sendbird-signature", &sign(BODY, "wrong")),
            ("authorization", "Bearer t"),
        ]);
        assert_eq!(try_it(BODY, &both, &keys), Ok(()));
    }

    proptest! {
        #[test]
        fn a_body_altered_anywhere_is_refused(
            body in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), flip in 1..=255u8,
        ) {
            let keys = Keys { signing: secrets(&["s"]), ..Keys::default() };
            let signed = headers(&[("x-sendbird-signature", &sign(&body, "s"))]);
            prop_assert_eq!(try_it(&body, &signed, &keys), Ok(()));
            let mut altered = body.clone();
            altered[at.index(body.len())] ^= flip;
            prop_assert_eq!(try_it(&altered, &signed, &keys), Err(AuthError::Mismatch));
        }

        #[test]
        fn no_header_makes_it_panic(value in "[ -~]{0,100}") {
            let keys = Keys { signing: secrets(&["s"]), bearer: secrets(&["t"]), standard_webhooks: secrets(&["whsec_c2Vj"]) };
            let names = ["x-sendbird-signature", "authorization", "webhook-signature", "webhook-id", "webhook-timestamp"];
            for name in names {
                prop_assert!(try_it(BODY, &headers(&[(name, &value)]), &keys).is_err() || value.trim() == "Bearer t");
            }
        }
    }
}
