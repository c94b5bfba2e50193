//! What the questions share: the calls, the test ticket, what is known of the fields, and the
//! profile that they fill in. A question that cannot be asked, or whose answer no setting stands
//! for, says why; it never guesses.

use desk_emulator::{Profile, WriteAnswer};
use serde_json::{Value, json};

use crate::probe::caller::{Answer, Caller};
use crate::probe::known::KnownFields;
use crate::probe::stop::Stop;
use crate::probe::ticket::{TestTicket, shows};

/// A run in progress.
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller<'a>,
    pub(crate) ticket: &'a TestTicket<'a>,
    pub(crate) user: &'a str,
    pub(crate) fields: KnownFields,
    pub(crate) found: Profile,
    /// Keys of the fields document under which Desk stored nothing. They stay out of the profile.
    pub(crate) not_stored: Vec<String>,
    pub(crate) progress: &'a dyn Fn(&str),
    /// Where the test ticket was found in lists: path and offset.
    pub(crate) listed_at: Option<(String, u64)>,
    /// A message was posted on the test ticket.
    pub(crate) has_message: bool,
    /// How many questions Desk failed at.
    pub(crate) failures: u32,
}

/// A Desk that fails at more questions is out of order, and its other answers are worth little.
const MOST_FAILURES: u32 = 5;

/// What became of a write.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    Refused,
    /// It was taken, and the ticket is now this.
    Taken(Value),
}

impl Asking<'_> {
    /// Says what is asked next.
    pub(crate) fn begins(&self, what: &str) {
        (self.progress)(&format!("asking about {what}"));
    }

    /// Nothing certain was seen of this setting.
    pub(crate) fn unanswered(&mut self, setting: &str, why: impl Into<String>) {
        self.found.unanswered.insert(setting.to_owned(), why.into());
    }

    /// Leaves a question open that Desk, or somebody in between, failed at: it is odd questions
    /// that are asked here, and one that breaks Desk must not cost the others. What got no answer
    /// at all ends the run: Desk may yet carry it out, in the midst of a later question.
    pub(crate) fn tolerated(
        &mut self,
        settings: &[&str],
        asked: Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Err(stop @ Stop::Failed(_, 400..)) = asked else { return asked };
        self.failures += 1;
        if self.failures > MOST_FAILURES {
            return asked;
        }

        let answered = self.found.settings.entries();
        for setting in settings.iter().filter(|setting| !answered.contains_key(**setting)) {
            self.unanswered(setting, stop.to_string());
        }
        Ok(())
    }

    /// What was seen of this setting, or nothing, with the reason kept.
    pub(crate) fn noted<T>(&mut self, setting: &str, seen: Result<T, &str>) -> Option<T> {
        match seen {
            Ok(seen) => Some(seen),
            Err(why) => {
                self.unanswered(setting, why);
                None
            }
        }
    }

    /// The test ticket as it is now.
    pub(crate) async fn view(&self, id: u64) -> Result<Value, Stop> {
        let name = "view the test ticket";
        let answer = self.caller.get(name, &format!("/tickets/{id}")).await?;
        if !answer.is_done() {
            return Err(Stop::Refused(name, answer.status));
        }
        if shows(&answer, id) { Ok(answer.body) } else { Err(Stop::Nonsense(name)) }
    }

    /// Sends field values; an answer about another ticket is none.
    pub(crate) async fn send_fields(
        &self,
        name: &'static str,
        id: u64,
        values: Value,
    ) -> Result<Answer, Stop> {
        let body = json!({"customFields": values.to_string()});
        let path = format!("/tickets/{id}/custom_fields");
        let answer = self.caller.patch(name, &path, body).await?;
        checked(name, answer, id)
    }

    /// The same, and what the ticket holds then.
    pub(crate) async fn write_fields(
        &self,
        name: &'static str,
        id: u64,
        values: Value,
    ) -> Result<Written, Stop> {
        let answer = self.send_fields(name, id, values).await?;
        self.written(answer, id).await
    }

    /// What the ticket holds after this answer: what it shows, if answers are known to be fresh and
    /// whole, else what a view shows.
    pub(crate) async fn written(&self, answer: Answer, id: u64) -> Result<Written, Stop> {
        if !answer.is_done() {
            return Ok(Written::Refused);
        }
        // A stale answer looks like a whole one, so only a Desk that was seen to answer freshly is
        // believed.
        let is_fresh = self.found.settings.write_answer == Some(WriteAnswer::Full);
        if is_fresh && answer.body.get("customFields").is_some() {
            return Ok(Written::Taken(answer.body));
        }
        self.view(id).await.map(Written::Taken)
    }
}

/// The answer, if it shows this ticket, or none, or is a refusal.
pub(crate) fn checked(name: &'static str, answer: Answer, id: u64) -> Result<Answer, Stop> {
    let is_fine = !answer.is_done() || answer.body.is_null() || shows(&answer, id);
    if is_fine { Ok(answer) } else { Err(Stop::Nonsense(name)) }
}

/// What the ticket holds under this key.
pub(crate) fn value(ticket: &Value, key: &str) -> Option<String> {
    let fields = ticket.get("customFields")?.as_array()?;
    let field =
        fields.iter().find(|field| field.get("key").and_then(Value::as_str) == Some(key))?;
    match field.get("value")? {
        Value::String(text) => Some(text.clone()),
        // Desk may keep a cleared field in the list.
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
