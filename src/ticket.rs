//! Our view of a Desk ticket: whose it is, what is to be changed on it, and what Desk made of that.
//!
//! Pure. Nothing here believes that a ticket is the right one because Desk returned it: [`Wanted::owns`] asks.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::fields::{FieldValue, MAX_FIELDS, Matched, Outcome, Verdicts, built_in, cut};
use crate::handoff::{Conversation, Handoff};
use crate::rules::{MAX_TITLE, Overwrite, Priority, TeamKey, TicketRules, TitlePart, WhenClosed, WhenMissing};

/// The most Chat channels that a ticket names as related (desk-wire section 3.3).
pub const MAX_RELATED: usize = 3;

/// A ticket as Desk told it; everything but the id may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticket {
    /// Desk's number.
    pub id: u64,
    /// The title, which is also the name of the ticket's channel.
    pub title: Option<String>,
    /// The ticket's own Chat channel.
    pub channel_url: Option<String>,
    /// `status2`, or the older `status`; an open set.
    pub status: Option<String>,
    /// Neither its status nor its close status says closed.
    pub open: bool,
    /// An open set.
    pub priority: Option<String>,
    /// The key of its team; the Default team has none.
    pub team: Option<String>,
    /// Field key to value; `None` if the answer did not say.
    pub fields: Option<BTreeMap<String, StoredText>>,
    /// The customer's number in Desk.
    pub customer_id: Option<u64>,
    /// The customer's Sendbird user id.
    pub sendbird_id: Option<String>,
    /// Channels named as related; `None` if the answer did not say.
    pub related: Option<Vec<String>>,
    /// Messages so far.
    pub message_count: Option<u64>,
}

/// The longest name of a conversation that stands in a title as it is, in characters.
const MAX_MARKED: usize = 40;

/// A value that Desk holds.
pub type StoredText = crate::fields::Private;

/// The conversation whose ticket is looked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The AI agent's channel.
    pub channel_url: Option<&'a str>,
    /// The customer's Sendbird user id.
    pub user_id: &'a str,
    /// The title of its ticket where no channel ties the two: it names the conversation.
    pub title: String,
    mark: String,
}

/// What ties a ticket to the conversation, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// Its title names the conversation.
    Title,
    /// It names the conversation's channel as related.
    Related,
    /// It is on the conversation's channel.
    Channel,
}

impl<'a> Wanted<'a> {
    /// What to look for, for this handoff.
    pub fn new(handoff: &'a Handoff, rules: &TicketRules) -> Self {
        let channel_url = handoff.conversation.channel_url.as_deref();
        let mark = mark(&handoff.conversation);
        Self { channel_url, user_id: &handoff.user_id, title: telling_title(handoff, rules, &mark), mark }
    }

    /// Whether the ticket is the customer's: anything else must never be touched.
    pub fn is_customers(&self, ticket: &Ticket) -> bool {
        ticket.sendbird_id.as_deref() == Some(self.user_id)
    }

    /// Whether the ticket is this conversation's: on its channel, naming it as related, or the customer's by the title
    /// that we give where no channel ties the two.
    pub fn owns(&self, ticket: &Ticket) -> bool {
        self.tie(ticket).is_some()
    }

    /// The best of the tickets that are this conversation's: an open one before a closed one, then one on its channel,
    /// then one that names its channel, then the newest.
    pub fn best(&self, tickets: impl IntoIterator<Item = Ticket>) -> Option<Ticket> {
        let tied = tickets.into_iter().filter_map(|ticket| Some((self.tie(&ticket)?, ticket)));
        tied.max_by_key(|(tie, ticket)| (ticket.open, *tie, ticket.id)).map(|(_, ticket)| ticket)
    }

    fn tie(&self, ticket: &Ticket) -> Option<Tie> {
        if ticket.sendbird_id.is_some() && !self.is_customers(ticket) {
            return None;
        }
        let related = ticket.related.as_deref().unwrap_or_default();
        match self.channel_url {
            Some(channel) if ticket.channel_url.as_deref() == Some(channel) => Some(Tie::Channel),
            Some(channel) if related.iter().any(|related| related == channel) => Some(Tie::Related),
            // A ticket that names other channels is another conversation's, whatever it is called.
            Some(_) if !related.is_empty() => None,
            _ => {
                let title = ticket.title.as_deref().filter(|_| self.is_customers(ticket))?;
                (title == self.title || title.ends_with(&self.mark)).then_some(Tie::Title)
            }
        }
    }
}

