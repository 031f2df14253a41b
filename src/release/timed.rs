//! Release notes for those who can't wait for them: a message and a page each have their time, and what comes too late for
//! one is there for the next.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;

use super::background::Background;
use super::{Effort, Lookup, Releases, Subject};
use crate::ambient::Ambient;
use crate::assess::{AskStanding, Declarations, Proposed, Waited};
use crate::cluster::{Cluster as _, KubeCluster};
use crate::domain::approval::Approval;
use crate::domain::declared::Declared;
use crate::domain::event::{Notice, NoticeKind};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::standing::Standing;
use crate::domain::workload::Workload;
use crate::queue::Kept;
use crate::registry::{Credential, Registry};
use crate::telemetry::chain;

/// A notice is never later than this because of notes.
const NOTES_WAIT: TimeDelta = TimeDelta::seconds(3);
/// A notice is never later than this because of a summary, counted from the same moment.
const SUMMARY_WAIT: TimeDelta = TimeDelta::seconds(15);
/// A page is never later than this because of either.
const PAGE_WAIT: TimeDelta = TimeDelta::seconds(2);
/// A decision is never later than this because of what a version's project says of it by now.
const STANDING_WAIT: TimeDelta = TimeDelta::seconds(3);

/// The cluster, as far as notes need it.
pub trait Workloads: Send + Sync + 'static {
    /// A watched workload by its uid.
    fn workload(&self, uid: &str) -> Option<Arc<Workload>>;

    /// What a workload may read of a repository; `None` while that is not known.
    fn credential_for(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> impl Future<Output = Option<Credential>> + Send;
}

/// Tells what an update changes, in time.
pub struct TimedNotes<K, R, W> {
    /// Finds notes, however long that takes.
    pub releases: Arc<Releases<K, R>>,
    /// Who asks.
    pub workloads: W,
    /// What settings of workloads are read under.
    pub bounds: Bounds,
    /// Where questions go on when nobody waits for them any more.
    pub background: Background,
    /// Clock and chance.
    pub ambient: Ambient,
}

impl<K, R, W> std::fmt::Debug for TimedNotes<K, R, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TimedNotes")
    }
}

impl<K: Kept, R: Registry, W: Workloads> Declarations for TimedNotes<K, R, W> {
    fn declared(&self, update: Proposed) -> BoxFuture<'_, Option<Declared>> {
        Box::pin(async move {
            let Proposed { workload, container, to, digest, patience } = update;
            self.declared(&workload, &container, (&to, &digest), patience).await
        })
    }
}

impl Workloads for KubeCluster {
    fn workload(&self, uid: &str) -> Option<Arc<Workload>> {
        self.by_uid(uid)
    }

    async fn credential_for(&self, workload: &Workload, repository: &Repository) -> Option<Credential> {
        match self.credential(workload, repository).await {
            Ok(credential) => Some(credential),
            Err(error) => {
                tracing::debug!(workload = %workload.id, error = %chain(&error), "there are no release notes for now");
                None
            }
        }
    }
}

impl<K: Kept, R: Registry, W: Workloads> TimedNotes<K, R, W> {
    /// Where the sequencer asks what became of the release of a version that waited.
    #[must_use]
    pub fn ask_standing(self: &Arc<Self>) -> AskStanding {
        let notes = Arc::clone(self);
        Arc::new(move |Waited { repository, credential, from, to, digest, url }| {
            let (notes, to, digest) = (Arc::clone(&notes), to.to_string(), Some(digest));
            Box::pin(async move { notes.standing(Subject { repository, credential, from, to, digest, url }).await })
        })
    }

