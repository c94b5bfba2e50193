//! What is ours on a ticket, what is somebody else's, and what is in doubt.
//!
//! A field is ours if the ticket holds the last value that we sent there and that Desk confirmed.
//! It stops being ours, for the life of the ticket, as soon as another value is seen there. A value
//! that was there already is not ours because we wanted the same. A try that may have written
//! leaves its values in doubt; the next look settles them: equal to the doubtful value means ours.
//! Priority and team follow the same rule.
//!
//! Pure. Knows no digests and no store: whoever calls says whether a text is the remembered one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ticket;
use crate::handoff::Stamp;
use crate::rules::{Overwrite, Priority};

/// The name under which the priority is remembered, beside the field keys.
pub const PRIORITY: &str = "$priority";
/// The name under which the team is remembered.
pub const TEAM: &str = "$team";

/// What is remembered of one field of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The ticket held this value when it was last seen, and we had sent it.
    Ours {
        /// Of the value as Desk spells it.
        digest: String,
        /// The order of the handoff that it came from.
        stamp: Stamp,
    },
    /// A value was seen there that we had not sent.
    NotOurs,
    /// As [`Mark::NotOurs`], and since then we replaced that value, as `always` allows.
    Taken {
        /// Of the value as Desk spells it.
        digest: String,
        /// The order of the handoff that it came from.
        stamp: Stamp,
    },
}

impl Mark {
    /// Whether it is known that the field is not ours.
    fn is_lost(&self) -> bool {
        matches!(self, Self::NotOurs | Self::Taken { .. })
    }
}

/// The marks of one ticket, by field key, [`PRIORITY`] and [`TEAM`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Marks(BTreeMap<String, Mark>);

/// How the texts of one look are recognised.
pub trait Recognise {
    /// The digest of this text in this field.
    fn digest(&self, field: &str, text: &str) -> String;

    /// The order of the handoff that may have written this text there without our knowing, if one
    /// did.
    fn doubtful(&self, field: &str, text: &str) -> Option<Stamp>;
}

impl Marks {
    /// The mark of a field.
    pub fn get(&self, field: &str) -> Option<&Mark> {
        self.0.get(field)
    }

    /// Desk confirmed that it holds this value of ours.
    pub fn confirm(&mut self, field: &str, digest: String, stamp: Stamp) {
        // Once lost, always lost: under `always` we replace a human's value, and should the rule
        // become `own`, the field is still not ours.
        let is_lost = self.0.get(field).is_some_and(Mark::is_lost);
        let mark =
            if is_lost { Mark::Taken { digest, stamp } } else { Mark::Ours { digest, stamp } };
        self.0.insert(field.to_owned(), mark);
    }

    /// Somebody else changed what Desk had taken from us.
    pub fn lose(&mut self, field: &str) {
        self.0.insert(field.to_owned(), Mark::NotOurs);
    }

    /// A handoff wanted what is there and ours already: from now on the value is this handoff's, if
    /// it is the newer one.
    pub fn renew(&mut self, field: &str, of: Stamp) {
        // Never back: an older handoff that wants the same must not open the field to those in
        // between.
        if let Some(Mark::Ours { stamp, .. } | Mark::Taken { stamp, .. }) = self.0.get_mut(field)
            && stamp.is_older_than(&of)
        {
            *stamp = of;
        }
    }

    /// Holds what a look showed against what is remembered. A ticket that does not show its fields
    /// settles none.
    pub fn settle(&mut self, shown: &Ticket, recognise: &dyn Recognise) {
        if let Some(fields) = &shown.fields {
            let is_blank = |field: &str| {
                // Priority and team are no fields, so that they are missing here says nothing.
                !field.starts_with('$')
                    && fields.get(field).is_none_or(|text| text.expose().trim().is_empty())
            };
            // A field that somebody emptied is anybody's again, unless it was lost before.
            self.0.retain(|field, mark| !is_blank(field) || mark.is_lost());
            // Lost before, and blank now: what we put in its place under `always` is gone, too.
            for (_, mark) in self.0.iter_mut().filter(|(field, _)| is_blank(field)) {
                *mark = Mark::NotOurs;
            }

            for (field, text) in fields {
                self.settle_text(field, text.expose(), recognise);
            }
        }

        let priority = shown.priority.as_deref().unwrap_or_default();
        // Desk gives MEDIUM to every ticket: that is nobody's value, unless a try of ours may have
        // written it.
        let is_default = priority == Priority::Medium.as_str()
            && !self.0.contains_key(PRIORITY)
            && recognise.doubtful(PRIORITY, priority).is_none();
        if !is_default {
            self.settle_text(PRIORITY, priority, recognise);
        }
        let team = shown.team.as_deref().unwrap_or_default();
        if team.is_empty() && self.0.contains_key(TEAM) {
            // Somebody moved it back to the Default team, which has no key.
            self.0.insert(TEAM.to_owned(), Mark::NotOurs);
        }
        self.settle_text(TEAM, team, recognise);
    }

