//! 7 of 13 · in: an update · out: ReleaseNotes
//!
//! ```text
//! update ─► where its project is: annotation, label, famous image, guess
//!        ─► the project's releases: kept, or one question to its forge
//!        ─► those between the two versions ─► lines of plain text, and what nobody should overlook
//!        ─► a summary: kept, or one question to a model
//! ```
//!
//! Annotations, labels and notes are strangers' text. It is shown, and nothing in it is dialled. All that it can decide is
//! that people are asked: see [`crate::domain::declared`].

pub mod alerts;
mod background;
mod changelog;
mod fetch;
pub mod forge;
mod gate;
mod known;
mod listing;
pub mod markdown;
mod origin;
mod projects;
mod select;
mod standing;
pub mod summary;
#[cfg(test)]
mod taken_back_tests;
mod texts;
mod timed;
#[cfg(test)]
mod unread_tests;
mod visibility;

use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ambient::Ambient;
use crate::domain::declared::{Declaration, Declared, Kinds};
use crate::domain::plain::PlainText;
use crate::domain::reference::{Digest, Repository};
use crate::domain::release::{Alert, AlertKind, FoundBy, Language, Release, ReleaseNotes, Summary, TextSource};
use crate::domain::release_url::ReleaseUrl;
use crate::domain::tag::Version;
use crate::outbound::OutboundError;
use crate::queue::Kept;
use crate::registry::{Credential, Labels, Registry, RegistryError};
use crate::telemetry::chain;
use fetch::Fetcher;
use forge::Forges;
use gate::Gates;
use listing::{Listed, Listing};
use origin::Origin;
use select::Wanted;
use summary::Summarizer;
use texts::Texts;
use visibility::Access;

pub use background::Background;
pub use fetch::FetchSettings;
pub use timed::{TimedNotes, Workloads};

/// Versions that are shown; who is further behind reads the page.
const MOST_RELEASES: usize = 20;
/// Lines of one version that are kept; renderings show fewer.
const MOST_LINES: usize = 60;
/// For so long an image's labels, which its digest fixes, are kept.
const LABELS: TimeDelta = TimeDelta::days(7);
/// For so long what is not there is not asked for again: notes often follow the image by minutes.
const ABSENT: TimeDelta = TimeDelta::hours(1);
/// For so long a summary is kept, under what it summarises.
const SUMMARIES: TimeDelta = TimeDelta::days(30);

/// The update that notes are wanted for.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where the image is.
    pub repository: Repository,
    /// Who may read it.
    pub credential: Credential,
    /// The running tag.
    pub from: String,
    /// The new tag.
    pub to: String,
    /// What the new tag points to.
    pub digest: Option<Digest>,
    /// Where the workload says that notes are.
    pub url: Option<ReleaseUrl>,
}

/// How far to go for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Only what is kept.
    Recall,
    /// Ask registry, forge and model where nothing is kept.
    Ask,
}

/// What came of looking for notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// These.
    Notes(Box<ReleaseNotes>),
    /// There are none, as for many images.
    Nothing,
    /// It is not known now.
    Unknown,
}

/// Finds release notes, and keeps what it found.
#[derive(Debug)]
pub struct Releases<K, R> {
    registry: Arc<R>,
    kept: K,
    forges: Forges,
    fetcher: Fetcher,
    summarizer: Option<Summarizer>,
    gates: Gates,
    ambient: Ambient,
}

impl<K: Kept, R: Registry> Releases<K, R> {
    /// Finds notes at these forges.
    ///
    /// # Errors
    /// [`OutboundError`] when the HTTP clients can't be made.
    pub fn new(
        registry: Arc<R>,
        kept: K,
        settings: FetchSettings<'_>,
        summarizer: Option<Summarizer>,
        ambient: Ambient,
    ) -> Result<Self, OutboundError> {
        let forges = settings.forges.clone();
        let fetcher = Fetcher::new(settings, ambient.clone())?;
        Ok(Self { registry, kept, forges, fetcher, summarizer, gates: Gates::default(), ambient })
    }

    /// The notes of an update, without a summary.
    pub async fn notes(&self, subject: &Subject, effort: Effort) -> Lookup {
        if let Some(url) = &subject.url {
            return match Origin::of_annotation(url, &self.forges) {
                Some(origin) => self.at(origin, subject, &Labels::default(), effort).await,
                None => {
                    Lookup::Notes(Box::new(ReleaseNotes::only_a_page(url.for_tag(&subject.to), FoundBy::Annotation)))
                }
            };
        }
        let Some(read) = self.labels(subject, effort).await else { return Lookup::Unknown };
        let is_sure = read.is_some();
        let labels = read.unwrap_or_default();
        // Which project an image names that can't be asked is not known.
        let mut last = if is_sure { Lookup::Nothing } else { Lookup::Unknown };
        for origin in Origin::all(&subject.repository, &subject.to, &labels, &self.forges) {
            match self.at(origin, subject, &labels, effort).await {
                Lookup::Nothing => {}
                // A guess that can't be read now keeps nobody from the next place.
                Lookup::Unknown if effort == Effort::Ask => last = Lookup::Unknown,
                Lookup::Notes(notes) if !is_sure => return Lookup::Notes(Box::new(notes.unless_there_is_more())),
                found => return found,
            }
        }
        last
    }

