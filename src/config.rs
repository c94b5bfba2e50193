//! Settings from the environment, checked as a whole at start.
//!
//! Pure: the environment comes in as a look-up function, so that tests never touch the real one.
//! Every problem is reported together. What is secret is never here: see [`crate::secrets`].

use std::fmt;

use url::Url;

use crate::names::setting;

/// The domains under which Sendbird serves applications (desk-wire section 1); the first one unless
/// `SENDBIRD_HOSTS` says otherwise.
const HOSTS: [&str; 2] = ["sendbird.com", "app.delight.ai"];

/// How many calls a second Desk is assumed to allow (desk-wire section 7), and the most that a
/// stack may be set to.
const DESK_RATE: (u16, u16) = (5, 1000);
/// How many workers SQS starts at the same time at least, which is what a stack has unless it is
/// set, and at most.
const WORKERS: (u16, u16) = (2, 1000);

/// All settings of a function, from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// The Sendbird applications served.
    pub apps: Apps,
    /// The SSM path under which each application has a folder, without a trailing slash.
    pub parameter_prefix: String,
    /// Where Desk answers.
    pub desk: BaseUrl,
    /// Where Chat answers, for the opening message.
    pub chat: BaseUrl,
    /// Whether anything is written to Desk.
    pub mode: Mode,
    /// How many calls a second one worker makes to Desk in the long run: its part of what all of
    /// them make together.
    pub calls_per_second: f64,
    /// The tracing filter of this crate's own log lines.
    pub log_level: String,
    /// The dimension of this stack's metrics.
    pub stack_name: String,
    /// Whether a function fetches and opens what it can before it asks for its first event.
    pub prefetch: bool,
}

/// What a deployed function knows beside: where its queue and its table are.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The rest.
    pub config: Config,
    /// The FIFO queue.
    pub queue_url: String,
    /// The claims table.
    pub table_name: String,
}

/// Which Sendbird applications are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apps {
    /// These, in the order given; never empty.
    Listed(Vec<AppId>),
    /// Every one whose parameters exist.
    Any,
}

impl Apps {
    /// Those that are known by name at start.
    pub fn listed(&self) -> &[AppId] {
        match self {
            Self::Listed(ids) => ids,
            Self::Any => &[],
        }
    }

    /// Whether this one may be served; of any, its parameters say more.
    pub fn allow(&self, app_id: &AppId) -> bool {
        match self {
            Self::Listed(ids) => ids.contains(app_id),
            Self::Any => true,
        }
    }
}

/// Whether handoffs are carried out or only worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tickets are created and updated.
    Live,
    /// Nothing is written to Desk: for a staging stack.
    Preview,
}

/// A Sendbird application id: letters, digits and dashes, 1 to 64, so that it is safe in a host
/// name and in an SSM path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AppId(String);

impl AppId {
    /// The id, unless it breaks the rule above.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        legal.then(|| Self(text.to_owned()))
    }

    /// The id as it is written in a URL or a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The base of an API, in which `{app_id}` stands for the application.
///
/// Only `https`, or `http` to this very machine: a token must not cross a network in the clear.
#[derive(Debug, Clone)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The base, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_end_matches('/');
        // The placeholder itself is no legal part of a host.
        let url = Url::parse(&text.replace("{app_id}", "a")).map_err(|_| "is not a URL")?;
        let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));

        match url.scheme() {
            "https" => {}
            "http" if local => {}
            _ => return Err("must be https (http only on this machine)"),
        }
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err("must have no query, fragment or user name");
        }

        Ok(Self(text.to_owned()))
    }

    /// The base for one application, without a trailing slash.
    pub fn for_app(&self, app_id: &AppId) -> String {
        self.0.replace("{app_id}", app_id.as_str())
    }
}

