//! Judges a run of the probe, which asks a Desk what nobody documented by means of one test ticket:
//! going by Desk's tickets before and after it, by the calls that Desk saw, and by what the run
//! said at its end. It knows no call of the probe and no state of its own.

use std::collections::BTreeMap;

/// A ticket as Desk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its title.
    pub title: String,
    /// The user whose ticket it is.
    pub user: String,
    /// Whether it is open.
    pub is_open: bool,
    /// Everything of it, as a text.
    pub all: String,
}

/// A call that Desk saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method, in capitals.
    pub method: String,
    /// The path.
    pub path: String,
    /// The body.
    pub body: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Desk's tickets before it, by number.
    pub before: BTreeMap<u64, Ticket>,
    /// Those after it.
    pub after: BTreeMap<u64, Ticket>,
    /// What Desk saw of it, in order.
    pub calls: Vec<Call>,
    /// What it said when it ended; `None`: it did not end.
    pub said: Option<String>,
    /// How long it took, in milliseconds.
    pub took: u64,
}

/// What is agreed about a run.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The title of the test ticket.
    pub title: &'a str,
    /// Whose ticket it is.
    pub user: &'a str,
    /// What must not be said.
    pub secrets: &'a [&'a str],
    /// The most calls.
    pub calls: usize,
    /// The longest time, in milliseconds.
    pub longest: u64,
}

/// What this run does against what is promised.
pub fn judge(run: &Run, terms: &Terms<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    judge_ticket(run, terms, &mut broken);
    judge_others(run, terms, &mut broken);
    judge_words(run, terms, &mut broken);
    if run.calls.len() > terms.calls {
        broken.push(format!("it made {} calls", run.calls.len()));
    }
    if run.took > terms.longest {
        broken.push(format!("it took {} ms", run.took));
    }

    broken
}

/// One test ticket at the most, the user's own; closed, or named.
fn judge_ticket(run: &Run, terms: &Terms<'_>, broken: &mut Vec<String>) {
    let is_new = |id: &&u64| !run.before.contains_key(*id);
    let made: Vec<&u64> = run.after.keys().filter(is_new).collect();
    if made.len() > 1 {
        broken.push(format!("it made {} tickets: {made:?}", made.len()));
    }
    for id in made {
        let ticket = &run.after[id];
        if ticket.title != terms.title || ticket.user != terms.user {
            broken.push(format!("it made ticket {id} {:?} of {}", ticket.title, ticket.user));
        }
    }

    let said = run.said.as_deref().unwrap_or_default();
    let is_open_test =
        |(_, ticket): &(&u64, &Ticket)| ticket.is_open && ticket.title == terms.title;
    let open: Vec<&u64> = run.after.iter().filter(is_open_test).map(|(id, _)| id).collect();
    if open.len() > 1 {
        broken.push(format!("the test tickets {open:?} are open"));
    }
    for id in open {
        // Without an answer to its create nobody can know the number: then the title names it.
        let is_named = said.contains(&id.to_string()) || said.contains(terms.title);
        if run.said.is_some() && !is_named {
            broken.push(format!("ticket {id} is open, and the run does not say so: {said:?}"));
        }
    }
}

/// Nothing of anybody else's changes, and no write even names it.
fn judge_others(run: &Run, terms: &Terms<'_>, broken: &mut Vec<String>) {
    for (id, before) in &run.before {
        let is_test = before.title == terms.title && before.user == terms.user;
        if !is_test && run.after.get(id) != Some(before) {
            broken.push(format!("ticket {id} of {} is not as it was", before.user));
        }
        let of_ticket = format!("/tickets/{id}");
        let names = |call: &&Call| {
            call.path.ends_with(&of_ticket)
                || call.path.contains(&format!("{of_ticket}/"))
                || call.path.ends_with("transfer_to_group") && call.body.contains(&id.to_string())
        };
        if let Some(call) =
            run.calls.iter().filter(|call| call.method != "GET").find(names).filter(|_| !is_test)
        {
            broken.push(format!("{} {} is about another ticket", call.method, call.path));
        }
    }

    let known: Vec<&str> = run.before.values().map(|ticket| ticket.user.as_str()).collect();
    let strange = run.calls.iter().find(|call| {
        call.method == "POST"
            && call.path.trim_end_matches('/').ends_with("/customers")
            && !known.iter().any(|user| call.body.contains(user))
    });
    if let Some(call) = strange {
        broken.push(format!("it may have made a customer: {}", call.body));
    }
}

