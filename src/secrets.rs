//! Credentials and rules of each application, kept for five minutes.
//!
//! The store is one method, [`ParameterStore::by_path`]; SSM stands behind it in
//! [`crate::aws::ssm`]. Only applications known at start have a place here, so that no request can
//! name a path of its own. A failed refresh serves the kept copy; without one it is an error, and
//! nothing passes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::auth::Keys;
use crate::config::{AppId, Config};
use crate::json_reader::ReadError;
pub use crate::names::parameter::{
    BEARER_TOKEN, CHAT_API_TOKEN, DESK_API_TOKEN, FIELDS, SIGNING_SECRET, STANDARD_WEBHOOKS_SECRET,
};
use crate::rules::Rules;
use crate::store::{BoxFuture, StoreError};

/// How long a copy is used without asking again.
pub const CACHE_TTL: Duration = Duration::from_secs(5 * 60);
/// How long to go on with the kept copy after a refresh has failed.
pub const RETRY_REFRESH: Duration = Duration::from_secs(15);
/// How often Desk's refusal of the token may lead to a refresh.
pub const REFUSAL_REFRESH: Duration = Duration::from_secs(60);

/// How many secrets of a kind verify requests: that of an application-level webhook, one for each
/// AI agent with a webhook of its own, and the former ones while they are rotated.
pub const LIVE: usize = 10;

/// Where parameters come from.
pub trait ParameterStore: Send + Sync {
    /// Every parameter directly under `path` (which ends with a slash), decrypted.
    fn by_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>>;
}

/// A decrypted parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name below the path.
    pub name: String,
    /// Its value.
    pub value: SecretString,
}

/// Neither the store nor a kept copy could say anything of the application.
#[derive(Debug, thiserror::Error)]
#[error("the application's parameters are unavailable")]
pub struct Unavailable;

/// What an application's parameters hold.
#[derive(Debug)]
pub struct Credentials {
    /// `desk-api-token`: the first line is used.
    pub desk_tokens: Vec<SecretString>,
    /// `chat-api-token`
    pub chat_token: Option<SecretString>,
    /// `signing-secret`, `bearer-token`, `standard-webhooks-secret`: the first [`LIVE`] lines of
    /// each.
    pub keys: Keys,
    /// Those of these three parameters that have further lines, which are ignored.
    pub overfull: Vec<&'static str>,
    /// `fields`, or what is wrong with it.
    pub rules: Result<Arc<Rules>, Vec<ReadError>>,
}

impl Credentials {
    /// Reads the parameters of an application; names that are not known are passed over.
    pub fn read(parameters: Vec<Parameter>) -> Self {
        let mut read = Self {
            desk_tokens: Vec::new(),
            chat_token: None,
            keys: Keys::default(),
            overfull: Vec::new(),
            rules: Ok(Arc::default()),
        };

        for Parameter { name, value } in parameters {
            match name.as_str() {
                DESK_API_TOKEN => read.desk_tokens = lines(&value),
                CHAT_API_TOKEN => read.chat_token = lines(&value).into_iter().next(),
                SIGNING_SECRET => read.keys.signing = read.live(SIGNING_SECRET, &value),
                BEARER_TOKEN => read.keys.bearer = read.live(BEARER_TOKEN, &value),
                STANDARD_WEBHOOKS_SECRET => {
                    read.keys.standard_webhooks = read.live(STANDARD_WEBHOOKS_SECRET, &value);
                }
                FIELDS => read.rules = Rules::parse(value.expose_secret()).map(Arc::new),
                // The operator may keep parameters of other software in the same folder.
                _ => {}
            }
        }

        read
    }

    fn live(&mut self, name: &'static str, value: &SecretString) -> Vec<SecretString> {
        let mut secrets = lines(value);
        // Each secret costs a hash for every request, also for one that is not authenticated.
        if secrets.len() > LIVE {
            self.overfull.push(name);
            secrets.truncate(LIVE);
        }
        secrets
    }

