//! Why a container goes where it goes, for whoever asks: the same judgement as a look's, of the whole list, and nothing is written.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::assess::{self, Candidate, Place, Source, Undecided};
use crate::cluster::Cluster;
use crate::domain::fleet::Others;
use crate::domain::policy::{Decision, Policy, Ruling, Track, Wanted};
use crate::domain::settings::Settings;
use crate::domain::view::{Gist, Known, State, View};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::chain;

/// So many candidates are named.
const MOST_NAMED: usize = 1000;

/// Why a container can't be explained now.
#[derive(Debug, thiserror::Error)]
enum Unexplained {
    /// What is known can't be read, or the registry gives no answer.
    #[error(transparent)]
    Step(#[from] StepError),
    /// What it says is no ground to decide on.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// What is decided of a container, and on what ground.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The answer in one sentence.
    pub sentence: String,
    /// What it comes to, for whoever says it in another language.
    pub gist: Option<Gist>,
    /// What is decided.
    pub state: State,
    /// Why this version, or why none.
    pub why: String,
    /// Each candidate: its tag, and what was found about it.
    pub candidates: Vec<(String, Ruling)>,
    /// How many more there are.
    pub more: usize,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Explains a container, by what its registry says now.
    ///
    /// # Errors
    /// Why that can't be said now.
    pub async fn explain(&self, workload: &Arc<Workload>, container: &str) -> Result<Explained, String> {
        let settings = Settings::read(workload, container, &self.0.bounds).map_err(|problems| problems.to_string())?;
        let found = workload.container(container).and_then(|(_, found)| found.reference());
        let image = found.ok_or_else(|| "its image can't be read".to_owned())?;
        let repository = image.repository().clone();
        let credential = self.0.cluster.credential(workload, &repository).await.map_err(Arc::new);
        let (workload, container) = (Arc::clone(workload), container.to_owned());
        let target = Target { workload, container, repository, credential, digests: None, pushed: None };
        self.explained(&target, settings).await.map_err(|error| chain(&error).to_string())
    }

    async fn explained(&self, target: &Target, settings: Settings) -> Result<Explained, Unexplained> {
        let (workload, container, now) = (&*target.workload, target.container.as_str(), self.0.ambient.now());
        let draft = self.draft(Arc::clone(&target.workload)).await?;
        let (record, ledger) = (&draft.record, draft.record.known(container));
        let settings = ledger.beside(settings);
        let image = workload.container(container).and_then(|(_, found)| found.reference());
        let Some((image, running)) = image.and_then(|image| Some((image.clone(), image.running_tag()?))) else {
            return Err(StepError::Changed.into());
        };
        let mut wanted = Wanted::everything();
        wanted.add(running.as_str(), &settings.policy);
        let tags = self.0.registry.tags(&target.repository, target.credential()?, &wanted).await;
        let tags = tags.map_err(|error| StepError::Registry(Arc::new(error)))?;
        let others = self.others_by_now(workload, container);
        let known = Known { workload, container, record, settings: &settings, others: Others::Said(others.as_ref()) };
        let owner = workload.owner.as_deref();
        let relatives = tags.relatives(running.as_str(), &settings.policy);
        let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<Candidate>| {
            let to = decision.chosen();
            let digest = found.as_ref().map(|found| &found.digest);
            let view = View::of(running.as_str(), decision, policy, Some(settings.mode), owner)
                .among(relatives, decision.listed());
            Explained::of(container, &view.knowing(&known, to.as_ref().zip(digest), now), decision)
        };
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.0.cluster.platforms()) };
        let place = Place::of((workload, container), &image, ledger, settings.mode, &platforms);
        let source = Source { place, ..self.source(target)? };
        let explained = match settings.track {
            Track::Version => {
                let doubt = || ledger.doubts(relatives?, now);
                assess::version(&source, running.as_str(), &tags, &settings.policy, now, doubt, conclude).await
            }
            Track::Digest => {
                let known_as = ledger.digest_of(&image);
                let policy = &settings.policy;
                assess::digest(&source, &running, known_as.as_ref(), policy, now).await.map(|(followed, _)| {
                    let (view, to) = followed.view(&running, settings.mode, owner);
                    let view = view.knowing(&known, to.map(|to| (&running, &to.digest)), now);
                    Explained::told(container, &view)
                })
            }
        };
        Ok(explained?)
    }
}

impl Explained {
    fn of(container: &str, view: &View<'_>, decision: &Decision<'_>) -> Self {
        let all = decision.candidates();
        let more = all.len().saturating_sub(MOST_NAMED);
        let named = all.into_iter().take(MOST_NAMED);
        let candidates = named.map(|(_, tag, verdict)| (tag.to_owned(), Ruling::from(verdict)));
        Self { candidates: candidates.collect(), more, ..Self::told(container, view) }
    }

    /// What is decided, without any candidate.
    fn told(container: &str, view: &View<'_>) -> Self {
        Self {
            sentence: view.sentence(container),
            gist: Some(view.gist(container)),
            state: view.state,
            why: view.why.to_string(),
            candidates: Vec::new(),
            more: 0,
        }
    }
}