    fn settle_text(&mut self, field: &str, text: &str, recognise: &dyn Recognise) {
        // An answer may leave the priority out, and a blank field is nobody's.
        if text.trim().is_empty() {
            return;
        }
        let now = recognise.digest(field, text);
        let known = self.0.get(field);
        if let Some(Mark::Ours { digest, .. } | Mark::Taken { digest, .. }) = known
            && *digest == now
        {
            return;
        }

        let is_lost = known.is_some_and(Mark::is_lost);
        let settled = match recognise.doubtful(field, text) {
            Some(stamp) if is_lost => Mark::Taken { digest: now, stamp },
            Some(stamp) => Mark::Ours { digest: now, stamp },
            None => Mark::NotOurs,
        };
        self.0.insert(field.to_owned(), settled);
    }
}

/// What to do about a value that is wanted in a field that holds another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send ours.
    Replace,
    /// Leave what is there.
    Keep,
}

/// The handoff that wants something, and the rule.
#[derive(Debug, Clone, Copy)]
pub struct Claimant {
    /// The rule.
    pub overwrite: Overwrite,
    /// The order of the handoff.
    pub stamp: Stamp,
    /// The order of the newest handoff of the conversation that was done.
    pub newest: Option<Stamp>,
}

impl Claimant {
    /// Decides about a field that holds another value than the wanted one.
    ///
    /// An older handoff replaces nothing that came from a newer one. What is nobody's of ours it
    /// replaces only under `always`, and only if it is not older than everything that was done.
    pub fn decide(&self, mark: Option<&Mark>) -> Decision {
        let replaces = match (self.overwrite, mark) {
            (Overwrite::Never, _) => false,
            (Overwrite::Own | Overwrite::Always, Some(Mark::Ours { stamp, .. }))
            | (Overwrite::Always, Some(Mark::Taken { stamp, .. })) => {
                !self.stamp.is_older_than(stamp)
            }
            (Overwrite::Own, Some(Mark::NotOurs | Mark::Taken { .. }) | None) => false,
            (Overwrite::Always, Some(Mark::NotOurs) | None) => {
                // Here is no stamp to compare with: the newest handoff that was done stands in for
                // it.
                !self.newest.is_some_and(|newest| self.stamp.is_older_than(&newest))
            }
        };
        if replaces { Decision::Replace } else { Decision::Keep }
    }
}

/// As it is stored: few bytes, for DynamoDB bills by the kilobyte. A mark is the digest and the
/// place of its stamp; one that is not ours is empty, or begins with `!`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    stamps: Vec<(Option<i64>, i64)>,
    #[serde(rename = "m", default, skip_serializing_if = "BTreeMap::is_empty")]
    marks: BTreeMap<String, String>,
}

impl From<Marks> for Stored {
    fn from(Marks(marks): Marks) -> Self {
        let mut stamps: Vec<(Option<i64>, i64)> = Vec::new();
        let mut place_of = |stamp: Stamp| {
            let stamp = (stamp.created, stamp.received);
            let place = stamps.iter().position(|known| *known == stamp).unwrap_or_else(|| {
                stamps.push(stamp);
                stamps.len() - 1
            });
            // Most marks of a ticket come from one handoff, so the first stamp takes no byte.
            if place == 0 { String::new() } else { format!(".{place}") }
        };

        let mut store = |mark: Mark| match mark {
            Mark::NotOurs => String::new(),
            Mark::Ours { digest, stamp } => format!("{digest}{}", place_of(stamp)),
            Mark::Taken { digest, stamp } => format!("!{digest}{}", place_of(stamp)),
        };
        let marks = marks.into_iter().map(|(field, mark)| (field, store(mark))).collect();

        Self { stamps, marks }
    }
}

impl From<Stored> for Marks {
    /// What cannot be read counts as not ours: nothing of a human's is lost by that.
    fn from(Stored { stamps, marks }: Stored) -> Self {
        let read = |text: &str| read_mark(text, &stamps).unwrap_or(Mark::NotOurs);
        Self(marks.into_iter().map(|(field, text)| (field, read(&text))).collect())
    }
}

