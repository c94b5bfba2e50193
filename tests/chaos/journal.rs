//! What happened, written down as it happens, for the history of a conversation that went wrong.

use std::sync::Mutex;
use std::time::Instant;

use desk_emulator::Seen;

use crate::world::World;

/// Lines with the channel that they are about.
pub(crate) struct Journal {
    since: Instant,
    lines: Mutex<Vec<(String, String)>>,
    /// What the workers printed.
    logs: Mutex<Vec<String>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { since: Instant::now(), lines: Mutex::default(), logs: Mutex::default() }
    }
}

impl Journal {
    pub(crate) fn note(&self, channel: &str, what: impl AsRef<str>) {
        let line =
            format!("{:8.3} s  {channel}: {}", self.since.elapsed().as_secs_f64(), what.as_ref());
        self.lines.lock().unwrap().push((channel.to_owned(), line));
    }

    pub(crate) fn keep_log(&self, log: String) {
        self.logs.lock().unwrap().push(log);
    }

    /// The last that happened.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let last = lines.iter().skip(lines.len().saturating_sub(60));
        last.map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// All that is known of one conversation: its plan, what happened to it, what Desk was asked,
    /// what it holds.
    pub(crate) fn history(&self, world: &World, place: usize) -> String {
        let conversation = &world.script.conversations[place];
        let channel = &conversation.channel;
        let mut text = format!("history of {channel}, {}\n", conversation.user);

        for event in conversation.events.iter().map(|event| &world.script.events[*event]) {
            text += &format!("planned: {} {} {:?}\n", event.id, event.priority, event.fields);
        }
        for (_, line) in self.lines.lock().unwrap().iter().filter(|(about, _)| about == channel) {
            text += &format!("{line}\n");
        }

        let tickets = world.tickets_of(channel);
        for ticket in &tickets {
            text += &format!("ticket: {ticket}\n");
        }

        let ids: Vec<String> =
            tickets.iter().map(|ticket| format!("/tickets/{}", ticket["id"])).collect();
        for seen in world.desk.requests().iter().filter(|seen| concerns(seen, channel, &ids)) {
            text +=
                &format!("Desk: {} {} {:?} {}\n", seen.method, seen.path, seen.status, seen.body);
        }

        let about = format!("{channel}\"");
        for line in self
            .logs
            .lock()
            .unwrap()
            .iter()
            .flat_map(|log| log.lines())
            .filter(|line| line.contains(&about))
        {
            text += &format!("worker: {line}\n");
        }

        text
    }
}

fn concerns(seen: &Seen, channel: &str, ids: &[String]) -> bool {
    let names = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == channel)
    };
    let ends = |id: &String| seen.path.ends_with(id) || seen.path.contains(&format!("{id}/"));
    names(&seen.body) || seen.query.as_deref().is_some_and(names) || ids.iter().any(ends)
}
