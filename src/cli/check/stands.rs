//! What a view comes to, in a word or two.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::row::{Row, State};
use crate::cluster::{Cluster as _, ClusterError, Granted, KubeCluster, Object, Right, Verb};
use crate::domain::event::Approvals;
use crate::domain::fleet::Asks;
use crate::domain::policy::{KnownSince, Mode, Verdict};
use crate::domain::preflight::Platform;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::settings::Settings;
use crate::domain::span::Span;
use crate::domain::tag::Level;
use crate::domain::view::{
    Attention, Blocker, CameTo, Cause, NoGround, Reason, Stands, State as Decided, Status, View,
};
use crate::domain::workload::Workload;
use crate::registry::{Anonymous, Credential};

/// Where the workloads are from.
pub(super) enum Place<'c> {
    /// A cluster, which has credentials, and gives whoever looks some rights.
    Cluster { kube: &'c KubeCluster, rights: &'c BTreeMap<Right, Granted> },
    /// Files.
    Files,
}

impl Place<'_> {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }

    /// Who asks for a workload.
    pub(super) async fn credential(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> Result<Credential, ClusterError> {
        match self {
            Self::Cluster { kube, .. } => kube.credential(workload, repository).await,
            Self::Files => Ok(Credential::anonymous(Anonymous::OfFile)),
        }
    }

    /// What the nodes run, where there are any.
    pub(super) async fn platforms(&self) -> Option<Arc<[Platform]>> {
        match self {
            Self::Cluster { kube, .. } => kube.platforms().await,
            Self::Files => None,
        }
    }

    /// Settings with what is known of versions. Files are looked at anew each time: there every version would be as new as
    /// the look itself, and wait for ever.
    pub(super) fn remembering(&self, mut settings: Settings, known: &KnownSince) -> Settings {
        if !self.is_cluster() {
            settings.policy.cooldown = None;
        }
        settings.knowing(known)
    }

    /// Whether this identity may write a workload.
    pub(super) fn may_patch(&self, workload: &Workload) -> bool {
        match self {
            Self::Cluster { rights, .. } => may_patch(workload, rights),
            Self::Files => true,
        }
    }

    /// What a view comes to, by what its registry says.
    pub(super) fn stands(&self, workload: &Workload, mode: Mode, view: &View, now: DateTime<Utc>) -> (State, String) {
        match view.state {
            Decided::Update => self.update(workload, mode, view.blockers.first(), now),
            Decided::Cooling => {
                let blockers: Vec<String> = view.blockers.iter().map(ToString::to_string).collect();
                (State::Waiting, blockers.join("; "))
            }
            Decided::UpToDate => match &view.held_back {
                Some((tag, reason @ Verdict::Unfit(_))) => (State::Failed, format!("{tag}: {reason}")),
                Some((tag, reason)) => (State::UpToDate, format!("{tag} is held back: {reason}")),
                None if matches!(view.why, Reason::NoneOfItsKind(_)) => {
                    (State::UpToDate, format!("nothing to compare: {}", view.why))
                }
                None => (State::UpToDate, "up to date".into()),
            },
            Decided::NoTags => (State::CannotTell, "cannot tell: the list of tags is empty".into()),
            Decided::NoVersion => match view.why.unmatched() {
                Some(unmatched) => (State::CannotTell, format!("cannot tell: {unmatched}")),
                None => (State::Ignored, "no version to compare".into()),
            },
            Decided::NoDigest => (State::Ignored, "no digest to compare".into()),
        }
    }

    /// How far an update has come that the policy allows.
    fn update(
        &self,
        workload: &Workload,
        mode: Mode,
        blocker: Option<&Blocker>,
        now: DateTime<Utc>,
    ) -> (State, String) {
        let Self::Cluster { rights, .. } = self else { return (State::OutOfDate, "out of date".into()) };
        let may_patch = may_patch(workload, rights);
        match blocker {
            Some(blocker @ Blocker::Held(_)) => (State::Held, blocker.to_string()),
            Some(blocker @ Blocker::Refused(_)) => (State::Failed, blocker.to_string()),
            Some(blocker @ Blocker::Snoozed(_)) => (State::Waiting, blocker.to_string()),
            _ if !may_patch && mode == Mode::AutoUpdate => {
                (State::NeedsYou, format!("not applied: {}", no_right(workload)))
            }
            _ if !may_patch => (State::NeedsYou, format!("told without a link: {}", no_right(workload))),
            Some(Blocker::Asked(until, approvals)) => {
                let owner = workload.owner.as_ref().map(|owner| format!("; {owner} owns it")).unwrap_or_default();
                (State::NeedsYou, format!("approve: {}{owner}", answerable(*until - now, *approvals)))
            }
            Some(Blocker::Paused) => (State::Waiting, "paused: until its rollouts are resumed".into()),
            Some(Blocker::AsksOnly(why)) => (State::NeedsYou, format!("not asked yet: {}", why.words())),
            Some(Blocker::Because(why)) => (State::NeedsYou, format!("not asked yet: {}", because(why))),
            Some(Blocker::Owned(owner)) => (State::NeedsYou, format!("not asked yet: {}", owner.asks_first())),
            Some(Blocker::Person) => (State::NeedsYou, "not asked yet".into()),
            Some(
                blocker @ (Blocker::Disabled
                | Blocker::Cooldown(_)
                | Blocker::Window(_)
                | Blocker::Rolling { .. }
                | Blocker::Notes(_)
                | Blocker::Waits(_)),
            ) => (State::Waiting, blocker.to_string()),
            // One line for all that it concerns.
            Some(Blocker::WasStopped(_)) => (State::Waiting, format!("applied at the next check{UNLESS_STOPPED}")),
            None => (State::Waiting, "applied at the next check".into()),
        }
    }
}

