//! What the page stands on: the shipped code that is served, its Desk, and the fields document as it
//! is now.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use desk_emulator::Emulator;
use desk_handoff::config::AppId;
use desk_handoff::json_reader::ReadError;
use desk_handoff::rules::Rules;
use desk_handoff::secrets::FIELDS;
use tokio::sync::watch;

use crate::input::fields::Fields;
use crate::local::Local;
use crate::local::recorders::Written;
use crate::page::writers::{Writer, Writers};

/// Everything that the page shows or changes.
pub(crate) struct Page {
    pub(crate) local: Arc<Local>,
    /// None if the Desk is somebody's own: there nothing is broken on purpose.
    pub(crate) desk: Option<Embedded>,
    pub(crate) served: Served,
    /// What the page's own scripts send with every change.
    pub(crate) token: String,
    /// Says when the server ends.
    pub(crate) ends: watch::Receiver<bool>,
    fields: Mutex<Fields>,
}

/// What is served, and where.
pub(crate) struct Served {
    pub(crate) app_id: AppId,
    pub(crate) address: SocketAddr,
    pub(crate) desk_url: String,
    /// The profile by which the embedded Desk behaves, as its file is called.
    pub(crate) profile: Option<String>,
}

/// The embedded Desk.
#[derive(Clone)]
pub(crate) struct Embedded {
    pub(crate) emulator: Arc<Emulator>,
    writers: Arc<Mutex<Writers>>,
}

impl Embedded {
    pub(crate) fn new(emulator: Arc<Emulator>) -> Self {
        Self { emulator, writers: Arc::default() }
    }

    /// Notes who has just written on this ticket; gives what has changed.
    pub(crate) fn look(&self, ticket: u64, who: Writer) -> Vec<String> {
        let shown = self.emulator.ticket(ticket);
        shown.map(|shown| self.writers().look(&shown, who)).unwrap_or_default()
    }

    /// Who wrote a value, if it is known.
    pub(crate) fn writer(&self, ticket: u64, key: &str) -> Option<Writer> {
        self.writers().of(ticket, key)
    }

    fn after_write(&self, written: &Written) -> Vec<(u64, String)> {
        let tickets = match written.ticket {
            Some(ticket) => vec![ticket],
            // The path of a create names no ticket: it is one that nobody has looked at.
            None => {
                let mut all = self.emulator.ticket_ids();
                all.retain(|id| self.writers().is_new(*id));
                all
            }
        };
        let looked = tickets.into_iter().map(|id| (id, self.look(id, Writer::Us)));
        looked.flat_map(|(id, keys)| keys.into_iter().map(move |key| (id, key))).collect()
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    pub(crate) fn new(
        local: Arc<Local>,
        desk: Option<Embedded>,
        served: Served,
        ends: watch::Receiver<bool>,
        fields: Fields,
    ) -> Self {
        if let Some(desk) = desk.clone() {
            let journal = Arc::clone(&local.journal);
            let after_write = move |entry: Option<u64>, written: &Written| {
                let changes = desk.after_write(written);
                if let Some(entry) = entry.filter(|_| !changes.is_empty()) {
                    journal.note(entry, |entry| entry.changes.extend(changes));
                }
            };
            // Nobody else sets it.
            let _ = local.after_write.set(Box::new(after_write));
        }
        let token = random();
        let fields = Mutex::new(fields);
        Self { local, desk, served, token, ends, fields }
    }

    /// The fields document that holds now, as text.
    pub(crate) fn fields_text(&self) -> String {
        self.fields().text.clone()
    }

    /// The same, as it is read.
    pub(crate) fn rules(&self) -> Rules {
        self.fields().rules.clone()
    }

    /// Lets this fields document hold from now on, here and in the embedded Desk.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub(crate) fn use_fields(&self, text: String) -> Result<(), Vec<ReadError>> {
        let fields = Fields::of(text)?;
        self.local.parameters.set(FIELDS, fields.text.as_str());
        if let Some(desk) = &self.desk {
            desk.emulator.define_fields(fields.definitions());
        }
        *self.fields() = fields;
        self.local.journal.touch();
        Ok(())
    }

    fn fields(&self) -> MutexGuard<'_, Fields> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 bits that nobody can guess, as hex digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
