//! Carries a plan out, so that one bad field never costs the others, and says exactly what is known
//! afterwards: what Desk confirmed, what may have been written without our knowing, what Desk does
//! not take.
//!
//! Writes to one ticket go out one after the other: nobody knows whether Desk saves whole tickets
//! (desk-wire section 9, question 8). After each, the state of the ticket in Desk's answer is
//! looked at. `rejected` is said only after a fresh look, for the answer to a write may be stale.

use std::collections::BTreeMap;

use crate::desk::{Desk, DeskError, ErrorKind, NewTicket};
use crate::fields::{FieldOutcomes, FieldValue, Matched, Outcome, cut_bytes};
use crate::rules::{MAX_VALUE, Priority, TeamKey};
use crate::ticket::merge::{PRIORITY, TEAM};
use crate::ticket::plan::{Change, holds, same, sent};
use crate::ticket::{StoredText, Ticket};

/// The name under which a related channel is remembered as not taken.
pub const RELATED: &str = "$related";

/// Desk's number of the customer, made if need be. A failed create may have worked, or somebody
/// else was faster: it counts only if the customer is not there afterwards.
///
/// # Errors
/// What Desk said to the create.
pub async fn ensure_customer(desk: &Desk<'_>, user_id: &str) -> Result<u64, DeskError> {
    match desk.create_customer(user_id).await {
        Ok(id) => Ok(id),
        // A look would fail in the same way.
        Err(error) if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Unreachable) => {
            Err(error)
        }
        Err(error) => desk.customer(user_id).await.ok().flatten().ok_or(error),
    }
}

/// A ticket that was made, and which parts of what was asked for went with the call.
#[derive(Debug)]
pub struct Created {
    /// As Desk answered.
    pub ticket: Ticket,
    /// The field values.
    pub with_values: bool,
    /// Whether a create with the values was refused and one without them taken.
    pub values_refused: bool,
    /// Priority and team.
    pub with_extras: bool,
    /// Whether a create with the related channel was refused and one without it taken.
    pub related_refused: bool,
}

/// Makes a ticket. If Desk refuses it as a whole, it is made with less: without the related
/// channel, which may be none of the customer's (desk-wire section 3.3); without the values;
/// without both; with nothing but its title.
///
/// # Errors
/// What Desk said to the last try. A try that may have worked is the last one.
pub async fn create(desk: &Desk<'_>, full: NewTicket<'_>) -> Result<Created, DeskError> {
    let less = |values: bool, related: bool, extras: bool| NewTicket {
        values: if values { full.values } else { &[] },
        related: full.related.filter(|_| related),
        priority: full.priority.filter(|_| extras),
        team: full.team.filter(|_| extras),
        ..full.clone()
    };
    let mut tried: Vec<NewTicket<'_>> = Vec::new();
    let mut refusal = None;

    // Desk has no public list of error codes, so parts are left out, the likeliest culprit first.
    for (values, related, extras) in [
        (true, true, true),
        (true, false, true),
        (false, true, true),
        (false, false, true),
        (false, false, false),
    ] {
        let ticket = less(values, related, extras);
        // Without a related channel, say, two of these are the same call.
        if tried.contains(&ticket) {
            continue;
        }
        match desk.create_ticket(&ticket).await {
            Ok(made) => {
                return Ok(Created {
                    ticket: made,
                    with_values: values || full.values.is_empty(),
                    values_refused: !values && extras && !full.values.is_empty(),
                    with_extras: extras,
                    related_refused: !related && extras,
                });
            }
            Err(error) if error.kind == ErrorKind::Refused => {
                tracing::warn!(%error, "the ticket was refused; trying with less");
                refusal = Some(error);
            }
            // Anything but a refusal may have made the ticket: another try could make a second one.
            Err(error) => return Err(error),
        }
        tried.push(ticket);
    }
    Err(refusal.expect("the first try is made in any case"))
}

