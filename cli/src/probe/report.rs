//! What a run saw, for people and as JSON: a table for each topic, what this project takes for
//! granted otherwise, what could not be answered, and what changed since an older profile.

use std::collections::BTreeMap;

use comfy_table::Cell;
use desk_emulator::{Behaviour, Profile, Settings};
use desk_handoff::rules::KnownDesk;
use serde_json::{Value, json};

use crate::output::explain::Tone;
use crate::output::words::counted;
use crate::output::{Out, cell, toned};
use crate::probe::Found;
use crate::probe::questions::ASKED;
use crate::probe::rows::{NOT_ASKED, Row, Topic, rows};
use crate::probe::ticket::Left;

/// A setting that two profiles know, and know otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    setting: String,
    question: String,
    before: String,
    now: String,
}

/// What is to be reported.
pub(crate) struct Report<'a> {
    found: &'a Found,
    rows: Vec<Row>,
    /// By setting, what this project takes for granted.
    usual: BTreeMap<String, String>,
    /// `None`: there is nothing to compare with.
    changes: Option<Vec<Change>>,
    /// What the fields document says of this Desk.
    stated: KnownDesk,
}

impl<'a> Report<'a> {
    /// `stated`: what the fields document says of this Desk.
    pub(crate) fn new(found: &'a Found, old: Option<&Profile>, stated: KnownDesk) -> Self {
        let usual = rows(&Settings::of(&Behaviour::default(), &ASKED));
        let rows = rows(&found.profile.settings);
        let changes = old.map(|old| changes(old, &rows));
        Self { found, rows, usual: by_setting(&usual), changes, stated }
    }

    /// What may be stated of this Desk, going by what was seen; `None`: too little was seen.
    fn lists_are_current(&self) -> Option<bool> {
        let settings = &self.found.profile.settings;
        Some(settings.lists_show_fields? && settings.lists_lag_ms? == 0)
    }

    /// Whether the fields document says something of this Desk that was seen to be otherwise.
    pub(crate) fn is_misstated(&self) -> bool {
        self.stated.lists_are_current && self.lists_are_current() == Some(false)
    }

    /// Whether the test ticket is closed.
    pub(crate) fn is_clean(&self) -> bool {
        matches!(self.found.left, Left::Closed(_))
    }

    /// Whether something is known to be otherwise than in the older profile.
    pub(crate) fn has_changes(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }

    pub(crate) fn show(&self, out: &mut Out) {
        let known = self.rows.iter().filter(|row| row.answer.is_some()).count();
        let (asked, calls) = (self.rows.len(), self.found.calls);
        let what = format!(
            "{known} of {asked} questions answered with {calls} calls; {}.",
            self.found.left
        );
        out.result(self.is_clean(), &what);
        // What somebody must act on comes first; the long tables are for looking up.
        self.show_changes(out);
        self.show_fields(out);
        self.show_desk_part(out);
        self.show_differences(out);
        for topic in Topic::ALL {
            self.show_topic(topic, out);
        }
        self.show_unanswered(out);
    }

    fn show_topic(&self, topic: Topic, out: &mut Out) {
        let of_topic = self.rows.iter().filter(|row| row.topic == topic);
        let cells: Vec<Vec<Cell>> = of_topic.filter_map(|row| self.cells(row)).collect();
        if !cells.is_empty() {
            out.heading(topic.heading());
            out.table(&["question", "seen", "what it means"], cells);
        }
    }

    fn cells(&self, row: &Row) -> Option<Vec<Cell>> {
        let answer = row.answer.as_ref()?;
        let tone = if self.differs(row) { Tone::Calm } else { Tone::Good };
        Some(vec![cell(&row.question), toned(&answer.seen, tone), cell(answer.means)])
    }

    fn differs(&self, row: &Row) -> bool {
        // How large a Desk is says nothing of how it behaves.
        let is_size = row.setting == "largest_page";
        let usual = self.usual.get(&row.setting);
        !is_size && row.answer.as_ref().is_some_and(|answer| usual != Some(&answer.seen))
    }

    fn show_fields(&self, out: &mut Out) {
        if !self.found.not_stored.is_empty() {
            out.heading("Fields of the document that Desk does not store");
            let keys = self.found.not_stored.iter();
            out.pairs(keys.map(|key| (key, "not defined there, or of another type or options")));
        }
    }

