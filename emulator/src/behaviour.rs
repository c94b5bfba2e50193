//! Every point where the wire facts leave open what a live Desk does, each a setting. The defaults
//! are the likeliest reading, and the stricter one where two are equally likely. A setting changes
//! what the work itself does; what goes wrong on the way is a fault.

use std::{collections::BTreeSet, time::Duration};

/// What the emulated Desk does where a live one might do this or that. Changeable while it runs,
/// with [`Emulator::set_behaviour`](crate::Emulator::set_behaviour).
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// `customFields` sent as a JSON object instead of a JSON text. Default: refused.
    pub nested_fields: NestedFields,
    /// A field key that nobody defined. Default: dropped in silence.
    pub unknown_key: Reaction,
    /// A value of the wrong type, or not among the options. Default: dropped in silence.
    pub wrong_value: Reaction,
    /// A key of more than 20 characters. Default: refused.
    pub long_key: TooLong,
    /// A value of more than 190 [`value_unit`](Self::value_unit)s. Default: refused.
    pub long_value: TooLong,
    /// What the 190 counts. Default: UTF-16 units.
    pub value_unit: ValueUnit,
    /// A key that would be the 21st field. Default: dropped in silence.
    pub extra_field: Reaction,
    /// Integers are stored in their shortest form: `007` as `7`. Default: yes.
    pub normalise_integers: bool,
    /// White space around a value is taken off before anything else. Default: yes.
    pub trim: bool,
    /// Query parameters that are known but not honoured, as if they were unknown (which always are
    /// ignored).
    pub ignored_parameters: BTreeSet<String>,
    /// A new ticket is in lists and views only after so many further list or view requests.
    /// Default: 0.
    pub visible_after_lookups: u32,
    /// A new ticket is in lists and views only after so long. Default: at once.
    pub visible_after: Duration,
    /// A new ticket is in lists only after so long, while it can be viewed at once. Default: at
    /// once.
    pub listed_after: Duration,
    /// Ticket lists begin with the newest ticket. Default: no, with the oldest.
    pub newest_first: bool,
    /// Ticket lists show tickets with their `customFields`. Default: yes.
    pub lists_show_fields: bool,
    /// Lists tell how many things there are in all. Default: yes.
    pub lists_count: bool,
    /// No more things than this are on a page, whatever `limit` asks for. Default: 500.
    pub largest_page: usize,
    /// What `PATCH` of a ticket and of its fields answer. Default: the whole ticket.
    pub write_answer: WriteAnswer,
    /// The status of a successful create, 200 or 201. Default: 201.
    pub create_status: u16,
    /// Related channels, none of which is a group channel of the customer's. Default: taken.
    pub strange_related: StrangeRelated,
    /// A `groupKey` at create that no team has. Default: refused.
    pub unknown_group: UnknownGroup,
    /// Which tickets `transfer_to_group` moves. Default: the pending ones.
    pub transfer: Transfer,
    /// Every Sendbird id is that of a Chat user; else only those told with
    /// [`add_chat_user`](crate::Emulator::add_chat_user) and those of seeded tickets. Default: yes.
    pub any_chat_user: bool,
    /// Creating a customer that is there already. Default: the existing one is returned.
    pub existing_customer: ExistingCustomer,
    /// Changes to a closed ticket are refused. Default: yes.
    pub closed_refuses_writes: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            nested_fields: NestedFields::Refuse,
            unknown_key: Reaction::Drop,
            wrong_value: Reaction::Drop,
            long_key: TooLong::Refuse,
            long_value: TooLong::Refuse,
            value_unit: ValueUnit::Utf16,
            extra_field: Reaction::Drop,
            normalise_integers: true,
            trim: true,
            ignored_parameters: BTreeSet::new(),
            visible_after_lookups: 0,
            visible_after: Duration::ZERO,
            listed_after: Duration::ZERO,
            newest_first: false,
            lists_show_fields: true,
            lists_count: true,
            largest_page: 500,
            write_answer: WriteAnswer::Full,
            create_status: 201,
            strange_related: StrangeRelated::Take,
            unknown_group: UnknownGroup::Refuse,
            transfer: Transfer::PendingOnly,
            any_chat_user: true,
            existing_customer: ExistingCustomer::Return,
            closed_refuses_writes: true,
        }
    }
}

/// What becomes of `customFields` sent as an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NestedFields {
    /// Taken like the JSON text of the same object.
    Accept,
    /// 400, and nothing is done.
    Refuse,
}

/// What becomes of one key that cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It is left out without a word; the rest of the call is done.
    Drop,
    /// The whole call is 400, and nothing is done.
    Refuse,
}

/// What becomes of a key or a value over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLong {
    /// The whole call is 400, and nothing is done.
    Refuse,
    /// It is left out without a word.
    Drop,
    /// It is cut to the limit at a character boundary, then treated like any other.
    Truncate,
}

/// What the length of a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueUnit {
    /// UTF-16 units, as a JavaScript or Java string counts.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

/// What a successful `PATCH` of a ticket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteAnswer {
    /// The ticket.
    Full,
    /// The ticket without its `customFields`.
    WithoutFields,
    /// 200 and no body.
    Empty,
}

/// What becomes of related channels that are not the customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrangeRelated {
    /// They are related like any other.
    Take,
    /// They are left out without a word.
    Drop,
    /// 400, and nothing is done.
    Refuse,
}

/// What becomes of a create that names a team nobody made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownGroup {
    /// 400, and no ticket is made.
    Refuse,
    /// The ticket goes to the Default team.
    Ignore,
}

/// Which tickets `transfer_to_group` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Those that are pending; the others are left out of the answer.
    PendingOnly,
    /// All that are not closed.
    AllOpen,
}

/// What becomes of the create of a customer that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingCustomer {
    /// 200 with the existing one.
    Return,
    /// 400.
    Refuse,
}