/// What is known of a ticket after it was written to.
#[derive(Debug)]
pub struct Written {
    /// As Desk last showed it.
    pub ticket: Ticket,
    /// What became of everything sent.
    pub outcomes: FieldOutcomes,
    /// Field and text that Desk confirmed, in Desk's spelling.
    pub confirmed: Vec<(String, String)>,
    /// Field and text that may have been written without our knowing.
    pub doubtful: BTreeMap<String, String>,
    /// Fields whose value Desk took, and that somebody else has changed since.
    pub lost: Vec<String>,
    /// The team and the related channel that Desk does not take: name and text.
    pub refused: Vec<(&'static str, String)>,
    /// Why the writing came to an end too early, if it did.
    pub stopped: Option<Stop>,
}

/// Why the writing came to an end too early.
#[derive(Debug)]
pub enum Stop {
    /// The ticket is closed, not there any more, or not there yet.
    Closed,
    /// Somebody else wrote to a field that was about to be written.
    Overtaken,
    /// Desk did not do its part.
    Failed(DeskError),
}

impl From<DeskError> for Stop {
    fn from(error: DeskError) -> Self {
        Self::Failed(error)
    }
}

/// Changes a ticket that a look has just shown.
///
/// `may_be_hidden`: it was made so short a time ago that Desk may deny it to a write all the same.
pub async fn update(
    desk: &Desk<'_>,
    ticket: Ticket,
    change: Change,
    matched: &Matched,
    may_be_hidden: bool,
) -> Written {
    let mut writer = Writer::new(desk, ticket, change.outcomes.clone());
    writer.may_be_hidden = may_be_hidden;
    let ended = writer.write(change, matched, false).await;
    writer.finish(ended, matched)
}

/// Writes what did not go with the create, and looks whether Desk holds what did. `rest` is what
/// the plan for the new ticket says.
pub async fn complete(
    desk: &Desk<'_>,
    created: Created,
    mut rest: Change,
    matched: &Matched,
) -> Written {
    let mut writer = Writer::new(desk, created.ticket.clone(), rest.outcomes.clone());
    writer.may_be_hidden = true;
    // All that a new ticket holds came with the call; one that was made bare holds nothing.
    writer.before.fields = (!created.with_values).then(BTreeMap::new);
    // The answer to the create is the answer to the write of these values.
    writer.answered = created.ticket.fields.clone().unwrap_or_default();
    let priority = created.ticket.priority.clone();
    writer.answered.extend(priority.map(|text| (PRIORITY.to_owned(), text.into())));
    if created.with_values {
        rest.write.clear();
        for (index, value) in matched.values.iter().enumerate() {
            writer.sent.push(Sent::Value(index, value.clone()));
        }
    }
    match rest.related.take() {
        Some(channels) if created.related_refused => writer.refuse_channels(&channels),
        Some(channels) if created.with_extras => writer.sent.push(Sent::Related(channels)),
        related => rest.related = related,
    }
    // What went with the create is not written again, only looked for.
    rest.priority = rest.priority.filter(|_| !created.with_extras);
    if let (Some(priority), true) = (matched.priority, created.with_extras) {
        writer.sent.push(Sent::Priority(priority));
    }
    // A new ticket is INITIALIZED, and only a pending one is moved (desk-wire section 3.6).
    rest.team = None;
    match (&matched.team, created.with_extras) {
        (Some(team), true) => writer.sent.push(Sent::Team(team.clone())),
        (Some(team), false) => writer.refuse(TEAM, team.as_str().to_owned()),
        (None, _) => {}
    }

    let ended = writer.write(rest, matched, created.values_refused).await;
    writer.finish(ended, matched)
}

/// Something that Desk said it took.
#[derive(Debug, Clone)]
enum Sent {
    /// A value, at this place of [`Matched::values`], as it was sent.
    Value(usize, FieldValue),
    Priority(Priority),
    Team(TeamKey),
    Related(Vec<String>),
}

impl Sent {
    fn is_held(&self, ticket: &Ticket) -> bool {
        match self {
            Self::Value(_, value) => holds(ticket, value),
            Self::Priority(priority) => ticket.priority.as_deref() == Some(priority.as_str()),
            Self::Team(team) => ticket.team.as_deref() == Some(team.as_str()),
            // Among others: a human may have added one meanwhile.
            Self::Related(channels) => ticket
                .related
                .as_ref()
                .is_some_and(|shown| channels.iter().all(|channel| shown.contains(channel))),
        }
    }

