//! A workload: for each container what runs, what is open, and a decision; then one write, and the messages.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::assess::Undecided;
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::approval::Allows;
use crate::domain::fleet::{Asks, Others, Verdict, Waits};
use crate::domain::policy::{Doubt, Mode};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Event, Ledger, NotesAwaited};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::{Bounds, Fingerprint, Settings};
use crate::domain::view::{Blocker, Known};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Draft, Touched, Work};
use crate::reconcile::following::rollout::{Goes, LOOK_AGAIN, Slow};
use crate::reconcile::following::stalled::stands_still;
use crate::reconcile::judging::declared;
use crate::reconcile::judging::judge::{Choice, Judged, earliest};
use crate::reconcile::judging::unfit::{Ahead, Rehearsal};
use crate::reconcile::report;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Listed, NEXT_TURN, Reconciler, Step, StepError, Target, UNLISTED, by_workload};
use crate::registry::{Registry, RegistryError};

/// A container for which something is to be done.
struct ToDo {
    target: Target,
    settings: Settings,
    chosen: Chosen,
    /// Whether people decide, whatever the mode says.
    asks: bool,
    /// What the API server said of it while the registry was asked.
    rehearsal: Rehearsal,
}

impl ToDo {
    /// Whether two containers of a workload are parts of one program that go to the same image.
    fn goes_with(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.chosen, &other.chosen);
        let runs_the_same = self.target.workload.moves_with(&self.target.container, &other.target.container);
        let goes_to_the_same = (&ours.to, &ours.digest) == (&theirs.to, &theirs.digest);
        runs_the_same && goes_to_the_same && self.asks == other.asks
    }
}

/// What became of the look at one container.
#[derive(Default)]
struct Looked {
    /// When to look again, if nothing happens before.
    again: Option<DateTime<Utc>>,
    /// What is to be done.
    to_do: Option<Box<ToDo>>,
    /// Whether there would be, and it is held.
    is_held: bool,
    /// Whether the registry may say something else in a moment.
    is_unsure: bool,
}