/// The end of a title that would not name the conversation otherwise: its number, if it is of a usual length.
fn mark(conversation: &Conversation) -> String {
    let name = conversation.id.as_deref().unwrap_or_else(|| conversation.name());
    if name.chars().count() <= MAX_MARKED {
        format!(" (conversation {name})")
    } else {
        format!(" (conversation {})", hex::encode(&Sha256::digest(name)[..8]))
    }
}

/// A title that names the conversation, whole and within Desk's limit.
fn telling_title(handoff: &Handoff, rules: &TicketRules, mark: &str) -> String {
    let filled = filled_title(handoff, rules);
    let named = handoff.ticket.title.is_none() && rules.title.names_the_conversation();
    if named && handoff.conversation.id.is_some() && cut(&filled, MAX_TITLE) == filled {
        return filled;
    }
    let room = MAX_TITLE - mark.encode_utf16().count();
    format!("{}{mark}", cut(&filled, room).trim_end())
}

/// The title of a new ticket that a channel ties to the conversation, within Desk's limit.
pub fn title(handoff: &Handoff, rules: &TicketRules) -> String {
    cut(&filled_title(handoff, rules), MAX_TITLE).trim_end().to_owned()
}

/// Never empty, of any length.
fn filled_title(handoff: &Handoff, rules: &TicketRules) -> String {
    let mut title = String::new();
    if let Some(wish) = &handoff.ticket.title {
        title.push_str(wish);
    } else {
        for part in rules.title.parts() {
            match part {
                TitlePart::Text(text) => title.push_str(text),
                TitlePart::Place(place) => title.push_str(built_in(handoff, *place).unwrap_or_default()),
            }
        }
    }
    let title = title.trim();
    if title.is_empty() { "AI handoff".to_owned() } else { title.to_owned() }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Make a ticket with everything that was matched.
    Create,
    /// Change the ticket that was found.
    Update(Ticket, Change),
    /// Leave everything as it is, as the rules say.
    Leave(Option<Ticket>),
    /// Come back later, as the rules say: Desk makes the ticket itself and it is not there yet.
    NotYet,
}

/// What is to change on a ticket; the rest is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Places in [`Matched::values`] to write.
    pub write: Vec<usize>,
    /// The new priority.
    pub priority: Option<Priority>,
    /// The new team.
    pub team: Option<TeamKey>,
    /// All related channels, if the conversation's is to join them.
    pub related: Option<Vec<String>>,
    /// What is known of every thing before anything is written; [`Outcome::Written`] where it is to be written.
    pub verdicts: Verdicts,
}

impl Change {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.write.is_empty() && self.priority.is_none() && self.team.is_none() && self.related.is_none()
    }
}

/// What may be done to a value that Desk holds already.
#[derive(Clone, Copy)]
pub struct Merge<'a> {
    /// The rule.
    pub overwrite: Overwrite,
    /// Whether this software wrote what the field now holds: asked with the field's key and the text.
    pub wrote: &'a dyn Fn(&str, &str) -> bool,
}

impl Merge<'_> {
    fn replaces(&self, field: &str, stored: &str) -> bool {
        match self.overwrite {
            Overwrite::Always => true,
            Overwrite::Own => (self.wrote)(field, stored),
            Overwrite::Never => false,
        }
    }
}

/// The name under which the priority is remembered as written, beside the field keys.
pub const PRIORITY: &str = "$priority";
/// The name under which the team is remembered as written.
pub const TEAM: &str = "$team";

/// Decides what to do about the ticket that was found, or its absence.
pub fn plan(
    found: Option<Ticket>,
    wanted: &Wanted<'_>,
    matched: &Matched,
    rules: &TicketRules,
    merge: Merge<'_>,
) -> Plan {
    match (found, rules.when_missing, rules.when_closed) {
        (Some(ticket), _, _) if ticket.open => {
            let change = change(&ticket, wanted, matched, merge);
            Plan::Update(ticket, change)
        }
        (Some(ticket), _, WhenClosed::Leave) => Plan::Leave(Some(ticket)),
        (Some(_), _, WhenClosed::Create) | (None, WhenMissing::Create, _) => Plan::Create,
        (None, WhenMissing::Retry, _) => Plan::NotYet,
        (None, WhenMissing::Leave, _) => Plan::Leave(None),
    }
}