    /// The field and the text, of what is remembered as ours.
    fn text(&self) -> Option<(&str, &str)> {
        match self {
            Self::Value(_, value) => Some((value.key.as_str(), value.text.expose())),
            Self::Priority(priority) => Some((PRIORITY, priority.as_str())),
            Self::Team(team) => Some((TEAM, team.as_str())),
            // Related channels are never replaced, so nobody has to know whose they are.
            Self::Related(_) => None,
        }
    }
}

struct Writer<'a> {
    desk: &'a Desk<'a>,
    before: Ticket,
    ticket: Ticket,
    outcomes: FieldOutcomes,
    sent: Vec<Sent>,
    doubtful: BTreeMap<String, String>,
    lost: Vec<String>,
    refused: Vec<(&'static str, String)>,
    /// Values that Desk refused one by one.
    refused_values: Vec<(usize, FieldValue)>,
    /// Field values, and the priority, as the answers to our writes showed them.
    answered: BTreeMap<String, StoredText>,
    /// Refusals so far, and those that no look has followed yet: a closed ticket refuses
    /// everything.
    refusals: u32,
    unexplained: bool,
    /// Desk may not show the ticket yet: a 404 says nothing of what was sent.
    may_be_hidden: bool,
}

impl<'a> Writer<'a> {
    fn new(desk: &'a Desk<'a>, ticket: Ticket, outcomes: FieldOutcomes) -> Self {
        Self {
            desk,
            before: ticket.clone(),
            ticket,
            outcomes,
            sent: Vec::new(),
            doubtful: BTreeMap::new(),
            lost: Vec::new(),
            refused: Vec::new(),
            refused_values: Vec::new(),
            answered: BTreeMap::new(),
            refusals: 0,
            unexplained: false,
            may_be_hidden: false,
        }
    }

    async fn write(
        &mut self,
        change: Change,
        matched: &Matched,
        one_by_one: bool,
    ) -> Result<(), Stop> {
        let values: Vec<Sent> = change
            .write
            .iter()
            .map(|index| Sent::Value(*index, matched.values[*index].clone()))
            .collect();

        // The values first: if time or calls run out, they are what the handoff is for.
        if !values.is_empty() {
            self.write_values(values, one_by_one).await?;
        }
        if let Some(priority) = change.priority {
            self.write_priority(priority).await?;
        }
        if let Some(team) = change.team {
            self.write_team(team).await?;
        }
        if let Some(channels) = change.related {
            self.write_related(channels).await?;
        }

        self.check().await
    }

    /// Writes values together; if Desk refuses them together, one by one.
    async fn write_values(&mut self, values: Vec<Sent>, one_by_one: bool) -> Result<(), Stop> {
        if !one_by_one && self.try_values(&values).await? {
            return Ok(());
        }
        // The refusal has made us look: if a human is at work on these fields, the plan is out of
        // date.
        if self.is_overtaken(&values) {
            return Err(Stop::Overtaken);
        }
        // Desk's 190 characters may be bytes (desk-wire section 9, question 3).
        let cut: Vec<Sent> = values.iter().map(cut_to_bytes).collect();
        if values.iter().any(is_long_in_bytes) && self.try_values(&cut).await? {
            return Ok(());
        }

        for (value, cut) in values.into_iter().zip(cut) {
            if self.is_overtaken(std::slice::from_ref(&value)) {
                return Err(Stop::Overtaken);
            }
            self.write_value(value, cut).await?;
        }
        Ok(())
    }

    /// Whether one of these holds another value than at the look that the plan was made by, and not
    /// through us: somebody is at work on the ticket.
    fn is_overtaken(&self, wanted: &[Sent]) -> bool {
        let (before, now) = (&self.before, &self.ticket);
        wanted.iter().any(|wanted| match wanted {
            // An earlier request of the same values may have been carried out.
            Sent::Value(_, value) => {
                let shown = before.fields.as_ref().zip(now.fields.as_ref());
                let key = value.key.as_str();
                let has_changed =
                    shown.is_some_and(|(before, now)| before.get(key) != now.get(key));
                has_changed && !wanted.is_held(now)
            }
            Sent::Priority(_) => before.priority != now.priority,
            Sent::Team(_) => before.team != now.team,
            Sent::Related(_) => false,
        })
    }

