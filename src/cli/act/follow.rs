//! `--wait`: a rollout is followed to its end, as the object says it and as the service says it, whichever is first.

use std::time::Duration;

use super::{Done, print, read};
use crate::ambient::Ambient;
use crate::cluster::{KubeCluster, annotations};
use crate::domain::history::Outcome;
use crate::domain::record::Update;
use crate::domain::reference::ImageReference;
use crate::domain::rollout::{Rollout, Stall};
use crate::domain::view;
use crate::domain::workload::Workload;

/// How often the object is read.
const EVERY: Duration = Duration::from_secs(1);

/// A rollout that is followed.
pub(super) struct Roll {
    pub(super) container: String,
    /// The image that was written.
    pub(super) image: ImageReference,
    /// Since when the rollout before was given up, if it was.
    pub(super) stalled: Option<Box<str>>,
}

/// How it stands.
#[derive(Debug, PartialEq, Eq)]
enum Stands {
    Healthy,
    Failed(String),
    Goes(String),
}

/// Follows it.
///
/// # Errors
/// When the workload can't be read.
pub(super) async fn follow(
    (kube, ambient): (&KubeCluster, &Ambient),
    written: &Workload,
    roll: &Roll,
    timeout: Duration,
) -> anyhow::Result<Done> {
    let (begun, mut told) = (ambient.monotonic(), String::new());
    let mut now = written.clone();
    loop {
        match roll.stands(&now, written) {
            Stands::Healthy => {
                print("healthy: the rollout is complete, and has stayed so");
                return Ok(Done::Yes);
            }
            Stands::Failed(why) => {
                print(&format!("failed: {why}"));
                return Ok(Done::No);
            }
            Stands::Goes(how) => {
                if how != told {
                    eprintln!("waiting: {how}");
                    told = how;
                }
            }
        }
        let left = timeout.saturating_sub(ambient.monotonic().saturating_sub(begun));
        if left.is_zero() {
            print(&format!("not healthy after {} s: {told}; the rollout goes on", timeout.as_secs()));
            return Ok(Done::No);
        }
        tokio::time::sleep(EVERY.min(left)).await;
        now = read(kube, &written.id).await?;
    }
}

impl Roll {
    fn stands(&self, now: &Workload, written: &Workload) -> Stands {
        if now.id.uid != written.id.uid {
            return Stands::Failed("the object was deleted, and another has its name".into());
        }
        let record = annotations::claimed(now);
        let update = record.known(&self.container).update.as_ref();
        let is_digest = |update: &Update| self.image.digest().is_none_or(|digest| *digest == update.digest);
        let is_ours = |update: &&Update| Some(&update.tag) == self.image.running_tag().as_ref() && is_digest(update);
        let ours = update.filter(is_ours);
        let failure = || {
            let why = ours.and_then(|update| update.failure.as_ref());
            why.map_or_else(|| "the rollout failed".into(), |why| format!("{}: {}", why.reason, why.message))
        };
        let image = now.container(&self.container).and_then(|(_, found)| found.reference());
        if !image.as_ref().is_some_and(|image| self.is_written(image)) {
            let undone = update.and_then(|update| update.undoes.as_ref()).and_then(|it| it.failure.as_ref());
            let why = undone.map(|why| format!("{}: {}; what ran before is back", why.reason, why.message));
            return Stands::Failed(why.unwrap_or_else(|| "another image took its place".into()));
        }
        // Before the service says anything of it, it goes on.
        let outcome = ours.map_or(Outcome::RollingOut, |update| update.outcome);
        let is_old = |stall: &Stall| match ours {
            Some(update) if update.stalled_before.is_some() || self.stalled.is_none() => update.is_stall_old(stall),
            _ => self.stalled.as_ref() == Some(&stall.since),
        };
        match (view::Stands::of(outcome, is_old, &now.rollout), &now.rollout) {
            (None, _) => Stands::Healthy,
            (Some(_), Rollout::Complete) if ours.is_some() => Stands::Goes("complete, and settles".into()),
            (Some(_), Rollout::Complete) => Stands::Goes("complete; the service has yet to take it over".into()),
            (Some(view::Stands::Failed), Rollout::Stalled(stall)) if outcome == Outcome::RollingOut => {
                Stands::Failed(format!("{}: {}", stall.reason, stall.message))
            }
            (Some(view::Stands::Failed), _) => Stands::Failed(failure()),
            (Some(view::Stands::Waits(waits)), _) => {
                Stands::Goes(format!("it waits for somebody ({})", waits.as_str()))
            }
            (
                Some(
                    view::Stands::UnderWay
                    | view::Stands::Refused(_)
                    | view::Stands::StandsStill(_)
                    | view::Stands::Slow(_),
                ),
                rollout,
            ) => Stands::Goes(goes(rollout)),
        }
    }
}

