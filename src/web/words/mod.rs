//! The words of the pages. A language that lacks one does not compile. Identifiers are never translated: names, tags,
//! annotations, commands, and what clusters, registries and makers say.

mod english;
mod french;
mod labels;
mod things;

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub(super) use crate::domain::span::Span;
pub(super) use labels::Labels;
pub(super) use things::{Button, Care, Check, Did, FactName, FilterName, Said, Sure, Tick, Titled};

use super::backend::{Sight, Unseen};
use crate::access::Role;
use crate::api::NotInForce;
use crate::api::view::{
    ApprovalsView, ChangeView, ClosedChannelView, ContainerView, DeliveryView, GivenView, QuestionView, RegistryHealth,
    SourceHealth, StoppedView, WorkloadView,
};
use crate::domain::accepted::accepted;
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::owner::{Owner, OwnerTold, OwnerView};
use crate::domain::policy::Mode;
use crate::domain::record::AsksOnly;
use crate::domain::release::Language;
use crate::domain::view::{Attention, Gist, Led};
use crate::message::Catalogue;

/// So many causes are written out of why workloads can't be read, and so many names beside each.
const MOST_UNREAD: usize = 4;

/// What can't be read, by why: `shop/deployments, shop/daemonsets (the API server's words)`.
fn unread(words: &dyn Words, unseen: &[Unseen]) -> String {
    let mut causes: Vec<(&str, Vec<String>)> = Vec::new();
    for one in unseen {
        let name = format!("{}/{}", one.namespace.as_deref().unwrap_or("*"), one.resource);
        match causes.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, names)) => names.push(name),
            None => causes.push((&one.why, vec![name])),
        }
    }
    let cut = |all: &[String], between: &str| {
        let more = all.len().saturating_sub(MOST_UNREAD);
        let rest = (more > 0).then(|| words.more(more));
        all.iter().take(MOST_UNREAD).cloned().chain(rest).collect::<Vec<_>>().join(between)
    };
    let of = |(why, names): &(&str, Vec<String>)| format!("{} ({why})", cut(names, ", "));
    cut(&causes.iter().map(of).collect::<Vec<_>>(), "; ")
}

/// So long it took, to the second: `1 min 12 s`.
fn took(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}\u{a0}s"),
        (0, _) => format!("{minutes}\u{a0}min {rest}\u{a0}s"),
        _ => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
    }
}

/// The words of one language.
pub(super) trait Words: Sync {
    /// The language.
    fn language(&self) -> Language;
    /// What stands on pages as it is.
    fn labels(&self) -> &'static Labels;
    /// A length of time in short: `3 d`.
    fn span(&self, span: Span) -> String;
    /// That it was so long ago.
    fn ago(&self, span: Span) -> String;
    /// That it will be in so long.
    fn within(&self, span: Span) -> String;