    async fn write_value(&mut self, value: Sent, cut: Sent) -> Result<(), Stop> {
        let is_long = is_long_in_bytes(&value);
        let is_taken = self.try_values(std::slice::from_ref(&value)).await?
            || (is_long && self.try_values(std::slice::from_ref(&cut)).await?);
        if let (false, Sent::Value(index, refused)) = (is_taken, value) {
            self.outcomes.values[index] = Outcome::Rejected;
            self.refused_values.push((index, refused));
        }
        Ok(())
    }

    /// Whether Desk takes these values together.
    async fn try_values(&mut self, values: &[Sent]) -> Result<bool, Stop> {
        let plain = values.iter().filter_map(|value| match value {
            Sent::Value(_, value) => Some(value),
            Sent::Priority(_) | Sent::Team(_) | Sent::Related(_) => None,
        });
        let plain: Vec<&FieldValue> = plain.collect();
        let answer = self.desk.patch_fields(self.ticket.id, &plain).await;
        self.settle(values.to_vec(), answer).await
    }

    async fn write_priority(&mut self, priority: Priority) -> Result<(), Stop> {
        // The answers to the writes before this one may have shown a human at work.
        if self.is_overtaken(&[Sent::Priority(priority)]) {
            return Err(Stop::Overtaken);
        }
        let answer = self.desk.set_priority(self.ticket.id, priority).await;
        if !self.settle(vec![Sent::Priority(priority)], answer).await? {
            self.outcomes.priority = Outcome::Rejected;
        }
        Ok(())
    }

    /// The answer to a transfer shows no ticket: that it names the ticket as moved is all there is.
    async fn write_team(&mut self, team: TeamKey) -> Result<(), Stop> {
        let text = team.as_str().to_owned();
        let wanted = Sent::Team(team.clone());
        if self.is_overtaken(std::slice::from_ref(&wanted)) {
            return Err(Stop::Overtaken);
        }

        let answer = self.desk.transfer(self.ticket.id, &team).await;
        let is_moved = answer.as_ref().is_ok_and(|moved| *moved);
        if self.settle(vec![wanted], answer.map(|_| None)).await? && is_moved {
            self.ticket.team = Some(text);
        } else {
            // Answered without an error, and not moved: no later look has to find it.
            self.sent.retain(|sent| !matches!(sent, Sent::Team(_)));
            self.refuse(TEAM, text);
        }

        Ok(())
    }

    async fn write_related(&mut self, channels: Vec<String>) -> Result<(), Stop> {
        let answer = self.desk.set_related(self.ticket.id, &channels).await;
        if !self.settle(vec![Sent::Related(channels.clone())], answer).await? {
            self.refuse_channels(&channels);
        }
        Ok(())
    }

    /// What an answer to a write says: whether Desk took it.
    async fn settle(
        &mut self,
        sent: Vec<Sent>,
        answer: Result<Option<Ticket>, DeskError>,
    ) -> Result<bool, Stop> {
        match answer {
            Ok(shown) => {
                if let Some(fields) = shown.as_ref().and_then(|shown| shown.fields.as_ref()) {
                    // Of the fields that this call wrote: another one may show what a human typed
                    // meanwhile.
                    let keys = sent.iter().filter_map(Sent::text).map(|(key, _)| key);
                    let texts =
                        keys.filter_map(|key| Some((key.to_owned(), fields.get(key)?.clone())));
                    self.answered.extend(texts);
                }
                if sent.iter().any(|sent| matches!(sent, Sent::Priority(_))) {
                    let shown = shown.as_ref().and_then(|shown| shown.priority.clone());
                    self.answered.extend(shown.map(|text| (PRIORITY.to_owned(), text.into())));
                }
                self.sent.extend(sent);
                if let Some(shown) = shown {
                    self.observe(shown)?;
                }
                Ok(true)
            }
            // Another look says whether it is there now. A transfer names its ticket in the body, so
            // there a 404 is about the team.
            Err(error)
                if self.may_be_hidden
                    && error.status == Some(http::StatusCode::NOT_FOUND)
                    && !sent.iter().any(|sent| matches!(sent, Sent::Team(_))) =>
            {
                self.doubt_if_sent(&sent, &error);
                Err(Stop::Closed)
            }
            Err(error) if error.is_refusal() => {
                tracing::warn!(%error, "refused; the rest goes on");
                self.doubt_if_sent(&sent, &error);
                self.refusals += 1;
                self.unexplained = true;
                // Once: a closed ticket refuses everything, and every look is a call.
                if self.refusals == 1 {
                    self.look().await?;
                }
                Ok(false)
            }
            Err(error) => {
                self.doubt_if_sent(&sent, &error);
                Err(error.into())
            }
        }
    }

