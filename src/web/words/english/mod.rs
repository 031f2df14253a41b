//! English.

mod causes;
mod labels;
mod phrases;

use chrono::{DateTime, Utc};

use super::{
    Button, Care, Check, Did, FactName, FilterName, Labels, Said, Span, Sure, Tick, Titled, Unseen, Words, beside,
    unread, who_gave,
};
use crate::access::Role;
use crate::api::view::{
    ApprovalsView, ChangeView, ClosedChannelView, ContainerView, QuestionView, RegistryHealth, SourceHealth,
    StoppedView, WorkloadView,
};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::policy::Mode;
use crate::domain::record::AsksOnly;
use crate::domain::release::Language;
use crate::domain::view::{Attention, Gist};
use crate::domain::wording::counted;
use crate::message::untaken_in_line;

/// English.
pub(super) struct English;

impl Words for English {
    fn language(&self) -> Language {
        Language::English
    }

    fn labels(&self) -> &'static Labels {
        &labels::LABELS
    }

    fn span(&self, span: Span) -> String {
        span.short("d").unwrap_or_else(|| "now".to_owned())
    }

    fn ago(&self, span: Span) -> String {
        span.short("d").map_or_else(|| "now".to_owned(), |span| format!("{span} ago"))
    }

    fn within(&self, span: Span) -> String {
        span.short("d").map_or_else(|| "now".to_owned(), |span| format!("in {span}"))
    }

    fn state(&self, state: Attention) -> &'static str {
        match state {
            Attention::NeedsYou => "Needs you",
            Attention::Failed => "Failed",
            Attention::CannotTell => "Cannot tell",
            Attention::Waiting => "Waiting",
            Attention::UpToDate => "Up to date",
            Attention::Off => "Left alone",
        }
    }

    fn why(&self, container: &ContainerView, now: DateTime<Utc>) -> Said {
        causes::why(container, now)
    }

    fn in_the_way(&self, _: &Gist, _: DateTime<Utc>) -> Vec<Said> {
        Vec::new()
    }

    fn unanswered(&self, host: &str, checked: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
        match checked {
            Some(at) => format!("last looked at {}, {host} does not answer", beside(at, now, self)),
            None => format!("{host} does not answer"),
        }
    }

    fn answered_at(&self, member: &str) -> String {
        format!("Answer at {member}")
    }

    fn no_right(&self, resource: &str, namespace: &str) -> Said {
        Said::new("Nobody can approve it", format!("image-watcher may not patch {resource} in {namespace}"))
    }

    fn go(&self, state: Attention) -> Option<&'static str> {
        match state {
            Attention::NeedsYou => Some("Review"),
            Attention::Failed => Some("Timeline"),
            Attention::CannotTell => Some("See why"),
            Attention::Waiting | Attention::UpToDate | Attention::Off => None,
        }
    }

    fn mode(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::AutoUpdate => "Auto",
            Mode::Notification => "Asks",
            Mode::Disabled => "Off",
        }
    }

    fn changed(&self, change: &ChangeView) -> String {
        let by = self.named(&Actor::from(change.by.as_str()));
        match change.outcome {
            Outcome::Failed => format!("{} failed", change.version),
            Outcome::Skipped => format!("{} skipped, {by}", change.version),
            Outcome::Resumed => format!("{} let go, {by}", change.version),
            Outcome::RollingOut | Outcome::Healthy | Outcome::Replaced => format!("from {}, {by}", change.previous),
        }
    }

    fn asks_only(&self, why: AsksOnly) -> String {
        why.words().to_owned()
    }

    fn told(&self, change: &ChangeView) -> (&'static str, &'static str) {
        phrases::told(change)
    }

    fn fleet_title(&self, needs: usize, failed: usize) -> String {
        match (needs, failed) {
            (0, 0) => "Fleet".to_owned(),
            (0, failed) => format!("{failed} failed"),
            (1, 0) => "1 needs you".to_owned(),
            (needs, 0) => format!("{needs} need you"),
            (1, failed) => format!("1 needs you, {failed} failed"),
            (needs, failed) => format!("{needs} need you, {failed} failed"),
        }
    }

    fn tile(&self, state: Attention, at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
        let Some(at) = at else { return String::new() };
        let when = beside(at, now, self);
        match state {
            Attention::NeedsYou => format!("first ends {when}"),
            Attention::Failed => format!("last {when}"),
            Attention::Waiting => format!("next {when}"),
            Attention::UpToDate => format!("looked at {when}"),
            Attention::CannotTell | Attention::Off => String::new(),
        }
    }

    fn chosen(&self, namespaces: usize) -> String {
        format!("{namespaces} chosen")
    }

    fn any(&self) -> &'static str {
        "any"
    }

    fn filter(&self, filter: FilterName) -> &'static str {
        match filter {
            FilterName::State => "State",
            FilterName::Namespace => "Namespace",
            FilterName::Level => "Level",
            FilterName::Registry => "Registry",
            FilterName::Mode => "Mode",
            FilterName::Text => "Search",
        }
    }

    fn select(&self, workload: &WorkloadView, container: &ContainerView) -> String {
        let to = container.available.as_ref().map(|it| it.tag.as_str()).unwrap_or_default();
        format!("Select {}/{}, {}: to {to}", workload.namespace, workload.name, container.name)
    }

    fn rows(&self, first: usize, last: usize, all: usize) -> String {
        if all == 0 {
            "No container".to_owned()
        } else {
            format!("{first}–{last} of {}", counted(all, "container", "containers"))
        }
    }

    fn batch(&self, updates: usize, namespaces: usize, may_decide: bool) -> Titled {
        phrases::batch(updates, namespaces, may_decide)
    }

    fn list(&self, is_ticked: bool, may_decide: bool) -> Titled {
        phrases::list(is_ticked, may_decide)
    }

    fn ticked(&self, of: usize) -> String {
        format!("of {of} ticked")
    }

    fn care(&self, care: &Care) -> String {
        phrases::care(care)
    }

    fn acting_as(&self, name: &str) -> String {
        format!("You act as {name}. Nothing happens until you press a button.")
    }

    fn report(&self, done: usize, of: usize) -> Titled {
        phrases::report(done, of)
    }

    fn outcome(&self, is_done: bool) -> &'static str {
        if is_done { "Counts" } else { "Not done" }
    }

    fn question(&self, question: &QuestionView, now: DateTime<Utc>) -> Titled {
        phrases::question(question, now)
    }

    fn button(&self, button: Button, version: &str) -> String {
        match button {
            Button::Approve => format!("Approve {version}"),
            Button::Skip => format!("Skip {version}"),
            Button::Resume => format!("Let {version} be applied again"),
            Button::RollBack => format!("Go back to {version}"),
        }
    }

    fn tick(&self, tick: Tick, version: &str) -> String {
        match tick {
            Tick::Read => format!("I have read what changes with {version}."),
            Tick::ReadBack => "I have read what this goes back to, and what may be lost by it.".to_owned(),
            Tick::OutsideWindow => "Apply it now, outside the window.".to_owned(),
        }
    }

    fn approvals(&self, approvals: &ApprovalsView) -> String {
        let colon = if approvals.given.is_empty() { "" } else { ": " };
        let needed = counted(approvals.needed, "approval", "approvals");
        format!("{} of {needed}{colon}{}", approvals.given.len(), who_gave(approvals, self))
    }

    fn fact(&self, fact: FactName) -> &'static str {
        phrases::fact(fact)
    }

    fn together(&self, members: usize) -> String {
        format!("{members} go together, in this order, or none")
    }

    fn ran(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Healthy => "ran well",
            Outcome::Failed => "failed here",
            Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => "not known how it ran",
        }
    }

    fn check(&self, check: Check) -> String {
        phrases::check(check)
    }

    fn more(&self, more: usize) -> String {
        format!("{more} more")
    }

    fn stale(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Titled {
        let (span, at) = (super::since(since, now, self), self.moment(since));
        Titled::new(
            format!("The cluster has not answered for {span}"),
            format!("What you see is from {at}. It may have changed since; what was approved is kept, and follows."),
        )
    }

    fn unseen(&self, unseen: &[Unseen]) -> Titled {
        Titled::new(
            "Not all workloads are seen",
            format!(
                "These can't be read, so they are missing here and nothing is decided on them: {}. To see what to grant, run: image-watcher doctor",
                unread(self, unseen)
            ),
        )
    }

    fn coming(&self) -> Titled {
        Titled::new("The workloads are being read", "The first list is not complete yet, so some may be missing here.")
    }

    fn refused_files(&self, why: &str) -> Titled {
        Titled::new(
            "The configuration was changed and can't be used",
            format!("What was in force before stays so, until this is mended: {why}."),
        )
    }

    fn after_restart(&self, what: &str) -> Titled {
        Titled::new(
            "A change of the configuration waits for a restart",
            format!("What runs is not what its files say. A restart takes over: {what}."),
        )
    }

    fn stopped(&self, stopped: &StoppedView) -> String {
        format!(
            "Since {}, as {} of the last 5 automatic updates failed:",
            self.moment(stopped.since.0),
            stopped.failed.len()
        )
    }

    fn source(&self, health: SourceHealth) -> &'static str {
        match health {
            SourceHealth::Heard => "Heard",
            SourceHealth::Refusing => "Refusing",
            SourceHealth::Silent => "Silent",
            SourceHealth::New => "Nothing yet",
        }
    }

    fn registry(&self, health: RegistryHealth) -> &'static str {
        match health {
            RegistryHealth::Fine => "Fine",
            RegistryHealth::Sparing => "Sparing",
            RegistryHealth::Failing => "Failing",
            RegistryHealth::New => "Nothing yet",
        }
    }

    fn answered(&self, word: &str) -> String {
        phrases::answered(word).to_owned()
    }

    fn spares(&self, word: &str) -> String {
        phrases::spares(word).to_owned()
    }

    fn budget(&self, left: u64, limit: u64, seconds: u64) -> String {
        format!("{left} of {limit} left in {}", self.span(Span::of(chrono::TimeDelta::seconds(seconds.cast_signed()))))
    }

    fn other_event<'w>(&self, event: &'w str) -> &'w str {
        match event {
            "digest.summary" => "Several updates",
            "watcher.error" => "A channel fails",
            "endpoint.test" => "Test of a channel",
            other => other,
        }
    }

    fn rule(&self, rule: &str) -> Option<&'static str> {
        match rule.split('.').next()? {
            "S2" => Some("what tags are"),
            "S3" => Some("the number"),
            "S4" => Some("the suffix"),
            "S5" => Some("prereleases"),
            "S6" => Some("the strategy"),
            "S8" => Some("the highest"),
            "S9" => Some("its own pattern"),
            _ => None,
        }
    }

    fn others_need_you(&self, others: usize) -> String {
        match others {
            1 => "1 more container needs you, and no approval helps it. What does is said in:".to_owned(),
            many => format!("{many} more containers need you, and no approval helps them. What does is said in:"),
        }
    }

    fn refused_as(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn refused(&self, word: &str, many: u64) -> String {
        phrases::refused(word, many)
    }

    fn sending(&self, state: &str) -> &'static str {
        match state {
            "dead" => "Given up",
            "retried" => "Tried again",
            "waiting" => "Waiting",
            "delivered" => "Delivered",
            _ => "Thrown away",
        }
    }

    fn closed(&self, channel: &ClosedChannelView, now: DateTime<Utc>) -> String {
        let ClosedChannelView { name, said, until, .. } = channel;
        let said = untaken_in_line(said, self.of_messages());
        match until {
            Some(at) if at.0 > now => {
                let when = beside(at.0, now, self);
                format!(
                    "{name} takes no message ({said}): they wait, and none is tried before {}, {when}.",
                    self.moment(at.0)
                )
            }
            Some(_) => format!("{name} takes no message ({said}): they wait, and the next one tries it."),
            None => format!("{name} is gone for good ({said}): its messages wait until it is configured anew."),
        }
    }

    fn retry_all(&self, channel: &str) -> String {
        format!("Send all of {channel} again")
    }

    fn did(&self, did: Did) -> &'static str {
        match did {
            Did::Retried => "It goes out again.",
            Did::Discarded => "It is thrown away.",
        }
    }

    fn sure(&self, sure: Sure<'_>) -> Titled {
        phrases::sure(sure)
    }

    fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Viewer => "Viewer: you see everything, and decide nothing.",
            Role::Approver => "Approver: you may decide.",
        }
    }

    fn problem(&self, status: u16) -> &'static str {
        match status {
            403 => "You may not do that",
            404 => "There is nothing here",
            409 => "Nothing was done",
            503 => "Not now",
            _ => "That did not work",
        }
    }

    fn after(&self, time: &str) -> String {
        format!(" after {time}")
    }

    fn by(&self, who: &str) -> String {
        format!("by {who}")
    }

    fn origin(&self, word: &str) -> &'static str {
        match word {
            "operator" => "the operator, for all",
            "container" => "annotation, of the container",
            "workload" => "annotation",
            "namespace" => "annotation, of the Namespace",
            "rule" => "a rule of the operator",
            _ => "default",
        }
    }

    fn decimal(&self, number: &str) -> String {
        number.to_owned()
    }

    fn moved_on(&self, left: usize) -> String {
        match left {
            1 => "1 has changed since it was ticked, and is left out.".to_owned(),
            many => format!("{many} have changed since they were ticked, and are left out."),
        }
    }

    fn rest(&self, more: usize) -> String {
        format!(
            "{more} more wait for a decision. They are listed here once some of these are decided; all of them are in:"
        )
    }

    fn empty(&self) -> &'static str {
        "No workload of this cluster asks to be watched. One annotation does it:"
    }

    fn none_seen(&self) -> &'static str {
        "No workload is known, and not all of them could be read: what is said above comes first."
    }
}
