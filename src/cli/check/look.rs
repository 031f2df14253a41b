//! Asks registries about containers, several hosts and several of each at once, and decides as the service would.

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::groups::Groups as Together;
use super::progress::Progress;
use super::row::{Row, State};
use super::stands::{self, Place, came_to, judged};
use super::subject::Subject;
use crate::ambient::Ambient;
use crate::assess::preflight::Platforms;
use crate::assess::{self, Candidate, Digests, Source, Undecided};
use crate::cluster::annotations;
use crate::domain::fleet::{BrakeSeen, Fleet, Limits, Others};
use crate::domain::group::Member;
use crate::domain::policy::{Decision, Mode, Policy, Track, Wanted};
use crate::domain::record::Record;
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::settings::{self, Bounds, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{CameTo, Cause, Known, LastLook, NoGround, Seen, Status, View};
use crate::domain::workload::Workload;
use crate::registry::{Credential, Registry, RegistryError, Tags};

/// Hosts that are asked at once.
const HOSTS_AT_ONCE: usize = 16;
/// Of each, so many lists or digests at once, each over a connection of its own.
const OF_A_HOST_AT_ONCE: usize = 16;

/// A container that waits for what its registry says.
pub(super) struct Waiting<'w> {
    pub(super) row: Row,
    pub(super) workload: &'w Workload,
    pub(super) record: &'w Record,
    pub(super) settings: Settings,
    pub(super) image: ImageReference,
    pub(super) tag: Tag,
    /// What it asks with; those who ask without one have each their own reason.
    credential: Credential,
}

impl Waiting<'_> {
    /// Whether it is that of a member of a group.
    pub(super) fn is(&self, member: &Member<'_>) -> bool {
        self.workload.id == member.workload.id && *self.row.container == *member.container
    }
}

/// A workload, what is known of it, and the settings of one of its containers.
pub(super) type Of<'o> = (&'o Workload, &'o Record, &'o Settings);

/// All that wait for one host.
type Host<'w> = Vec<Waiting<'w>>;

/// What is known of a container before any registry is asked.
enum Sorted<'w> {
    Row(Box<Row>),
    Waits(Box<Waiting<'w>>),
}

/// Containers that are decided by one list of tags.
#[derive(Default)]
struct Group<'w> {
    credential: Credential,
    wanted: Wanted,
    waiting: Vec<Waiting<'w>>,
}

/// Groups by repository and credential.
type Groups<'w> = HashMap<(Repository, String), Group<'w>>;

/// One thing that a registry is asked for.
enum Question<'w> {
    List(Repository, Group<'w>),
    Digest(Box<Waiting<'w>>),
}

/// What a look at one container needs.
pub(super) struct Look<'c, R> {
    pub(super) bounds: &'c Bounds,
    pub(super) place: Place<'c>,
    pub(super) registry: &'c R,
    pub(super) ambient: &'c Ambient,
    /// What the records of all that are looked at say of each other.
    pub(super) fleet: Fleet,
    pub(super) limits: Limits,
    /// Whether automatic updates are stopped, or were.
    pub(super) brake: Option<BrakeSeen>,
}

