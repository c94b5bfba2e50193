//! Log lines as JSON on standard output, where Lambda collects them.
//!
//! `LOG_LEVEL` moves this crate's own lines only. Libraries stay at warnings whatever it says,
//! because at their finest levels they print requests and answers, and those hold secrets and
//! customers' values.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets the process up; a second call does nothing. A filter that cannot be read counts as `info`.
pub fn init(filter: &str) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let parsed = filter.parse::<Targets>();
    let unusable = parsed.is_err() && !filter.trim().is_empty();
    let wanted = parsed.unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    // That it is set up already is no error: tests share one process.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(wanted)
        .with(filter_fn(may_be_said))
        .try_init();

    if unusable {
        tracing::warn!("LOG_LEVEL is not a tracing filter; info is used");
    }
}

/// Whatever the filter says: libraries warn, the Lambda runtime informs, only this crate goes
/// further.
pub fn may_be_said(line: &Metadata<'_>) -> bool {
    let crate_name = line.target().split("::").next().unwrap_or_default();
    let ceiling = match crate_name {
        "desk_handoff" | "api" => Level::TRACE,
        "lambda_runtime" | "Lambda runtime invoke" => Level::INFO,
        _ => Level::WARN,
    };
    *line.level() <= ceiling
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_never_print_requests_and_answers() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        with_default(
            tracing_subscriber::registry().with(layer).with(filter_fn(may_be_said)),
            || {
                tracing::info!(target: "aws_smithy_runtime::client", "hidden");
                tracing::debug!(target: "reqwest::connect", "hidden");
                tracing::debug!(target: "lambda_runtime::layers", "hidden");
                tracing::warn!(target: "hyper_util", "shown 1");
                tracing::info!(target: "lambda_runtime", "shown 2");
                tracing::trace!(target: "desk_handoff::process", "shown 3");
            },
        );

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            (text.matches("shown").count(), text.matches("hidden").count()),
            (3, 0),
            "{text}"
        );
    }
}
