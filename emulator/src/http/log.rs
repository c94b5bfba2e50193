//! What was request, in the order it came, and with what status it was answered. It keeps everything,
//! also what was cut or never answered, until told to forget; bodies included, for all that is sent
//! here is invented.

use crate::http::request::ApiRequest;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method, in capitals.
    pub method: String,
    /// The path as sent, from `/platform/v1` or `/v3`.
    pub path: String,
    /// The query as sent, without its question mark.
    pub query: Option<String>,
    /// The body as sent.
    pub body: String,
    /// The status of the answer, when there was one.
    pub status: Option<u16>,
    /// How many requests had been answered when it came: those with the same number were under way
    /// together.
    pub answered_before: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    seen: Vec<(u64, Seen)>,
    unknown: Vec<String>,
    arrivals: u64,
    answered: usize,
}

impl Log {
    /// Writes a request down and gives the number by which its answer is added.
    pub(crate) fn arrived(&mut self, request: &ApiRequest) -> u64 {
        self.arrivals += 1;
        let seen = Seen {
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().map(str::to_owned),
            body: request.body.clone(),
            status: None,
            answered_before: self.answered,
        };
        self.seen.push((self.arrivals, seen));

        self.arrivals
    }

    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        self.answered += 1;
        // By its number and not its place: the log may have been cleared while it was under way.
        if let Some((_, seen)) = self.seen.iter_mut().find(|(known, _)| *known == number) {
            seen.status = Some(status);
        }
    }

    /// Notes that no route knew this request.
    pub(crate) fn unknown(&mut self, request: &ApiRequest) {
        self.unknown.push(format!("{} {}", request.method, request.uri));
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.iter().map(|(_, seen)| seen.clone()).collect()
    }

    pub(crate) fn all_unknown(&self) -> Vec<String> {
        self.unknown.clone()
    }

    /// Forgets the requests, but not those that no route knew.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }
}