/// What is wrong with the environment: one line a problem.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not usable: {}", .0.join("; "))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Reads every setting through `lookup`; a missing or blank one takes its default.
    ///
    /// # Errors
    /// Every problem at once, each beginning with the setting's name. Values are not repeated.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let read = |name: &str, default: &str| {
            // A blank one counts as missing: a template sets a variable to nothing where a
            // parameter is left empty.
            let value =
                lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            value.unwrap_or_else(|| default.to_owned())
        };

        let apps = match read(setting::APP_IDS, "").as_str() {
            "*" => Apps::Any,
            list => Apps::Listed(app_ids(list, &mut problems)),
        };
        let parameter_prefix =
            read(setting::PARAMETER_PREFIX, "/desk-handoff").trim_end_matches('/').to_owned();

        if !is_parameter_path(&parameter_prefix) {
            problems.push("PARAMETER_PREFIX: must be an SSM path such as /desk-handoff".to_owned());
        }

        let mut base = |name: &str, default: &str| {
            BaseUrl::parse(&read(name, default))
                .map_err(|why| problems.push(format!("{name}: {why}")))
                .ok()
        };
        let hosts = read(setting::SENDBIRD_HOSTS, HOSTS[0]);
        let domain = HOSTS.iter().find(|known| **known == hosts).unwrap_or(&HOSTS[0]);
        let desk = base(
            setting::DESK_BASE_URL,
            &format!("https://desk-api-{{app_id}}.{domain}/platform/v1"),
        );
        let chat = base(setting::CHAT_BASE_URL, &format!("https://api-{{app_id}}.{domain}/v3"));
        if !HOSTS.contains(&hosts.as_str()) {
            problems.push(format!("SENDBIRD_HOSTS: must be {}", HOSTS.join(" or ")));
        }
        let mode = match read(setting::MODE, "live").as_str() {
            "live" => Some(Mode::Live),
            "preview" => Some(Mode::Preview),
            _ => {
                problems.push("MODE: must be live or preview".to_owned());
                None
            }
        };

        let prefetch = match read(setting::PREFETCH, "on").as_str() {
            "on" => true,
            "off" => false,
            _ => {
                problems.push("PREFETCH: must be on or off".to_owned());
                false
            }
        };

        let mut number = |name: &str, (default, most): (u16, u16)| {
            let text = read(name, &default.to_string());
            whole_number(&text, most).map_err(|why| problems.push(format!("{name}: {why}")))
        };
        // Both are read before one is missed. A share that is not known is never used.
        let rate = number(setting::DESK_RATE, DESK_RATE).unwrap_or_default();
        let workers = number(setting::WORKER_CONCURRENCY, WORKERS).unwrap_or_default();
        let calls_per_second = f64::from(rate) / f64::from(workers);

        match (desk, chat, mode) {
            (Some(desk), Some(chat), Some(mode)) if problems.is_empty() => {
                let (log_level, stack_name) =
                    (read(setting::LOG_LEVEL, "info"), read(setting::STACK_NAME, "desk-handoff"));
                Ok(Self {
                    apps,
                    parameter_prefix,
                    desk,
                    chat,
                    mode,
                    calls_per_second,
                    log_level,
                    stack_name,
                    prefetch,
                })
            }
            _ => Err(ConfigError(problems)),
        }
    }

    /// The same for a deployed function, which has a queue and a table.
    ///
    /// # Errors
    /// As [`Config::from_lookup`], with the two settings among the problems.
    pub fn deployed(lookup: impl Fn(&str) -> Option<String>) -> Result<Deployed, ConfigError> {
        let mut problems = Vec::new();
        let mut require = |name: &str| {
            let value = lookup(name).map(|value| value.trim().to_owned()).unwrap_or_default();
            if value.is_empty() {
                problems.push(format!("{name}: is required"));
            }
            value
        };

        let (queue_url, table_name) = (require(setting::QUEUE_URL), require(setting::TABLE_NAME));
        match Self::from_lookup(&lookup) {
            // Of both readings, so that whoever deploys sees at once all that is missing.
            Ok(config) if problems.is_empty() => Ok(Deployed { config, queue_url, table_name }),
            Ok(_) => Err(ConfigError(problems)),
            Err(ConfigError(others)) => {
                Err(ConfigError(others.into_iter().chain(problems).collect()))
            }
        }
    }

    /// The SSM path that holds one application's parameters, with a trailing slash.
    pub fn parameter_path(&self, app_id: &AppId) -> String {
        parameter_path(&self.parameter_prefix, app_id)
    }
}

/// As [`Config::parameter_path`], below a prefix.
pub fn parameter_path(prefix: &str, app_id: &AppId) -> String {
    format!("{prefix}/{app_id}/")
}

fn whole_number(text: &str, most: u16) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {most}"))
}