/// What a command says beside what would be applied that does not know whether automatic updates are stopped.
pub(super) const UNLESS_STOPPED: &str = ", unless nobody resumed automatic updates since they were stopped: only the service knows, see image-watcher brake";

/// What others are a reason for; one line for all that a stop concerns.
pub(in crate::cli) fn because(asks: &Asks) -> String {
    match asks {
        Asks::Failed(_) => asks.to_string(),
        Asks::Stopped(_) => "automatic updates are stopped everywhere, as image-watcher brake says".to_owned(),
    }
}

/// The row, by the judge of page and API: what its record and its rollout say goes before what its registry says.
pub(super) fn judged(row: Row, status: &Status) -> Row {
    let state = match (&status.cause, status.attention) {
        (Cause::WentBack(_) | Cause::PutBack(..), _) | (Cause::Rollout(..), Attention::Failed) => State::Failed,
        (Cause::Asked { .. } | Cause::Unanswered, _) | (Cause::Rollout(..), Attention::NeedsYou) => State::NeedsYou,
        (Cause::Rollout(..), _) => State::Waiting,
        _ => return row,
    };
    let words = status.cause.to_string();
    // What is held begins with that it is held, and goes on with what is to be done.
    let is_said = words.starts_with(&*row.next)
        || row.state.is_quiet()
        || matches!(&status.cause, Cause::Rollout(it, _) if matches!(it.stands, Stands::UnderWay | Stands::Refused(_)));
    match &status.cause {
        Cause::Asked { .. } if row.state == State::NeedsYou => row,
        Cause::Unanswered => row.is(state, format!("{words}; the page and the API still take an answer")),
        _ if is_said => row.is(state, words),
        _ => {
            let next = format!("{words}; {}", row.next);
            row.is(state, next)
        }
    }
}

/// What a look came to, as the service remembers it; `found` is what there is to go to, now or later, where that is known.
pub(super) fn came_to(view: &View, found: Option<(&Tag, &Digest)>, now: DateTime<Utc>) -> CameTo {
    // A tag that is followed stays the same.
    let to = if view.level == Some(Level::Digest) { Some(&view.from) } else { view.to.as_ref() };
    let cooling = || to.and_then(|to| Tag::parse(to).ok());
    let until = view.blockers.iter().find_map(|blocker| match blocker {
        Blocker::Cooldown(until) => Some(*until),
        _ => None,
    });
    match (view.state, found, view.level) {
        (Decided::Update, Some((tag, digest)), Some(level)) => {
            CameTo::To { tag: tag.clone(), digest: digest.clone(), level }
        }
        (Decided::Cooling, _, Some(level)) => {
            let (digest, until) = (found.map(|(_, digest)| digest.clone()), until.unwrap_or(now));
            cooling().map_or(CameTo::Nothing, |tag| CameTo::Cooling { tag, digest, level, until })
        }
        (Decided::NoTags, ..) => undecided(view),
        (Decided::NoVersion, ..) if view.why.unmatched().is_some() => undecided(view),
        _ => CameTo::Nothing,
    }
}

