//! Credentials and rules of each application, kept for five minutes.
//!
//! The store is one method, [`ParameterStore::by_path`]; SSM stands behind it in
//! [`crate::aws::ssm`]. A failed refresh serves the kept copy; without one it is an error, and
//! nothing passes.
//!
//! With a list of applications only these have a slot, and no request can name a path of its own.
//! Where any is served, a request that nobody has authenticated yet names an application: it gets a
//! slot if its parameters exist. What does not exist costs a bounded number of calls and a bounded
//! amount of memory ([`MISSES_A_MINUTE`], [`MOST_ABSENT`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::auth::Keys;
use crate::config::{AppId, Apps, Config, parameter_path};
use crate::json_reader::ReadError;
pub use crate::names::parameter::{
    BEARER_TOKEN, CHAT_API_TOKEN, DESK_API_TOKEN, FIELDS, SIGNING_SECRET, STANDARD_WEBHOOKS_SECRET,
};
use crate::rules::Rules;
use crate::store::StoreFuture;

/// How long a copy is used without asking again.
pub const CACHE_TTL: Duration = Duration::from_secs(5 * 60);
/// How long to go on with the kept copy after a refresh has failed.
pub const RETRY_REFRESH: Duration = Duration::from_secs(15);
/// How often Desk's refusal of the token may lead to a refresh.
pub const REFUSAL_REFRESH: Duration = Duration::from_secs(60);

/// How long an application without parameters is taken for unknown without asking again: a new one
/// is served that long after its parameters are stored.
pub const ABSENT_TTL: Duration = Duration::from_secs(60);
/// Of how many applications it is remembered that they have no parameters.
pub const MOST_ABSENT: usize = 1000;
/// How many calls a minute may go out for applications that turn out to be none, or that the store
/// says nothing of. Whoever exists is asked for once and costs none of these.
pub const MISSES_A_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// How many secrets of a kind verify requests: that of an application-level webhook, one for each
/// AI agent with a webhook of its own, and the former ones while they are rotated.
pub const LIVE: usize = 10;

/// Where parameters come from.
pub trait ParameterStore: Send + Sync {
    /// Every parameter directly under `path` (which ends with a slash), decrypted.
    fn by_path<'a>(&'a self, path: &'a str) -> StoreFuture<'a, Vec<Parameter>>;
}

/// A decrypted parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name below the path.
    pub name: String,
    /// Its value.
    pub value: SecretString,
}

/// Why there are no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The application is not among those served.
    #[error("the application is not served here")]
    Unknown,
    /// Neither the store nor a kept copy could say anything of it.
    #[error("the application's parameters are unavailable")]
    Unavailable,
}

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
    apps: Served,
    ttl: Duration,
    stale_served: AtomicU64,
}

enum Served {
    Listed(HashMap<AppId, Arc<Slot>>),
    Any(Met),
}

/// The applications that were asked for so far, where any is served.
struct Met {
    prefix: String,
    /// Those that exist. As many as the operator stored parameters for, so without a bound.
    slots: StdMutex<HashMap<AppId, Arc<Slot>>>,
    // Tokio's lock, because it is held over the call to the store: one stranger at a time.
    strangers: Mutex<Strangers>,
}

/// What was asked for in vain.
#[derive(Default)]
struct Strangers {
    /// Each until when it need not be asked for again.
    absent: HashMap<AppId, SystemTime>,
    /// How many calls went out in vain, in the minute that began then.
    misses: u32,
    since: Option<SystemTime>,
}

impl Strangers {
    fn is_absent(&self, app_id: &AppId, now: SystemTime) -> bool {
        // A clock that is set back must not keep an application out for ever.
        let holds = |until: &SystemTime| now < *until && *until <= now + ABSENT_TTL;
        self.absent.get(app_id).is_some_and(holds)
    }

    /// Whether one more call may turn out to be in vain.
    fn may_ask(&mut self, now: SystemTime) -> bool {
        let in_minute = |since: SystemTime| now.duration_since(since).is_ok_and(|age| age < MINUTE);
        if !self.since.is_some_and(in_minute) {
            (self.since, self.misses) = (Some(now), 0);
        }
        self.misses < MISSES_A_MINUTE
    }

