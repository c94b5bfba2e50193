//! Every point where the wire facts leave open what a live Desk does, each a setting. The defaults
//! are the likeliest reading, and the stricter one where two are equally likely. A setting changes
//! what the work itself does; what goes wrong on the way is a fault.

use std::{collections::BTreeSet, time::Duration};

use crate::choices::{
    ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm, ExistingCustomer,
    FirstMessage, NestedFields, OptionCase, RateHeaders, Reaction, RepeatedWrite, StrangeRelated,
    TooLong, Transfer, UnknownGroup, ValueUnit, WriteAnswer,
};

/// What the emulated Desk does where a live one might do this or that. Changeable while it runs,
/// with [`Emulator::set_behaviour`](crate::Emulator::set_behaviour).
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// `customFields` sent as a JSON object instead of a JSON text. Default: refused.
    pub nested_fields: NestedFields,
    /// A field key that nobody defined. Default: dropped in silence.
    pub unknown_key: Reaction,
    /// A value of the wrong type. Default: dropped in silence.
    pub wrong_value: Reaction,
    /// A value that is not among the options of its dropdown. Default: dropped in silence.
    pub bad_option: Reaction,
    /// Whether an option's upper and lower case matter. Default: they do.
    pub option_case: OptionCase,
    /// A key of more than 20 characters. Default: refused.
    pub long_key: TooLong,
    /// A value of more than 190 [`value_unit`](Self::value_unit)s. Default: refused.
    pub long_value: TooLong,
    /// What the 190 counts. Default: UTF-16 units.
    pub value_unit: ValueUnit,
    /// A key that would be the 21st field. Default: dropped in silence.
    pub extra_field: Reaction,
    /// An empty text, where a text field is meant. Default: stored.
    pub empty_value: Clearing,
    /// `null`. Default: the field keeps its value.
    pub null_value: Clearing,
    /// Values that the ticket holds already, sent again. Default: accepted.
    pub repeated_write: RepeatedWrite,
    /// Integers are stored in their shortest form: `007` as `7`. Default: yes.
    pub normalise_integers: bool,
    /// The host of a link is stored in lower case. Default: no.
    pub normalise_links: bool,
    /// White space around a value is taken off before anything else. Default: yes.
    pub trim: bool,
    /// Query parameters that are known but not honoured, as if they were unknown (which always are
    /// ignored).
    pub ignored_parameters: BTreeSet<String>,
    /// What the filter `channel_url` finds, if it is honoured. Default: that channel alone.
    pub channel_match: ChannelMatch,
    /// A new ticket is in lists and views, and open to changes, only after so many further list or
    /// view requests. Default: 0.
    pub visible_after_lookups: u32,
    /// A new ticket is in lists and views, and open to changes, only after so long. Default: at
    /// once.
    pub visible_after: Duration,
    /// A new ticket is in lists only after so long, while it can be viewed at once. Default: at
    /// once.
    pub listed_after: Duration,
    /// A change to a ticket is in lists only after so long, while a view shows it at once. Default:
    /// at once.
    pub lists_lag: Duration,
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
    /// What the customer's first message makes of a new ticket. Default: it is pending.
    pub first_message: FirstMessage,
    /// Which tickets `transfer_to_group` moves. Default: the pending ones.
    pub transfer: Transfer,
    /// A `groupKey` at a transfer that no team has. Default: refused.
    pub transfer_unknown: UnknownGroup,
    /// A transfer to the Default team. Default: refused.
    pub transfer_default: DefaultTeam,
    /// Every Sendbird id is that of a Chat user; else only those told with
    /// [`add_chat_user`](crate::Emulator::add_chat_user) and those of seeded tickets. Default: yes.
    pub any_chat_user: bool,
    /// Creating a customer that is there already. Default: the existing one is returned.
    pub existing_customer: ExistingCustomer,
    /// The close of a ticket in which nobody has written. Default: accepted.
    pub close_new: CloseNew,
    /// Changes to a closed ticket. Default: refused.
    pub closed_writes: ClosedWrites,
    /// The status of an answer about a ticket that does not exist. Default: 404.
    pub missing_status: u16,
    /// How a refusal is written. Default: with a code and a detail.
    pub error_form: ErrorForm,
    /// Whether answers say how many calls are left. Default: no.
    pub rate_headers: RateHeaders,
    /// So many calls are taken in any one second; the others are 429. Default: all.
    pub rate_limit: Option<u32>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            // All sources send a text, but for one that never looks at what came of its object.
            nested_fields: NestedFields::Refuse,
            // Three of Sendbird's pages say so of unknown keys and of values of a wrong type.
            unknown_key: Reaction::Drop,
            wrong_value: Reaction::Drop,
            bad_option: Reaction::Drop,
            option_case: OptionCase::Exact,
            long_key: TooLong::Refuse,
            long_value: TooLong::Refuse,
            value_unit: ValueUnit::Utf16,
            extra_field: Reaction::Drop,
            empty_value: Clearing::Store,
            null_value: Clearing::Keep,
            repeated_write: RepeatedWrite::Accept,
            normalise_integers: true,
            normalise_links: false,
            trim: true,
            ignored_parameters: BTreeSet::new(),
            channel_match: ChannelMatch::Exact,
            visible_after_lookups: 0,
            visible_after: Duration::ZERO,
            listed_after: Duration::ZERO,
            lists_lag: Duration::ZERO,
            newest_first: false,
            lists_show_fields: true,
            lists_count: true,
            // The most that `limit` may ask for.
            largest_page: 500,
            write_answer: WriteAnswer::Full,
            create_status: 201,
            strange_related: StrangeRelated::Take,
            unknown_group: UnknownGroup::Refuse,
            first_message: FirstMessage::Pending,
            // Desk's guide speaks of pending tickets only.
            transfer: Transfer::PendingOnly,
            transfer_unknown: UnknownGroup::Refuse,
            transfer_default: DefaultTeam::Refuse,
            any_chat_user: true,
            existing_customer: ExistingCustomer::Return,
            close_new: CloseNew::Accept,
            closed_writes: ClosedWrites::Refuse,
            missing_status: 404,
            error_form: ErrorForm::CodeAndDetail,
            rate_headers: RateHeaders::Absent,
            rate_limit: None,
        }
    }
}