    /// Whether there is a model to ask.
    #[must_use]
    pub fn has_model(&self) -> bool {
        self.summarizer.is_some()
    }

    /// The notes in a few words; `None` when there is no model, nothing to summarise, or no usable answer.
    pub async fn summary(&self, notes: &ReleaseNotes, language: Language, effort: Effort) -> Option<Summary> {
        let summarizer = self.summarizer.as_ref()?;
        let input = notes.text();
        if input.is_empty() {
            return None;
        }
        let key = summarizer.key(&input, language);
        if effort == Effort::Recall {
            return self.recall::<Option<Summary>>(&key).await?;
        }
        let _turn = self.gates.enter(&key).await;
        if let Some(kept) = self.recall::<Option<Summary>>(&key).await {
            return kept;
        }
        let now = self.ambient.now();
        match summarizer.summary(&input, language).await {
            Ok(summary) => {
                self.keep(&key, &Some(&summary), now + SUMMARIES).await;
                Some(summary)
            }
            Err(error) => {
                tracing::info!(error = %chain(&error), "the notes are shown without a summary");
                if error.is_of_the_text() {
                    self.keep(&key, &None::<Summary>, now + ABSENT).await;
                }
                None
            }
        }
    }

    /// What the new image says about itself: `None` when that is not known and not to be asked, and nothing in it when it
    /// can't be read now.
    async fn labels(&self, subject: &Subject, effort: Effort) -> Option<Option<Labels>> {
        let Some(digest) = &subject.digest else { return Some(Some(Labels::default())) };
        let key = format!("labels:{}:{}@{digest}", subject.credential.scope(), subject.repository);
        let _turn = match effort {
            Effort::Recall => None,
            Effort::Ask => Some(self.gates.enter(&key).await),
        };
        let kept = self.recall(&key).await;
        if kept.is_some() || effort == Effort::Recall {
            return kept.map(Some);
        }
        let (now, repository) = (self.ambient.now(), &subject.repository);
        match self.registry.labels(repository, digest, &subject.credential).await {
            Ok(labels) => {
                let until = now + if labels.is_some() { LABELS } else { ABSENT };
                let labels = labels.unwrap_or_default();
                self.keep(&key, &labels, until).await;
                Some(Some(labels))
            }
            // It will say no more of it later.
            Err(RegistryError::NotSupported { .. }) => Some(Some(Labels::default())),
            Err(error) => {
                tracing::info!(%repository, error = %chain(&error), "the image's labels can't be read; its release notes are looked for without them");
                Some(None)
            }
        }
    }

    /// The notes at one place.
    async fn at(&self, origin: Origin, subject: &Subject, labels: &Labels, effort: Effort) -> Lookup {
        let wanted = wanted(&origin, subject, labels);
        let access = self.access(&origin.project, effort).await;
        let listing = match self.listing(&origin, &wanted, access, (effort, listing::FRESH)).await {
            Some(listing) => listing,
            // A place that is no guess can be shown to people even while its texts can't be read.
            None if (effort == Effort::Ask || access == Access::Closed) && origin.is_sure => {
                let page = ReleaseNotes::only_a_page(origin.project.page(), origin.found_by);
                let declared = page.declared.clone().filter(|_| access == Access::Closed);
                return Lookup::Notes(Box::new(ReleaseNotes { declared, ..page }));
            }
            None if access == Access::Closed => return Lookup::Nothing,
            None => return Lookup::Unknown,
        };
        match assembled(&origin, &listing, &wanted) {
            Some(notes) => Lookup::Notes(Box::new(notes)),
            None if listing.is_stale && listing.exists => Lookup::Unknown,
            None => Lookup::Nothing,
        }
    }

    async fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(&self.kept.recall(key).await?).ok()
    }

    async fn keep<T: Serialize + Sync>(&self, key: &str, value: &T, until: chrono::DateTime<chrono::Utc>) {
        match serde_json::to_string(value) {
            Ok(text) => self.kept.keep(key, text, until).await,
            Err(error) => tracing::warn!(%error, "what was learnt can't be written down, and will be asked again"),
        }
    }
}