    /// How a container stands.
    fn state(&self, state: Attention) -> &'static str;
    /// Why it stands so.
    fn why(&self, container: &ContainerView, now: DateTime<Utc>) -> Said;
    /// What stands in the way of what is decided, behind the sentence that says it; nothing where that has it.
    fn in_the_way(&self, gist: &Gist, now: DateTime<Utc>) -> Vec<Said>;
    /// That a registry gave no answer since it was looked at.
    fn unanswered(&self, host: &str, checked: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String;
    /// The words on the link to the member by whose question people are asked about a group.
    fn answered_at(&self, member: &str) -> String;
    /// That nobody can approve it, as images of this kind in this namespace may not be written.
    fn no_right(&self, resource: &str, namespace: &str) -> Said;
    /// What can be done about one that stands so, if anything.
    fn go(&self, state: Attention) -> Option<&'static str>;
    /// What happens to a newer version.
    fn mode(&self, mode: Mode) -> &'static str;
    /// What was written last, beside when.
    fn changed(&self, change: &ChangeView) -> String;
    /// Why people are asked although the mode is `AUTO_UPDATE`.
    fn asks_only(&self, why: AsksOnly) -> String;
    /// What was done by an entry of the timeline, and how it ended.
    fn told(&self, change: &ChangeView) -> (&'static str, &'static str);
    /// Why it was done.
    fn led(&self, why: &Led) -> String {
        self.of_messages().led(why)
    }
    /// How it ended, after how long, and why so.
    fn ended(&self, change: &ChangeView) -> String {
        let (outcome, seconds) = (self.told(change).1, change.seconds);
        let after = seconds.map(|seconds| self.after(&took(seconds)));
        let failure = change.failure.as_ref().map(|reason| format!("{} {reason}", self.of_messages().colon()));
        [Some(outcome.to_owned()), after, failure].into_iter().flatten().collect()
    }
    /// That it was so after a time, behind a word.
    fn after(&self, time: &str) -> String;

    /// What the title of the fleet says.
    fn fleet_title(&self, needs: usize, failed: usize) -> String;
    /// What a tile says below its number.
    fn tile(&self, state: Attention, at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String;
    /// So many namespaces are chosen.
    fn chosen(&self, namespaces: usize) -> String;
    /// That anything goes.
    fn any(&self) -> &'static str;
    /// What a filter is called.
    fn filter(&self, filter: FilterName) -> &'static str;
    /// That a box selects this row, for those who hear the page.
    fn select(&self, workload: &WorkloadView, container: &ContainerView) -> String;
    /// Which rows of how many are shown.
    fn rows(&self, first: usize, last: usize, all: usize) -> String;

    /// Above a page of so many decisions, for somebody who may make them or only sees them.
    fn batch(&self, updates: usize, namespaces: usize, may_decide: bool) -> Titled;
    /// Above one of its lists: of those that are ticked already, or of those that want a tick of their own.
    fn list(&self, is_ticked: bool, may_decide: bool) -> Titled;
    /// What stands beside the number of ticks.
    fn ticked(&self, of: usize) -> String;
    /// What to know of an update before it is approved.
    fn care(&self, care: &Care) -> String;
    /// As whom somebody acts.
    fn acting_as(&self, name: &str) -> String;
    /// Above a report.
    fn report(&self, done: usize, of: usize) -> Titled;
    /// Whether one of its lines counted.
    fn outcome(&self, is_done: bool) -> &'static str;

    /// A question as a title, and when it was asked and ends.
    fn question(&self, question: &QuestionView, now: DateTime<Utc>) -> Titled;
    /// What a button does.
    fn button(&self, button: Button, version: &str) -> String;
    /// What is to be ticked before a button.
    fn tick(&self, tick: Tick, version: &str) -> String;
    /// Who approved, of how many.
    fn approvals(&self, approvals: &ApprovalsView) -> String;
    /// What a fact of an update is called.
    fn fact(&self, fact: FactName) -> &'static str;
    /// So many containers go together.
    fn together(&self, members: usize) -> String;
    /// How what can be gone back to ran.
    fn ran(&self, outcome: Outcome) -> &'static str;
    /// What was looked at of a new image.
    fn check(&self, check: Check) -> String;
    /// So many candidates are not shown.
    fn more(&self, more: usize) -> String;

    /// That what is known is old.
    fn stale(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Titled;
    /// That these workloads are not known.
    fn unseen(&self, unseen: &[Unseen]) -> Titled;
    /// That the first list of workloads is awaited.
    fn coming(&self) -> Titled;
    /// That the files of the configuration can't be used, for these reasons.
    fn refused_files(&self, why: &str) -> Titled;
    /// That these wait for a restart.
    fn after_restart(&self, what: &str) -> Titled;
    /// What of the configuration is not in force.
    fn configured(&self, not: &NotInForce) -> Vec<Titled> {
        let cut = |all: &[String], between: &str| {
            let more = all.len().saturating_sub(MOST_UNREAD);
            let rest = (more > 0).then(|| self.more(more));
            all.iter().take(MOST_UNREAD).cloned().chain(rest).collect::<Vec<_>>().join(between)
        };
        let refused = (!not.refused.is_empty()).then(|| self.refused_files(&cut(&not.refused, "; ")));
        let later = (!not.after_restart.is_empty()).then(|| self.after_restart(&cut(&not.after_restart, ", ")));
        refused.into_iter().chain(later).collect()
    }
    /// What of the cluster is not seen.
    fn sight(&self, sight: &Sight, now: DateTime<Utc>) -> Vec<Titled> {
        let stale = sight.stale_since.map(|since| self.stale(since, now));
        let unseen = (!sight.unseen.is_empty()).then(|| self.unseen(&sight.unseen));
        let coming = sight.is_coming.then(|| self.coming());
        stale.into_iter().chain(unseen).chain(coming).collect()
    }
    /// Since when the brake is on, and why.
    fn stopped(&self, stopped: &StoppedView) -> String;
    /// How a source of webhooks does.
    fn source(&self, health: SourceHealth) -> &'static str;
    /// How a registry does.
    fn registry(&self, health: RegistryHealth) -> &'static str;
    /// How the last question to a registry ended, by its word.
    fn answered(&self, word: &str) -> String;
    /// Why a registry is not asked for a while, by its word.
    fn spares(&self, word: &str) -> String;
    /// What is left of a budget.
    fn budget(&self, left: u64, limit: u64, seconds: u64) -> String;
    /// What a message tells, in a few words.
    fn event<'w>(&self, message: &'w DeliveryView) -> Option<&'w str> {
        let event = message.event.as_deref()?;
        let of_one = message.notice.as_ref().filter(|notice| notice.kind.as_str() == event);
        Some(of_one.map_or_else(|| self.other_event(event), |notice| self.of_messages().heading(notice)))
    }
    /// The same of one that tells of no workload, or of several.
    fn other_event<'w>(&self, event: &'w str) -> &'w str;
    /// What a rule is about that took a tag or refused it, where its name is the section of a document.
    fn rule(&self, rule: &str) -> Option<&'static str>;
    /// That so many more containers need somebody, and what helps them is no approval.
    fn others_need_you(&self, others: usize) -> String;
    /// So many deliveries were refused, by the word for why.
    fn refused(&self, word: &str, many: u64) -> String;
    /// What was wrong with a delivery that was refused, by what became of it, where the refusal is in another language.
    fn refused_as(&self, word: &str) -> Option<&'static str>;
    /// How a message stands.
    fn sending(&self, state: &str) -> &'static str;
    /// That a channel takes nothing, and when it is tried again.
    fn closed(&self, channel: &ClosedChannelView, now: DateTime<Utc>) -> String;
    /// All that a channel gave up is to be sent again.
    fn retry_all(&self, channel: &str) -> String;
    /// That something was done.
    fn did(&self, did: Did) -> &'static str;
    /// What is asked once more before it is done.
    fn sure(&self, sure: Sure<'_>) -> Titled;
    /// What somebody may do.
    fn role(&self, role: Role) -> &'static str;
    /// Above a problem.
    fn problem(&self, status: u16) -> &'static str;
    /// Who did it, in an entry of the timeline.
    fn by(&self, who: &str) -> String;
    /// Who says a setting.
    fn origin(&self, word: &str) -> &'static str;
    /// A number with a point, as it is written.
    fn decimal(&self, number: &str) -> String;
    /// That so many of what was ticked can't be decided as it was seen.
    fn moved_on(&self, left: usize) -> String;
    /// That so many more wait than are listed, and when they are.
    fn rest(&self, more: usize) -> String;
    /// What an empty fleet comes of.
    fn empty(&self) -> &'static str;
    /// The same, where not all of it is seen.
    fn none_seen(&self) -> &'static str;

    /// As ISO 639-1 names it.
    fn code(&self) -> &'static str {
        match self.language() {
            Language::English => "en",
            Language::French => "fr",
        }
    }