impl Looked {
    fn again(again: Option<DateTime<Utc>>) -> Self {
        Self { again, ..Self::default() }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// All that is to be done for these containers of one workload now.
    pub(crate) async fn workload(
        &self,
        targets: Vec<Target>,
        tags: Option<Listed>,
        trace: &str,
    ) -> Vec<(Step, Target)> {
        let Some(first) = targets.first() else { return Vec::new() };
        let draft = match self.draft(Arc::clone(&first.workload)).await {
            Ok(draft) => draft,
            Err(error) => return vec![(Err(error), first.clone())],
        };
        let mut work = Work::on(draft, trace);
        let targets = work.draft.with_put_back(targets);
        let Some(first) = targets.first().cloned() else { return Vec::new() };
        if !self.0.cluster.may_patch(&first.workload.id) {
            let mut ended = Vec::new();
            for target in targets {
                let step = if self.group_of(&target.workload, &target.container).is_some() {
                    self.as_told_member(&mut work, &target, tags.clone()).await
                } else {
                    self.inform(&target, &work, tags.clone()).await
                };
                ended.push((step, target));
            }
            return ended;
        }
        if let Err(error) = self.requested(&mut work).await {
            return vec![(Err(error), first.clone())];
        }
        let is_alone = targets.iter().all(|target| !self.may_act(&target.workload, &target.container));
        let mut ended = self.containers(&mut work, &targets, tags).await;
        if is_alone {
            work.draft.let_be();
        }
        // Where nothing came to a decision there is nothing to say, but what somebody did.
        let is_quiet =
            work.messages.is_empty() && work.draft.touched != Touched::ByWhatHappened && !work.draft.takes_request();
        if ended.iter().all(|(step, _)| step.is_err())
            && is_quiet
            && !work.draft.is_wrong()
            && !work.draft.has_new_settings()
        {
            return ended;
        }
        if let Err(error) = self.conclude_work(work).await {
            ended.push((Err(error), first.clone()));
        }
        ended
    }

    /// Undoes what failed before the registry is asked for its tags, however long that takes. Gives those that are to be decided
    /// on; where something was written, that is done in the next look.
    pub(crate) async fn failed_first(
        &self,
        targets: Vec<Target>,
        trace: &str,
        ended: &mut Vec<(Step, Target)>,
    ) -> Vec<Target> {
        let mut left = Vec::new();
        for containers in by_workload(targets) {
            let workload = containers.first().map(|first| Arc::clone(&first.workload));
            let is_followed = workload
                .is_some_and(|of| self.0.standing_still.follows(&of.id.uid) && self.0.cluster.may_patch(&of.id));
            if !is_followed || !self.follow_failed(&containers, trace, ended).await {
                left.extend(containers);
            }
        }
        left
    }

    /// Whether something came of it, so that the rest is for the next look.
    async fn follow_failed(&self, containers: &[Target], trace: &str, ended: &mut Vec<(Step, Target)>) -> bool {
        let Some(first) = containers.first() else { return false };
        // What can't be read now is told in the look itself.
        let Ok(draft) = self.draft(Arc::clone(&first.workload)).await else { return false };
        let mut work = Work::on(draft, trace);
        if !containers.iter().any(|target| self.has_failed(&work, target)) {
            return false;
        }
        // What a person wrote in this moment is theirs, before anybody finds it there.
        if let Err(error) = self.requested(&mut work).await {
            ended.push((Err(error), first.clone()));
            return true;
        }
        for target in containers {
            if work.draft.writes_to(&target.container) {
                continue;
            }
            if !self.is_disabled(target) {
                self.observe(&mut work, target).await;
            }
            if let Err(error) = self.follow(&mut work, target).await {
                ended.push((Err(error), target.clone()));
                return true;
            }
        }
        if work.draft.touched != Touched::ByWhatHappened {
            return false;
        }
        let again = self.0.ambient.now() + NEXT_TURN;
        let step = self.conclude_work(work).await.map(|()| Some(again));
        ended.push((step, first.clone()));
        true
    }

    /// Decides for each container, and does what was decided for those of one image together.
    async fn containers(&self, work: &mut Work, targets: &[Target], tags: Option<Listed>) -> Vec<(Step, Target)> {
        let (mut ended, mut to_do, mut unsure) = (Vec::new(), Vec::<ToDo>::new(), Vec::new());
        // What was written with another container ends with it.
        let accompanies =
            |target: &&Target| work.ledger(&target.container).is_some_and(|it| it.accompanies().is_some());
        let (with_others, alone): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(accompanies);
        for target in alone.into_iter().chain(with_others) {
            // What goes back with another is looked at when it is written: what it runs until then is nobody's word.
            if work.draft.writes_to(&target.container) {
                continue;
            }
            match self.container(work, target, tags.clone()).await {
                Ok(looked) => {
                    unsure.extend(looked.is_unsure.then_some(&*target.container));
                    to_do.extend(looked.to_do.map(|it| *it));
                    ended.push((Ok(looked.again), target.clone()));
                }
                Err(error) => {
                    unsure.push(&target.container);
                    ended.push((Err(error), target.clone()));
                }
            }
        }
        if work.draft.writes_images() && !to_do.is_empty() {
            // One goes back: what the others are to do is decided when that is written.
            let again = self.0.ambient.now() + NEXT_TURN;
            ended.extend(to_do.into_iter().map(|it| (Ok(Some(again)), it.target)));
            return ended;
        }
        let found = to_do.len();
        let groups = together(to_do, &unsure);
        if groups.iter().map(Vec::len).sum::<usize>() < found {
            self.count("waiting", "others_of_the_pod");
            let again = self.0.ambient.now() + LOOK_AGAIN;
            ended.extend(targets.first().map(|first| (Ok(Some(again)), first.clone())));
        }
        for together in groups {
            let step = self.act(work, &together).await;
            ended.extend(together.into_iter().next().map(|it| (step, it.target)));
        }
        ended
    }

    /// Writes what became of a workload, then stores the messages.
    pub(crate) async fn conclude_work(&self, work: Work) -> Result<(), StepError> {
        // It is about to be written until that is done.
        let Work { draft, messages, trace, passes: _passes } = work;
        let before = Arc::clone(&draft.workload);
        let wrote = draft.writes();
        let failed = draft.why_it_goes_back();
        let kept = (draft.record != draft.before).then(|| draft.kept());
        match self.commit(draft).await {
            Ok(_) => self.put(messages, &trace).await.map(drop),
            Err(StepError::Cluster(ClusterError::Rejected { rejection, .. }))
                if !wrote.is_empty() && rejection.is_final() =>
            {
                self.refused(before, (&wrote, failed), &rejection.sentence, &trace).await
            }
            Err(StepError::Cluster(ClusterError::Rejected { rejection, .. })) if rejection.is_final() => {
                self.keep(&before, kept).await;
                self.without_record(&before, messages, &rejection.sentence, &trace).await
            }
            Err(StepError::TooMuch(reason)) => self.too_much(&before, reason).await,
            Err(error) => Err(error),
        }
    }

    /// What is to be done for one container, beside what is put on the draft at once.
    async fn container(&self, work: &mut Work, target: &Target, tags: Option<Listed>) -> Result<Looked, StepError> {
        if self.is_disabled(target) {
            return self.disabled(work, target).await;
        }
        self.observe(work, target).await;
        let stood = stands_still(work, target);
        let goes = self.follow(work, target).await?;
        if target.workload.rollout.is_observed() && !matches!(goes, Goes::Slow(_)) {
            self.moves_again(work, target, stood.as_deref());
        }
        let slow = match goes {
            Goes::Under(again) => return Ok(Looked::again(Some(again))),
            Goes::On => None,
            Goes::Slow(slow) => {
                self.slow(work, target, &slow);
                self.tell_stalled(work, target, &slow);
                if slow.holds {
                    return Ok(Looked::again(Some(slow.again)));
                }
                stands_still(work, target).map(|words| (words, slow.again))
            }
        };
        let (words, again) = slow.unzip();
        self.outlived(work, target);
        self.renew_way_back(work, target);
        self.pushed_again(work, target).await;
        if self.group_of(&target.workload, &target.container).is_some() {
            return Ok(Looked::again(earliest(self.as_member(work, target, tags).await?, again)));
        }
        let looked = self.decide(work, target, tags, words).await?;
        if looked.is_held {
            self.ask_about_held(work, target).await;
        }
        self.repeat(work, target);
        Ok(Looked { again: earliest(looked.again, again), ..looked })
    }

    /// Takes over what a container's settings are now.
    pub(crate) fn has_settings(&self, work: &mut Work, container: &str) {
        let Some(mode) = own_mode(&work.draft.workload, container) else { return };
        let event = Event::Settings(mode, Fingerprint::without_skips(&work.draft.workload));
        work.draft.on(container, event, self.0.ambient.now());
    }

    /// The same of one that is left alone, where somebody edited them since: by the record of the workload, or by what is known of
    /// the container, as the record may have been written for another one in between.
    fn has_settings_edited(&self, work: &mut Work, container: &str) {
        let Draft { workload, record, .. } = &work.draft;
        let (own, settings) = (own_mode(workload, container), Fingerprint::without_skips(workload));
        let is_news = |mode| record.settings.is_some() && record.known(container).knows_others(mode, settings);
        if work.draft.has_new_settings() || own.is_some_and(is_news) {
            self.has_settings(work, container);
        }
    }

    /// A container that is left alone; but an update that is under way is followed to its end.
    async fn disabled(&self, work: &mut Work, target: &Target) -> Result<Looked, StepError> {
        self.count("ignored", "disabled");
        self.observe_left_alone(work, target).await;
        self.has_settings_edited(work, &target.container);
        let goes = self.follow(work, target).await?;
        self.moves_again(work, target, None);
        self.repeat(work, target);
        work.draft.say(&target.container, None);
        Ok(Looked::again(match goes {
            Goes::Under(again) | Goes::Slow(Slow { again, .. }) => Some(again),
            Goes::On => None,
        }))
    }

    /// What was asked of an image that runs no more is asked no more, also where this look comes to no decision.
    fn outlived(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let Some((_, found)) = target.workload.container(container) else { return };
        let open = work.ledger(container).and_then(|ledger| ledger.open(now));
        if open.is_some_and(|question| question.terms.allows == Allows::Update && !question.is_asked_of(&found.image)) {
            work.draft.on(container, Event::NothingToAsk, now);
        }
    }

    /// Decides where no update is in the way; `slow` is what is said of a rollout that stands still.
    async fn decide(
        &self,
        work: &mut Work,
        target: &Target,
        tags: Option<Listed>,
        slow: Option<String>,
    ) -> Result<Looked, StepError> {
        let settings = match self.settings(target) {
            Ok(settings) => settings,
            Err(problems) => {
                self.misunderstood(work, target, &problems);
                return Ok(Looked::default());
            }
        };
        self.has_settings(work, &target.container);
        // What was said of settings before they were edited is not so any more, whether the registry answers now or not.
        if work.draft.has_new_settings() {
            work.draft.take_back(&target.container);
        }
        let before: &Work = work;
        let ledger = before.draft.record.known(&target.container);
        let settings = ledger.beside(settings);
        let ahead = Ahead::default();
        let rehearse = |tag: &Tag, digest: &Digest| -> BoxFuture<'_, _> {
            Box::pin(self.rehearsed_ahead(before, target, &settings, ((tag.clone(), digest.clone()), &ahead)))
        };
        let judged = match self.judge(target, ledger, &settings, (tags, Some(&rehearse))).await {
            Ok(judged) => judged,
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                self.undecided(work, target, &error.told_to(target.credential()?), announcement_of(&error));
                return Ok(Looked::default());
            }
            Err(error) => {
                self.count("undecided", undecided(&error));
                return Err(error);
            }
        };
        let judged = self.with_notes(target, ledger, &settings, judged).await;
        let judged = match judged {
            Ok(judged) => judged,
            Err(awaited) => {
                self.count("waiting", "notes");
                // What was wrong is mended, whatever the notes will say.
                work.draft.say(&target.container, slow);
                self.notes_awaited(work, &target.container, Some(awaited));
                let again = self.0.ambient.now() + declared::AGAIN;
                return Ok(Looked { is_unsure: true, ..Looked::again(Some(again)) });
            }
        };
        self.notes_awaited(work, &target.container, None);
        if let Choice::Undecided(Undecided::Gone(gone)) = &judged.choice {
            let again = self.gone(work, target, &settings, gone).await;
            return Ok(Looked { is_unsure: true, ..Looked::again(earliest(judged.due, Some(again))) });
        }
        let is_unsure = judged.is_unsure;
        let taken_back = match judged.choice {
            Choice::Nothing | Choice::NotBefore { .. } => self.taken_back(work, target, &settings).await,
            Choice::To(_) | Choice::Undecided(_) => None,
        };
        if taken_back.is_none() && !matches!(judged.choice, Choice::Undecided(_)) {
            self.present(work, target);
        }
        let slow = slow.or(taken_back);
        let mut looked = self.judged(work, target, settings, judged, slow);
        if let Some(to_do) = &mut looked.to_do {
            to_do.rehearsal = ahead.said_of(&to_do.chosen);
        }
        Ok(Looked { is_unsure, ..looked })
    }

    /// The same with what the makers declare of the update.
    ///
    /// # Errors
    /// What waits for that, where it has to.
    pub(crate) async fn with_notes(
        &self,
        target: &Target,
        ledger: &Ledger,
        settings: &Settings,
        mut judged: Judged,
    ) -> Result<Judged, NotesAwaited> {
        if let Choice::To(chosen) = &mut judged.choice
            && ledger.holds_by(&chosen.to, &chosen.digest, Some(&settings.policy)).is_none()
        {
            let declared = self.declared(target, ledger, settings, chosen).await;
            let awaited = |until| NotesAwaited { tag: chosen.to.clone(), digest: chosen.digest.clone(), until };
            chosen.declared = declared.map_err(awaited)?;
        }
        Ok(judged)
    }

    /// Puts on the draft what a decision comes to, but for an update.
    fn judged(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Settings,
        Judged { choice, known, due, first, unfit, is_withdrawn, .. }: Judged,
        slow: Option<String>,
    ) -> Looked {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        if let Some(known) = known {
            work.draft.on(container, Event::Candidates(known), now);
        }
        if let Some(digest) = first {
            work.draft.on(container, Event::Baseline(digest), now);
            work.draft.guard(container);
        }
        if let Choice::Undecided(Undecided::List(Doubt::Shrunk { before, .. })) = &choice {
            work.draft.on(container, Event::Shrunk(*before), now);
        }
        let over = if is_withdrawn { Event::Withdrawn } else { Event::NothingToAsk };
        let Choice::Undecided(reason) = &choice else {
            if work.ledger(container).is_some_and(|ledger| ledger.shrunk.is_some()) {
                work.draft.on(container, Event::Whole, now);
            }
            self.flawed(work, target, slow);
            self.unfit(work, target, &settings, &unfit);
            let due = earliest(due, self.refused_until(work, target, &unfit));
            return match choice {
                Choice::To(chosen) => self.allowed(work, target, settings, *chosen, due),
                Choice::NotBefore { until, .. } => {
                    work.draft.on(container, over, now);
                    Looked::again(earliest(due, Some(until)))
                }
                Choice::Nothing | Choice::Undecided(_) => {
                    work.draft.on(container, over, now);
                    if let Some(best) = unfit.first() {
                        work.draft.say(container, Some(best.to_string()));
                    }
                    Looked::again(due)
                }
            };
        };
        Looked::again(earliest(due, Some(self.doubtful(work, target, reason))))
    }

    /// An update that the policy allows, unless what is known speaks against it.
    fn allowed(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Settings,
        mut chosen: Chosen,
        due: Option<DateTime<Utc>>,
    ) -> Looked {
        let others = self.asks_for_others(&work.draft.record, target, &chosen);
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let record = &work.draft.record;
        let known = Known {
            workload: &target.workload,
            container,
            record,
            settings: &settings,
            others: Others::Said(others.as_ref()),
        };
        let asks = match known.blocker(&chosen.to, &chosen.digest, now) {
            Some(Blocker::Disabled | Blocker::Cooldown(_)) => return Looked::again(due),
            Some(Blocker::Held(_)) => {
                self.count("waiting", "held");
                work.draft.on(container, Event::NothingToAsk, now);
                return Looked { is_held: true, ..Looked::again(due) };
            }
            Some(Blocker::Refused(refused)) => {
                self.count("waiting", "refused");
                let (again, problem) = (refused.again, refused.to_string());
                work.draft.say(container, Some(problem));
                return Looked::again(earliest(due, Some(again)));
            }
            Some(Blocker::Because(asks)) => {
                self.count("asks", asks.word());
                chosen.because = Some(*asks);
                true
            }
            // Whoever looks for itself knows both.
            Some(Blocker::Notes(_) | Blocker::WasStopped(_)) => {
                return Looked::again(earliest(due, Some(now + LOOK_AGAIN)));
            }
            Some(Blocker::Paused | Blocker::Window(_) | Blocker::Rolling { .. }) | None
                if chosen.declared.kinds.asks() =>
            {
                self.count("asks", "declared");
                true
            }
            Some(Blocker::Rolling { .. }) => {
                self.count("waiting", "rolling_out");
                self.1.siblings.waits(target);
                return Looked::again(earliest(due, Some(now + LOOK_AGAIN)));
            }
            Some(Blocker::Window(opens)) => {
                self.count("waiting", "window");
                work.draft.on(container, Event::NothingToAsk, now);
                return Looked::again(earliest(due, Some(opens)));
            }
            Some(
                Blocker::Snoozed(_) | Blocker::Asked(..) | Blocker::Person | Blocker::AsksOnly(_) | Blocker::Owned(_),
            ) => true,
            Some(Blocker::Paused) => false,
            Some(Blocker::Waits(waits)) => return self.waits_for_others(work, target, &waits, due),
            None => {
                if let Some(opens) = self.closed_until(&target.workload.id) {
                    self.count("waiting", "refused");
                    return Looked::again(earliest(due, Some(opens)));
                }
                match self.enter(work, target, &chosen) {
                    Ok(()) => false,
                    Err(waits) => return self.waits_for_others(work, target, &waits, due),
                }
            }
        };
        // Who is asked anyway is told all the same where it failed.
        let is_told = |because: &Asks| settings.mode == Mode::AutoUpdate || matches!(because, Asks::Failed(_));
        if let (true, None, Some(Verdict::Asks(because))) = (asks, &chosen.because, others) {
            chosen.because = Some(because).filter(is_told);
        }
        let to_do = ToDo { target: target.clone(), settings, chosen, asks, rehearsal: Rehearsal::Missing };
        Looked { to_do: Some(Box::new(to_do)), ..Looked::again(due) }
    }

    /// An update that waits for other workloads, and is looked at again when they are done with.
    fn waits_for_others(&self, work: &mut Work, target: &Target, waits: &Waits, due: Option<DateTime<Utc>>) -> Looked {
        self.count("waiting", waits.word());
        tracing::debug!(workload = %target.workload.id, container = target.container, "this update {waits}");
        let now = self.0.ambient.now();
        // Whether there is anything to ask is not known while the brake can't be read; it is read again meanwhile, see `keep_waking`.
        if !matches!(waits, Waits::BrakeUnread) {
            work.draft.on(&target.container, Event::NothingToAsk, now);
        }
        let again = now + if matches!(waits, Waits::Unlisted) { UNLISTED } else { LOOK_AGAIN };
        Looked { is_unsure: true, ..Looked::again(earliest(due, Some(again))) }
    }

    /// Applies what was chosen for these containers, which run the same image, or asks.
    async fn act(&self, work: &mut Work, together: &[ToDo]) -> Step {
        let Some(first) = together.first() else { return Ok(None) };
        let ToDo { target, settings, chosen, asks, rehearsal } = first;
        let with: Vec<Box<str>> = together.iter().skip(1).map(|it| it.target.container.as_str().into()).collect();
        let is_asked = work.draft.record.known(&target.container).question.as_ref();
        let is_asked = is_asked.is_some_and(|question| question.is_about(&chosen.from, &chosen.to, &chosen.digest));
        let waits = if *asks { is_asked } else { target.workload.paused };
        let is_another_write = is_asked || !with.is_empty();
        let judged = match rehearsal {
            _ if waits => None,
            Rehearsal::Taken if !is_another_write => None,
            Rehearsal::Refused(said) if !is_another_write => Some(Err(said.clone())),
            _ => Some(self.rehearsed(work, target, chosen, &with).await?),
        };
        let chosen = &match judged {
            None => chosen.clone(),
            Some(Ok(dry_run)) => {
                let preflight = Preflight { dry_run: Some(dry_run), ..chosen.preflight.clone() };
                Chosen { preflight, ..chosen.clone() }
            }
            Some(Err(said)) => return Ok(Some(self.would_be_refused(work, target, settings, chosen, &with, said))),
        };
        if *asks {
            return self.propose(work, target, settings, chosen, with).await;
        }
        if target.workload.paused {
            self.paused(work, target, &chosen.to);
            return Ok(None);
        }
        let (to, level, why) = (chosen.to.clone(), chosen.level, chosen.grounds());
        work.draft.report(&target.container, report::Outcome::Allowed { to, level, why });
        self.apply(work, target, chosen, with, Decided::ByPolicy);
        Ok(Some(self.0.ambient.now() + LOOK_AGAIN))
    }
}

