//! Which of Desk's tickets are the conversation's, and what names them.
//!
//! Pure. Nothing here believes that a ticket is the right one because Desk returned it: its
//! customer must be the handoff's user, and its channel, a related channel or its title must be the
//! conversation's. Every new ticket gets a title that names its conversation, so that it is found
//! again even if Desk takes no related channel.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::Ticket;
use crate::fields::{built_in, cut};
use crate::handoff::{Conversation, Handoff};
use crate::rules::{BuiltIn, MAX_TITLE, TicketRules, TitlePart};

/// The longest name of a conversation that stands in a title as it is, in characters.
const MAX_MARKED: usize = 40;
/// The longest name that is remembered as it is, in bytes; of a longer one its digest is.
const MAX_REMEMBERED: usize = 120;
/// How many ids, and how many channels, one conversation is remembered by. Senders use one of each.
const MAX_NAMES: usize = 4;

/// What a conversation is called. A sender uses now its id, now its channel, now both.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Names {
    /// Its ids.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    /// Its Chat channels.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
}

impl Names {
    /// The names that a handoff carries.
    pub fn of(conversation: &Conversation) -> Self {
        let one = |name: &Option<String>| name.iter().map(|name| remembered(name)).collect();
        Self { ids: one(&conversation.id), channels: one(&conversation.channel_url) }
    }

    /// Whether both name the same conversation.
    pub fn overlap(&self, other: &Self) -> bool {
        // Ids with ids, channels with channels: what reads the same in both may be two
        // conversations.
        self.ids.iter().any(|id| other.ids.contains(id))
            || self.channels.iter().any(|channel| other.channels.contains(channel))
    }

    /// Adds the names of the other one; the latest are kept.
    pub fn join(&mut self, other: &Self) {
        join(&mut self.ids, &other.ids);
        join(&mut self.channels, &other.channels);
    }

    /// Whether this channel is the conversation's.
    pub fn has_channel(&self, channel_url: &str) -> bool {
        self.channels.contains(&remembered(channel_url))
    }

    /// A channel that is known as it is.
    pub fn channel(&self) -> Option<&str> {
        // A digest is no address that Desk could be given.
        self.channels.iter().rev().map(String::as_str).find(|channel| !channel.starts_with('#'))
    }
}

fn join(names: &mut Vec<String>, others: &[String]) {
    for other in others {
        // To the end, where the latest stand: the surplus goes from the front.
        names.retain(|name| name != other);
        names.push(other.clone());
    }
    let surplus = names.len().saturating_sub(MAX_NAMES);
    names.drain(..surplus);
}

fn remembered(name: &str) -> String {
    // A name that begins with # is digested as well: else it would be taken for a digest.
    if name.len() <= MAX_REMEMBERED && !name.starts_with('#') {
        return name.to_owned();
    }
    format!("#{}", hex::encode(&Sha256::digest(name)[..12]))
}

/// What ties a ticket to the conversation, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchStrength {
    /// Its title names the conversation.
    Title,
    /// It names the conversation's channel as related.
    Related,
    /// It is on the conversation's channel.
    Channel,
    /// It is remembered as the conversation's.
    Remembered,
}

/// Recognises the tickets of one conversation.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use desk_handoff::handoff::{Conversation, Handoff};
/// use desk_handoff::rules::TicketRules;
/// use desk_handoff::ticket::Ticket;
/// use desk_handoff::ticket::find::{MatchStrength, Names, TicketMatcher};
///
/// let channel = || Some("channel_1".to_owned());
/// let conversation = Conversation { channel_url: channel(), ..Conversation::default() };
/// let handoff = Handoff { conversation, user_id: "user_1".into(), ..Handoff::default() };
/// let (rules, names) = (TicketRules::default(), Names::of(&handoff.conversation));
/// let matcher = TicketMatcher::new(&handoff, &rules, names, BTreeSet::new(), BTreeSet::new());
///
/// let customer = Some("user_1".to_owned());
/// let on_channel = Ticket { id: 7, channel_url: channel(), ..Ticket::default() };
/// let ticket = Ticket { sendbird_id: customer, ..on_channel };
/// assert_eq!(matcher.strength(&ticket), Some(MatchStrength::Channel));
///
/// // On the same channel, and somebody else's.
/// let ticket = Ticket { sendbird_id: Some("user_2".to_owned()), ..ticket };
/// assert_eq!(matcher.strength(&ticket), None);
/// ```
#[derive(Debug, Clone)]
pub struct TicketMatcher<'a> {
    user_id: &'a str,
    names: Names,
    /// Tickets that are known to be this conversation's.
    known: BTreeSet<u64>,
    /// Tickets that are known to be other conversations'.
    others: BTreeSet<u64>,
    /// The titles that we give to the conversation's tickets, whole.
    titles: Vec<String>,
    /// The ends of titles that would not name the conversation otherwise.
    marks: Vec<String>,
}