impl Roll {
    /// Whether this is what was written; admission may have it pulled from elsewhere, by its digest.
    fn is_written(&self, image: &ImageReference) -> bool {
        let is_pinned = image.digest().is_some() && image.digest() == self.image.digest();
        *image == self.image || is_pinned && image.tag() == self.image.tag()
    }
}

/// How far a rollout has come that is under way.
fn goes(rollout: &Rollout) -> String {
    match rollout {
        Rollout::Progressing(progress) => {
            format!("{} updated, {} available ({})", progress.updated, progress.available, progress.lacks.as_str())
        }
        Rollout::Refused(_, refusal) => format!("{}: {}", refusal.reason, refusal.message),
        // What was given up is the rollout before.
        Rollout::Stalled(Stall { refusal: Some(refusal), .. }) => format!("{}: {}", refusal.reason, refusal.message),
        Rollout::Complete | Rollout::Waiting(_) | Rollout::Stalled(_) => "the controller has not seen it yet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::LinkKey;
    use crate::domain::record::sealed::seal;
    use crate::domain::record::tests::update;
    use crate::domain::record::{Event, Record};
    use crate::domain::rollout::Progress;
    use crate::domain::view::Unfinished;
    use crate::domain::workload::tests::workload;

    fn stalled(since: &str) -> Rollout {
        Rollout::Stalled(Stall {
            reason: "ProgressDeadlineExceeded".into(),
            message: "timed out".into(),
            since: since.into(),
            progress: Progress::default(),
            refusal: None,
        })
    }

    #[test]
    fn a_rollout_stands_as_the_object_says() {
        let image = format!("web:1.1.0@sha256:{}", "a".repeat(64));
        let written = workload(&[("web", &image)], &[]);
        let roll =
            Roll { container: "web".into(), image: ImageReference::parse(&image).unwrap(), stalled: Some("t1".into()) };
        let with = |rollout| Workload { rollout, ..written.clone() };
        let stands = |now: &Workload| roll.stands(now, &written);
        let complete = stands(&with(Rollout::Complete));
        assert!(matches!(&complete, Stands::Goes(how) if how.contains("take it over")), "{complete:?}");
        assert!(matches!(stands(&with(Rollout::Progressing(Progress::default()))), Stands::Goes(_)));
        assert!(matches!(stands(&with(stalled("t1"))), Stands::Goes(_)), "that of the rollout before");
        assert_eq!(stands(&with(stalled("t2"))), Stands::Failed("ProgressDeadlineExceeded: timed out".into()));
        let other = workload(&[("web", "web:1.0.0")], &[]);
        assert_eq!(stands(&other), Stands::Failed("another image took its place".into()));
        let mut again = with(Rollout::Complete);
        again.id.uid = "uid-2".into();
        assert!(matches!(stands(&again), Stands::Failed(_)), "it is not the object that was written");
        let mirrored = workload(&[("web", &format!("mirror.example/a/{image}"))], &[]);
        assert_eq!(stands(&mirrored), complete, "it is pulled from elsewhere, by its digest");
        let renamed = workload(&[("app", &image)], &[]);
        assert!(matches!(stands(&renamed), Stands::Failed(_)), "the container has another name");
    }

    /// What is shown of an update everywhere else is what ends the wait for it.
    #[test]
    fn it_ends_as_the_rollout_is_shown() {
        let failed = update(1, None);
        let image = format!("registry.example.com/shop/web:{}@{}", failed.tag, failed.digest);
        let container = "web".to_owned();
        let roll = Roll { container, image: ImageReference::parse(&image).unwrap(), stalled: None };
        let stands = |outcome, stalled_before: Option<&str>, rollout| {
            let mut record = Record::default();
            let stalled_before = stalled_before.map(Into::into);
            let update = Update { outcome, stalled_before, ..failed.clone() };
            record.on("web", Event::Write(Box::new(update)), failed.at);
            let bare = workload(&[("web", &image)], &[]);
            let text = seal(&record, &bare.id, &LinkKey::new(vec![1; 32]).unwrap()).unwrap().0;
            let now = Workload { rollout, ..workload(&[("web", &image)], &[("record", &text)]) };
            let shown = Unfinished::of(&now, "web", record.known("web")).map(|it| it.stands);
            (roll.stands(&now, &bare), shown)
        };
        let up = stands(Outcome::Failed, None, Rollout::Complete);
        assert_eq!(up, (Stands::Healthy, None), "its pods came up after all");
        let (settles, _) = stands(Outcome::RollingOut, None, Rollout::Complete);
        assert_eq!(settles, Stands::Goes("complete, and settles".into()), "it may end badly yet");
        assert_eq!(stands(Outcome::Healthy, None, Rollout::Complete).0, Stands::Healthy);
        let (before, shown) = stands(Outcome::RollingOut, Some("t1"), stalled("t1"));
        assert!(
            matches!(before, Stands::Goes(_)),
            "that of the rollout before, as the record says: {before:?}, {shown:?}"
        );
    }
}