/// What is to change on a ticket, whatever the rules say of closed ones.
pub fn change(ticket: &Ticket, wanted: &Wanted<'_>, matched: &Matched, merge: Merge<'_>) -> Change {
    let mut verdicts = Verdicts::all(matched, Outcome::Written);
    let mut write = Vec::new();
    let mut room = MAX_FIELDS.saturating_sub(ticket.fields.as_ref().map_or(0, BTreeMap::len));
    for (index, value) in matched.values.iter().enumerate() {
        let stored = ticket.fields.as_ref().and_then(|fields| fields.get(value.key.as_str()));
        let settled = settle_field(value, stored, merge, &mut room);
        verdicts.values[index] = settled.unwrap_or_else(|| sent(value));
        if settled.is_none() {
            write.push(index);
        }
    }
    let priority = settle_priority(ticket, matched.priority, merge);
    verdicts.priority = priority.unwrap_or(Outcome::Written);
    let team = settle_team(ticket, matched.team.as_ref(), merge);
    verdicts.team = team.unwrap_or(Outcome::Written);
    Change {
        write,
        priority: matched.priority.filter(|_| priority.is_none()),
        team: matched.team.clone().filter(|_| team.is_none()),
        related: joined_channels(ticket, wanted.channel_url),
        verdicts,
    }
}

/// The outcome of a field that is not to be written; `None` for one that is.
fn settle_field(
    value: &FieldValue,
    stored: Option<&StoredText>,
    merge: Merge<'_>,
    room: &mut usize,
) -> Option<Outcome> {
    match stored.filter(|stored| !stored.expose().trim().is_empty()) {
        Some(stored) if same(value, stored.expose()) => Some(Outcome::Unchanged),
        Some(stored) if merge.replaces(value.key.as_str(), stored.expose()) => None,
        Some(_) => Some(Outcome::Kept),
        None if stored.is_some() => None,
        None if *room == 0 => Some(Outcome::OverLimit),
        None => {
            *room -= 1;
            None
        }
    }
}

/// Desk gives every ticket a priority, MEDIUM if nobody says otherwise (desk-wire section 3.3): a MEDIUM that this software
/// did not write counts as empty.
fn settle_priority(ticket: &Ticket, wanted: Option<Priority>, merge: Merge<'_>) -> Option<Outcome> {
    let stored = ticket.priority.as_deref().filter(|stored| !stored.is_empty());
    let given = |stored: &str| stored != Priority::Medium.as_str() || (merge.wrote)(PRIORITY, stored);
    match (wanted, stored.filter(|stored| given(stored))) {
        (Some(wanted), _) if stored == Some(wanted.as_str()) => Some(Outcome::Unchanged),
        (Some(_), None) => None,
        (Some(_), Some(stored)) if merge.replaces(PRIORITY, stored) => None,
        _ => Some(Outcome::Kept),
    }
}

/// Only a pending ticket is moved (desk-wire sections 3.6 and 9); the Default team, which has no key, counts as empty.
fn settle_team(ticket: &Ticket, wanted: Option<&TeamKey>, merge: Merge<'_>) -> Option<Outcome> {
    let stored = ticket.team.as_deref().filter(|team| !team.is_empty());
    let movable = ticket.status.as_deref() == Some("PENDING");
    match wanted {
        Some(wanted) if stored == Some(wanted.as_str()) => Some(Outcome::Unchanged),
        Some(_) if movable && stored.is_none_or(|stored| merge.replaces(TEAM, stored)) => None,
        _ => Some(Outcome::Kept),
    }
}

/// The related channels with the conversation's among them, if it is not there yet and there is room. What Desk does not
/// show would be lost, so nothing is added to it.
fn joined_channels(ticket: &Ticket, channel: Option<&str>) -> Option<Vec<String>> {
    let (channel, related) = (channel?, ticket.related.as_ref()?);
    let known = ticket.channel_url.as_deref() == Some(channel) || related.iter().any(|url| url == channel);
    let room = related.len() < MAX_RELATED;
    (!known && room).then(|| related.iter().cloned().chain([channel.to_owned()]).collect())
}