/// What releases declare for an update, and what nobody should overlook in them; the gravest first.
fn told(releases: &[&Listed], from: &str, to: &str) -> (Declared, Vec<Alert>) {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut add = |alert: Alert| {
        if !alerts.iter().any(|known| (known.kind, &known.text) == (alert.kind, &alert.text)) {
            alerts.push(alert);
        }
    };
    for listed in releases {
        let concerned = listed.declares.iter().filter(|declaration| declaration.scope.concerns(from, to));
        for Declaration { kinds, quote, .. } in concerned {
            let version = PlainText::of(&listed.tag);
            add(Alert { kind: AlertKind::of(*kinds), text: quote.clone(), version });
        }
        listed.alerts.iter().cloned().for_each(&mut add);
    }
    alerts.sort_by_key(|alert| alert.kind);
    let declared = Declared::between(from, to, releases.iter().flat_map(|listed| &listed.declares));
    (declared, alerts)
}

/// What texts declare for an update between two tags, of versions in any order: those that lie between count.
#[must_use]
pub fn declared_by<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>, from: &str, to: &str) -> Vec<Declaration> {
    let listed: Vec<Listed> =
        texts.into_iter().map(|(version, text)| Listed::of(version.to_owned(), None, false, text)).collect();
    let wanted = Wanted { from: from.to_owned(), to: to.to_owned(), names: Vec::new(), form: None };
    let selected = wanted.among(&listed);
    let all = selected.releases.iter().flat_map(|release| &release.declares);
    all.filter(|declaration| declaration.scope.concerns(from, to)).cloned().collect()
}

/// What is looked for at an origin. An image's label says which version a tag means that says nothing itself.
fn wanted(origin: &Origin, subject: &Subject, labels: &Labels) -> Wanted {
    let labelled = labels.version.as_deref().filter(|version| Version::read(version).is_some());
    let to = if Version::read(&subject.to).is_some() { None } else { labelled };
    let image = subject.repository.path().rsplit('/').next().unwrap_or_default();
    let mut names = vec![image.to_owned(), origin.project.name().to_owned()];
    names.dedup();
    Wanted { from: subject.from.clone(), to: to.unwrap_or(&subject.to).to_owned(), names, form: origin.form.clone() }
}

/// The notes that a listing holds; `None` when the project is not there, or is a guess without this release.
fn assembled(origin: &Origin, listing: &Listing, wanted: &Wanted) -> Option<ReleaseNotes> {
    let texts = listing.texts(wanted);
    let selected = wanted.among(texts.versions);
    if !listing.exists || (!origin.is_sure && !selected.has_target) {
        return None;
    }
    let project = &origin.project;
    let (declared, alerts) = told(&selected.releases, &wanted.from, &wanted.to);
    let declared = known(declared, (origin, listing, wanted), texts, selected.has_target);
    if selected.releases.is_empty() {
        return Some(ReleaseNotes { declared, ..ReleaseNotes::only_a_page(project.page(), origin.found_by) });
    }
    let of_file = texts.file.map(|file| project.file_page(file));
    let page = |tag: &str| of_file.clone().unwrap_or_else(|| project.release_page(tag));
    let shown = selected.releases.iter().take(MOST_RELEASES);
    let releases = shown.clone().map(|listed| {
        let mut lines = markdown::lines(&listed.text, MOST_LINES + 1);
        let is_cut = lines.len() > MOST_LINES || listed.is_cut;
        lines.truncate(MOST_LINES);
        let version = PlainText::of(&listed.tag);
        Release { version, url: page(&listed.tag), published: listed.published.clone(), lines, is_cut }
    });
    let target = selected.releases.first().filter(|_| selected.has_target);
    Some(ReleaseNotes {
        page: target.map_or_else(|| of_file.clone().unwrap_or_else(|| project.page()), |target| page(&target.tag)),
        found_by: origin.found_by,
        text: texts.source,
        releases: releases.collect(),
        left_out: selected.releases.len().saturating_sub(MOST_RELEASES),
        alerts,
        more_alerts: 0,
        declared,
        summary: None,
    })
}

/// What is declared as far as that is known now: the release of the newest version may follow its image, and what a forge
/// that can't be asked has by now is not known. What older versions on the way declare is known in any case.
fn known(
    declared: Declared,
    (origin, listing, wanted): (&Origin, &Listing, &Wanted),
    texts: Texts<'_>,
    has_target: bool,
) -> Option<Declared> {
    let may_follow = origin.is_sure && texts.source == TextSource::Release && wanted.awaits(texts.versions);
    if declared.is_none() && !has_target && (listing.is_stale || may_follow) {
        return None;
    }
    let is_partial = has_target && wanted.is_beyond(texts.versions, texts.is_partial);
    let kinds = Kinds { unread: is_partial, ..declared.kinds };
    Some(Declared { kinds, ..declared })
}
