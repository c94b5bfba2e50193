//! Records as lines of the log in CloudWatch's Embedded Metric Format, from which CloudWatch takes
//! the metrics by itself.
//!
//! A line is one JSON object: the metrics, their dimensions, and beside them what
//! finds the handoff again (ids, outcomes, names of missed keys), which makes no metric. Formatting
//! is metrique's.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Mutex;
use std::time::SystemTime;

use metrique_writer_core::format::Format as _;
use metrique_writer_core::unit::{Count, WithUnit};
use metrique_writer_core::{Entry, EntryWriter};
use metrique_writer_format_emf::Emf as Format;

use crate::metrics::{DIMENSIONS, NAMESPACE, REFUSAL_DIMENSIONS, Record, Refusals, Sink};

/// Writes records as lines.
pub struct Emf<W> {
    stack: String,
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    records: Format,
    refusals: Format,
    out: W,
}

impl<W: Write + Send> Emf<W> {
    /// For a stack of this name, onto `out`.
    pub fn new(stack: String, out: W) -> Self {
        // One for each set of dimensions: they are a part of the format and not of the line.
        let format = |dimensions: &[&str]| {
            let dimensions = dimensions.iter().map(|name| (*name).to_owned()).collect();
            Format::builder(NAMESPACE.to_owned(), vec![dimensions]).build()
        };
        let inner =
            Inner { records: format(&DIMENSIONS), refusals: format(&REFUSAL_DIMENSIONS), out };
        Self { stack, inner: Mutex::new(inner) }
    }

    /// One line at once, so that no other line of the log can come between. A log that takes
    /// nothing stops nothing.
    fn write(&self, format: impl Fn(&mut Inner<W>) -> &mut Format, entry: &impl Entry) {
        let mut inner = self.inner.lock().expect("formatting does not panic");
        let mut line = Vec::with_capacity(1024);
        match format(&mut inner).format(entry, &mut line) {
            // Flushed, because Lambda may freeze the process as soon as it has answered.
            Ok(()) => drop(inner.out.write_all(&line).and_then(|()| inner.out.flush())),
            Err(error) => tracing::warn!(%error, "a record could not be written"),
        }
    }
}

impl<W: Write + Send> Sink for Emf<W> {
    fn record(&self, record: &Record) {
        self.write(|inner| &mut inner.records, &RecordLine { stack: &self.stack, record });
    }

    fn refusals(&self, refusals: &Refusals, at: SystemTime) {
        self.write(|inner| &mut inner.refusals, &RefusalsLine { stack: &self.stack, refusals, at });
    }
}

struct RecordLine<'r> {
    stack: &'r str,
    record: &'r Record,
}

impl Entry for RecordLine<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        let record = self.record;
        writer.timestamp(record.at);
        writer.value(DIMENSIONS[0], self.stack);
        writer.value(DIMENSIONS[1], record.route.as_str());
        properties(writer, record);
        count(writer, record.status.metric(), 1);
        for (outcome, number) in &record.outcomes {
            // Each is counted under its own name: `FieldUnmatched`.
            count(writer, format!("Field{outcome:?}"), *number);
        }
        count(writer, "WithoutField", record.is_without_field().into());
        count(writer, "DeskCalls", record.desk_calls.into());
        writer.value("DeskTime", &(record.desk_calls > 0).then_some(record.desk_time));
        writer.value("Duration", &record.duration);
        writer.value("QueueDelay", &record.queue_delay);
        count(writer, "ColdStart", record.cold_start.into());
        count(writer, "StaleSecrets", record.stale_secrets);
        count(writer, "Remarks", record.remarks.len() as u64);
        count(writer, "OtherOpenTickets", record.other_open_tickets);

        count(writer, "OpeningMessageMissing", record.is_invisible.into());
    }
}

struct RefusalsLine<'r> {
    stack: &'r str,
    refusals: &'r Refusals,
    at: SystemTime,
}

impl Entry for RefusalsLine<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(self.at);
        writer.value(REFUSAL_DIMENSIONS[0], self.stack);
        count(writer, "RefusedSignature", self.refusals.signature);
        count(writer, "RefusedBody", self.refusals.body);
        count(writer, "RefusedRequest", self.refusals.request);
    }
}

/// Texts become members of the line and no metrics.
fn properties<'a>(writer: &mut impl EntryWriter<'a>, record: &'a Record) {
    writer.value("request_id", record.request_id.as_str());
    if let Some(subject) = &record.subject {
        writer.value("app_id", subject.app_id.as_str());
        writer.value("event_id", subject.event_id.as_str());
        writer.value("conversation_id", &subject.conversation_id);
        writer.value("channel_url", &subject.channel_url);
    }

    let numbers =
        [("ticket_id", record.ticket_id), ("receive_count", record.receive_count.map(u64::from))];
    for (name, number) in numbers {
        // As a text: a number would become a metric, and a metric is paid for.
        writer.value(name, &number.map(|number| number.to_string()));
    }
    writer.value("status", record.status.metric());
    writer.value("reason", &record.reason);
    if !record.remarks.is_empty() {
        writer.value("remarks", record.remarks.join(", ").as_str());
    }

    if !record.missed.is_empty() {
        writer.value("missed", record.missed.join(", ").as_str());
    }
}

/// Nothing is no data point: CloudWatch is paid for by the metric.
fn count<'a>(writer: &mut impl EntryWriter<'a>, name: impl Into<Cow<'a, str>>, number: u64) {
    if number > 0 {
        writer.value(name, &WithUnit::<u64, Count>::from(number));
    }
}
