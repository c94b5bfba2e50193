//! A call that is not done, and why. Knows nothing of HTTP but the status.

/// A call that is not done, and why. `code` is written as Desk or as Chat writes it; the numbers of
/// Desk are invented.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, 400_104, detail)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(401, 401_100, "The token is missing or is not valid.")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, 404_100, "Not found.")
    }

    pub(crate) fn misdirected() -> Self {
        Self::new(421, 421_100, "This Desk is not reached under that name.")
    }

    pub(crate) fn media_type(kind: &str) -> Self {
        Self::new(415, 415_100, format!("Unsupported media type {kind:?}."))
    }

    pub(crate) fn new(status: u16, code: u32, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail }
    }
}
