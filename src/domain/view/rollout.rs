//! The rollout of the newest update, as long as it has not come to a good end.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::ser::SerializeStruct as _;

use crate::domain::event::Failure;
use crate::domain::history::{Outcome, rfc3339};
use crate::domain::record::{Ledger, Update};
use crate::domain::reference::Tag;
use crate::domain::rollout::pods::Reason;
use crate::domain::rollout::{Account, Refusal, Rollout, Stall, Waits};
use crate::domain::workload::Workload;

/// A rollout that has not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The version that was written.
    pub version: Tag,
    /// When.
    pub since: DateTime<Utc>,
    /// How it stands.
    pub stands: Stands,
    /// Why it failed here before, and who put it back, where that is how it came to run.
    pub put_back: Option<Box<PutBack>>,
}

/// That another hand put back what failed here before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// A CamelCase word, where it is known.
    pub reason: Option<String>,
    /// Whoever did.
    pub by: String,
}

impl PutBack {
    fn of(update: &Update) -> Option<Self> {
        let failure = update.failed_before.as_deref()?;
        let reason = Some(failure.reason.clone()).filter(|reason| !reason.is_empty());
        Some(Self { reason, by: update.by.words() })
    }
}

impl Display for PutBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        write!(f, "failed here{why} and was put back by {}", self.by)
    }
}

/// How a rollout stands that has not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It goes on, or settles.
    UnderWay,
    /// The API server refuses its pods.
    Refused(Refusal),
    /// Nothing has moved for long, and nobody but people ends that.
    StandsStill(Box<Stuck>),
    /// The same, and the cluster gives it up where that stays so.
    Slow(Box<Stuck>),
    /// It can't go on before somebody acts.
    Waits(Waits),
    /// It failed: the cluster gave it up.
    Failed,
}

impl Stands {
    /// Whether nothing comes of it as things stand: its pods are refused, nothing moves, or the cluster gave it up.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        match self {
            Self::Refused(_) | Self::StandsStill(_) | Self::Slow(_) | Self::Failed => true,
            Self::UnderWay | Self::Waits(_) => false,
        }
    }

    /// That of an update, by what is known of its end and what the cluster says now; nothing where it has come to a good end.
    /// `is_old` is whether what the cluster gave up is the rollout before it.
    #[must_use]
    pub fn of(outcome: Outcome, is_old: impl Fn(&Stall) -> bool, rollout: &Rollout) -> Option<Self> {
        match (outcome, rollout) {
            (Outcome::Healthy | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed, _)
            | (Outcome::Failed, Rollout::Complete) => None,
            (Outcome::RollingOut, Rollout::Waiting(waits)) => Some(Self::Waits(*waits)),
            // What is said of the rollout before stands for a moment beside this one.
            (Outcome::RollingOut, Rollout::Stalled(stall)) if !is_old(stall) => Some(Self::Failed),
            // What is complete settles: it counts as healthy when it has stayed so.
            (Outcome::RollingOut, Rollout::Refused(_, refusal)) => Some(Self::Refused(refusal.clone())),
            (Outcome::RollingOut, Rollout::Stalled(Stall { refusal: Some(refusal), .. })) => {
                Some(Self::Refused(Refusal::clone(refusal)))
            }
            (Outcome::RollingOut, _) => Some(Self::UnderWay),
            (Outcome::Failed, _) => Some(Self::Failed),
        }
    }

    /// For what it waits, where it does.
    #[must_use]
    pub fn waits(&self) -> Option<Waits> {
        match self {
            Self::Waits(waits) => Some(*waits),
            Self::UnderWay | Self::Refused(_) | Self::StandsStill(_) | Self::Slow(_) | Self::Failed => None,
        }
    }

    /// The word for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnderWay => "under-way",
            Self::Refused(_) => "refused",
            Self::StandsStill(_) | Self::Slow(_) => "stalled",
            Self::Waits(_) => "waits",
            Self::Failed => "failed",
        }
    }
}

impl Unfinished {
    /// That of what a container runs, by what was written and what the cluster says of it now.
    #[must_use]
    pub fn of(workload: &Workload, container: &str, ledger: &Ledger) -> Option<Self> {
        let update = ledger.update.as_ref().filter(|update| update.runs_on(workload, container))?;
        let stands = match Stands::of(update.outcome, |stall| update.is_stall_old(stall), &workload.rollout)? {
            stands @ (Stands::UnderWay | Stands::Refused(_)) => match Stuck::of(workload, update).map(Box::new) {
                Some(stuck) if update.standstill.is_for_people() => Stands::StandsStill(stuck),
                Some(stuck) => Stands::Slow(stuck),
                // Its controller has yet to look, and does nothing then.
                None if workload.paused && matches!(workload.rollout, Rollout::Progressing(_)) => {
                    Stands::Waits(Waits::Paused)
                }
                None => stands,
            },
            stands => stands,
        };
        let put_back = PutBack::of(update).map(Box::new);
        Some(Self { version: update.tag.clone(), since: update.at, stands, put_back })
    }
}