    /// Who or what decided.
    fn actor(&self, actor: &Actor) -> String {
        self.of_messages().actor(actor)
    }

    /// What else writes a workload, and what comes of it.
    fn owned_by(&self, owner: &Owner) -> String {
        let told = OwnerTold { owner: owner.clone(), keep: None, asks_first: false };
        self.of_messages().owned_by(&OwnerView::Known(told))
    }

    /// Who or what decided, in a list, where there is little room.
    fn named(&self, actor: &Actor) -> String {
        match actor {
            Actor::SignedIn(name) => name.clone(),
            Actor::Holder { address: Some(address), .. } => address.clone(),
            Actor::OutsideTheWindow(who) => self.of_messages().outside_the_window(&self.named(who)),
            other => self.actor(other),
        }
    }

    /// The words that messages have in common with pages.
    fn of_messages(&self) -> &'static dyn Catalogue {
        crate::message::words(self.language())
    }

    /// A moment as people read it, with its zone.
    fn moment(&self, at: DateTime<Utc>) -> String {
        self.of_messages().moment(at, Tz::UTC)
    }
}

/// Who approved, and when.
fn who_gave(approvals: &ApprovalsView, words: &dyn Words) -> String {
    let who =
        |given: &GivenView| format!("{}, {}", words.actor(&Actor::from(given.by.as_str())), words.moment(given.at.0));
    approvals.given.iter().map(who).collect::<Vec<_>>().join("; ")
}