    /// An earlier request of the same call may have been carried out.
    fn doubt_if_sent(&mut self, sent: &[Sent], error: &DeskError) {
        if error.sent == crate::retry::Sent::Maybe {
            let texts = sent.iter().filter_map(Sent::text);
            self.doubtful.extend(texts.map(|(field, text)| (field.to_owned(), text.to_owned())));
        }
    }

    /// A look at everything that Desk took and its answers do not show, and at what it refused.
    async fn check(&mut self) -> Result<(), Stop> {
        if self.unexplained || self.sent.iter().any(|sent| !sent.is_held(&self.ticket)) {
            self.look().await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Stop> {
        self.unexplained = false;
        match self.desk.ticket(self.ticket.id).await? {
            Some(shown) => self.observe(shown),
            None => Err(Stop::Closed),
        }
    }

    fn observe(&mut self, shown: Ticket) -> Result<(), Stop> {
        let is_open = shown.open;
        // What an answer does not show is as it was last shown.
        let fields = shown.fields.clone().or_else(|| self.ticket.fields.take());
        self.ticket = Ticket { fields, ..shown };
        if is_open { Ok(()) } else { Err(Stop::Closed) }
    }

    fn refuse(&mut self, name: &'static str, text: String) {
        // A related channel has no line in the report.
        if name == TEAM {
            self.outcomes.team = Outcome::Rejected;
        }
        self.refused.push((name, text));
    }

    fn refuse_channels(&mut self, channels: &[String]) {
        // The last one is the conversation's; the others stood there before.
        if let Some(channel) = channels.last() {
            self.refuse(RELATED, channel.clone());
        }
    }

    fn finish(mut self, ended: Result<(), Stop>, matched: &Matched) -> Written {
        let mut confirmed = Vec::new();
        for sent in std::mem::take(&mut self.sent) {
            let is_held = sent.is_held(&self.ticket);
            // Taken, and no look has followed.
            if !is_held
                && ended.is_err()
                && let Some((field, text)) = sent.text()
            {
                self.doubtful.insert(field.to_owned(), text.to_owned());
            }
            if is_held && let Some((field, text)) = sent.text() {
                // As Desk spells it, because that is what the next look shows.
                let stored = self.stored(field).map_or(text, StoredText::expose);
                confirmed.push((field.to_owned(), stored.to_owned()));
            }
            self.judge(sent, is_held, ended.is_ok(), &mut confirmed);
        }
        self.acquit(matched, &mut confirmed);
        self.notice_agreement(matched);

        Written {
            ticket: self.ticket,
            outcomes: self.outcomes,
            confirmed,
            doubtful: self.doubtful,
            lost: self.lost,
            refused: self.refused,
            stopped: ended.err(),
        }
    }

    /// What was kept and is what is wanted now: somebody typed it meanwhile.
    fn notice_agreement(&mut self, matched: &Matched) {
        let FieldOutcomes { values, priority, team } = &mut self.outcomes;
        for (value, outcome) in matched.values.iter().zip(values) {
            if *outcome == Outcome::Kept && holds(&self.ticket, value) {
                *outcome = Outcome::Unchanged;
            }
        }

        let is_held = |wanted: Option<Sent>| wanted.is_some_and(|sent| sent.is_held(&self.ticket));
        if *priority == Outcome::Kept && is_held(matched.priority.map(Sent::Priority)) {
            *priority = Outcome::Unchanged;
        }
        if *team == Outcome::Kept && is_held(matched.team.clone().map(Sent::Team)) {
            *team = Outcome::Unchanged;
        }
    }

    /// What was refused and is there all the same: an earlier request of the same call was carried
    /// out, or somebody else set it.
    fn acquit(&mut self, matched: &Matched, confirmed: &mut Vec<(String, String)>) {
        for (index, value) in std::mem::take(&mut self.refused_values) {
            if !holds(&self.ticket, &value) {
                continue;
            }
            let key = value.key.as_str();
            let was_sent = self.doubtful.contains_key(key);
            self.outcomes.values[index] = if was_sent { sent(&value) } else { Outcome::Unchanged };
            if was_sent && let Some(stored) = self.stored(key) {
                confirmed.push((key.to_owned(), stored.expose().to_owned()));
            }
        }

        if self.outcomes.priority == Outcome::Rejected {
            self.outcomes.priority =
                self.acquitted(matched.priority.map(Sent::Priority), confirmed);
        }
        if self.outcomes.team == Outcome::Rejected {
            self.outcomes.team = self.acquitted(matched.team.clone().map(Sent::Team), confirmed);
        }
        if self.outcomes.team != Outcome::Rejected {
            self.refused.retain(|(name, _)| *name != TEAM);
        }
    }

    fn acquitted(&self, refused: Option<Sent>, confirmed: &mut Vec<(String, String)>) -> Outcome {
        let held = refused.filter(|refused| refused.is_held(&self.ticket));
        match held.as_ref().and_then(Sent::text) {
            None => Outcome::Rejected,
            Some((field, text)) if self.doubtful.contains_key(field) => {
                confirmed.push((field.to_owned(), text.to_owned()));
                Outcome::Written
            }
            Some(_) => Outcome::Unchanged,
        }
    }

    /// `is_looked_at`: a look followed whatever the answers did not show.
    fn judge(
        &mut self,
        item: Sent,
        is_held: bool,
        is_looked_at: bool,
        confirmed: &mut Vec<(String, String)>,
    ) {
        let or_rejected = |outcome| if is_held { outcome } else { Outcome::Rejected };
        match item {
            Sent::Value(index, value) => {
                self.outcomes.values[index] = or_rejected(sent(&value));
                let key = value.key.as_str();
                if !is_held && is_looked_at && self.was_taken(&value) {
                    self.outcomes.values[index] = Outcome::Kept;
                    // Desk had it and shows another value now: somebody changed it, so it is
                    // theirs.
                    self.lost.push(key.to_owned());
                } else if !is_held && let Some(respelt) = self.respelt(key) {
                    confirmed.push((key.to_owned(), respelt));
                }
            }
            // As with values: Desk had it and shows another one now.
            Sent::Priority(priority) if !is_held && is_looked_at && self.shows_taken(priority) => {
                self.outcomes.priority = Outcome::Kept;
                self.lost.push(PRIORITY.to_owned());
            }
            Sent::Priority(_) => self.outcomes.priority = or_rejected(Outcome::Written),
            Sent::Team(_) => self.outcomes.team = or_rejected(Outcome::Written),
            Sent::Related(channels) if !is_held => self.refuse_channels(&channels),
            Sent::Related(_) => {}
        }
    }

    /// Whether the answer to the write itself showed the value.
    fn was_taken(&self, value: &FieldValue) -> bool {
        let taken = self.answered.get(value.key.as_str());
        taken.is_some_and(|taken| same(value, taken.expose()))
    }

    fn shows_taken(&self, priority: Priority) -> bool {
        self.answered.get(PRIORITY).is_some_and(|taken| taken.expose() == priority.as_str())
    }

    /// What the field holds only since our write, and the answer to it showed: Desk spells the
    /// value in its own way.
    fn respelt(&self, key: &str) -> Option<String> {
        let now = self.stored(key)?;
        let before = self.before.fields.as_ref().and_then(|fields| fields.get(key));
        // The answer has to show it, too: a text that only a later look shows may be a human's.
        let is_ours = before != Some(now) && self.answered.get(key) == Some(now);
        is_ours.then(|| now.expose().to_owned())
    }

    fn stored(&self, key: &str) -> Option<&StoredText> {
        self.ticket.fields.as_ref()?.get(key)
    }
}

fn is_long_in_bytes(sent: &Sent) -> bool {
    matches!(sent, Sent::Value(_, value) if value.text.expose().len() > MAX_VALUE)
}

fn cut_to_bytes(sent: &Sent) -> Sent {
    match sent {
        Sent::Value(index, value) if is_long_in_bytes(sent) => {
            let text = cut_bytes(value.text.expose(), MAX_VALUE).to_owned().into();
            Sent::Value(*index, FieldValue { text, truncated: true, ..value.clone() })
        }
        other => other.clone(),
    }
}