    /// Where messages get their notes: [`Self::for_message`].
    pub fn of_messages(
        self: &Arc<Self>,
    ) -> impl Fn(&Notice, Language, DateTime<Utc>) -> BoxFuture<'static, Option<ReleaseNotes>> + use<K, R, W> {
        let notes = Arc::clone(self);
        move |notice, language, since| {
            let (notes, notice) = (Arc::clone(&notes), notice.clone());
            Box::pin(async move { notes.for_message(&notice, language, since).await })
        }
    }

    /// Where questions get their notes: [`Self::for_question`].
    pub fn of_questions(
        self: &Arc<Self>,
    ) -> impl Fn(&Arc<Workload>, &Approval, Language) -> BoxFuture<'static, Option<ReleaseNotes>> + use<K, R, W> {
        let notes = Arc::clone(self);
        move |workload, approval, language| {
            let (notes, workload, approval) = (Arc::clone(&notes), Arc::clone(workload), approval.clone());
            Box::pin(async move { notes.for_question(&workload, &approval, language).await })
        }
    }

    /// The notes for a message that has been waiting since `since`.
    pub async fn for_message(&self, notice: &Notice, language: Language, since: DateTime<Utc>) -> Option<ReleaseNotes> {
        if !matches!(notice.kind, NoticeKind::Available | NoticeKind::Applied) {
            return None;
        }
        let workload = self.workloads.workload(&notice.workload.uid);
        let update = Update {
            workload: workload.as_deref(),
            container: &notice.container,
            repository: Repository::parse(&notice.to.repository).ok()?,
            from: &notice.from.tag,
            to: &notice.to.tag,
            digest: notice.to.digest.as_deref().and_then(|digest| Digest::parse(digest).ok()),
        };
        let until = since + NOTES_WAIT;
        let subject = self.subject(update, until).await?;
        let notes = self.notes(subject, until).await?;
        Some(self.summarised(notes, language, since + SUMMARY_WAIT).await)
    }

    /// The notes of what a question is about, as far as they can be had within two seconds.
    pub async fn for_question(
        &self,
        workload: &Workload,
        approval: &Approval,
        language: Language,
    ) -> Option<ReleaseNotes> {
        let from = ImageReference::parse(&approval.from_image).ok()?;
        let running = from.tag().map(ToString::to_string).unwrap_or_default();
        let update = Update {
            workload: Some(workload),
            container: &approval.container,
            repository: from.repository().clone(),
            from: &running,
            to: approval.to_tag.as_str(),
            digest: Some(approval.to_digest.clone()),
        };
        let until = self.ambient.now() + PAGE_WAIT;
        let subject = self.subject(update, until).await?;
        let notes = self.notes(subject, until).await?;
        Some(self.summarised(notes, language, until).await)
    }

    /// What the makers declare of an update, and nothing where there are no notes; `None` when that is not known within
    /// `patience`.
    pub async fn declared(
        &self,
        workload: &Workload,
        container: &str,
        (to, digest): (&Tag, &Digest),
        patience: Duration,
    ) -> Option<Declared> {
        let (_, found) = workload.container(container)?;
        let from = found.reference()?;
        let running = from.running_tag()?.to_string();
        let update = Update {
            workload: Some(workload),
            container,
            repository: from.repository().clone(),
            from: &running,
            to: to.as_str(),
            digest: Some(digest.clone()),
        };
        let until = self.ambient.now() + TimeDelta::from_std(patience).ok()?;
        let subject = self.subject(update, until).await?;
        match self.lookup(subject, until).await? {
            Lookup::Notes(notes) => notes.declared,
            Lookup::Nothing => Some(Declared::default()),
            Lookup::Unknown => None,
        }
    }

    /// What the release of a version is by now, as far as that can be known soon.
    pub async fn standing(&self, subject: Subject) -> Option<Standing> {
        let releases = Arc::clone(&self.releases);
        let asked = async move { releases.standing(&subject).await };
        self.wait(self.ambient.now() + STANDING_WAIT, asked).await.flatten()
    }

    /// `None` while it is not known who asks: what is asked without a credential is not there for who has one. It is waited
    /// for no longer than for what is asked.
    async fn subject(&self, update: Update<'_>, until: DateTime<Utc>) -> Option<Subject> {
        let settings = update.workload.and_then(|w| Settings::read(w, update.container, &self.bounds).ok());
        let credential = match update.workload {
            Some(workload) => {
                let left = (until - self.ambient.now()).to_std().unwrap_or_default();
                let credential = self.workloads.credential_for(workload, &update.repository);
                tokio::time::timeout(left, credential).await.ok().flatten()?
            }
            None => Credential::default(),
        };
        Some(Subject {
            repository: update.repository,
            credential,
            from: update.from.to_owned(),
            to: update.to.to_owned(),
            digest: update.digest,
            url: settings.and_then(|settings| settings.release_url),
        })
    }

    async fn lookup(&self, subject: Subject, until: DateTime<Utc>) -> Option<Lookup> {
        match self.releases.notes(&subject, Effort::Recall).await {
            Lookup::Unknown => {
                let releases = Arc::clone(&self.releases);
                self.wait(until, async move { releases.notes(&subject, Effort::Ask).await }).await
            }
            found => Some(found),
        }
    }

    async fn notes(&self, subject: Subject, until: DateTime<Utc>) -> Option<ReleaseNotes> {
        match self.lookup(subject, until).await? {
            Lookup::Notes(notes) => Some(*notes),
            Lookup::Nothing | Lookup::Unknown => None,
        }
    }

    async fn summarised(&self, notes: ReleaseNotes, language: Language, until: DateTime<Utc>) -> ReleaseNotes {
        if !self.releases.has_model() {
            return notes;
        }
        let mut summary = self.releases.summary(&notes, language, Effort::Recall).await;
        if summary.is_none() {
            let (releases, of) = (Arc::clone(&self.releases), notes.clone());
            let asked = async move { releases.summary(&of, language, Effort::Ask).await };
            summary = self.wait(until, asked).await.flatten();
        }
        ReleaseNotes { summary, ..notes }
    }

    /// Waits for an answer until then, and no longer; the question goes on.
    async fn wait<T: Send + 'static>(
        &self,
        until: DateTime<Utc>,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let left: Duration = (until - self.ambient.now()).to_std().ok()?;
        let answered = self.background.start(question)?;
        tokio::time::timeout(left, answered).await.ok()?.ok()
    }
}

