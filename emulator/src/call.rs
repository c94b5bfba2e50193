//! The calls of the API, and which of them a method and a path are. Pure. It takes the documented
//! paths, with and without a trailing slash, and no other: a path that is only guessed at anywhere
//! is no route here, so that a client which relies on it is found.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

/// One call of the API, to aim a [`Fault`](crate::Fault) at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Whichever of the others comes.
    Any,
    /// `GET /tickets`
    ListTickets,
    /// `GET /tickets/{id}`
    ViewTicket,
    /// `POST /tickets`
    CreateTicket,
    /// `PATCH /tickets/{id}`
    UpdateTicket,
    /// `PATCH /tickets/{id}/custom_fields`
    PatchFields,
    /// `PATCH /tickets/{id}/close`
    CloseTicket,
    /// `POST /tickets/transfer_to_group`
    TransferToGroup,
    /// `GET /customers`
    ListCustomers,
    /// `POST /customers`
    CreateCustomer,
    /// `GET /groups`
    ListGroups,
    /// Chat's `POST /group_channels/{channel_url}/messages`
    PostMessage,
    /// Chat's `GET /ai_agent/settings/webhook`
    ViewWebhookSetting,
    /// Chat's `PUT /ai_agent/settings/webhook`
    SetWebhookSetting,
}

impl Call {
    /// Whether it is answered by Chat, with Chat's token and Chat's shape of an error.
    pub(crate) fn is_chat(self) -> bool {
        // Without `_`: of a new call it must be said whose it is before this compiles.
        match self {
            Self::PostMessage | Self::ViewWebhookSetting | Self::SetWebhookSetting => true,
            Self::Any
            | Self::ListTickets
            | Self::ViewTicket
            | Self::CreateTicket
            | Self::UpdateTicket
            | Self::PatchFields
            | Self::CloseTicket
            | Self::TransferToGroup
            | Self::ListCustomers
            | Self::CreateCustomer
            | Self::ListGroups => false,
        }
    }
}

/// A call and the id or channel in its path, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) call: Call,
    pub(crate) subject: String,
}

impl Route {
    pub(crate) fn find(method: &Method, path: &str) -> Option<Self> {
        // Working code writes paths with it and without it.
        let path = path.strip_suffix('/').unwrap_or(path);
        let (find, rest): (Table, _) = match path.strip_prefix("/platform/v1/") {
            Some(rest) => (desk, rest),
            None => (chat, path.strip_prefix("/v3/")?),
        };
        let segments: Vec<&str> = rest.split('/').collect();
        let (call, subject) = find(method.as_str(), &segments)?;
        Some(Self { call, subject: decoded(subject) })
    }

    /// The id in the path, if it is one.
    pub(crate) fn id(&self) -> Option<u64> {
        self.subject.parse().ok()
    }
}

type Table = for<'a> fn(&str, &[&'a str]) -> Option<(Call, &'a str)>;

fn desk<'a>(method: &str, segments: &[&'a str]) -> Option<(Call, &'a str)> {
    Some(match (method, segments) {
        ("GET", ["tickets"]) => (Call::ListTickets, ""),
        ("POST", ["tickets"]) => (Call::CreateTicket, ""),
        ("POST", ["tickets", "transfer_to_group"]) => (Call::TransferToGroup, ""),
        ("GET", ["tickets", id]) => (Call::ViewTicket, id),
        ("PATCH", ["tickets", id]) => (Call::UpdateTicket, id),
        ("PATCH", ["tickets", id, "custom_fields"]) => (Call::PatchFields, id),
        ("PATCH", ["tickets", id, "close"]) => (Call::CloseTicket, id),
        ("GET", ["customers"]) => (Call::ListCustomers, ""),
        ("POST", ["customers"]) => (Call::CreateCustomer, ""),
        ("GET", ["groups"]) => (Call::ListGroups, ""),
        _ => return None,
    })
}

fn chat<'a>(method: &str, segments: &[&'a str]) -> Option<(Call, &'a str)> {
    match (method, segments) {
        ("POST", ["group_channels", channel_url, "messages"]) => {
            Some((Call::PostMessage, channel_url))
        }
        ("GET", ["ai_agent", "settings", "webhook"]) => Some((Call::ViewWebhookSetting, "")),
        ("PUT", ["ai_agent", "settings", "webhook"]) => Some((Call::SetWebhookSetting, "")),
        _ => None,
    }
}

/// A path segment with its `%xx` resolved; one that is no text then is left as it is.
fn decoded(segment: &str) -> String {
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map_or_else(|_| segment.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Method, path: &str) -> Option<Call> {
        Route::find(&method, path).map(|route| route.call)
    }

    #[test]
    fn a_trailing_slash_changes_nothing() {
        assert_eq!(call(Method::GET, "/platform/v1/tickets/"), Some(Call::ListTickets));
        assert_eq!(call(Method::GET, "/platform/v1/tickets/7/"), Some(Call::ViewTicket));
        assert_eq!(call(Method::GET, "/platform/v1/tickets//"), Some(Call::ViewTicket));
    }

    #[test]
    fn the_transfer_is_not_a_ticket_of_that_name() {
        let path = "/platform/v1/tickets/transfer_to_group";
        assert_eq!(call(Method::POST, path), Some(Call::TransferToGroup));
    }

    #[test]
    fn the_paths_of_other_surfaces_are_no_routes() {
        assert_eq!(call(Method::PATCH, "/platform/v1/tickets/7/reopen"), None);
        assert_eq!(call(Method::GET, "/sapi/tickets"), None);
        assert_eq!(call(Method::GET, "/v3/tickets"), None);
    }

    #[test]
    fn an_escaped_channel_is_read() {
        let route = Route::find(&Method::POST, "/v3/group_channels/a%2Fb%zz%/messages").unwrap();
        assert_eq!(route.subject, "a/b%zz%");
    }
}