/// What a value that was sent has become, if Desk took it.
pub fn sent(value: &FieldValue) -> Outcome {
    if value.truncated { Outcome::Truncated } else { Outcome::Written }
}

/// Reads back: what became of a value that was sent, going by the fields that Desk's answer holds.
pub fn read_back(value: &FieldValue, stored: &BTreeMap<String, StoredText>) -> Outcome {
    match stored.get(value.key.as_str()) {
        Some(stored) if same(value, stored.expose()) => sent(value),
        _ => Outcome::Rejected,
    }
}

/// Desk may trim a text and respell a number (desk-wire section 9, question 4).
fn same(value: &FieldValue, stored: &str) -> bool {
    let (ours, theirs) = (value.text.expose().trim(), stored.trim());
    let as_number = || Some(ours.parse::<i64>().ok()? == theirs.parse::<i64>().ok()?);
    ours == theirs || (value.is_integer && as_number() == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::match_fields;
    use crate::handoff::{Context, Conversation, TicketWish};
    use crate::rules::Rules;
    use proptest::prelude::*;
    use serde_json::json;

    fn handoff() -> Handoff {
        let context = json!({"order-id": "ORD-1", "items": "07", "tier": "gold", "pri": "HIGH", "team": "vip"});
        Handoff {
            event_id: "evt-1".into(),
            conversation: Conversation {
                id: Some("2647".into()),
                channel_url: Some("ch_1".into()),
                channel_type: None,
            },
            user_id: "user_1".into(),
            context: Context(context.as_object().unwrap().clone()),
            language: None,
            country: None,
            ai_agent_id: None,
            handoff_at: None,
            ticket: TicketWish::default(),
        }
    }

    fn rules(overwrite: &str) -> Rules {
        let document = json!({
            "fields": [
                {"key": "order-id", "type": "text"}, {"key": "items", "type": "integer"}, {"key": "tier", "type": "text"}
            ],
            "ticket": {"priority": {"from": "pri"}, "team": {"from": "team"}, "overwrite": overwrite}
        });
        Rules::parse(&document.to_string()).unwrap()
    }

    fn ticket(fields: &[(&str, &str)]) -> Ticket {
        let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), StoredText::from((*value).to_owned())));
        Ticket {
            id: 7,
            open: true,
            status: Some("PENDING".into()),
            channel_url: Some("ch_1".into()),
            sendbird_id: Some("user_1".into()),
            priority: Some("MEDIUM".into()),
            fields: Some(fields.collect()),
            ..Ticket::default()
        }
    }

    fn planned(ticket: &Ticket, overwrite: &str) -> Change {
        let (handoff, rules) = (handoff(), rules(overwrite));
        let matched = match_fields(&rules, &handoff);
        let merge = Merge { overwrite: rules.ticket.overwrite, wrote: &|_, stored| stored == "ours" };
        match plan(Some(ticket.clone()), &Wanted::new(&handoff, &rules.ticket), &matched, &rules.ticket, merge) {
            Plan::Update(_, change) => change,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_field_is_filled_an_equal_one_left_and_a_different_one_kept() {
        let change = planned(&ticket(&[("items", "7"), ("tier", "silver"), ("order-id", " ")]), "own");
        assert_eq!(change.write, [0]);
        assert_eq!(change.verdicts.values, [Outcome::Written, Outcome::Unchanged, Outcome::Kept]);
    }

    #[test]
    fn what_this_software_wrote_is_replaced_under_own_only() {
        let ours = ticket(&[("tier", "ours"), ("items", "7")]);
        assert_eq!(planned(&ours, "own").write, [0, 2]);
        assert_eq!(planned(&ours, "never").write, [0]);
        let moved = Ticket { team: Some("ours".into()), priority: Some("ours".into()), ..ticket(&[]) };
        let change = planned(&moved, "own");
        assert_eq!((change.team, change.priority), (TeamKey::parse("vip"), Some(Priority::High)));
    }

    #[test]
    fn overwrite_always_replaces_a_different_value() {
        assert_eq!(planned(&ticket(&[("tier", "silver"), ("items", "7")]), "always").write, [0, 2]);
        assert_eq!(planned(&ticket(&[("tier", "silver"), ("items", "7")]), "never").write, [0]);
    }

    #[test]
    fn only_a_number_may_come_back_in_another_spelling() {
        let matched = match_fields(&rules("own"), &handoff());
        let read = |index: usize, stored: &str| {
            let key = matched.values[index].key.to_string();
            read_back(&matched.values[index], &BTreeMap::from([(key, StoredText::from(stored.to_owned()))]))
        };
        assert_eq!([read(0, " ORD-1 "), read(1, "7")], [Outcome::Written; 2]);
        assert_eq!([read(0, "ORD-2"), read(1, "8"), read(1, "x")], [Outcome::Rejected; 3]);
        let text = FieldValue { is_integer: false, ..matched.values[1].clone() };
        assert!(!same(&text, "7"));
    }

    #[test]
    fn a_change_of_anything_is_a_change() {
        let verdicts = Verdicts::all(&Matched::default(), Outcome::Unchanged);
        let none = Change { write: vec![], priority: None, team: None, related: None, verdicts };
        assert!(none.is_empty());
        for change in [
            Change { write: vec![0], ..none.clone() },
            Change { priority: Some(Priority::Low), ..none.clone() },
            Change { team: TeamKey::parse("vip"), ..none.clone() },
            Change { related: Some(vec![]), ..none },
        ] {
            assert!(!change.is_empty(), "{change:?}");
        }
    }

    #[test]
    fn a_full_ticket_takes_no_further_field() {
        let keys: Vec<String> = (0..19).map(|n| format!("k{n}")).collect();
        let full: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
        let change = planned(&ticket(&full), "own");
        assert_eq!(change.verdicts.values, [Outcome::Written, Outcome::OverLimit, Outcome::OverLimit]);
        let blank: Vec<(&str, &str)> = full.into_iter().chain([("tier", " ")]).collect();
        assert_eq!(planned(&ticket(&blank), "own").write, [2], "a field that is there and blank takes no room");
    }

    #[test]
    fn the_default_priority_gives_way_and_another_one_only_if_the_rules_say_so() {
        assert_eq!(planned(&ticket(&[]), "own").priority, Some(Priority::High));
        let urgent = Ticket { priority: Some("URGENT".into()), ..ticket(&[]) };
        assert_eq!(planned(&urgent, "own").verdicts.priority, Outcome::Kept);
        assert_eq!(planned(&urgent, "always").priority, Some(Priority::High));
        let high = Ticket { priority: Some("HIGH".into()), ..ticket(&[]) };
        assert_eq!(planned(&high, "always").verdicts.priority, Outcome::Unchanged);
    }

    #[test]
    fn only_a_pending_ticket_is_moved_and_out_of_a_team_only_if_the_rules_say_so() {
        assert_eq!(planned(&ticket(&[]), "own").team, TeamKey::parse("vip"));
        let active = Ticket { status: Some("ACTIVE".into()), ..ticket(&[]) };
        assert_eq!(planned(&active, "always").verdicts.team, Outcome::Kept);
        let elsewhere = Ticket { team: Some("support".into()), ..ticket(&[]) };
        assert_eq!(planned(&elsewhere, "own").verdicts.team, Outcome::Kept);
        assert_eq!(planned(&elsewhere, "always").team, TeamKey::parse("vip"));
        let there = Ticket { team: Some("vip".into()), ..ticket(&[]) };
        assert_eq!(planned(&there, "own").verdicts.team, Outcome::Unchanged);
    }

    #[test]
    fn the_conversation_joins_the_related_channels_while_there_is_room() {
        let other = |related: &[&str]| Ticket {
            channel_url: Some("ch_ticket".into()),
            related: Some(related.iter().map(|url| (*url).to_owned()).collect()),
            ..ticket(&[])
        };
        assert_eq!(planned(&ticket(&[]), "own").related, None);
        assert_eq!(planned(&other(&["ch_1"]), "own").related, None);
        assert_eq!(planned(&other(&["a"]), "own").related, Some(vec!["a".into(), "ch_1".into()]));
        assert_eq!(planned(&other(&["a", "b", "c"]), "own").related, None);
        let not_shown = Ticket { related: None, ..other(&[]) };
        assert_eq!(planned(&not_shown, "own").related, None, "what is not shown would be lost");
    }

    #[test]
    fn the_rules_say_what_becomes_of_a_missing_and_of_a_closed_ticket() {
        let handoff = handoff();
        let matched = Matched::default();
        let closed = Ticket { open: false, ..ticket(&[]) };
        for (missing, closed_rule, without, with_closed) in [
            (WhenMissing::Create, WhenClosed::Create, Plan::Create, Plan::Create),
            (WhenMissing::Retry, WhenClosed::Leave, Plan::NotYet, Plan::Leave(Some(closed.clone()))),
            (WhenMissing::Leave, WhenClosed::Create, Plan::Leave(None), Plan::Create),
        ] {
            let rules = TicketRules { when_missing: missing, when_closed: closed_rule, ..TicketRules::default() };
            let wanted = Wanted::new(&handoff, &rules);
            let merge = Merge { overwrite: rules.overwrite, wrote: &|_, _| false };
            assert_eq!(plan(None, &wanted, &matched, &rules, merge), without);
            assert_eq!(plan(Some(closed.clone()), &wanted, &matched, &rules, merge), with_closed);
        }
    }

    #[test]
    fn a_ticket_of_another_channel_or_customer_is_never_taken() {
        let handoff = handoff();
        let wanted = Wanted::new(&handoff, &TicketRules::default());
        assert!(wanted.owns(&ticket(&[])));
        assert!(!wanted.owns(&Ticket { channel_url: Some("ch_10".into()), ..ticket(&[]) }));
        assert!(!wanted.owns(&Ticket { sendbird_id: Some("user_2".into()), ..ticket(&[]) }));
        let related = |url: &str| Ticket { channel_url: None, related: Some(vec![url.into()]), ..ticket(&[]) };
        assert!(wanted.owns(&related("ch_1")) && !wanted.owns(&related("ch_2")));
    }

    #[test]
    fn without_a_channel_the_title_tells_the_conversation() {
        let mut handoff = handoff();
        handoff.conversation.channel_url = None;
        let wanted = Wanted::new(&handoff, &TicketRules::default());
        let ours = Ticket { title: Some("AI handoff 2647".into()), channel_url: None, ..ticket(&[]) };
        assert!(wanted.owns(&ours));
        assert!(!wanted.owns(&Ticket { sendbird_id: None, ..ours.clone() }));
        assert!(!wanted.owns(&Ticket { title: Some("AI handoff 264".into()), ..ours }));
    }

    #[test]
    fn a_ticket_that_names_no_channel_is_told_by_its_title_too() {
        let handoff = handoff();
        let wanted = Wanted::new(&handoff, &TicketRules::default());
        let titled =
            |title: &str| Ticket { title: Some(title.into()), channel_url: Some("ch_t".into()), ..ticket(&[]) };
        assert!(wanted.owns(&titled("AI handoff 2647")) && wanted.owns(&titled("Broken lid (conversation 2647)")));
        assert!(!wanted.owns(&titled("AI handoff 264")) && !wanted.owns(&titled("2647")));
        let another = Ticket { related: Some(vec!["ch_2".into()]), ..titled("AI handoff 2647") };
        assert!(!wanted.owns(&another), "it names another conversation's channel");
        let unknown = Ticket { sendbird_id: None, ..titled("AI handoff 2647") };
        assert!(!wanted.owns(&unknown), "a title alone is no proof of whose it is");
    }

    #[test]
    fn a_title_names_the_conversation_whatever_it_is_made_of() {
        let titled = |id: Option<&str>, channel: Option<&str>, wish: Option<&str>, rule: &str| {
            let mut handoff = handoff();
            handoff.conversation =
                Conversation { id: id.map(str::to_owned), channel_url: channel.map(str::to_owned), channel_type: None };
            handoff.ticket.title = wish.map(str::to_owned);
            let rules = Rules::parse(&json!({"ticket": {"title": rule}}).to_string()).unwrap().ticket;
            let title = Wanted::new(&handoff, &rules).title;
            assert!(title.encode_utf16().count() <= MAX_TITLE, "{title}");
            title
        };
        let rule = "AI handoff {conversation.id}";
        assert_eq!(titled(Some("77"), None, None, rule), "AI handoff 77");
        assert_eq!(titled(Some("77"), None, None, "Handoff"), "Handoff (conversation 77)");
        assert_eq!(titled(Some("77"), None, Some("Broken lid"), rule), "Broken lid (conversation 77)");
        assert_eq!(titled(None, Some("ch_9"), None, rule), "AI handoff (conversation ch_9)");
        let long = titled(Some("77"), None, Some(&"lid ".repeat(50)), rule);
        assert!(long.starts_with("lid lid") && long.ends_with(" (conversation 77)"), "{long}");
        // What the cut would take away stands at the end, or a digest of it does.
        for (one, other, rule) in [
            (format!("{}1", "x".repeat(100)), format!("{}2", "x".repeat(100)), rule.to_owned()),
            ("y".repeat(39) + "1", "y".repeat(39) + "2", "x".repeat(70) + "{conversation.id}"),
            ("😀".repeat(39) + "1", "😀".repeat(39) + "2", "x".repeat(70) + "{conversation.id}"),
        ] {
            let [one, other] = [&one, &other].map(|id| titled(Some(id), None, None, &rule));
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_ticket_on_the_conversations_channel_is_better_than_one_that_names_it() {
        let handoff = handoff();
        let wanted = Wanted::new(&handoff, &TicketRules::default());
        let on_channel = |id, open| Ticket { id, open, ..ticket(&[]) };
        let related = |id, open| Ticket {
            channel_url: Some("ch_t".into()),
            related: Some(vec!["ch_1".into()]),
            ..on_channel(id, open)
        };
        let titled = |id| Ticket { title: Some("AI handoff 2647".into()), channel_url: None, ..on_channel(id, true) };
        let best = |tickets: [Ticket; 3]| wanted.best(tickets).map(|ticket| ticket.id);
        assert_eq!(best([on_channel(1, true), related(2, true), titled(3)]), Some(1));
        assert_eq!(
            best([related(2, true), titled(3), on_channel(1, false)]),
            Some(2),
            "an open one before a closed one"
        );
        assert_eq!(best([related(2, true), related(4, true), titled(3)]), Some(4), "the newer one");
    }

    #[test]
    fn an_open_ticket_is_better_than_a_closed_one_and_a_new_one_than_an_old_one() {
        let handoff = handoff();
        let wanted = Wanted::new(&handoff, &TicketRules::default());
        let of = |id, open| Ticket { id, open, ..ticket(&[]) };
        assert_eq!(wanted.best([of(1, true), of(9, false), of(3, true)]).map(|ticket| ticket.id), Some(3));
        assert_eq!(wanted.best([of(1, false), of(9, false)]).map(|ticket| ticket.id), Some(9));
        assert_eq!(wanted.best([]), None);
    }

    #[test]
    fn a_title_is_filled_in_and_cut_to_desks_limit() {
        let mut handoff = handoff();
        assert_eq!(title(&handoff, &TicketRules::default()), "AI handoff 2647");
        handoff.ticket.title = Some("x".repeat(150));
        assert_eq!(title(&handoff, &TicketRules::default()).len(), MAX_TITLE);
    }

    proptest! {
        #[test]
        fn what_is_written_and_read_back_is_never_written_again(
            stored in prop::collection::btree_map("order-id|items|tier|other", "ORD-1|7|07|gold|x| ", 0..4),
            overwrite in prop::sample::select(vec!["own", "always", "never"]),
        ) {
            let pairs: Vec<(&str, &str)> = stored.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let mut ticket = ticket(&pairs);
            let change = planned(&ticket, overwrite);
            let matched = match_fields(&rules(overwrite), &handoff());
            let fields = ticket.fields.as_mut().unwrap();
            for index in &change.write {
                fields.insert(matched.values[*index].key.to_string(), matched.values[*index].text.clone());
            }
            for index in &change.write {
                prop_assert_eq!(read_back(&matched.values[*index], fields), Outcome::Written);
            }
            prop_assert_eq!(planned(&ticket, overwrite).write, Vec::<usize>::new());
        }
    }
}