/// A rollout in which nothing moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The version that was written.
    pub version: Tag,
    /// Why.
    pub why: Failure,
    /// The pod that somebody has to delete, and its namespace, where one is in its way.
    pub in_the_way: Option<(Box<str>, Box<str>)>,
}

impl Stuck {
    /// That of an update of a workload, where it stands still.
    #[must_use]
    pub fn of(workload: &Workload, update: &Update) -> Option<Self> {
        let why = update.standstill.why.as_deref()?.clone();
        let in_the_way = match (Reason::of(&why.reason), why.account.as_deref()) {
            (Reason::PodNeedsDelete, Some(Account::InTheWay { pod, .. })) => {
                Some((pod.clone(), workload.id.namespace.clone()))
            }
            _ => None,
        };
        Some(Self { version: update.tag.clone(), why, in_the_way })
    }
}

impl Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, why: Failure { reason, message, .. }, in_the_way } = self;
        match (Reason::of(reason), in_the_way) {
            _ if reason.is_empty() => f.write_str(message),
            (_, Some((pod, namespace))) => {
                write!(f, "the rollout of {version} stands still: {message}: kubectl delete pod {pod} -n {namespace}")
            }
            (Reason::NoProgress, _) => write!(f, "the rollout of {version} {message}"),
            _ => write!(f, "the rollout of {version} stands still: {reason}: {message}"),
        }
    }
}

/// What there is to say of an update of a workload that stands still, where it does.
#[must_use]
pub fn said_to_stand_still(workload: &Workload, update: &Update) -> Option<String> {
    Stuck::of(workload, update).map(|stuck| stuck.to_string())
}

impl Serialize for Unfinished {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Unfinished", 3)?;
        members.serialize_field("version", self.version.as_str())?;
        members.serialize_field("state", self.stands.as_str())?;
        members.serialize_field("since", &rfc3339(self.since))?;
        members.end()
    }
}

impl Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(put_back) = &self.put_back {
            write!(f, "{} {put_back}; ", self.version)?;
        }
        f.write_str(&self.stands.said_of(&self.version))
    }
}

impl Stands {
    /// The sentence for people.
    pub(super) fn said_of(&self, version: &Tag) -> String {
        match self {
            Self::UnderWay => format!("{version} is being rolled out"),
            Self::Refused(Refusal { reason, message }) => {
                format!("{version} is being rolled out, and its pods are refused: {reason}: {message}")
            }
            Self::StandsStill(stuck) | Self::Slow(stuck) => stuck.to_string(),
            Self::Waits(waits) => format!("the rollout of {version} waits: {}", waits.until()),
            Self::Failed => format!("the rollout of {version} failed"),
        }
    }
}

