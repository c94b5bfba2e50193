//! The time of day as Desk writes it: ISO 8601 in UTC with microseconds.
//! It takes the machine's clock for right and knows no time zone.

use std::time::SystemTime;

use humantime::format_rfc3339_micros;

pub(crate) fn now() -> String {
    format_rfc3339_micros(SystemTime::now()).to_string()
}
