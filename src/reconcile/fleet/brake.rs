//! The brake: when updates failed one after another, none is applied by itself until a person says so.
//!
//! Whether it is on follows from the ends that records remember, so that it is on again after whatever loss. That it was on is
//! remembered beside the queue, as who failed may be deleted; and so is who released it. It is told once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::approval::Token;
use crate::domain::event::{ImageView, Job, Notice, NoticeKind};
use crate::domain::fleet::{Asks, Brake, Link, Release, Stopped, ToldStop};
use crate::domain::workload::Workload;
use crate::queue::{NewJob, Queue, QueueError, Records, Urgency};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// What is known of the brake; nothing before it was read.
#[derive(Debug, Default)]
pub(crate) struct Known {
    brake: Mutex<Option<Brake>>,
    /// Whether it could not be read when that was tried last: until it is, no update is applied by itself.
    unread: AtomicBool,
    /// The release that is told, by its time: what is told of another one is owed.
    told: Mutex<Option<DateTime<Utc>>>,
    /// Who changes it.
    turn: tokio::sync::Mutex<()>,
}

impl Known {
    fn get(&self) -> Option<Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, brake: Brake) {
        *self.brake.lock().unwrap_or_else(PoisonError::into_inner) = Some(brake);
    }

    /// Whether it could not be read, as a store may not answer, or somebody wrote there by hand.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::SeqCst)
    }

    /// What is to be told of a release, if that was not done since the start.
    fn owed(&self, now: DateTime<Utc>) -> Option<Notice> {
        let brake = self.brake.lock().unwrap_or_else(PoisonError::into_inner);
        let (stop, release) = brake.as_ref()?.ended(now)?;
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let resumed = || Notice { by: Some(release.by.clone()), at: release.at, ..told_of(stop) };
        (told != Some(release.at)).then(resumed)
    }

    fn told(&self, resumed: &Notice) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(resumed.at);
    }

    /// Whether it is known to be on, and was told.
    fn is_told(&self) -> bool {
        let brake = self.brake.lock().unwrap_or_else(PoisonError::into_inner);
        brake.as_ref().is_some_and(|brake| brake.stopped.is_some())
    }
}

/// What a link to release the brake is about.
#[derive(Clone, Debug)]
pub struct AskedToResume {
    /// Why automatic updates are stopped.
    pub stopped: Stopped,
    /// Until when it can be answered.
    pub expires: DateTime<Utc>,
    /// Who holds this link: `channel:address`.
    pub holder: String,
}

/// Why automatic updates are not resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// That they are can't be remembered now.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Nothing is decided in a dry run.
    #[error("this is a dry run")]
    DryRun,
}

/// How a link to release the brake stands.
#[derive(Clone, Debug)]
pub enum Resuming {
    /// It can be answered.
    Open(AskedToResume),
    /// It can be answered when this is no dry run any more.
    DryRun(AskedToResume),
    /// Its time is over.
    Expired(AskedToResume),
    /// A person released it, now or before.
    Done(Release),
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Reads what is remembered of the brake: once, or each time where another replica may have changed it. While that can't be
    /// read, nothing is applied by itself, as if it were on: somebody else may have pulled it.
    pub(crate) async fn read_brake(&self) {
        if self.1.brake.get().is_some() && !self.0.queue.is_shared() {
            return;
        }
        let _turn = self.1.brake.turn.lock().await;
        match self.0.queue.brake().await {
            Ok(brake) => {
                self.0.metrics.updates_stopped.set(i64::from(brake.stopped.is_some()));
                self.1.brake.set(brake);
                self.1.brake.unread.store(false, Ordering::SeqCst);
            }
            Err(error) => {
                if !self.1.brake.unread.swap(true, Ordering::SeqCst) {
                    tracing::warn!(error = %chain(&error), "whether automatic updates were stopped, or resumed, can't be read: none is applied until it can");
                }
            }
        }
    }