    fn show_desk_part(&self, out: &mut Out) {
        match (self.stated.lists_are_current, self.lists_are_current()) {
            (true, Some(true)) => {
                out.result(true, "The fields document says that lists are current, and they are.");
            }
            (true, Some(false)) => {
                let what = "this Desk's lists are not current: take \"lists_are_current\" out of the fields \
                            document";
                out.result(false, what);
            }
            (true, None) => {
                let what =
                    "The fields document says that lists are current; this run could not see it.";
                out.result(false, what);
            }
            (false, Some(true)) => {
                out.heading("What the fields document may say of this Desk");
                let what = "lists are current: with this line most handoffs take a call less. Add it, then \
                            `check` the document and store it";
                out.pairs([("\"desk\": {\"lists_are_current\": true}", what)]);
            }
            (false, Some(false) | None) => {}
        }
    }

    fn show_differences(&self, out: &mut Out) {
        let different = self.rows.iter().filter(|row| self.differs(row));
        let pair = |row: &Row| {
            let (answer, usual) = (row.answer.as_ref()?, self.usual.get(&row.setting)?);
            Some((
                row.question.clone(),
                format!("here: {}; expected: {usual}. {}", answer.seen, answer.advice),
            ))
        };
        let pairs: Vec<_> = different.filter_map(pair).collect();

        if pairs.is_empty() {
            out.heading("This Desk does everything as this project expects");
        } else {
            out.heading("Otherwise than this project expects, and what to set");
            out.pairs(pairs);
        }
    }

    fn show_unanswered(&self, out: &mut Out) {
        let unanswered = self.rows.iter().filter(|row| row.answer.is_none());
        let why = |row: &Row| {
            let why = self.found.profile.unanswered.get(&row.setting);
            (row.question.clone(), why.map_or("not asked", String::as_str).to_owned())
        };
        let pairs: Vec<_> = unanswered.map(why).collect();
        if !pairs.is_empty() {
            out.heading("Not answered");
            out.pairs(pairs);
        }
        out.heading("What no question can see, or may ask");
        let unseen = Profile::UNSEEN.into_iter().map(|(_, question, why)| (question, why));
        out.pairs(unseen.chain(NOT_ASKED));
    }

    fn show_changes(&self, out: &mut Out) {
        match self.changes.as_deref() {
            None => {}
            Some([]) => out.result(true, "Nothing has changed since the older profile"),
            Some(changes) => {
                let many = counted(changes.len(), "answer has", "answers have");
                out.result(false, &format!("{many} changed since the older profile"));
                let pair = |change: &Change| {
                    let text = format!("was: {}; is: {}", change.before, change.now);
                    (change.question.clone(), text)
                };
                out.pairs(changes.iter().map(pair));
            }
        }
    }

    pub(crate) fn document(&self) -> Value {
        let changes = self.changes.as_ref();
        let changes = changes.map(|all| all.iter().map(Change::document).collect::<Vec<_>>());
        let questions: Vec<Value> = self.rows.iter().map(|row| self.question(row)).collect();
        let unseen: BTreeMap<&str, &str> =
            Profile::UNSEEN.into_iter().map(|(setting, _, why)| (setting, why)).collect();

        json!({
            "profile": self.found.profile,
            "questions": questions,
            "fields_not_stored": self.found.not_stored,
            "desk": {"lists_are_current": self.lists_are_current()},
            "desk_is_misstated": self.is_misstated(),
            "unseen": unseen,
            "changes": changes,
            "calls": self.found.calls,
            "ticket": self.found.left.to_string(),
        })
    }

    fn question(&self, row: &Row) -> Value {
        let answer = row.answer.as_ref();
        let differs = self.differs(row);
        json!({
            "setting": row.setting,
            "question": row.question,
            "seen": answer.map(|answer| &answer.seen),
            "means": answer.map(|answer| answer.means),
            "expected": self.usual.get(&row.setting),
            "differs": differs,
            "advice": answer.filter(|_| differs).map(|answer| answer.advice),
        })
    }
}

impl Change {
    fn document(&self) -> Value {
        let Self { setting, question, before, now } = self;
        json!({"setting": setting, "question": question, "before": before, "now": now})
    }
}

fn by_setting(rows: &[Row]) -> BTreeMap<String, String> {
    let pair = |row: &Row| Some((row.setting.clone(), row.answer.as_ref()?.seen.clone()));
    rows.iter().filter_map(pair).collect()
}

/// What both know, and the one not as the other.
fn changes(old: &Profile, now: &[Row]) -> Vec<Change> {
    let before = by_setting(&rows(&old.settings));
    let change = |row: &Row| {
        let (before, now) = (before.get(&row.setting)?.clone(), row.answer.as_ref()?.seen.clone());
        let (setting, question) = (row.setting.clone(), row.question.clone());
        (before != now).then_some(Change { setting, question, before, now })
    };
    now.iter().filter_map(change).collect()
}