impl<R: Registry> Look<'_, R> {
    /// The rows of all containers in their order, and how many lists of tags were read for them.
    pub(super) async fn rows(&self, subjects: &[Subject<'_>]) -> (Vec<Row>, usize) {
        let (mut rows, mut by_host, mut lists) = (Vec::new(), BTreeMap::<String, Host<'_>>::new(), 0);
        let records: Vec<Record> = subjects.iter().map(|subject| self.record(subject.workload)).collect();
        // What a file says is not written, so that nothing waits for anything.
        let groups = Together::of(if self.place.is_cluster() { subjects } else { &[] });
        let mut grouped = Vec::new();
        for (at, (subject, record)) in subjects.iter().zip(&records).enumerate() {
            for place in 0..subject.workload.containers.len() {
                match self.sorted(subject, record, (at, place)) {
                    Some(Sorted::Row(row)) => rows.push(*row),
                    Some(Sorted::Waits(waiting)) if groups.has(waiting.workload, &waiting.row.container) => {
                        grouped.push(*waiting);
                    }
                    Some(Sorted::Waits(waiting)) => {
                        by_host.entry(waiting.image.repository().host().to_owned()).or_default().push(*waiting);
                    }
                    None => {}
                }
            }
        }
        let progress = Progress::new(by_host.iter().map(|(host, waiting)| (host.clone(), waiting.len())));
        let hosts = by_host.into_iter().map(|(host, waiting)| self.host(host, waiting, &progress));
        let mut hosts = std::pin::pin!(futures_util::stream::iter(hosts).buffer_unordered(HOSTS_AT_ONCE));
        while let Some((of_host, of_lists)) = hosts.next().await {
            rows.extend(of_host);
            lists += of_lists;
        }
        progress.end();
        let by_uid = subjects.iter().map(|subject| &*subject.workload.id.uid).zip(&records).collect();
        let (of_groups, of_lists) = self.together(&groups, grouped, &by_uid).await;
        rows.extend(of_groups);
        lists += of_lists;
        rows.sort_by_key(|row| (row.place.0, row.spot.as_ref().map(|spot| spot.line), row.place.1));
        if self.place.is_cluster() {
            rows = together(rows, subjects);
            rows.sort_by(|a, b| {
                (&a.namespace, a.state, &a.name, &a.container).cmp(&(&b.namespace, b.state, &b.name, &b.container))
            });
        }
        (rows, lists)
    }

    /// What is known of a workload. A file says what is to run, whatever was copied into it of what once happened.
    fn record(&self, workload: &Workload) -> Record {
        if self.place.is_cluster() { annotations::claimed(workload) } else { Record::default() }
    }

    /// What can be said of a container without its registry; nothing of one of a cluster whose image can't be read, as
    /// it does not run.
    fn sorted<'w>(&self, subject: &Subject<'w>, record: &'w Record, place: (usize, usize)) -> Option<Sorted<'w>> {
        let workload = subject.workload;
        let container = workload.containers.get(place.1)?;
        let Some(image) = container.reference() else {
            let row = || Sorted::Row(Box::new(Row::unreadable(subject, place, &container.image)));
            return (!self.place.is_cluster()).then(row);
        };
        let mut row = Row::of(subject, record, place, &image);
        let row_of = |row: Row| Some(Sorted::Row(Box::new(row)));
        let ledger = record.known(&container.name);
        let settings = match Settings::read(workload, &container.name, self.bounds) {
            Ok(settings) => self.place.remembering(settings, &ledger.known_since),
            Err(error) => return row_of(row.is(State::CannotTell, format!("cannot tell: {error}"))),
        };
        row.mode = Some(settings.mode.as_str());
        row.strategy = Some(settings.policy.strategy.as_str());
        if settings.is_disabled() {
            return row_of(row.is(State::Ignored, "disabled".into()));
        }
        // What the service says of it is on the workload, where there is a service.
        let flaw = || settings::flaw(workload, &container.name).map(|flaw| flaw.to_string());
        row.error = row.error.or_else(flaw);
        let Some(tag) = image.running_tag() else {
            let row = row.is(State::Ignored, "a digest without a tag: nothing to compare".into());
            let looked = LastLook::answered(self.ambient.now(), CameTo::Nothing);
            return row_of(self.judged(row, (workload, record, &settings), &looked));
        };
        let credential = Credential::default();
        Some(Sorted::Waits(Box::new(Waiting { row, workload, record, settings, image, tag, credential })))
    }

    /// The rows of all who wait for one host, and how many lists were read for them.
    async fn host(&self, name: String, host: Host<'_>, progress: &Progress) -> (Vec<Row>, usize) {
        let (mut rows, mut groups, mut questions) = (Vec::new(), Groups::new(), Vec::new());
        for mut waiting in host {
            let (repository, workload) = (waiting.image.repository().clone(), waiting.workload);
            waiting.credential = match self.place.credential(workload, &repository).await {
                Ok(credential) => credential,
                Err(error) => {
                    let row = waiting.row.undecided(&error);
                    rows.push(self.undecided(row, (waiting.workload, waiting.record, &waiting.settings)));
                    continue;
                }
            };
            if waiting.settings.track == Track::Digest {
                questions.push(Question::Digest(Box::new(waiting)));
                continue;
            }
            let group = groups.entry((repository, waiting.credential.scope().to_owned())).or_default();
            group.wanted.add(waiting.tag.as_str(), &waiting.settings.policy);
            group.credential = waiting.credential.clone();
            group.waiting.push(waiting);
        }
        let lists = groups.len();
        questions.extend(groups.into_iter().map(|((repository, _), group)| Question::List(repository, group)));
        let answers = questions.into_iter().map(|question| self.answer(question));
        let mut answers = std::pin::pin!(futures_util::stream::iter(answers).buffer_unordered(OF_A_HOST_AT_ONCE));
        while let Some(answered) = answers.next().await {
            progress.answered(&name, answered.len());
            rows.extend(answered);
        }
        progress.done(&name);
        (rows, lists)
    }

    async fn answer(&self, question: Question<'_>) -> Vec<Row> {
        match question {
            Question::List(repository, group) => self.group(&repository, group).await,
            Question::Digest(waiting) => vec![self.digest(*waiting).await],
        }
    }

    /// The rows of all who share a list. It is let go before their host is asked for another in its place.
    async fn group(&self, repository: &Repository, group: Group<'_>) -> Vec<Row> {
        let list = self.registry.tags(repository, &group.credential, &group.wanted).await;
        let digests = Some(Digests::default());
        let source = Source { digests, ..Source::new(self.registry, repository, &group.credential) };
        let mut rows = Vec::new();
        for waiting in group.waiting {
            rows.push(match &list {
                Ok(tags) => self.version(waiting, tags, &source).await,
                Err(error) => {
                    let row = waiting.row.unanswered(error, &waiting.credential);
                    self.unanswered(row, (waiting.workload, waiting.record, &waiting.settings), error)
                }
            });
        }
        rows
    }

    async fn version(&self, waiting: Waiting<'_>, tags: &Tags, source: &Source<'_, R>) -> Row {
        let Waiting { row, workload, record, settings, image, tag, credential } = waiting;
        let (now, mode) = (self.ambient.now(), settings.mode);
        let others = Others::Read(&self.fleet, self.limits, self.brake.as_ref());
        let known = Known { workload, container: &row.container, record, settings: &settings, others };
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.place.platforms()) };
        let place = self.placed((workload, &row.container), &image, record, &platforms);
        let Source { registry, repository, credential: asks, digests, .. } = source;
        let digests = digests.clone();
        let source = &Source { digests, place, ..Source::new(*registry, repository, asks) };
        let relatives = tags.relatives(tag.as_str(), &settings.policy);
        let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<Candidate>| {
            let to = decision.chosen();
            let update = to.as_ref().zip(found.as_ref().map(|found| &found.digest));
            let view = View::of(tag.as_str(), decision, policy, Some(mode), workload.owner.as_deref())
                .among(relatives, decision.listed())
                .implied(image.implies_latest())
                .looked_at(found.as_ref().map(|found| &found.preflight))
                .knowing(&known, update, now);
            self.decided(row.clone(), (workload, record, &settings), view, update)
        };
        let ledger = record.known(&row.container);
        let doubt = || ledger.doubts(relatives?, now);
        let reason = match assess::version(source, tag.as_str(), tags, &settings.policy, now, doubt, conclude).await {
            Ok(row) => return row,
            Err(reason) => reason,
        };
        let digest = record.known(&row.container).digest_of(&image);
        let runs = (&tag, digest.as_ref());
        let of = (workload, record, &settings);
        match assess::gone::confirmed(reason, source, runs, (tags, &settings.policy), now).await {
            Undecided::Registry(error) => self.unanswered(row.unanswered(&error, &credential), of, &error),
            reason => self.undecided(row.undecided(&reason), of),
        }
    }

    async fn digest(&self, waiting: Waiting<'_>) -> Row {
        let Waiting { row, workload, record, settings, image, tag, credential } = waiting;
        let (registry, repository) = (self.registry, image.repository());
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.place.platforms()) };
        let place = self.placed((workload, &row.container), &image, record, &platforms);
        let source = Source { place, ..Source::new(registry, repository, &credential) };
        let now = self.ambient.now();
        let digest = record.known(&row.container).digest_of(&image);
        let of = (workload, record, &settings);
        match assess::digest(&source, &tag, digest.as_ref(), &settings.policy, now).await {
            Ok((followed, _)) => {
                let others = Others::Read(&self.fleet, self.limits, self.brake.as_ref());
                let known = Known { workload, container: &row.container, record, settings: &settings, others };
                let (view, to) = followed.view(&tag, settings.mode, workload.owner.as_deref());
                let update = to.map(|to| (&tag, &to.digest));
                let view = view.looked_at(to.map(|to| &to.preflight)).knowing(&known, update, now);
                let waits = match &followed {
                    assess::Followed::Cooling(digest, _) => Some((&tag, digest)),
                    _ => None,
                };
                self.decided(row, of, view, update.or(waits))
            }
            Err(Undecided::Registry(error)) => self.unanswered(row.unanswered(&error, source.credential), of, &error),
            Err(reason) => self.undecided(row.undecided(&reason), of),
        }
    }

    /// Where a candidate is to run. What a file says runs nowhere yet, and its registry counts each look as a pull.
    pub(super) fn placed<'p>(
        &self,
        (workload, container): (&'p Workload, &str),
        image: &'p ImageReference,
        record: &'p Record,
        platforms: &'p Platforms<'p>,
    ) -> Option<assess::Place<'p>> {
        // What changes is not shown, so what runs need not be looked at.
        let mode = Mode::AutoUpdate;
        let place = assess::Place::of((workload, container), image, record.known(container), mode, platforms);
        place.filter(|_| self.place.is_cluster())
    }

    fn decided(&self, mut row: Row, of: Of<'_>, view: View, found: Option<(&Tag, &Digest)>) -> Row {
        let ((workload, _, settings), now) = (of, self.ambient.now());
        let (state, next) = self.place.stands(workload, settings.mode, &view, now);
        let came_to = came_to(&view, found, now);
        row.why = Some(view.why.to_string());
        row.owner = view.owner_words(&row.repository);
        row.available = view.to;
        row.level = view.level.map(Level::as_str);
        row.rollout = view.rollout;
        self.judged(row.is(state, next), of, &LastLook::answered(now, came_to))
    }

    /// A row whose registry gives no ground to decide on.
    fn undecided(&self, row: Row, of: Of<'_>) -> Row {
        let why = Box::new(NoGround::said(row.next.clone()));
        self.judged(row, of, &LastLook::answered(self.ambient.now(), CameTo::Undecided(why)))
    }

    /// The same, of one that gave no answer: what was known before stands.
    fn unanswered(&self, row: Row, of: Of<'_>, error: &RegistryError) -> Row {
        if !error.is_retryable() {
            return self.undecided(row, of);
        }
        let unanswered = Some(row.next.clone());
        let looked = LastLook { unanswered, ..LastLook::answered(self.ambient.now(), CameTo::Unknown) };
        self.judged(row, of, &looked)
    }

    /// The row as page and API have it, had the service looked now.
    pub(super) fn judged(&self, mut row: Row, (workload, record, settings): Of<'_>, looked: &LastLook) -> Row {
        let (container, now) = (row.container.clone(), self.ambient.now());
        let (container, looked, settings) = (&*container, Some(looked), Ok(settings));
        let may_write = self.place.may_patch(workload);
        let (not_ours, waits, stopped) = (None, None, None);
        let seen = Seen { workload, container, record, not_ours, settings, looked, waits, stopped, may_write };
        let status = Status::of(&seen, now);
        if let Some(known) = status.available.as_ref().filter(|_| row.state == State::CannotTell) {
            (row.available, row.level) = (Some(known.tag.to_string()), known.level.map(Level::as_str));
        }
        let row = judged(row, &status);
        // People are told where the same manifest failed before they approve it, and that automatic updates are stopped.
        let asked = record.known(container).open(now).filter(|_| matches!(status.cause, Cause::Asked { .. }));
        match asked.and_then(|question| question.because.as_deref()) {
            Some(because) => {
                let next = format!("{}; {}", row.next, stands::because(because));
                row.is(State::NeedsYou, next)
            }
            _ => row,
        }
    }
}

/// One row for containers that move together: the first of them.
fn together(rows: Vec<Row>, subjects: &[Subject<'_>]) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let of_workload = kept.iter_mut().rev().take_while(|first| first.place.0 == row.place.0);
        let subject = subjects.get(row.place.0);
        let first = of_workload.filter(|first| subject.is_some_and(|it| first.moves_with(&row, it.workload))).last();
        match first {
            Some(first) => first.with.push(row.container),
            None => kept.push(row),
        }
    }
    kept
}