fn app_ids(text: &str, problems: &mut Vec<String>) -> Vec<AppId> {
    let mut ids = Vec::new();
    for (index, part) in text.split(',').map(str::trim).enumerate() {
        match AppId::parse(part) {
            // A repetition is a slip: the second one was meant to be another application.
            Some(id) if ids.contains(&id) => {
                problems.push(format!("APP_IDS: entry {} is a repetition", index + 1))
            }
            Some(id) => ids.push(id),
            None if text.is_empty() => problems.push("APP_IDS: is required".to_owned()),
            None => problems.push(format!(
                "APP_IDS: entry {} must be 1 to 64 letters, digits, dashes",
                index + 1
            )),
        }
    }

    ids
}

/// SSM allows letters, digits and `.-_` in up to fifteen levels, and keeps names that begin with
/// `aws` or `ssm`.
fn is_parameter_path(path: &str) -> bool {
    let legal = |level: &str| {
        !level.is_empty()
            && level.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    let Some(rest) = path.strip_prefix('/') else { return false };
    let start = rest.get(..3).unwrap_or_default();
    let reserved = start.eq_ignore_ascii_case("aws") || start.eq_ignore_ascii_case("ssm");
    // Two of the fifteen are left for the application and the parameter.
    !reserved && rest.split('/').all(legal) && rest.split('/').count() <= 13
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(|name| {
            settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn only_the_application_ids_are_required() {
        let config = config(&[("APP_IDS", "APP-1, app2")]).unwrap();
        let app_ids = config.apps.listed();
        assert_eq!(app_ids, [AppId("APP-1".into()), AppId("app2".into())]);
        assert_eq!(config.mode, Mode::Live);
        assert_eq!(config.parameter_path(&app_ids[0]), "/desk-handoff/APP-1/");
        assert_eq!(
            config.desk.for_app(&app_ids[1]),
            "https://desk-api-app2.sendbird.com/platform/v1"
        );
    }

    #[test]
    fn both_bases_follow_the_hosts() {
        let hosts = |settings: &[(&str, &str)]| {
            let config = config(&[&[("APP_IDS", "a")], settings].concat()).unwrap();
            let app_id = AppId("a".into());
            (config.desk.for_app(&app_id), config.chat.for_app(&app_id))
        };
        let (desk, chat) = hosts(&[("SENDBIRD_HOSTS", "app.delight.ai")]);
        assert_eq!(desk, "https://desk-api-a.app.delight.ai/platform/v1");
        assert_eq!(chat, "https://api-a.app.delight.ai/v3");

        let own = "https://chat.example/v3";
        let (desk, chat) = hosts(&[("SENDBIRD_HOSTS", ""), ("CHAT_BASE_URL", own)]);
        assert_eq!(desk, "https://desk-api-a.sendbird.com/platform/v1");
        assert_eq!(chat, own, "an address of its own wins");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let settings = [
            ("APP_IDS", "ok,not/ok,ok"),
            ("PARAMETER_PREFIX", "no-slash"),
            ("SENDBIRD_HOSTS", "sendbird.example"),
            ("DESK_BASE_URL", "ftp://x"),
            ("MODE", "dry"),
            ("PREFETCH", "maybe"),
            ("DESK_RATE", "2.5"),
            ("WORKER_CONCURRENCY", "0"),
        ];

        let ConfigError(problems) = config(&settings).unwrap_err();
        let names: Vec<_> =
            problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(
            names,
            [
                "APP_IDS",
                "APP_IDS",
                "PARAMETER_PREFIX",
                "DESK_BASE_URL",
                "SENDBIRD_HOSTS",
                "MODE",
                "PREFETCH",
                "DESK_RATE",
                "WORKER_CONCURRENCY"
            ]
        );
    }

    #[test]
    fn workers_share_desks_rate() {
        let each = |rate: &str, workers: &str| {
            let settings = [("APP_IDS", "a"), ("DESK_RATE", rate), ("WORKER_CONCURRENCY", workers)];
            config(&settings).map(|config| config.calls_per_second)
        };
        assert_eq!(each("", ""), Ok(2.5));
        assert_eq!(each("60", "10"), Ok(6.0));
        assert_eq!(each("1", "1000"), Ok(0.001));
        for (rate, workers) in [("0", "2"), ("1001", "2"), ("-1", "2"), ("5", "1001"), ("5", "x")] {
            assert_eq!(each(rate, workers).unwrap_err().0.len(), 1, "{rate} {workers}");
        }
    }

    #[test]
    fn a_deployed_function_has_a_queue_and_a_table() {
        let settings = [
            ("APP_IDS", "a"),
            ("QUEUE_URL", "https://queue.example/1/q.fifo"),
            ("TABLE_NAME", "t"),
        ];
        let read = |names: &'static [&str]| {
            let lookup = move |name: &str| {
                let known = settings.iter().find(|(key, _)| *key == name && names.contains(key));
                known.map(|(_, value)| (*value).to_owned())
            };
            Config::deployed(lookup)
        };
        assert_eq!(read(&["APP_IDS", "QUEUE_URL", "TABLE_NAME"]).unwrap().table_name, "t");
        let ConfigError(problems) = read(&["TABLE_NAME"]).unwrap_err();
        assert_eq!(problems, ["APP_IDS: is required", "QUEUE_URL: is required"]);
        let ConfigError(problems) = read(&["APP_IDS", "QUEUE_URL"]).unwrap_err();

        assert_eq!(problems, ["TABLE_NAME: is required"]);
    }

    #[test]
    fn star_alone_serves_any_application() {
        let apps = |text: &str| config(&[("APP_IDS", text)]).map(|config| config.apps);
        assert_eq!(apps(" * "), Ok(Apps::Any));
        assert!(Apps::Any.listed().is_empty() && Apps::Any.allow(&AppId("a".into())));
        assert!(!apps("a").unwrap().allow(&AppId("b".into())));
        for mixed in ["*,a", "a,*", "**", "a*"] {
            assert!(apps(mixed).is_err(), "{mixed}");
        }
    }

    #[test]
    fn no_application_id_is_a_problem() {
        assert_eq!(
            config(&[("APP_IDS", " ")]).unwrap_err(),
            ConfigError(vec!["APP_IDS: is required".into()])
        );
    }

    #[test]
    fn unusable_application_id_is_named_by_place() {
        let expected = [
            "APP_IDS: entry 2 must be 1 to 64 letters, digits, dashes",
            "APP_IDS: entry 3 is a repetition",
            "APP_IDS: entry 4 must be 1 to 64 letters, digits, dashes",
        ];
        assert_eq!(config(&[("APP_IDS", "ok,not/ok,ok,")]).unwrap_err().0, expected);
    }

    #[test]
    fn live_mode_and_prefetch_are_defaults() {
        let read = |mode: &str, prefetch: &str| {
            let config =
                config(&[("APP_IDS", "a"), ("MODE", mode), ("PREFETCH", prefetch)]).unwrap();
            (config.mode, config.prefetch)
        };
        assert_eq!(read("", ""), (Mode::Live, true));
        assert_eq!(read("live", "on"), (Mode::Live, true));
        assert_eq!(read("preview", "off"), (Mode::Preview, false));
    }

    #[test]
    fn an_application_id_cannot_reach_another_host_or_path() {
        for bad in ["", "a/b", "a.b", "a@b", "..", "a#", "é", &"a".repeat(65)] {
            assert_eq!(AppId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_parameter_prefix_is_one_that_ssm_takes() {
        for prefix in ["/desk-handoff", "/team_a/desk.handoff/", "/a"] {
            assert!(config(&[("APP_IDS", "a"), ("PARAMETER_PREFIX", prefix)]).is_ok(), "{prefix}");
        }
        for prefix in ["desk", "/", "/a//b", "/a b", "/aws/x", "/SSM-x", "/é", &"/a".repeat(14)] {
            assert!(config(&[("APP_IDS", "a"), ("PARAMETER_PREFIX", prefix)]).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_token_never_crosses_a_network_in_the_clear() {
        assert!(BaseUrl::parse("http://desk.example/v1").is_err());
        assert!(BaseUrl::parse("https://user@desk.example").is_err());
        assert!(BaseUrl::parse("http://127.0.0.1:9000/platform/v1/").is_ok());
    }

    #[test]
    fn a_base_is_host_and_path_and_nothing_else() {
        for more in [
            "https://:pass@desk.example",
            "https://desk.example/v1?a=b",
            "https://desk.example/v1#a",
        ] {
            assert_eq!(
                BaseUrl::parse(more).unwrap_err(),
                "must have no query, fragment or user name",
                "{more}"
            );
        }
    }
}