/// The language that a browser asks for, of those that there are; English where it asks for none of them.
pub(super) fn of(headers: &HeaderMap) -> &'static dyn Words {
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|header| accepted(header.to_str().ok()?));
    match asked.unwrap_or_default() {
        Language::English => &english::English,
        Language::French => &french::French,
    }
}

/// A moment: for programs, in short beside now, and whole.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Moment {
    iso: String,
    words: String,
    full: String,
}

impl Moment {
    /// As people read it at `now`.
    pub(super) fn of(at: DateTime<Utc>, now: DateTime<Utc>, words: &dyn Words) -> Self {
        let (iso, full) = (crate::domain::history::rfc3339(at), words.moment(at));
        Self { iso, words: beside(at, now, words), full }
    }

    /// The same of a moment that is written as RFC 3339, if it is one.
    pub(super) fn read(at: &str, now: DateTime<Utc>, words: &dyn Words) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(at).ok()?.to_utc();
        Some(Self::of(at, now, words))
    }

    /// Whole, with its zone.
    pub(super) fn full(&self) -> &str {
        &self.full
    }
}

/// A moment beside now: `3 d ago`, `in 5 h`.
pub(super) fn beside(at: DateTime<Utc>, now: DateTime<Utc>, words: &dyn Words) -> String {
    if at > now { words.within(Span::left(at - now)) } else { words.ago(Span::of(now - at)) }
}