/// The mode that a workload asks for, whatever the operator forces.
pub(crate) fn own_mode(workload: &Workload, container: &str) -> Option<Mode> {
    Settings::read(workload, container, &Bounds::default()).ok().map(|settings| settings.mode)
}

/// Those that run the same image and go to the same one, in one question and one write.
///
/// A registry may answer two of them differently, when a tag is listed a moment before it can be pulled: then they wait for
/// each other, as a pod is not to run two versions of one program.
fn together(mut all: Vec<ToDo>, unsure: &[&str]) -> Vec<Vec<ToDo>> {
    let go: Vec<bool> = all.iter().map(|one| all_go(one, &all, unsure)).collect();
    let mut go = go.into_iter();
    all.retain(|_| go.next().unwrap_or_default());
    let mut groups: Vec<Vec<ToDo>> = Vec::new();
    for one in all {
        let is_the_same = |other: &&mut Vec<ToDo>| other.first().is_some_and(|other| other.goes_with(&one));
        match groups.iter_mut().find(is_the_same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Whether what is to be done is so for all that run the same image, or is meant to be for some of them alone.
fn all_go(one: &ToDo, all: &[ToDo], unsure: &[&str]) -> bool {
    let is_unsure = |name: &str| unsure.contains(&name);
    let together = one.target.workload.together(&one.target.container);
    together.into_iter().filter(|other| *other.name != *one.target.container).all(|other| {
        match all.iter().find(|it| *it.target.container == *other.name) {
            Some(it) if it.goes_with(one) => true,
            Some(it) if it.chosen.to == one.chosen.to && it.chosen.digest != one.chosen.digest => false,
            _ => !is_unsure(&other.name) && !is_unsure(&one.target.container),
        }
    })
}

/// The Event about a failure of the registry that stays until somebody mends it.
fn announcement_of(error: &RegistryError) -> fn(String) -> WorkloadEvent {
    match error {
        RegistryError::TooManyTags { .. } => WorkloadEvent::InvalidSetting,
        RegistryError::Unauthorized { .. } => WorkloadEvent::RegistryUnauthorized,
        _ => WorkloadEvent::RepositoryUnknown,
    }
}

/// The word for what was in the way of a decision and may be gone at the next look.
fn undecided(error: &StepError) -> &'static str {
    match error {
        StepError::Credential(_) => "credential",
        _ => "registry",
    }
}