    /// The first thing that a handoff needs and that is not there, or not usable.
    pub fn missing(&self) -> Option<&'static str> {
        let Keys { signing, bearer, standard_webhooks } = &self.keys;
        if self.desk_tokens.is_empty() {
            Some(DESK_API_TOKEN)
        } else if signing.is_empty() && bearer.is_empty() && standard_webhooks.is_empty() {
            Some("signing-secret, bearer-token or standard-webhooks-secret")
        } else if self.rules.is_err() {
            Some(FIELDS)
        } else {
            None
        }
    }
}

/// The cache.
pub struct Secrets {
    store: Box<dyn ParameterStore>,
    slots: HashMap<AppId, Slot>,
    ttl: Duration,
    stale_served: AtomicU64,
}

struct Slot {
    path: String,
    // Tokio's lock, because it is held over the call to the store.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Arc<Credentials>>,
    /// Not before this time is the store asked again.
    fresh_until: Option<SystemTime>,
    refusal_refreshed: Option<SystemTime>,
}

impl Secrets {
    /// An empty cache in front of `store`, with a place for every application of `config`.
    pub fn new(store: Box<dyn ParameterStore>, config: &Config) -> Self {
        let slot =
            |app_id: &AppId| Slot { path: config.parameter_path(app_id), kept: Mutex::default() };
        let slots = config.app_ids.iter().map(|app_id| (app_id.clone(), slot(app_id))).collect();
        Self { store, slots, ttl: CACHE_TTL, stale_served: AtomicU64::new(0) }
    }

    /// The same, keeping a copy for so long: for a store that costs nothing to ask.
    #[must_use]
    pub fn keep_for(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// The application's credentials, at most [`CACHE_TTL`] old if the store answers.
    ///
    /// # Errors
    /// [`Unavailable`] if the application is unknown, or the store fails and there is no kept copy.
    pub async fn get(
        &self,
        app_id: &AppId,
        now: SystemTime,
    ) -> Result<Arc<Credentials>, Unavailable> {
        let slot = self.slots.get(app_id).ok_or(Unavailable)?;
        // Held while the store is asked: of many requests that come together one asks it.
        let mut kept = slot.kept.lock().await;
        if let Some(credentials) = &kept.credentials
            // A clock that is set back must not keep a copy for ever.
            && kept.fresh_until.is_some_and(|until| now < until && until <= now + self.ttl)
        {
            return Ok(Arc::clone(credentials));
        }
        if !self.refresh(app_id, slot, &mut kept, now).await {
            // A store that does not answer is not asked by every request.
            kept.fresh_until = Some(now + RETRY_REFRESH);
            // An alarm counts these: the functions work on, but a rotated secret would not be seen.
            self.stale_served.fetch_add(u64::from(kept.credentials.is_some()), Ordering::Relaxed);
        }

        kept.credentials.clone().ok_or(Unavailable)
    }

    /// Desk refused `token`: the newer one, if the store has one. Asks the store at most once a
    /// minute.
    pub async fn after_refusal(
        &self,
        app_id: &AppId,
        token: &SecretString,
        now: SystemTime,
    ) -> Option<SecretString> {
        let slot = self.slots.get(app_id)?;
        let mut kept = slot.kept.lock().await;
        let newer = |kept: &Kept| {
            let theirs = kept.credentials.as_ref()?.desk_tokens.first()?.clone();
            // Both are ours and no caller's, so this comparison need not take constant time.
            (theirs.expose_secret() != token.expose_secret()).then_some(theirs)
        };
        let recent = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < REFUSAL_REFRESH);

        // Another call that was refused at the same time may have fetched it already.
        if newer(&kept).is_none() && !kept.refusal_refreshed.is_some_and(recent) {
            // Before the answer, so that a store that fails is not asked more often.
            kept.refusal_refreshed = Some(now);
            self.refresh(app_id, slot, &mut kept, now).await;
        }

        newer(&kept)
    }

    /// How often a copy past its time was served because the store did not answer, since this was
    /// last asked.
    pub fn take_stale_served(&self) -> u64 {
        self.stale_served.swap(0, Ordering::Relaxed)
    }

