//! Everything that a person or a machine sees: lines and tables on standard output, notes and
//! errors on standard error.
//!
//! A terminal gets colours, rules and wrapped text; a pipe gets plain columns, one line an entry. A
//! reader that goes away early is no error. What comes from a file is shown without its control
//! characters, so that no value can play with the terminal.

pub(crate) mod answer;
pub(crate) mod explain;
pub(crate) mod outcomes;
pub(crate) mod ticket;
pub(crate) mod words;

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, StdoutLock, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::{
    Attribute, Cell, Color as Paint, ColumnConstraint, ContentArrangement, LineStyle, Table, Width,
    presets,
};
use serde_json::Value;

use crate::args::Color;
use crate::output::explain::Tone;

/// For a terminal that does not say its width.
const USUAL_WIDTH: u16 = 80;
/// Narrower than this nothing can be read.
const LEAST_WIDTH: u16 = 40;

/// Of what stands under a heading.
const INDENT: u16 = 2;

const STRONG: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Where a command writes.
pub(crate) struct Out {
    stream: AutoStream<StdoutLock<'static>>,
    /// Of the terminal, if there is one.
    width: Option<u16>,
    begun: bool,
    failed: Option<io::Error>,
}

impl Out {
    /// The process's own. The choice holds for standard error, too.
    pub(crate) fn stdout(color: Color) -> Self {
        let (choice, is_terminal) = match color {
            Color::Auto => (ColorChoice::Auto, io::stdout().is_terminal()),
            Color::Always => (ColorChoice::Always, true),
            Color::Never => (ColorChoice::Never, false),
        };
        choice.write_global();

        let stream = AutoStream::new(io::stdout().lock(), choice);
        Self { stream, width: is_terminal.then(width), begun: false, failed: None }
    }

    /// One line, or several.
    pub(crate) fn line(&mut self, text: impl Display) {
        self.begun = true;
        if self.failed.is_none() {
            // Each line at once: `serve` is up for hours, and a pipe would keep its lines back.
            self.failed = writeln!(self.stream, "{text}").and_then(|()| self.stream.flush()).err();
        }
    }

    /// One document for a machine. What JSON leaves as it is of control characters is spelt out
    /// too: colours are taken out of a pipe, and a value must not go with them.
    pub(crate) fn json(&mut self, document: &Value) {
        let spelt = |char: char| match char {
            // Within a text JSON spells a line break out: this one is of the layout.
            '\n' => "\n".to_owned(),
            _ if char.is_control() => format!("\\u{:04x}", u32::from(char)),
            _ => char.to_string(),
        };
        let text: String = format!("{document:#}").chars().map(spelt).collect();
        self.line(text);
    }

    /// A line that stands out, and a blank one before it unless it is the first.
    pub(crate) fn heading(&mut self, text: &str) {
        self.styled(STRONG, text);
    }

    /// What the next part of the output is of.
    pub(crate) fn title(&mut self, text: &str) {
        self.styled(NOTE, &format!("==> {text} <=="));
    }

    /// The same, for a line that says that all is well, or that it is not.
    pub(crate) fn result(&mut self, good: bool, text: &str) {
        self.styled(if good { GOOD } else { BAD }, text);
    }

    fn styled(&mut self, style: Style, text: &str) {
        if self.begun {
            self.line("");
        }
        self.line(format_args!("{style}{}{style:#}", shown(text)));
    }

