//! Where release notes meet those who show them: who waits, for how long, and what goes on when nobody waits any more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::ambient::Ambient;
use crate::cluster::{Cluster, KubeCluster};
use crate::config::Config;
use crate::domain::approval::Approval;
use crate::domain::event::{Delivery, NoticeKind};
use crate::domain::reference::{Digest, ImageReference, Repository};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::workload::Workload;
use crate::notify::Channels;
use crate::outbound::{Outbound, Reach};
use crate::queue::Kept;
use crate::reconcile::Asked;
use crate::registry::{Credential, HttpRegistry};
use crate::release::summary::Summarizer;
use crate::release::{Effort, FetchSettings, Found, Releases, Subject};
use crate::stop::Stop;
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;

/// A notice is never later than this because of notes.
const NOTES_WAIT: TimeDelta = TimeDelta::seconds(3);
/// A notice is never later than this because of a summary, counted from the same moment.
const SUMMARY_WAIT: TimeDelta = TimeDelta::seconds(15);
/// A page is never later than this because of either.
const PAGE_WAIT: TimeDelta = TimeDelta::seconds(2);
/// Questions under way at once, most of them waiting for their turn; one more is not asked.
const MOST_ERRANDS: usize = 256;

/// Release notes as a configuration has them.
///
/// # Errors
/// When the HTTP clients can't be made.
pub(crate) fn releases<K: Kept>(
    config: &Config,
    outbound: &Outbound,
    registry: Arc<HttpRegistry>,
    kept: K,
    ambient: &Ambient,
    metrics: &Metrics,
) -> anyhow::Result<Releases<K, HttpRegistry>> {
    let notes = &config.notes;
    let settings =
        FetchSettings { outbound, forges: &notes.forges, github_token: notes.github_token.as_ref(), metrics };
    let summarizer = match &notes.model {
        Some(model) => {
            let client = outbound.client(Reach::Named)?;
            Some(Summarizer::new(model.clone(), client, ambient.clone(), metrics.clone()))
        }
        None => None,
    };
    Ok(Releases::new(registry, kept, settings, summarizer, ambient.clone())?)
}

/// Things that are done to their end, whoever waits for them.
#[derive(Clone, Debug)]
pub(super) struct Errands(mpsc::Sender<BoxFuture<'static, ()>>);

impl Errands {
    /// The sending side, and the task that runs them.
    pub(super) fn new() -> (Self, impl Future<Output = ()> + use<>) {
        let (sender, receiver) = mpsc::channel(MOST_ERRANDS);
        (Self(sender), run(receiver))
    }

    /// Sends somebody; `None` when too many are under way.
    fn send<T: Send + 'static>(
        &self,
        errand: impl Future<Output = T> + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let (answer, answered) = oneshot::channel();
        let errand = async move {
            let _ = answer.send(errand.await);
        };
        self.0.try_send(Box::pin(errand)).ok().map(|()| answered)
    }
}

async fn run(mut receiver: mpsc::Receiver<BoxFuture<'static, ()>>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        let room = under_way.len() < MOST_ERRANDS;
        tokio::select! {
            errand = receiver.recv(), if room => match errand {
                Some(errand) => under_way.push(errand),
                None => break,
            },
            _ = under_way.next(), if !under_way.is_empty() => {}
        }
    }
}

/// Runs errands until the process ends; what is not done then is done again when it is needed.
pub(super) async fn errands(run: impl Future<Output = ()>, mut stop: Stop) {
    tokio::select! {
        () = run => stop.raised().await,
        () = stop.raised() => {}
    }
}

/// Tells what an update changes, in time.
pub(super) struct NotesDesk<K> {
    pub(super) releases: Arc<Releases<K, HttpRegistry>>,
    pub(super) cluster: KubeCluster,
    pub(super) channels: Arc<Channels>,
    pub(super) bounds: Bounds,
    pub(super) errands: Errands,
    pub(super) ambient: Ambient,
}

impl<K: Kept> NotesDesk<K> {
    /// The notes for a message that has been waiting since `since`.
    pub(super) async fn for_message(&self, delivery: &Delivery, since: DateTime<Utc>) -> Option<ReleaseNotes> {
        let notice = &delivery.notice;
        if !matches!(notice.kind, NoticeKind::Available | NoticeKind::Applied) {
            return None;
        }
        let workload = self.cluster.by_uid(&notice.workload.uid);
        let update = Update {
            workload: workload.as_deref(),
            container: &notice.container,
            repository: Repository::parse(&notice.to.repository).ok()?,
            from: &notice.from.tag,
            to: &notice.to.tag,
            digest: notice.to.digest.as_deref().and_then(|digest| Digest::parse(digest).ok()),
        };
        let subject = self.subject(update).await?;
        let notes = self.notes(subject, since + NOTES_WAIT).await?;
        Some(self.summarised(notes, self.channels.language(&delivery.channel), since + SUMMARY_WAIT).await)
    }

    /// The notes for the page of a question, in the language of the channel that asked it.
    pub(super) async fn for_page(&self, asked: &Asked) -> Option<ReleaseNotes> {
        let channel = asked.holder.split(':').next().unwrap_or_default();
        self.for_question(&asked.workload, &asked.approval, self.channels.language(channel)).await
    }

    /// The notes of what a question is about, as far as they can be had within two seconds.
    pub(super) async fn for_question(
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
        let subject = self.subject(update).await?;
        let notes = self.notes(subject, until).await?;
        Some(self.summarised(notes, language, until).await)
    }

    /// `None` while it is not known who asks: what is asked without a credential is not there for who has one.
    async fn subject(&self, update: Update<'_>) -> Option<Subject> {
        let settings = update.workload.and_then(|w| Settings::read(w, update.container, &self.bounds).ok());
        let credential = match update.workload {
            Some(workload) => match self.cluster.credential(workload, &update.repository).await {
                Ok(credential) => credential,
                Err(error) => {
                    tracing::debug!(workload = %workload.id, error = %chain(&error), "there are no release notes for now");
                    return None;
                }
            },
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

    async fn notes(&self, subject: Subject, until: DateTime<Utc>) -> Option<ReleaseNotes> {
        let found = match self.releases.notes(&subject, Effort::Recall).await {
            Found::Unknown => {
                let releases = Arc::clone(&self.releases);
                self.wait(until, async move { releases.notes(&subject, Effort::Ask).await }).await?
            }
            found => found,
        };
        match found {
            Found::Notes(notes) => Some(*notes),
            Found::Nothing | Found::Unknown => None,
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

    /// Waits for an errand until then, and no longer; it goes on.
    async fn wait<T: Send + 'static>(
        &self,
        until: DateTime<Utc>,
        errand: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let left: Duration = (until - self.ambient.now()).to_std().ok()?;
        let answered = self.errands.send(errand)?;
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