    async fn refresh(&self, app_id: &AppId, slot: &Slot, kept: &mut Kept, now: SystemTime) -> bool {
        let parameters = match self.store.by_path(&slot.path).await {
            Ok(parameters) => parameters,
            Err(error) => {
                tracing::warn!(%app_id, %error, kept_copy = kept.credentials.is_some(), "parameters not refreshed");
                return false;
            }
        };

        let mut credentials = Credentials::read(parameters);
        if let Err(problems) = &credentials.rules {
            let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            tracing::error!(%app_id, problems, "the fields parameter is not usable");
            // A slip in the document must not stop the handoffs: the rules before it go on to hold.
            if let Some(Ok(rules)) = kept.credentials.as_ref().map(|kept| &kept.rules) {
                credentials.rules = Ok(Arc::clone(rules));
            }
        }

        // Once, and not with every refresh.
        let known =
            kept.credentials.as_ref().map(|kept| kept.overfull.as_slice()).unwrap_or_default();

        for parameter in credentials.overfull.iter().filter(|name| !known.contains(name)) {
            tracing::warn!(%app_id, parameter, "ten secrets of a kind are live; what stands below them is ignored");
        }
        kept.credentials = Some(Arc::new(credentials));
        kept.fresh_until = Some(now + self.ttl);

        true
    }
}