/// One update, as messages and pages know it.
struct Update<'u> {
    workload: Option<&'u Workload>,
    container: &'u str,
    repository: Repository,
    from: &'u str,
    to: &'u str,
    digest: Option<Digest>,
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::domain::event::tests::notice;
    use crate::domain::workload::tests::workload;
    use crate::release::unread_tests::{Drawer, Shelf, released};
    use crate::stop::Stop;

    /// A cluster whose secrets are not read.
    struct Hangs;

    impl Workloads for Hangs {
        fn workload(&self, _: &str) -> Option<Arc<Workload>> {
            Some(Arc::new(workload(&[("web", "a.example/acme/web:1.2.3")], &[("mode", "NOTIFICATION")])))
        }

        async fn credential_for(&self, _: &Workload, _: &Repository) -> Option<Credential> {
            pending().await
        }
    }

    fn timed() -> TimedNotes<Drawer, Shelf, Hangs> {
        let (background, _) = Background::new(Stop::new().1);
        let (releases, ambient) = (Arc::new(released()), Ambient::system());
        TimedNotes { releases, workloads: Hangs, bounds: Bounds::default(), background, ambient }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_secret_that_is_not_read_delays_no_message_page_or_decision() {
        let timed = timed();
        let update = notice(NoticeKind::Available);
        let message = timed.for_message(&update, Language::English, timed.ambient.now());
        let seconds = Duration::from_secs;
        assert_eq!(tokio::time::timeout(seconds(4), message).await, Ok(None));
        let (tag, digest) = (Tag::parse("1.3.0").unwrap(), Digest::of(b"new"));
        let found = Hangs.workload("uid-1").unwrap();
        let decision = timed.declared(&found, "web", (&tag, &digest), seconds(1));
        assert_eq!(tokio::time::timeout(seconds(2), decision).await, Ok(None));
    }
}