    /// Columns with a heading each.
    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<Cell>>) {
        let mut table = self.plain_table();
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        table.add_rows(rows);
        if self.width.is_some() {
            table.style_mut().header_separator = LineStyle::none().fill('─').junction('─');
        }
        self.show(&mut table, 0);
    }

    /// Names and what there is to say of each, indented.
    pub(crate) fn pairs<N: Display, T: Display>(
        &mut self,
        pairs: impl IntoIterator<Item = (N, T)>,
    ) {
        let mut table = self.plain_table();
        table.add_rows(pairs.into_iter().map(|(name, text)| vec![cell(name), cell(text)]));
        self.show(&mut table, INDENT);
    }

    /// Sentences, indented.
    pub(crate) fn text(&mut self, text: &str) {
        let mut table = self.plain_table();
        table.add_row(vec![cell(text)]);
        self.show(&mut table, INDENT);
    }

    fn plain_table(&self) -> Table {
        let mut table = Table::new();
        // Colours and width are decided here; the table is not to ask the terminal by itself.
        table.force_no_tty().enforce_styling().load_style(presets::NOTHING);
        table.style_text_only();
        if let Some(width) = self.width {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        table
    }

    fn show(&mut self, table: &mut Table, indent: u16) {
        if table.row_count() == 0 {
            return;
        }
        let text = self.laid_out(table, indent);

        self.line(text);
    }

    fn laid_out(&self, table: &mut Table, indent: u16) -> String {
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((if index == 0 { indent } else { 0 }, 2));
        }
        // The first column is what a person looks for; a long one must leave room for the others.
        if self.width.is_some()
            && table.column_count() > 1
            && let Some(column) = table.column_mut(0)
        {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(40)));
        }
        table.trim_fmt()
    }

    /// Something good to know, beside the output.
    pub(crate) fn note(&mut self, text: &str) {
        self.aside(NOTE, "note", text);
    }

    /// Why there is no output.
    pub(crate) fn error(&mut self, text: &str) {
        self.aside(BAD, "error", text);
    }

    fn aside(&mut self, style: Style, kind: &str, text: &str) {
        let lines: Vec<String> = text.split('\n').map(shown).collect();
        let text = if self.width.is_some() {
            // Wrapped beside its kind, so that the eye finds where the next one begins.
            let mut table = self.plain_table();
            table.add_row(vec![Cell::new(format!("{kind}:")), Cell::new(lines.join("\n"))]);
            self.laid_out(&mut table, 0).replacen(&format!("{kind}:"), "", 1)
        } else {
            format!(" {}", lines.join("\n"))
        };
        // If standard error is gone too, there is nobody left to tell.
        let _ = writeln!(anstream::stderr().lock(), "{style}{kind}:{style:#}{text}");
    }

    /// What is wrong, or to be known, at a place of a file.
    pub(crate) fn finding(&mut self, is_error: bool, place: &str, message: &str) {
        let (style, kind) = if is_error { (BAD, "error") } else { (NOTE, "warning") };
        let (place, message) = (shown(place), shown(message));
        self.line(format_args!("{place}{style}{kind}:{style:#} {message}"));
    }

    /// For a person: the line of a file, and what of it is meant. In a pipe a finding is one line.
    pub(crate) fn excerpt(&mut self, line: &str, column: usize, meant: &str) {
        let Some(width) = self.width else { return };
        let (before, room) = (column.saturating_sub(1), usize::from(width.saturating_sub(4)));
        // A long line is shown from a little before what is meant.
        let skipped =
            if before + meant.chars().count() > room { before.saturating_sub(8) } else { 0 };
        let plain = |char: char| if char.is_control() { ' ' } else { char };
        let part: String = line.chars().map(plain).skip(skipped).take(room).collect();
        let marks = meant.chars().count().clamp(1, room.saturating_sub(before - skipped).max(1));
        let marked = format!("{}{}", " ".repeat(before - skipped), "^".repeat(marks));

        self.line(format_args!("    {part}"));
        self.line(format_args!("    {NOTE}{marked}{NOTE:#}"));
    }

    /// Whether all of it could be written. A reader who has seen enough is no failure.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// What is being done, on standard error: output is for what came of it.
pub(crate) fn progress(what: &str) {
    // If standard error is gone, there is nobody left to tell.
    let _ = writeln!(anstream::stderr().lock(), "{}", shown(what));
}

/// The width of the terminal; else what COLUMNS says.
fn width() -> u16 {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let known = Table::new().width().filter(|width| *width > 0).or_else(columns);
    known.unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH)
}

/// A cell of a table.
pub(crate) fn cell(text: impl Display) -> Cell {
    Cell::new(shown(&text.to_string()))
}

/// A cell in the colour of its tone.
pub(crate) fn toned(text: &str, tone: Tone) -> Cell {
    let cell = cell(text);
    match tone {
        Tone::Good => cell.fg(Paint::Green),
        Tone::Calm => cell.fg(Paint::DarkYellow),
        Tone::Bad => cell.fg(Paint::Red),
    }
}

/// The text with its control characters spelt out.
pub(crate) fn shown(text: &str) -> String {
    let spelt = |char: char| {
        if char.is_control() { char.escape_default().to_string() } else { char.to_string() }
    };
    text.chars().map(spelt).collect()
}