/// It ends with a sentence that says what became of the ticket, and gives nothing away.
fn judge_words(run: &Run, terms: &Terms<'_>, broken: &mut Vec<String>) {
    let Some(said) = &run.said else { return };
    if said.split_whitespace().count() < 4 || !said.contains("test ticket") {
        broken.push(format!("it says {said:?} at its end"));
    }
    if terms.secrets.iter().any(|secret| said.contains(secret)) {
        broken.push("it says a secret at its end".to_owned());
    }
    // What it says of the ticket is true.
    for (id, ticket) in run.after.iter().filter(|(_, ticket)| ticket.title == terms.title) {
        if ticket.is_open && said.contains(&format!("test ticket {id} is closed")) {
            broken.push(format!("it says that ticket {id} is closed, and it is open"));
        }
        if said.contains("no test ticket was made") && !run.before.contains_key(id) {
            broken.push(format!("it says that no ticket was made, and {id} was"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms<'_> = Terms {
        title: "probe: a test",
        user: "ann",
        secrets: &["s3cret"],
        calls: 2,
        longest: 1_000,
    };

    fn ticket(title: &str, user: &str, is_open: bool) -> Ticket {
        Ticket { title: title.to_owned(), user: user.to_owned(), is_open, all: String::new() }
    }

    fn call(method: &str, path: &str) -> Call {
        Call { method: method.to_owned(), path: path.to_owned(), body: "{}".to_owned() }
    }

    /// Bob's ticket 1 was there; Ann's test ticket 2 was made and closed.
    fn clean() -> Run {
        let before = BTreeMap::from([(1, ticket("bob's", "bob", true))]);
        let mut after = before.clone();
        after.insert(2, ticket("probe: a test", "ann", false));
        let calls = vec![call("POST", "/tickets"), call("PATCH", "/tickets/2/close")];
        let said = Some("all was asked; the test ticket 2 is closed".to_owned());
        Run { before, after, calls, said, took: 900 }
    }

    #[test]
    fn clean_run_breaks_nothing() {
        assert_eq!(judge(&clean(), &TERMS), Vec::<String>::new());
    }

    #[test]
    fn every_planted_defect_is_found() {
        type Plant = fn(&mut Run);
        let defects: [(&str, Plant); 11] = [
            ("made 2 tickets", |run| {
                drop(run.after.insert(3, ticket("probe: a test", "ann", false)))
            }),
            ("of bob", |run| drop(run.after.insert(2, ticket("probe: a test", "bob", false)))),
            ("\"other\"", |run| drop(run.after.insert(2, ticket("other", "ann", false)))),
            ("is open, and the run", |run| {
                run.after.insert(2, ticket("probe: a test", "ann", true));
                run.said = Some("something went wrong with a test ticket".to_owned());
            }),
            ("and it is open", |run| {
                drop(run.after.insert(2, ticket("probe: a test", "ann", true)))
            }),
            ("that no ticket was made", |run| {
                run.said = Some("it broke; no test ticket was made".to_owned());
            }),
            ("not as it was", |run| drop(run.after.insert(1, ticket("bob's", "bob", false)))),
            ("about another ticket", |run| run.calls[1] = call("PATCH", "/tickets/1")),
            ("made a customer", |run| run.calls[1] = call("POST", "/customers")),
            ("3 calls", |run| run.calls.push(call("GET", "/tickets"))),
            ("a secret", |run| run.said = Some("s3cret: the test ticket 2 is closed".to_owned())),
        ];
        for (why, plant) in defects {
            let mut run = clean();
            plant(&mut run);
            let broken = judge(&run, &TERMS);
            assert!(broken.iter().any(|broken| broken.contains(why)), "{why}: {broken:?}");
        }
    }

    #[test]
    fn ticket_without_answer_is_named_by_title() {
        let mut run = clean();
        run.after.insert(2, ticket("probe: a test", "ann", true));
        run.said =
            Some("it broke; a test ticket called \"probe: a test\" may have been made".to_owned());
        assert_eq!(judge(&run, &TERMS), Vec::<String>::new());
    }
}