/// A mark as it is stored; `None` for one that is not ours.
fn read_mark(text: &str, stamps: &[(Option<i64>, i64)]) -> Option<Mark> {
    let (is_taken, text) = text.strip_prefix('!').map_or((false, text), |text| (true, text));
    let (digest, place) = text.split_once('.').unwrap_or((text, "0"));
    let (created, received) = *stamps.get(place.parse::<usize>().ok()?)?;
    if digest.is_empty() {
        return None;
    }

    let (digest, stamp) = (digest.to_owned(), Stamp { created, received });
    Some(if is_taken { Mark::Taken { digest, stamp } } else { Mark::Ours { digest, stamp } })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Digests are the texts themselves; some texts are in doubt.
    #[derive(Default)]
    struct Texts(BTreeMap<&'static str, Vec<&'static str>>);

    impl Recognise for Texts {
        fn digest(&self, _: &str, text: &str) -> String {
            text.to_owned()
        }

        fn doubtful(&self, field: &str, text: &str) -> Option<Stamp> {
            self.0.get(field).is_some_and(|texts| texts.contains(&text)).then_some(at(5))
        }
    }

    fn at(received: i64) -> Stamp {
        Stamp { created: None, received }
    }

    fn showing(fields: &[(&str, &str)]) -> Ticket {
        let fields =
            fields.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned().into()));
        Ticket { id: 7, open: true, fields: Some(fields.collect()), ..Ticket::default() }
    }

    fn ours(text: &str, received: i64) -> Mark {
        Mark::Ours { digest: text.to_owned(), stamp: at(received) }
    }

    fn confirmed(text: &str) -> Marks {
        let mut marks = Marks::default();
        marks.confirm("tier", text.to_owned(), at(1));
        marks
    }

    #[test]
    fn value_that_was_there_is_not_ours() {
        let mut marks = Marks::default();
        marks.settle(&showing(&[("tier", "gold")]), &Texts::default());
        assert_eq!(marks.get("tier"), Some(&Mark::NotOurs));
    }

    #[test]
    fn confirmed_value_stays_ours() {
        let mut marks = confirmed("gold");
        marks.settle(&showing(&[("tier", "gold")]), &Texts::default());
        assert_eq!(marks.get("tier"), Some(&ours("gold", 1)));
    }

    /// A human put another value there, it was seen, and then the human put ours back.
    #[test]
    fn value_put_back_is_not_ours() {
        let mut marks = confirmed("gold");
        marks.settle(&showing(&[("tier", "silver")]), &Texts::default());
        marks.settle(&showing(&[("tier", "gold")]), &Texts::default());
        assert_eq!(marks.get("tier"), Some(&Mark::NotOurs));
        marks.confirm("tier", "gold".to_owned(), at(9));
        let taken = Mark::Taken { digest: "gold".to_owned(), stamp: at(9) };
        assert_eq!(marks.get("tier"), Some(&taken), "not ours for the life of the ticket");
    }

    /// A human put back what had been ours before our last write.
    #[test]
    fn lost_field_stays_lost_with_old_value() {
        let mut marks = confirmed("gold");
        marks.lose("tier");
        marks.settle(&showing(&[("tier", "gold")]), &Texts::default());
        assert_eq!(marks.get("tier"), Some(&Mark::NotOurs));
    }

    #[test]
    fn default_priority_that_we_may_have_written_is_ours() {
        let shown = Ticket { priority: Some("MEDIUM".to_owned()), ..showing(&[]) };
        let mut marks = Marks::default();
        marks.settle(&shown, &Texts::default());
        assert_eq!(marks.get(PRIORITY), None, "Desk gives it to every ticket");
        marks.settle(&shown, &Texts(BTreeMap::from([(PRIORITY, vec!["MEDIUM"])])));
        assert_eq!(marks.get(PRIORITY), Some(&ours("MEDIUM", 5)));
    }

    #[test]
    fn doubtful_value_that_stands_there_is_ours() {
        let texts = Texts(BTreeMap::from([("tier", vec!["silver"])]));
        for mut marks in [confirmed("gold"), Marks::default()] {
            marks.settle(&showing(&[("tier", "silver")]), &texts);
            assert_eq!(marks.get("tier"), Some(&ours("silver", 5)));
        }
    }

    #[test]
    fn doubtful_value_does_not_revive_lost_field() {
        let texts = Texts(BTreeMap::from([("tier", vec!["silver"])]));
        let mut marks = Marks::default();
        marks.settle(&showing(&[("tier", "human")]), &Texts::default());
        marks.settle(&showing(&[("tier", "silver")]), &texts);
        assert_eq!(
            marks.get("tier"),
            Some(&Mark::Taken { digest: "silver".to_owned(), stamp: at(5) })
        );
    }

    #[test]
    fn emptied_field_is_nobodys() {
        let mut marks = confirmed("gold");
        marks.settle(&showing(&[("tier", " ")]), &Texts::default());
        assert_eq!(marks.get("tier"), None);
    }

    #[test]
    fn ticket_without_fields_settles_none() {
        let mut marks = confirmed("gold");
        marks.settle(&Ticket { fields: None, ..showing(&[]) }, &Texts::default());
        assert_eq!(marks.get("tier"), Some(&ours("gold", 1)));
    }

    #[test]
    fn default_priority_counts_only_once_written() {
        let medium = Ticket { priority: Some("MEDIUM".into()), ..showing(&[]) };
        let mut marks = Marks::default();
        marks.settle(&medium, &Texts::default());
        assert_eq!(marks.get(PRIORITY), None);
        marks.confirm(PRIORITY, "HIGH".to_owned(), at(1));
        marks.settle(&medium, &Texts::default());
        assert_eq!(marks.get(PRIORITY), Some(&Mark::NotOurs), "a human chose the default");
    }

    #[test]
    fn default_team_counts_only_once_written() {
        let mut marks = Marks::default();
        marks.settle(&showing(&[]), &Texts::default());
        assert_eq!(marks.get(TEAM), None);
        marks.confirm(TEAM, "vip".to_owned(), at(1));
        marks.settle(&showing(&[]), &Texts::default());
        assert_eq!(marks.get(TEAM), Some(&Mark::NotOurs));
    }

    #[test]
    fn rule_and_order_decide() {
        let claimant = |overwrite, received, newest| Claimant {
            overwrite,
            stamp: at(received),
            newest: Some(at(newest)),
        };
        let ours = ours("x", 5);
        let taken = Mark::Taken { digest: "x".to_owned(), stamp: at(5) };

        for (claimant, mark, decision) in [
            (claimant(Overwrite::Own, 6, 5), Some(&ours), Decision::Replace),
            (claimant(Overwrite::Own, 4, 5), Some(&ours), Decision::Keep),
            // Older than the newest that was done, but not than the one that this value came from.
            (claimant(Overwrite::Own, 6, 9), Some(&ours), Decision::Replace),
            (claimant(Overwrite::Own, 6, 5), Some(&Mark::NotOurs), Decision::Keep),
            (claimant(Overwrite::Own, 6, 5), None, Decision::Keep),
            (claimant(Overwrite::Never, 6, 5), Some(&ours), Decision::Keep),
            (claimant(Overwrite::Always, 6, 5), Some(&Mark::NotOurs), Decision::Replace),
            (claimant(Overwrite::Always, 6, 9), Some(&Mark::NotOurs), Decision::Keep),
            (claimant(Overwrite::Always, 4, 9), Some(&ours), Decision::Keep),
            (claimant(Overwrite::Always, 6, 9), Some(&taken), Decision::Replace),
            (claimant(Overwrite::Always, 4, 5), Some(&taken), Decision::Keep),
            (claimant(Overwrite::Own, 6, 5), Some(&taken), Decision::Keep),
        ] {
            assert_eq!(claimant.decide(mark), decision, "{claimant:?} {mark:?}");
        }
    }

    #[test]
    fn renewal_keeps_newest_order() {
        let mut marks = confirmed("gold");
        marks.renew("tier", at(3));
        marks.renew("tier", at(2));
        assert_eq!(marks.get("tier"), Some(&ours("gold", 3)));
        marks.renew("other", at(3));
        assert_eq!(marks.get("other"), None);
    }

    fn any_mark() -> impl Strategy<Value = Mark> {
        let stamp = (prop::option::of(0..3i64), 0..3i64);
        let mark = |(is_taken, digest, (created, received))| {
            let stamp = Stamp { created, received };
            if is_taken { Mark::Taken { digest, stamp } } else { Mark::Ours { digest, stamp } }
        };
        let written = (any::<bool>(), "[a-z]{8}", stamp).prop_map(mark);
        prop_oneof![written, Just(Mark::NotOurs)]
    }

    proptest! {
        #[test]
        fn marks_survive_storage(marks in prop::collection::btree_map("[a-z$]{1,5}", any_mark(), 0..20)) {
            let marks = Marks(marks);
            let stored = serde_json::to_string(&marks).unwrap();
            prop_assert_eq!(serde_json::from_str::<Marks>(&stored).unwrap(), marks);
        }

        /// Whatever a human does, a field that was once seen with another value is never ours
        /// again.
        #[test]
        fn lost_field_stays_lost(
            history in prop::collection::vec((any::<bool>(), select(vec!["a", "b", "c"])), 0..12),
        ) {
            let (mut marks, mut stored, mut is_lost) = (Marks::default(), "", false);
            for (by_us, text) in history {
                let shown = showing(&[("tier", stored)]);
                let was_ours = matches!(marks.get("tier"), Some(Mark::Ours { digest, .. }) if *digest == stored);
                marks.settle(&shown, &Texts::default());
                is_lost |= !stored.is_empty() && !was_ours;
                let is_ours = matches!(marks.get("tier"), Some(Mark::Ours { .. }));
                prop_assert!(!(is_lost && is_ours));
                if by_us && (stored.is_empty() || is_ours) {
                    marks.confirm("tier", text.to_owned(), at(1));
                }
                stored = text;
            }
        }
    }
}