    fn remember(&mut self, app_id: &AppId, now: SystemTime) {
        if self.absent.len() >= MOST_ABSENT {
            self.absent.retain(|_, until| now < *until);
        }
        // Within a minute there are fewer misses than room, but a clock may stand still.
        if self.absent.len() < MOST_ABSENT {
            self.absent.insert(app_id.clone(), now + ABSENT_TTL);
        }
    }
}

struct Slot {
    path: String,
    // Tokio's lock, because it is held over the call to the store.
    kept: Mutex<Kept>,
}

impl Slot {
    fn new(path: String) -> Arc<Self> {
        Arc::new(Self { path, kept: Mutex::default() })
    }
}

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    Done,
    /// The store did not answer.
    Failed,
    /// There is no parameter any more.
    Gone,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Arc<Credentials>>,
    /// Not before this time is the store asked again.
    fresh_until: Option<SystemTime>,
    refusal_refreshed: Option<SystemTime>,
}

impl Secrets {
    /// An empty cache in front of `store`, for the applications of `config`.
    pub fn new(store: Box<dyn ParameterStore>, config: &Config) -> Self {
        let slot = |app_id: &AppId| (app_id.clone(), Slot::new(config.parameter_path(app_id)));
        let apps = match &config.apps {
            Apps::Listed(ids) => Served::Listed(ids.iter().map(slot).collect()),
            Apps::Any => Served::Any(Met {
                prefix: config.parameter_prefix.clone(),
                slots: StdMutex::default(),
                strangers: Mutex::default(),
            }),
        };
        Self { store, apps, ttl: CACHE_TTL, stale_served: AtomicU64::new(0) }
    }

    /// Where any application is served, those that were met so far.
    pub fn met(&self) -> Vec<AppId> {
        match &self.apps {
            Served::Listed(_) => Vec::new(),
            Served::Any(met) => met.slots().keys().cloned().collect(),
        }
    }

    /// The same, keeping a copy for so long: for a store that costs nothing to ask.
    #[must_use]
    pub fn keep_for(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// The application's credentials, at most [`CACHE_TTL`] old if the store answers.
    ///
    /// # Errors
    /// [`SecretsError::Unknown`] if the application is not served; [`SecretsError::Unavailable`] if
    /// the store fails and there is no kept copy, or may not be asked for strangers right now.
    pub async fn get(
        &self,
        app_id: &AppId,
        now: SystemTime,
    ) -> Result<Arc<Credentials>, SecretsError> {
        let slot = match &self.apps {
            Served::Listed(slots) => slots.get(app_id).cloned().ok_or(SecretsError::Unknown)?,
            Served::Any(met) => match met.slot(app_id) {
                Some(slot) => slot,
                None => self.meet(met, app_id, now).await?,
            },
        };
        // Held while the store is asked: of many requests that come together one asks it.
        let mut kept = slot.kept.lock().await;
        if let Some(credentials) = &kept.credentials
            // A clock that is set back must not keep a copy for ever.
            && kept.fresh_until.is_some_and(|until| now < until && until <= now + self.ttl)
        {
            return Ok(Arc::clone(credentials));
        }
        match self.refresh(app_id, &slot, &mut kept, now).await {
            Refresh::Done => {}
            Refresh::Failed => {
                // A store that does not answer is not asked by every request.
                kept.fresh_until = Some(now + RETRY_REFRESH);
                // An alarm counts these: the functions work on, but a rotated secret would not be
                // seen.
                let is_kept = u64::from(kept.credentials.is_some());
                self.stale_served.fetch_add(is_kept, Ordering::Relaxed);
            }
            Refresh::Gone => return Err(SecretsError::Unknown),
        }

        kept.credentials.clone().ok_or(SecretsError::Unavailable)
    }

    /// Asks the store for an application that was never met; it gets a slot if it exists.
    async fn meet(
        &self,
        met: &Met,
        app_id: &AppId,
        now: SystemTime,
    ) -> Result<Arc<Slot>, SecretsError> {
        let mut strangers = met.strangers.lock().await;
        // Another request may have met it while this one waited.
        if let Some(slot) = met.slot(app_id) {
            return Ok(slot);
        }
        if strangers.is_absent(app_id, now) {
            return Err(SecretsError::Unknown);
        }
        if !strangers.may_ask(now) {
            // Not unknown: it may exist, and its sender is to come again.
            return Err(SecretsError::Unavailable);
        }

        let slot = Slot::new(parameter_path(&met.prefix, app_id));
        let refreshed = self.refresh(app_id, &slot, &mut *slot.kept.lock().await, now).await;
        match refreshed {
            Refresh::Done => {
                met.slots().insert(app_id.clone(), Arc::clone(&slot));
                Ok(slot)
            }
            Refresh::Failed => {
                strangers.misses += 1;
                Err(SecretsError::Unavailable)
            }
            Refresh::Gone => {
                strangers.misses += 1;
                strangers.remember(app_id, now);
                Err(SecretsError::Unknown)
            }
        }
    }

    /// Desk refused `token`: the newer one, if the store has one. Asks the store at most once a
    /// minute.
    pub async fn after_refusal(
        &self,
        app_id: &AppId,
        token: &SecretString,
        now: SystemTime,
    ) -> Option<SecretString> {
        let slot = match &self.apps {
            Served::Listed(slots) => slots.get(app_id).cloned(),
            Served::Any(met) => met.slot(app_id),
        }?;
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
            self.refresh(app_id, &slot, &mut kept, now).await;
        }

        newer(&kept)
    }