    /// Reads it where it could not be read: those who wait for it are woken by what it says.
    pub(super) async fn read_brake_again(&self) {
        if self.1.brake.is_unread() {
            self.read_brake().await;
        }
    }

    /// How it stands.
    pub async fn brake(&self) -> Brake {
        self.read_brake().await;
        let brake = self.1.brake.get().unwrap_or_default();
        Brake { stopped: self.stopped(), ..brake }
    }

    /// Whether it is known that automatic updates are not stopped. Before the first look had ended, nobody knows who failed.
    pub async fn is_resumed(&self) -> bool {
        self.read_brake().await;
        self.1.brake.get().is_some()
            && !self.1.brake.is_unread()
            && self.0.cluster.knows_all()
            && self.stopped().is_none()
    }

    /// Why automatic updates are stopped, if they are.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        let Brake { stopped, released, .. } = self.1.brake.get().unwrap_or_default();
        let now = self.0.ambient.now();
        stopped.or_else(|| {
            self.0.cluster.fleet(|fleet| match &released {
                Some(release) => fleet.stopped_since(release, now),
                None => fleet.stopped(None),
            })
        })
    }

    /// Tells that updates are resumed, if that was not done since the start: the same message as before, which its recipients
    /// recognise.
    async fn tell_resumed(&self, trace: &str) -> Result<(), StepError> {
        let Some(resumed) = self.1.brake.owed(self.0.ambient.now()) else { return Ok(()) };
        self.tell(&resumed, None, trace).await?;
        self.1.brake.told(&resumed);
        Ok(())
    }

    /// Remembers and tells that updates failed one after another, if they did and nobody was told; and that they are resumed.
    pub(crate) async fn pull_brake(&self, trace: &str) -> Result<(), StepError> {
        self.tell_resumed(trace).await?;
        // Of those that are not listed yet, updates may have ended later, and well.
        if !self.0.cluster.knows_all() {
            return Ok(());
        }
        if self.1.brake.is_told() || self.stopped().is_none() || self.0.cluster.is_dry_run() {
            return Ok(());
        }
        self.read_brake().await;
        let _turn = self.1.brake.turn.lock().await;
        let (Some(brake), Some(stopped)) = (self.1.brake.get(), self.stopped()) else { return Ok(()) };
        let failed = self.0.cluster.fleet(crate::domain::fleet::Fleet::failed_last);
        let (Some((workload, container)), None) = (failed, &brake.stopped) else { return Ok(()) };
        let told = Box::new(about(&workload, &container, &stopped));
        self.tell(&told_of(&told), None, trace).await?;
        let brake = Brake { stopped: Some(stopped.clone()), told: Some(told), ..brake };
        self.0.queue.remember_brake(brake.clone()).await?;
        self.1.brake.set(brake);
        self.0.metrics.updates_stopped.set(1);
        tracing::error!(workload = %workload.id, reason = %stopped, outcome = "stopped", "automatic updates are stopped everywhere until a person resumes them: by the link of the message, or image-watcher brake --resume");
        self.0.cluster.announce(&workload, WorkloadEvent::UpdatesStopped(stopped.to_string())).await;
        Ok(())
    }

    /// Releases the brake, and has everything looked at that waits for it; `None` where it is not on.
    ///
    /// # Errors
    /// [`ResumeError`] where that can't be remembered, and in a dry run: it stays on.
    pub async fn resume_updates(&self, by: Actor, trace: &str) -> Result<Option<Release>, ResumeError> {
        self.read_brake().await;
        let _turn = self.1.brake.turn.lock().await;
        let Some(stopped) = self.stopped() else { return Ok(None) };
        // A dry run decides nothing for the time after it.
        if self.0.cluster.is_dry_run() {
            return Err(ResumeError::DryRun);
        }
        let failed = self.0.cluster.fleet(|fleet| fleet.judged_with(&stopped));
        let release = Release { at: self.0.ambient.now(), by, of: stopped.id(), failed };
        let known = self.1.brake.get().and_then(|brake| brake.told);
        // An earlier release did not keep what it told.
        let found = || {
            let (workload, container) = self.0.cluster.fleet(crate::domain::fleet::Fleet::failed_last)?;
            Some(Box::new(about(&workload, &container, &stopped)))
        };
        let told = known.filter(|known| known.stopped.id() == release.of).or_else(found);
        let brake = Brake { stopped: None, released: Some(release.clone()), told };
        self.0.queue.remember_brake(brake.clone()).await?;
        self.1.brake.set(brake);
        self.0.metrics.updates_stopped.set(0);
        tracing::warn!(by = %release.by, outcome = "resumed", "automatic updates are resumed");
        if let Err(error) = self.tell_resumed(trace).await {
            tracing::warn!(error = %chain(&error), "who keeps incidents is told with the next look that automatic updates are resumed");
        }
        let not_before = self.0.ambient.now();
        let job = |repository| NewJob {
            job: Job::Look(repository),
            trace: trace.into(),
            not_before,
            urgency: Urgency::Routine,
            failed: None,
        };
        if let Err(error) = self.0.queue.put(self.0.cluster.repositories().into_iter().map(job).collect()).await {
            tracing::warn!(error = %chain(&error), "what waited for this is looked at by the schedule");
        }
        Ok(Some(release))
    }

    /// How the link of a brake stands; `None` where this is another link.
    pub(crate) async fn asked_to_resume(&self, token: &Token) -> Option<Resuming> {
        self.opened_to_resume(token).await.map(|(resuming, _)| resuming)
    }

    /// The same, with who holds it.
    pub(crate) async fn opened_to_resume(&self, token: &Token) -> Option<(Resuming, String)> {
        let Brake { stopped, released, .. } = self.brake().await;
        let holders = self.0.audience.holders();
        let holder = |link: &Link| link.holder(token, &self.0.keys, &holders).map(str::to_owned);
        let open = stopped.and_then(|stopped| Some((holder(&Link::of(&stopped))?, stopped)));
        let Some((holder, stopped)) = open else {
            let release = released?;
            let holder = holder(&Link::of_release(&release))?;
            return Some((Resuming::Done(release), holder));
        };
        let asked = AskedToResume { holder: holder.clone(), expires: Link::of(&stopped).expires(), stopped };
        let resuming = match self.0.ambient.now() < asked.expires {
            true if self.0.cluster.is_dry_run() => Resuming::DryRun(asked),
            true => Resuming::Open(asked),
            false => Resuming::Expired(asked),
        };
        Some((resuming, holder))
    }

    /// Whether a token claims to be that of the brake.
    pub(crate) fn is_of_brake(&self, token: &Token) -> bool {
        let Brake { released, .. } = self.1.brake.get().unwrap_or_default();
        let is_released = || released.is_some_and(|release| release.of == *token.approval());
        self.stopped().is_some_and(|stopped| stopped.id() == *token.approval()) || is_released()
    }
}

/// A stop, about the last update that failed.
fn about(workload: &Workload, container: &str, stopped: &Stopped) -> ToldStop {
    let image = workload.container(container).and_then(|(_, found)| found.reference());
    let of = image.as_ref().map(|image| image.repository().to_string()).unwrap_or_default();
    let from = image.and_then(|image| image.running_tag()).map(|tag| tag.to_string()).unwrap_or_default();
    ToldStop { stopped: stopped.clone(), workload: workload.id.clone(), container: container.into(), of, from }
}

/// The message about it.
fn told_of(stop: &ToldStop) -> Notice {
    let ToldStop { stopped, workload, container, of, from } = stop;
    let to = stopped.failed.first().map(|failed| failed.tag.to_string()).unwrap_or_default();
    let view = |tag| ImageView { repository: of.clone(), tag, digest: None };
    Notice {
        because: Some(Box::new(Asks::Stopped(stopped.clone()))),
        ..Notice::new(NoticeKind::Stopped, stopped.since, (workload, container), (view(from.clone()), view(to)))
    }
}