fn undecided(view: &View<'_>) -> CameTo {
    CameTo::Undecided(Box::new(NoGround::said(view.why.to_string())))
}

/// Whether this identity may write a workload; what the API server did not say is taken to be so.
fn may_patch(workload: &Workload, rights: &BTreeMap<Right, Granted>) -> bool {
    rights.get(&right_to_patch(workload)) != Some(&Some(false))
}

/// What it takes to write a workload.
pub(in crate::cli) fn right_to_patch(workload: &Workload) -> Right {
    Right {
        namespace: Some(workload.id.namespace.clone()),
        object: Object::Workloads(workload.id.kind),
        verb: Verb::Patch,
    }
}

/// How long it can be answered, and how many have approved where one is not enough.
pub(super) fn answerable(time: TimeDelta, approvals: Option<Approvals>) -> String {
    let approvals = approvals.map(|approvals| format!(", {approvals} approved")).unwrap_or_default();
    format!("{} left{approvals}", left(time))
}

fn left(time: TimeDelta) -> String {
    match Span::left(time) {
        Span::None => "0 s".to_owned(),
        Span::Seconds(many) => format!("{many} s"),
        Span::Minutes(many) => format!("{many} min"),
        Span::Hours(many) => format!("{many} h"),
        Span::Days(many) => format!("{many} d"),
    }
}

pub(in crate::cli) fn no_right(workload: &Workload) -> String {
    format!("no right to patch {} in {}", workload.id.kind.plural(), workload.id.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Order, Policy, Selection, Strategy, decide};
    use crate::domain::tags::TagList;
    use crate::domain::workload::tests::workload;

    /// What a row of a file says of a list, of whose tags so many are of the running one's kind.
    fn stands(running: &str, list: &[&str], policy: &Policy, kind: usize) -> (State, String) {
        let tags: TagList = list.iter().collect();
        let decision = decide(running, &tags, policy, DateTime::UNIX_EPOCH);
        let view = View::of(running, &decision, policy, Some(Mode::AutoUpdate), None);
        let view = view.among(Some(kind), decision.listed());
        Place::Files.stands(&workload(&[("web", "web:1")], &[]), Mode::AutoUpdate, &view, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn what_is_left_is_rounded_as_on_the_page() {
        let of = |minutes| answerable(TimeDelta::minutes(minutes), None);
        assert_eq!(
            [72 * 60 - 3, 47 * 60 + 40, 47 * 60, 90, 12].map(of),
            ["3 d left", "2 d left", "47 h left", "2 h left", "12 min left"]
        );
    }

    #[test]
    fn a_pattern_that_leaves_out_what_runs_is_no_version_to_compare() {
        for (pattern, order, told) in [
            ("semver:>=3", Order::Semver, "cannot tell: the running tag is outside image-watcher/tag-policy"),
            ("glob:1.*", Order::Numeric, "cannot tell: the running tag has no place in image-watcher/tag-order"),
        ] {
            let selection = Some(Selection::parse(pattern, order).unwrap());
            let policy = Policy { selection, ..Policy::of(Strategy::All) };
            let (state, words) = stands("1.2.3", &["1.2.3", "3.0.0"], &policy, 1);
            assert!(state == State::CannotTell && words.starts_with(told), "{words}");
        }
        let named = stands("latest", &["latest", "3.0.0"], &Policy::of(Strategy::All), 1);
        assert_eq!(named, (State::Ignored, "no version to compare".into()));
    }

    #[test]
    fn what_has_nothing_of_its_kind_beside_it_is_not_up_to_date_in_words() {
        let all = Policy::of(Strategy::All);
        let (state, words) = stands("1.2.3", &["1.2.3", "1.3.0-v1", "1.3.0-v2"], &all, 1);
        let expected =
            "nothing to compare: none of the 2 other tags of the list is of its kind, so that nothing can be newer";
        assert_eq!((state, words.as_str()), (State::UpToDate, expected));
        for (list, kind) in [(&["1.2.3"][..], 1), (&["1.2.3", "1.2.2"], 2)] {
            assert_eq!(stands("1.2.3", list, &all, kind), (State::UpToDate, "up to date".into()));
        }
    }
}