/// One secret a line; blank lines are none.
fn lines(value: &SecretString) -> Vec<SecretString> {
    // Editors and consoles leave blanks and a last line break.
    let lines = value.expose_secret().lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex as StdMutex;

    type Answers = Arc<StdMutex<Vec<Result<Vec<(&'static str, &'static str)>, &'static str>>>>;

    /// Gives its answers one after the other, then fails.
    struct Scripted(Answers);

    impl ParameterStore for Scripted {
        fn by_path<'a>(
            &'a self,
            path: &'a str,
        ) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
            assert_eq!(path, "/desk-handoff/APP-1/");
            let mut answers = self.0.lock().unwrap();
            let answer = if answers.is_empty() { Err("no answer left") } else { answers.remove(0) };
            Box::pin(async move {
                let parameter = |(name, value): (&str, &str)| Parameter {
                    name: name.into(),
                    value: value.into(),
                };
                answer
                    .map(|pairs| pairs.into_iter().map(parameter).collect())
                    .map_err(|why| StoreError { store: "the parameter store", reason: why.into() })
            })
        }
    }

    fn secrets(
        answers: Vec<Result<Vec<(&'static str, &'static str)>, &'static str>>,
    ) -> (Secrets, AppId, Answers) {
        let config =
            Config::from_lookup(|name| (name == "APP_IDS").then(|| "APP-1".to_owned())).unwrap();
        let answers = Arc::new(StdMutex::new(answers));
        (
            Secrets::new(Box::new(Scripted(Arc::clone(&answers))), &config),
            config.app_ids[0].clone(),
            answers,
        )
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn token(credentials: &Credentials) -> &str {
        credentials.desk_tokens[0].expose_secret()
    }

    #[tokio::test]
    async fn a_copy_is_kept_for_five_minutes() {
        let (secrets, app, answers) =
            secrets(vec![Ok(vec![("desk-api-token", "one")]), Ok(vec![("desk-api-token", "two")])]);
        assert_eq!(token(&secrets.get(&app, at(0)).await.unwrap()), "one");
        assert_eq!(token(&secrets.get(&app, at(299)).await.unwrap()), "one");
        assert_eq!(answers.lock().unwrap().len(), 1);
        assert_eq!(token(&secrets.get(&app, at(300)).await.unwrap()), "two");
    }

    #[tokio::test]
    async fn store_that_costs_nothing_is_asked_every_time() {
        let (secrets, app, _) =
            secrets(vec![Ok(vec![("desk-api-token", "one")]), Ok(vec![("desk-api-token", "two")])]);
        let secrets = secrets.keep_for(Duration::ZERO);
        assert_eq!(token(&secrets.get(&app, at(0)).await.unwrap()), "one");
        assert_eq!(token(&secrets.get(&app, at(0)).await.unwrap()), "two");
    }

    #[tokio::test]
    async fn failed_refresh_serves_kept_copy() {
        let (secrets, app, answers) = secrets(vec![
            Ok(vec![("desk-api-token", "one")]),
            Err("down"),
            Ok(vec![("desk-api-token", "two")]),
        ]);
        secrets.get(&app, at(0)).await.unwrap();
        assert_eq!(token(&secrets.get(&app, at(301)).await.unwrap()), "one");
        assert_eq!(token(&secrets.get(&app, at(302)).await.unwrap()), "one");
        assert_eq!((secrets.take_stale_served(), answers.lock().unwrap().len()), (1, 1));

        assert_eq!(token(&secrets.get(&app, at(317)).await.unwrap()), "two");
    }

    #[tokio::test]
    async fn failure_without_copy_is_an_error() {
        let (secrets, app, _) = secrets(vec![Err("down"), Ok(vec![("desk-api-token", "one")])]);
        assert!(secrets.get(&app, at(0)).await.is_err());
        assert_eq!(token(&secrets.get(&app, at(0)).await.unwrap()), "one");
    }

    #[tokio::test]
    async fn an_unknown_application_never_reaches_the_store() {
        let (secrets, _, answers) = secrets(vec![Ok(vec![])]);
        assert!(secrets.get(&AppId::parse("OTHER").unwrap(), at(0)).await.is_err());
        assert_eq!(answers.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn desks_refusal_refreshes_once_a_minute() {
        let old = || Ok(vec![("desk-api-token", "old")]);
        let (secrets, app, answers) =
            secrets(vec![old(), old(), Ok(vec![("desk-api-token", "new")])]);
        let refused = secrets.get(&app, at(0)).await.unwrap().desk_tokens[0].clone();
        assert!(secrets.after_refusal(&app, &refused, at(1)).await.is_none());
        assert!(secrets.after_refusal(&app, &refused, at(60)).await.is_none());
        assert_eq!(answers.lock().unwrap().len(), 1);
        let newer = secrets.after_refusal(&app, &refused, at(61)).await.unwrap();
        assert_eq!(newer.expose_secret(), "new");

        assert!(secrets.after_refusal(&app, &refused, at(61)).await.is_some());
    }

    #[tokio::test]
    async fn two_secrets_stand_on_two_lines() {
        let (secrets, app, _) =
            secrets(vec![Ok(vec![("signing-secret", " old \n\n new\n"), ("unknown", "x")])]);
        let credentials = secrets.get(&app, at(0)).await.unwrap();
        let signing: Vec<&str> =
            credentials.keys.signing.iter().map(|secret| secret.expose_secret()).collect();
        assert_eq!(signing, ["old", "new"]);
        assert!(credentials.desk_tokens.is_empty() && credentials.rules.is_ok());
    }

    #[tokio::test]
    async fn eleventh_secret_of_a_kind_is_ignored() {
        let lines: Vec<String> = (0..11).map(|n| format!("secret-{n}")).collect();
        let eleven: &'static str = lines.join("\n\n").leak();
        for (name, keys_of) in [
            ("signing-secret", (|keys| &keys.signing) as fn(&Keys) -> &Vec<SecretString>),
            ("bearer-token", |keys| &keys.bearer),
            ("standard-webhooks-secret", |keys| &keys.standard_webhooks),
        ] {
            let (secrets, app, _) = secrets(vec![Ok(vec![(name, eleven)])]);
            let credentials = secrets.get(&app, at(0)).await.unwrap();
            let live: Vec<&str> =
                keys_of(&credentials.keys).iter().map(|secret| secret.expose_secret()).collect();
            assert_eq!(
                (live, credentials.overfull.as_slice()),
                (lines[..LIVE].iter().map(String::as_str).collect(), &[name][..])
            );
        }
    }

    #[tokio::test]
    async fn unusable_rules_never_replace_usable_ones() {
        let (secrets, app, _) = secrets(vec![
            Ok(vec![("fields", r#"{"deny": ["token"]}"#)]),
            Ok(vec![("fields", r#"{"denny": []}"#), ("signing-secret", "new")]),
        ]);
        secrets.get(&app, at(0)).await.unwrap();
        let credentials = secrets.get(&app, at(300)).await.unwrap();
        assert!(credentials.rules.as_ref().unwrap().deny.contains("token"));
        assert_eq!(credentials.keys.signing.len(), 1);
    }

    #[tokio::test]
    async fn unusable_rules_at_start_are_no_rules() {
        let (secrets, app, _) = secrets(vec![Ok(vec![("fields", "{")])]);
        assert!(secrets.get(&app, at(0)).await.unwrap().rules.is_err());
    }
}