impl Waits {
    /// What it waits for, for people.
    #[must_use]
    pub fn until(self) -> &'static str {
        match self {
            Self::Paused => "rollouts are paused",
            Self::ZeroReplicas => "no replica is wanted",
            Self::OnDelete => "its pods are replaced when somebody deletes them",
            Self::Partition => "the partition of its update strategy keeps pods back",
            Self::NoNodes => "no node is to run it",
            Self::NextRun => "its next run is the first of it",
            Self::Suspended => "it is suspended, so it does not run",
            Self::NoSchedule => "its schedule names no day there is, so it never runs",
            Self::OlderRun => {
                "a run of the version before goes on, and concurrencyPolicy Forbid starts none beside it; if it hangs, delete its Job"
            }
            Self::CanaryPause => "its canary is paused until somebody promotes it",
            Self::BlueGreenPause => "its preview is paused until somebody promotes it",
            Self::Inconclusive => "its analysis came to no result, so somebody has to promote or abort it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Standstill;
    use crate::domain::record::tests::update;
    use crate::domain::rollout::Progress;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_rollout_stands_as_record_and_cluster_say_together() {
        let stall = |since: &str| {
            Rollout::Stalled(Stall {
                reason: "R".into(),
                message: "m".into(),
                since: since.into(),
                progress: Progress::default(),
                refusal: None,
            })
        };
        let stands = |outcome, rollout| {
            let written = update(1, None);
            let image = format!("registry.example.com/shop/web:{}@{}", written.tag, written.digest);
            let workload = Workload { rollout, ..workload(&[("web", &image)], &[]) };
            let written = crate::domain::record::Update { outcome, stalled_before: Some("t1".into()), ..written };
            let mut ledger = Ledger::default();
            ledger.update = Some(written);
            Unfinished::of(&workload, "web", &ledger).map(|it| it.stands)
        };
        let progressing = || Rollout::Progressing(Progress::default());
        assert_eq!(stands(Outcome::RollingOut, progressing()), Some(Stands::UnderWay));
        assert_eq!(stands(Outcome::RollingOut, stall("t1")), Some(Stands::UnderWay), "of the rollout before");
        assert_eq!(stands(Outcome::RollingOut, stall("t2")), Some(Stands::Failed), "before the service says so");
        let waits = Waits::OnDelete;
        assert_eq!(stands(Outcome::RollingOut, Rollout::Waiting(waits)), Some(Stands::Waits(waits)));
        assert_eq!(stands(Outcome::RollingOut, Rollout::Complete), Some(Stands::UnderWay), "it settles");
        let refusal = Refusal { reason: "FailedCreate".into(), message: "exceeded quota: team".into() };
        let refused = Rollout::Refused(Progress::default(), refusal.clone());
        assert_eq!(stands(Outcome::RollingOut, refused), Some(Stands::Refused(refusal)));
        assert_eq!(stands(Outcome::Healthy, Rollout::Complete), None);
        assert_eq!(stands(Outcome::Failed, progressing()), Some(Stands::Failed));
        assert_eq!(stands(Outcome::Failed, Rollout::Complete), None, "its pods came up after all");
        assert_eq!(stands(Outcome::Healthy, progressing()), None, "what happens later is not this update's");
        let mut ledger = Ledger::default();
        ledger.update = Some(update(1, None));
        let of = |tag: &str| {
            let image = format!("registry.example.com/shop/web:{tag}");
            let workload = Workload { rollout: progressing(), ..workload(&[("web", &image)], &[]) };
            Unfinished::of(&workload, "web", &ledger)
        };
        assert_eq!(of("1.0.0"), None, "it does not run there");
        let unfinished = of("1.0.1").unwrap();
        let told = serde_json::json!({"version": "1.0.1", "state": "under-way", "since": rfc3339(unfinished.since)});
        assert_eq!(serde_json::to_value(&unfinished).unwrap(), told);
    }

    /// Until its controller has looked at what was written, its status is that of before.
    #[test]
    fn what_is_paused_waits_from_the_first_moment_on() {
        let written = update(1, None);
        let image = format!("registry.example.com/shop/web:{}@{}", written.tag, written.digest);
        let mut ledger = Ledger::default();
        ledger.update = Some(written);
        let stands = |rollout| {
            let workload = Workload { paused: true, rollout, ..workload(&[("web", &image)], &[]) };
            Unfinished::of(&workload, "web", &ledger).map(|it| it.stands)
        };
        let paused = Some(Stands::Waits(Waits::Paused));
        assert_eq!(stands(Rollout::Progressing(Progress::default())), paused);
        assert_eq!(stands(Rollout::Complete), Some(Stands::UnderWay), "it came up, and settles");
    }

    #[test]
    fn what_stands_still_says_so_for_as_long_as_it_does() {
        let now = DateTime::UNIX_EPOCH;
        let stands = |told, why: Option<Failure>| {
            let mut ledger = Ledger::default();
            let written = update(1, None);
            let image = format!("registry.example.com/shop/web:{}@{}", written.tag, written.digest);
            let standstill = Standstill { why: why.map(Box::new), told, at: None };
            ledger.update = Some(crate::domain::record::Update { standstill, ..written });
            let rollout = Rollout::Progressing(Progress::default());
            let said = [("error", "its registry gives no answer")];
            let workload = Workload { rollout, ..workload(&[("web", &image)], &said) };
            Unfinished::of(&workload, "web", &ledger).map(|it| it.to_string())
        };
        let why = || Some(Failure::new("FailedCreate", "exceeded quota"));
        let said = "the rollout of 1.0.1 stands still: FailedCreate: exceeded quota";
        assert_eq!(stands(Some(now), why()).as_deref(), Some(said));
        let goes = Some("1.0.1 is being rolled out");
        assert_eq!(stands(Some(now), None).as_deref(), goes, "it moves again");
        assert_eq!(stands(None, why()).as_deref(), Some(said), "before the cluster gives it up, too");
        let long = Some(Failure::ours("NoProgress", Account::NoProgress(15)));
        let said = "the rollout of 1.0.1 has made no progress for 15 minutes; look at its pods";
        assert_eq!(stands(Some(now), long).as_deref(), Some(said));
        let (pod, said) = ("db-1".into(), "ImagePullBackOff: no".into());
        let broken = Failure::ours("PodNeedsDelete", Account::InTheWay { pod, is_broken: true, said });
        let told = stands(Some(now), Some(broken)).unwrap();
        assert!(told.ends_with(": kubectl delete pod db-1 -n shop"), "{told}");
    }
}