/// How long it is since a moment: `3 d`.
pub(super) fn since(at: DateTime<Utc>, now: DateTime<Utc>, words: &dyn Words) -> String {
    words.span(Span::of((now - at).max(TimeDelta::zero())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::view::{ApprovalsView, GivenView, Time};

    #[test]
    fn how_a_change_ended_is_said_with_how_long_it_took_and_why_it_failed() {
        assert_eq!([5, 72, 3725].map(took).map(|it| it.replace('\u{a0}', " ")), ["5 s", "1 min 12 s", "1 h 2 min"]);
        let mut change = ChangeView::of(&crate::domain::history::tests::entry("1.1.0", Outcome::Healthy));
        (change.outcome, change.seconds) = (Outcome::Healthy, Some(72));
        let both = |change: &ChangeView| {
            let both = [&english::English as &dyn Words, &french::French].map(|words| words.ended(change));
            both.map(|it| it.replace('\u{a0}', " "))
        };
        assert_eq!(both(&change), ["healthy after 1 min 12 s", "saine après 1 min 12 s"]);
        (change.outcome, change.failure) = (Outcome::Failed, Some("CrashLoopBackOff".into()));
        let french = "échec après 1 min 12 s : CrashLoopBackOff";
        assert_eq!(both(&change), ["failed after 1 min 12 s: CrashLoopBackOff", french]);
        (change.outcome, change.seconds, change.failure) = (Outcome::RollingOut, None, None);
        assert_eq!(both(&change)[0], "rolling out", "as of earlier releases");
    }

    #[test]
    fn a_moment_is_told_beside_now_in_each_language() {
        let now: DateTime<Utc> = "2026-11-25T09:20:00Z".parse().unwrap();
        for (at, english, french) in [
            ("2026-11-25T09:20:00Z", "now", "à l’instant"),
            ("2026-11-25T09:19:56Z", "4 s ago", "il y a 4 s"),
            ("2026-11-25T09:05:00Z", "15 min ago", "il y a 15 min"),
            ("2026-11-25T14:20:00Z", "in 5 h", "dans 5 h"),
            ("2026-11-28T09:19:59Z", "in 3 d", "dans 3 j"),
            ("2026-11-25T14:19:50Z", "in 5 h", "dans 5 h"),
            ("2026-11-25T09:20:59Z", "in 59 s", "dans 59 s"),
            ("2026-11-22T07:58:00Z", "3 d ago", "il y a 3 j"),
            ("2026-12-25T09:20:00Z", "in 30 d", "dans 30 j"),
        ] {
            let at = at.parse().unwrap();
            let both = [&english::English as &dyn Words, &french::French].map(|words| beside(at, now, words));
            assert_eq!(both.map(|it| it.replace('\u{a0}', " ")), [english.to_owned(), french.to_owned()]);
        }
        let at = "2026-11-01T07:58:00Z".parse().unwrap();
        let full = [&english::English as &dyn Words, &french::French].map(|words| words.moment(at));
        assert_eq!(full.map(|it| it.replace('\u{a0}', " ")), ["1 Nov 2026 07:58 UTC", "1er nov. 2026 07:58 UTC"]);
    }

    #[test]
    fn one_of_a_thing_is_told_as_one_in_each_language() {
        let given = |given, needed| ApprovalsView {
            needed,
            given: (0..given).map(|_| GivenView { by: "policy".to_owned(), at: Time(DateTime::UNIX_EPOCH) }).collect(),
        };
        let both = [&english::English as &dyn Words, &french::French];
        let told = |of: &dyn Fn(&dyn Words) -> String| both.map(|words| of(words).replace('\u{a0}', " "));
        assert_eq!(told(&|words| words.rows(1, 1, 1)), ["1–1 of 1 container", "1–1 sur 1 conteneur"]);
        assert_eq!(told(&|words| words.rows(1, 2, 2)), ["1–2 of 2 containers", "1–2 sur 2 conteneurs"]);
        assert_eq!(told(&|words| words.ticked(1)), ["of 1 ticked", "sur 1 cochée"]);
        assert_eq!(told(&|words| words.approvals(&given(0, 2))), ["0 of 2 approvals", "0 approbation sur 2"]);
        let one = told(&|words| words.approvals(&given(1, 2)));
        assert!(one[0].starts_with("1 of 2 approvals: ") && one[1].starts_with("1 approbation sur 2 : "), "{one:?}");
        let of_one = told(&|words| words.approvals(&given(1, 1)));
        assert!(of_one[0].starts_with("1 of 1 approval: "), "{of_one:?}");
        let two = told(&|words| words.approvals(&given(2, 3)));
        assert!(two[1].starts_with("2 approbations sur 3 : "), "{two:?}");
    }
}
