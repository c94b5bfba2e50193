//! The ways that each [setting](crate::behaviour) can take, by the names under which a
//! [profile](crate::profile) keeps them. Pure: what they do is the handlers' and the model's.

use serde::{Deserialize, Serialize};

/// What becomes of `customFields` sent as an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NestedFields {
    /// Taken like the JSON text of the same object.
    Accept,
    /// 400, and nothing is done.
    Refuse,
    /// Passed over without a word.
    Ignore,
}

/// What becomes of one key that cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// It is left out without a word; the rest of the call is done.
    Drop,
    /// The whole call is 400, and nothing is done.
    Refuse,
    /// It is left out without a word, and all the other fields of the call with it.
    DropAll,
}

/// What becomes of a key or a value over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLong {
    /// The whole call is 400, and nothing is done.
    Refuse,
    /// It is left out without a word.
    Drop,
    /// It is cut to the limit at a character boundary, then treated like any other.
    Truncate,
}

/// What the length of a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueUnit {
    /// UTF-16 units, as a JavaScript or Java string counts.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
    /// Code points, as Python counts.
    CodePoints,
}

/// What a successful `PATCH` of a ticket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteAnswer {
    /// The ticket.
    Full,
    /// The ticket without its `customFields`.
    WithoutFields,
    /// 200 and no body.
    Empty,
    /// The ticket as it was before the change.
    Stale,
}

/// What becomes of related channels that are not the customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrangeRelated {
    /// They are related like any other.
    Take,
    /// They are left out without a word.
    Drop,
    /// 400, and nothing is done.
    Refuse,
}

/// What becomes of a call that names a team nobody made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownGroup {
    /// 400, and nothing is done.
    Refuse,
    /// A new ticket goes to the Default team; one that is there stays with its own.
    Ignore,
}

/// Which tickets `transfer_to_group` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// Those that are pending; the others are left out of the answer.
    PendingOnly,
    /// All that are not closed.
    AllOpen,
    /// None; the answer lists none.
    Never,
}

/// What the customer's first message makes of a new ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstMessage {
    /// It waits for an agent.
    Pending,
    /// An agent has it at once.
    Active,
    /// Nothing: no agent sees it.
    Nothing,
}

/// What becomes of the create of a customer that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExistingCustomer {
    /// 200 with the existing one.
    Return,
    /// 400.
    Refuse,
}

/// What becomes of a field for which an empty text or null is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clearing {
    /// The field holds an empty text.
    Store,
    /// The field has no value any more.
    Remove,
    /// The field keeps the value that it had.
    Keep,
    /// The whole call is 400, and nothing is done.
    Refuse,
}

/// How a value is held against the options of a dropdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionCase {
    /// To the letter.
    Exact,
    /// Upper and lower case are the same; the option's own spelling is stored.
    Ignore,
}

/// What becomes of a write of values that the ticket holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedWrite {
    /// It is done like any other.
    Accept,
    /// 400: nothing would change.
    Refuse,
}

/// What the filter `channel_url` of a list finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelMatch {
    /// The ticket of exactly this channel.
    Exact,
    /// Every ticket whose channel's address begins so.
    Beginning,
}

/// What becomes of a transfer to the Default team, whose key is sent as an empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultTeam {
    /// 400, and nothing is done.
    Refuse,
    /// It is a team like any other.
    Accept,
}

/// What becomes of changes to a closed ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedWrites {
    /// 400, and nothing is done.
    Refuse,
    /// They are done; the ticket stays closed.
    Accept,
    /// They are answered like any other, and nothing is done.
    Ignore,
}

/// What becomes of the close of a ticket in which nobody has written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseNew {
    /// It is closed like any other.
    Accept,
    /// 400, and nothing is done.
    Refuse,
}

/// How a refusal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorForm {
    /// `{"code": "desk400104", "detail": "…"}`
    CodeAndDetail,
    /// `{"detail": "…"}`
    Detail,
    /// `{"non_field_errors": ["…"]}`, a list of texts for each property.
    ByProperty,
}

/// Whether an answer says how many calls are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateHeaders {
    /// No answer does.
    Absent,
    /// Every answer has `X-RateLimit-Limit` and `X-RateLimit-Remaining`.
    Present,
}
