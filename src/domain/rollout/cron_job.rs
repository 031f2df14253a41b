//! `CronJobs`: their next run tells. The object says nothing of how a run ended; its Jobs do, where they may be read.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Lacks, Progress, Rollout, Stall, Waits};

/// What an object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status<'s> {
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.schedule`.
    pub schedule: &'s str,
}

/// A run of it: one Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When its Job was made.
    pub made: DateTime<Utc>,
    /// Whether its pods run what the `CronJob` says now.
    pub is_newest: bool,
    /// How it ended.
    pub end: Option<End>,
    /// Its pods that are ready.
    pub ready: i32,
    /// Whether its Job is suspended, as by what queues Jobs: it makes no pod, as somebody wants it.
    pub is_suspended: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Well.
    Complete,
    /// Not well, or it is about to.
    Failed(Stall),
}

/// The update whose runs are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Whether it put back an image that ran before, of which there may be runs of before.
    pub undoes: bool,
}

/// How runs follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs<'r> {
    /// All that could be read.
    pub all: &'r [Run],
    /// Whether none begins while another goes on: `concurrencyPolicy: Forbid`.
    pub one_at_a_time: bool,
    /// For when the last run was scheduled, if the object says that it ended well: Jobs may be gone before they are read.
    pub ended_well: Option<DateTime<Utc>>,
}

/// Clocks of two machines are so far apart, and times of the cluster are in seconds.
const SKEW: TimeDelta = TimeDelta::minutes(1);

impl Status<'_> {
    /// What the object alone comes to.
    #[must_use]
    pub fn judge(&self) -> Rollout {
        Rollout::Waiting(if self.suspended {
            Waits::Suspended
        } else if never_comes(self.schedule) {
            Waits::NoSchedule
        } else {
            Waits::NextRun
        })
    }
}

impl Runs<'_> {
    /// What the runs that began since an update was written say, beside what the object alone says. The last one that ended
    /// decides, or the one that goes on where none has. Where an image was put back, a run of it from before another ran about
    /// that time is of before the update; what others run later says nothing of it.
    #[must_use]
    pub fn judge(&self, Since { at: since, undoes }: Since, alone: Rollout) -> Rollout {
        let is_about_then = |run: &&Run| undoes && !run.is_newest && run.made <= since + SKEW;
        let others = self.all.iter().filter(is_about_then).map(|run| run.made).max();
        let is_since = |run: &Run| run.made + SKEW >= since && others.is_none_or(|other| run.made > other);
        let mut runs: Vec<&Run> = self.all.iter().filter(|run| run.is_newest && is_since(run)).collect();
        runs.sort_by_key(|run| run.made);
        match runs.iter().rev().find_map(|run| run.end.as_ref()) {
            Some(End::Complete) => return Rollout::Complete,
            Some(End::Failed(stall)) => return Rollout::Stalled(stall.clone()),
            None => {}
        }
        if let Some(run) = runs.last() {
            if run.is_suspended {
                return Rollout::Progressing(Progress::default());
            }
            let (available, lacks) = (run.ready, Lacks::AvailableReplicas);
            return Rollout::Progressing(Progress { updated: 1, available, lacks, ..Progress::default() });
        }
        if self.ended_well.is_some_and(|scheduled| scheduled >= since) {
            return Rollout::Complete;
        }
        let is_older = |run: &Run| run.end.is_none() && !run.is_newest;
        if alone == Rollout::Waiting(Waits::NextRun) && self.one_at_a_time && self.all.iter().any(is_older) {
            return Rollout::Waiting(Waits::OlderRun);
        }
        alone
    }
}

/// Whether a schedule names only days that no month of it has, such as 31 February. What can't be read here is taken to
/// come: the API server has read it.
fn never_comes(schedule: &str) -> bool {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    // Where days of the week are named, one of the two is enough.
    let [_, _, days, months, "*" | "?"] = fields[..] else { return false };
    // A star is no number: any day comes.
    let first = |part: &str| -> Option<u32> { part.split('/').next()?.split('-').next()?.parse().ok() };
    let Some(days) = days.split(',').map(first).collect::<Option<Vec<u32>>>() else { return false };
    let Some(earliest) = days.into_iter().min() else { return false };
    let month = |part: &str| {
        const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let named = NAMES.iter().position(|name| name.eq_ignore_ascii_case(part)).map(|at| at + 1);
        named.or_else(|| part.parse().ok())
    };
    let is_short = |part: &str| match month(part) {
        Some(2) => earliest > 29,
        Some(4 | 6 | 9 | 11) => earliest > 30,
        _ => false,
    };
    months.split(',').all(is_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_object_alone_waits_for_its_next_run() {
        let judged = |suspended, schedule| match (Status { suspended, schedule }).judge() {
            Rollout::Waiting(waits) => waits.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(judged(false, "*/5 * * * *"), "NextRun");
        assert_eq!(judged(true, "*/5 * * * *"), "Suspended");
        assert_eq!(judged(true, "0 0 31 2 *"), "Suspended");
        for never in ["0 0 31 2 *", "0 0 30 FEB ?", "* * 31 2,4,jun,9,11 *", "0 0 30-31 2 *", "0 0 31,30/1 2 *"] {
            assert_eq!(judged(false, never), "NoSchedule", "{never}");
        }
        let comes = [
            "0 0 29 2 *",
            "0 0 31 2 1",
            "0 0 31 * *",
            "0 0 31 2-3 *",
            "0 0 30 4 *",
            "0 0 31 2,12 *",
            "0 0 1,31 2 *",
            "0 0 */31 2 *",
            "@hourly",
            "@every 1h",
            "",
            "0 0 L 2 *",
            "0 0 31 2",
            "0 0 31 x *",
            "0 0 31 */2 *",
            "0 0 * 2 *",
            "0 0 ? 2 *",
            "0 0 */40 2 *",
        ];
        for comes in comes {
            assert_eq!(judged(false, comes), "NextRun", "{comes}");
        }
    }

    fn forbid(all: &[Run]) -> Runs<'_> {
        Runs { all, one_at_a_time: true, ended_well: None }
    }

    #[test]
    fn the_runs_since_the_update_tell() {
        let (reason, progress) = ("BackoffLimitExceeded", Progress::default());
        let forth = Since { at: at(0), undoes: false };
        let stall =
            || Stall { reason: reason.into(), message: "no".into(), since: "t".into(), progress, refusal: None };
        let run = |made, end| Run { made: at(made), is_newest: true, end, ready: 0, is_suspended: false };
        let (good, bad) = (|| Some(End::Complete), || Some(End::Failed(stall())));
        let older = |end| Run { is_newest: false, ..run(-30, end) };
        let next = || Rollout::Waiting(Waits::NextRun);
        let lacks = Lacks::AvailableReplicas;
        let runs = || Rollout::Progressing(Progress { updated: 1, lacks, ..Progress::default() });
        let cases = [
            (vec![], next()),
            (vec![run(-90, good())], next()),
            (vec![older(good()), older(None)], Rollout::Waiting(Waits::OlderRun)),
            (vec![older(None), run(10, None)], runs()),
            (vec![run(-60, good())], Rollout::Complete),
            (vec![run(-61, good())], next()),
            (vec![run(-40, good()), older(None), run(-20, good())], Rollout::Complete),
            // Faults r26, r27: somebody made a run of another image by hand, at any time.
            (vec![run(20, good()), Run { made: at(30), ..older(None) }], Rollout::Complete),
            (vec![run(20, good()), Run { made: at(61), ..older(None) }], Rollout::Complete),
            (vec![run(90, bad()), Run { made: at(100), ..older(good()) }], Rollout::Stalled(stall())),
            (vec![Run { ready: 7, ..run(20, None) }, Run { ready: 8, ..run(10, None) }], {
                let progress = Progress { updated: 1, available: 7, lacks, ..Progress::default() };
                Rollout::Progressing(progress)
            }),
            (vec![Run { is_suspended: true, ..run(10, None) }], Rollout::Progressing(Progress::default())),
            (vec![run(-90, None)], next()),
            (vec![older(good())], next()),
            (vec![run(10, good())], Rollout::Complete),
            (vec![run(10, bad())], Rollout::Stalled(stall())),
            (vec![run(20, good()), run(10, bad())], Rollout::Complete),
            (vec![run(20, bad()), run(10, good())], Rollout::Stalled(stall())),
            (vec![run(20, None), run(10, bad())], Rollout::Stalled(stall())),
        ];
        for (all, expected) in cases {
            let judged = forbid(&all).judge(forth, next());
            assert_eq!(judged, expected, "{all:?}");
        }
        let back = Since { undoes: true, ..forth };
        let of_way_back = [
            // It ran well before the update that failed.
            (vec![run(-40, good()), older(None)], Rollout::Waiting(Waits::OlderRun)),
            (vec![run(-40, good()), older(None), run(-20, good())], Rollout::Complete),
            (vec![run(20, good()), Run { made: at(61), ..older(None) }], Rollout::Complete),
        ];
        for (all, expected) in of_way_back {
            assert_eq!(forbid(&all).judge(back, next()), expected, "{all:?}");
        }
        let all = [older(None)];
        assert_eq!(Runs { one_at_a_time: false, ..forbid(&all) }.judge(forth, next()), next());
        for (scheduled, expected) in [(-1, next()), (0, Rollout::Complete), (1, Rollout::Complete)] {
            let kept_none = Runs { ended_well: Some(at(scheduled)), ..forbid(&[]) };
            assert_eq!(kept_none.judge(forth, next()), expected);
        }
        let suspended = Rollout::Waiting(Waits::Suspended);
        assert_eq!(forbid(&all).judge(forth, suspended.clone()), suspended);
    }
}