    /// How often a copy past its time was served because the store did not answer, since this was
    /// last asked.
    pub fn take_stale_served(&self) -> u64 {
        self.stale_served.swap(0, Ordering::Relaxed)
    }

    async fn refresh(
        &self,
        app_id: &AppId,
        slot: &Slot,
        kept: &mut Kept,
        now: SystemTime,
    ) -> Refresh {
        let parameters = match self.store.by_path(&slot.path).await {
            Ok(parameters) => parameters,
            Err(error) => {
                tracing::warn!(%app_id, %error, kept_copy = kept.credentials.is_some(), "parameters not refreshed");
                return Refresh::Failed;
            }
        };
        // Of the list it is served all the same, and what is missing is said where it is needed.
        if parameters.is_empty()
            && let Served::Any(met) = &self.apps
        {
            met.slots().remove(app_id);
            *kept = Kept::default();
            return Refresh::Gone;
        }

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

        Refresh::Done
    }
}

impl Met {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<AppId, Arc<Slot>>> {
        self.slots.lock().expect("no holder of the slots panics")
    }

    fn slot(&self, app_id: &AppId) -> Option<Arc<Slot>> {
        self.slots().get(app_id).cloned()
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
    use crate::store::StoreError;

    type Answers = Arc<StdMutex<Vec<Result<Vec<(&'static str, &'static str)>, &'static str>>>>;

    /// Gives its answers one after the other, then fails.
    struct Scripted(Answers);

    impl ParameterStore for Scripted {
        fn by_path<'a>(&'a self, path: &'a str) -> StoreFuture<'a, Vec<Parameter>> {
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
            config.apps.listed()[0].clone(),
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

    /// A store of many applications; counts what it is asked.
    #[derive(Clone, Default)]
    struct Many(Arc<StdMutex<Vec<String>>>, Arc<StdMutex<Vec<String>>>);

    impl Many {
        fn of(ids: impl Iterator<Item = String>) -> (Self, Secrets) {
            let many = Self::default();
            many.1.lock().unwrap().extend(ids.map(|id| format!("/desk-handoff/{id}/")));
            let any = |name: &str| (name == "APP_IDS").then(|| "*".to_owned());
            let config = Config::from_lookup(any).unwrap();
            (many.clone(), Secrets::new(Box::new(many), &config))
        }

        fn asked(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl ParameterStore for Many {
        fn by_path<'a>(&'a self, path: &'a str) -> StoreFuture<'a, Vec<Parameter>> {
            self.0.lock().unwrap().push(path.to_owned());
            let is_there = self.1.lock().unwrap().iter().any(|known| known == path);
            let token = || Parameter { name: DESK_API_TOKEN.into(), value: path.into() };
            Box::pin(std::future::ready(Ok(is_there.then(token).into_iter().collect())))
        }
    }

    fn app(name: impl std::fmt::Display) -> AppId {
        AppId::parse(&name.to_string()).unwrap()
    }

    #[tokio::test]
    async fn every_application_with_parameters_is_served() {
        let (many, secrets) = Many::of((0..200).map(|n| format!("APP-{n}")));
        for _ in 0..2 {
            for n in 0..200 {
                let credentials = secrets.get(&app(format!("APP-{n}")), at(n % 7)).await.unwrap();
                assert_eq!(token(&credentials), format!("/desk-handoff/APP-{n}/"));
            }
        }
        assert_eq!((many.asked(), secrets.met().len()), (200, 200), "each once, in one minute");
    }

    #[tokio::test]
    async fn unknown_application_is_asked_for_once_a_minute() {
        let (many, secrets) = Many::of(std::iter::empty());
        let is_unknown = async |second| {
            let got = secrets.get(&app("NEW"), at(second)).await;
            matches!(got, Err(SecretsError::Unknown))
        };
        for second in 0..60 {
            assert!(is_unknown(second).await, "{second}");
        }
        assert_eq!(many.asked(), 1);
        many.1.lock().unwrap().push("/desk-handoff/NEW/".to_owned());
        assert!(is_unknown(59).await);
        assert!(!is_unknown(60).await, "its parameters are there");
    }

    #[tokio::test]
    async fn strangers_cost_sixty_calls_a_minute() {
        let (many, secrets) = Many::of(["MET", "UNMET"].map(str::to_owned).into_iter());
        secrets.get(&app("MET"), at(0)).await.unwrap();
        let mut unknown = 0;
        for n in 0..5000 {
            match secrets.get(&app(n), at(1)).await.unwrap_err() {
                SecretsError::Unknown => unknown += 1,
                SecretsError::Unavailable => {}
            }
        }
        assert_eq!((unknown, many.asked()), (MISSES_A_MINUTE, 61));
        assert!(secrets.get(&app("MET"), at(2)).await.is_ok());
        let unmet = async |second| secrets.get(&app("UNMET"), at(second)).await.err();
        assert_eq!(unmet(2).await, Some(SecretsError::Unavailable), "its sender comes again");
        assert_eq!(unmet(61).await, None);
    }

    #[tokio::test]
    async fn strangers_take_a_bounded_amount_of_memory() {
        let (_, secrets) = Many::of(std::iter::empty());
        for n in 0..6000_u64 {
            let _ = secrets.get(&app(n), at(n)).await;
        }
        let Served::Any(met) = &secrets.apps else { panic!("any is served") };
        let absent = met.strangers.lock().await.absent.len();
        assert!(absent <= MOST_ABSENT && met.slots().is_empty(), "{absent}");
    }

    #[tokio::test]
    async fn application_whose_parameters_go_is_unknown() {
        let (many, secrets) = Many::of(std::iter::once("APP-1".to_owned()));
        secrets.get(&app("APP-1"), at(0)).await.unwrap();
        many.1.lock().unwrap().clear();
        assert!(secrets.get(&app("APP-1"), at(299)).await.is_ok());
        let gone = secrets.get(&app("APP-1"), at(300)).await.err();
        assert_eq!((gone, secrets.met()), (Some(SecretsError::Unknown), Vec::new()));
    }

    #[tokio::test]
    async fn listed_application_without_parameters_is_served() {
        let (secrets, app, _) = secrets(vec![Ok(vec![])]);
        assert_eq!(secrets.get(&app, at(0)).await.unwrap().missing(), Some(DESK_API_TOKEN));
    }
}