impl<'a> TicketMatcher<'a> {
    /// For a handoff, whose conversation is known by these names. `known` are the tickets that are
    /// remembered as its own, `others` those of other conversations.
    pub fn new(
        handoff: &'a Handoff,
        rules: &TicketRules,
        names: Names,
        known: BTreeSet<u64>,
        others: BTreeSet<u64>,
    ) -> Self {
        // Of a long name only a digest is left, and `mark` needs the name itself.
        let plain = names.ids.iter().chain(&names.channels).filter(|name| !name.starts_with('#'));
        let mut marks: Vec<String> = plain.map(|name| mark(name)).collect();
        // The handoff itself knows its name whole, however long it is.
        marks.push(mark(handoff.conversation.name()));
        let of_id = |id: &String| title(handoff, rules, Some(id));
        let mut titles: Vec<String> = names.ids.iter().map(of_id).collect();
        titles.push(title(handoff, rules, handoff.conversation.id.as_deref()));
        Self { user_id: &handoff.user_id, names, known, others, titles, marks }
    }

    /// The customer's Sendbird user id.
    pub fn user_id(&self) -> &str {
        self.user_id
    }

    /// What the conversation is called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether the ticket is the customer's and not known to be another conversation's.
    pub fn may_be_taken(&self, ticket: &Ticket) -> bool {
        // A filter that Desk does not know is ignored, and everybody's tickets come (desk-wire
        // section 3.1).
        ticket.sendbird_id.as_deref() == Some(self.user_id) && !self.others.contains(&ticket.id)
    }

    /// What ties the ticket to the conversation, if anything does.
    pub fn strength(&self, ticket: &Ticket) -> Option<MatchStrength> {
        if !self.may_be_taken(ticket) {
            return None;
        }

        // What is remembered comes first: a human may rename the ticket, and Desk may drop the
        // related channel.
        let related = ticket.related.as_deref().unwrap_or_default();
        if self.known.contains(&ticket.id) {
            Some(MatchStrength::Remembered)
        } else if ticket
            .channel_url
            .as_deref()
            .is_some_and(|channel| self.names.has_channel(channel))
        {
            Some(MatchStrength::Channel)
        } else if related.iter().any(|channel| self.names.has_channel(channel)) {
            Some(MatchStrength::Related)
        } else if self.is_titled(ticket) {
            Some(MatchStrength::Title)
        } else {
            None
        }
    }

    /// Whether its title is one that we give to this conversation's tickets.
    pub fn is_titled(&self, ticket: &Ticket) -> bool {
        ticket.title.as_deref().is_some_and(|title| {
            self.titles.iter().any(|ours| ours == title)
                || self.marks.iter().any(|mark| title.ends_with(mark))
        })
    }

    /// Whether a ticket that the sender names can be this conversation's: nothing on it says
    /// another one.
    pub fn takes_hint(&self, ticket: &Ticket) -> bool {
        // A hint is the sender's word alone: it is taken if nothing on the ticket is against it.
        self.may_be_taken(ticket)
            && (self.strength(ticket).is_some() || !names_conversation(ticket))
    }
}

const MARK_BEGIN: &str = " (conversation ";

/// Whether anything on a ticket names a conversation, whichever it is.
fn names_conversation(ticket: &Ticket) -> bool {
    let is_marked = |title: &str| title.ends_with(')') && title.contains(MARK_BEGIN);
    let related = ticket.related.as_deref().unwrap_or_default();
    !related.is_empty() || ticket.title.as_deref().is_some_and(is_marked)
}

/// The end of a title that would not name the conversation otherwise.
fn mark(name: &str) -> String {
    // A whole channel address would leave no room for the title.
    if name.chars().count() <= MAX_MARKED {
        format!("{MARK_BEGIN}{name})")
    } else {
        format!("{MARK_BEGIN}{})", hex::encode(&Sha256::digest(name)[..8]))
    }
}

/// The title of a new ticket: it names the conversation, whole and within Desk's limit.
pub fn title(handoff: &Handoff, rules: &TicketRules, id: Option<&str>) -> String {
    let filled = filled_title(handoff, rules, id);
    let identifies = handoff.ticket.title.is_none() && rules.title.identifies_conversation();
    // A title that is cut might lose the very part that names the conversation.
    if identifies && id.is_some() && cut(&filled, MAX_TITLE) == filled {
        return filled;
    }
    let mark = mark(id.unwrap_or_else(|| handoff.conversation.name()));
    let room = MAX_TITLE - mark.encode_utf16().count();
    // The mark begins with a blank of its own.
    format!("{}{mark}", cut(&filled, room).trim_end())
}

/// Never empty, of any length.
fn filled_title(handoff: &Handoff, rules: &TicketRules, id: Option<&str>) -> String {
    let mut title = String::new();
    if let Some(wish) = &handoff.ticket.title {
        title.push_str(wish);
    } else {
        for part in rules.title.parts() {
            match part {
                TitlePart::Text(text) => title.push_str(text),
                // The id that is asked about, not the handoff's: a conversation may have had
                // several.
                TitlePart::Place(BuiltIn::ConversationId) => title.push_str(id.unwrap_or_default()),
                TitlePart::Place(place) => {
                    title.push_str(built_in(handoff, *place).unwrap_or_default());
                }
            }
        }
    }

    let title = title.trim();
    // Desk takes no ticket without a title (desk-wire section 3.3).
    if title.is_empty() { "AI handoff".to_owned() } else { title.to_owned() }
}
