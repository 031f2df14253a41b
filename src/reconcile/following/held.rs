//! What somebody set back stays back: an image that is not what ran before, and not ours, is somebody's word.

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::Allows;
use crate::domain::history::{Entry, History, Outcome};
use crate::domain::policy::{Age, Policy, age};
use crate::domain::record::{Consequence, Event, Held, Ledger, Question, Running, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::{Settings, parts_of_one};
use crate::domain::tag::Level;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Work, image_of};
use crate::reconcile::report;
use crate::reconcile::telling::notices::of_held;
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes over what a container runs now, and whether somebody went back to it.
    pub(crate) async fn observe(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let image = target.workload.container(container).and_then(|(_, found)| found.reference());
        let Some(running) = image.as_ref().and_then(Running::of) else {
            // Whatever runs there, it is not what is followed.
            let rolls = |update: &&Update| update.outcome == Outcome::RollingOut;
            let update = work.ledger(container).and_then(|ledger| ledger.update.as_ref()).filter(rolls);
            if update.is_some_and(|update| !update.runs_on(&target.workload, container)) {
                work.draft.on(container, Event::End(Outcome::Replaced, None), now);
            }
            return;
        };
        let settings = self.settings(target).ok();
        let policy = settings.as_ref().map(|settings| &settings.policy);
        let ledger = work.ledger(container);
        let before = ledger.filter(|ledger| !ledger.still_runs(&running)).and_then(|ledger| ledger.runs.clone());
        let Some(before) = before else {
            // Nobody set another image, so that nothing is set back or let go, whatever settings say now.
            if ledger.is_none_or(|ledger| ledger.runs.is_none()) {
                self.observe_first(work, target, settings.as_ref(), running).await;
            } else {
                work.draft.on(container, Event::Runs(running), now);
            }
            return;
        };
        let update = ledger.and_then(|ledger| ledger.update.as_ref());
        let ours = update.filter(|update| update.wrote(&before));
        // Who goes back again goes back from what nothing of ours wrote.
        let is_back = ledger.and_then(|ledger| ledger.held.as_ref()).is_some_and(|held| held.back_to == before.tag);
        let has_run = ran_before(&work.draft.record.history, container, &running.tag, &before.tag);
        let ran = update.filter(|_| has_run && (ours.is_some() || is_back)).map(|update| update.level);
        let level = goes_back(&running, &before, (ours, ran), policy);
        // What is held is looked for before it is held no more. What comes from elsewhere is another thing.
        let is_of_the_same = running.of == before.of;
        let failed = if is_of_the_same { self.failed_before(work, target, &running).await } else { None };
        match level {
            Some(level) => self.set_back(work, target, settings.as_ref(), &running, &before, level).await,
            None if failed.is_some() => {}
            None => {
                work.draft.on(container, Event::Runs(running.clone()), now);
            }
        }
        if let Some(failed) = failed {
            self.put_back(work, target, settings.as_ref(), (&running, &before), failed).await;
        }
        let held = work.ledger(container).and_then(|ledger| ledger.held.as_ref());
        let has_run = |held: &Held| ran_before(&work.draft.record.history, container, &running.tag, &held.tag);
        if held.is_some_and(|held| is_outgrown(&running, (held, has_run(held)), policy)) {
            work.draft.on(container, Event::Outgrown, now);
        }
    }

    /// The same of one that is left alone, where it runs another image than before: what somebody sets back meanwhile is held
    /// when it is left alone no more.
    pub(crate) async fn observe_left_alone(&self, work: &mut Work, target: &Target) {
        let image = target.workload.container(&target.container).and_then(|(_, found)| found.reference());
        let Some(running) = image.as_ref().and_then(Running::of) else { return };
        let is_known = |ledger: &&Ledger| ledger.runs.is_some();
        if work.ledger(&target.container).filter(is_known).is_some_and(|ledger| !ledger.still_runs(&running)) {
            self.observe(work, target).await;
        }
    }

    async fn set_back(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Option<&Settings>,
        running: &Running,
        before: &Running,
        level: Level,
    ) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        // Who goes back twice is asked about the newest of them.
        let held = work.ledger(container).and_then(|ledger| ledger.held.as_ref());
        let (tag, digest) = held.map_or((&before.tag, &before.digest), |held| (&held.tag, &held.digest));
        let is_left_alone = settings.is_some_and(Settings::is_disabled);
        let is_told = !is_left_alone && !work.draft.record.is_held_with_another(container, tag);
        let question = if is_told {
            let parts = parts_of_one(&target.workload, container, self.0.bounds.forced.mode);
            let is_part = |name: &str| parts.iter().any(|part| *part.name == *name);
            let with = Self::went_with(work, target, before).into_iter().filter(|name| is_part(name)).collect();
            self.about_held(target, running, (tag, digest.as_ref(), with), (level, 0)).await
        } else {
            None
        };
        let event = Event::SetBack {
            to: running.clone(),
            by: self.who(target).await,
            owned: target.workload.owner.is_some() || work.draft.by_name.set_back,
            question: question.clone().map(Box::new),
        };
        let Some(Consequence::SetBack(held)) = work.draft.on(container, event, now) else { return };
        work.draft.guard(container);
        work.draft.report(container, report::Outcome::SetBack(held.clone()));
        let by = if held.by.is_empty() { "somebody".to_owned() } else { held.by.join(", ") };
        let note = format!("{container}: {} was set back to {} by {by}, and is held", held.tag, held.back_to);
        work.draft.announce(WorkloadEvent::VersionHeld(note));
        if is_told {
            let notice = of_held(target, settings, &held, question.as_ref());
            work.messages.extend(self.messages_of(target, &notice));
        }
    }

    /// Asks anew whether what is held may be applied, when nobody could say so for long, or nobody's link can be read.
    pub(crate) async fn ask_about_held(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let Ok(settings) = self.settings(target) else { return };
        let Some(ledger) = work.ledger(container) else { return };
        let unread = self.unread(ledger, Allows::Held).cloned();
        // Whoever has a link that leads nowhere is asked at once, which is no reminder.
        let anew = unread.as_ref().and_then(|question| Some((ledger.held.as_ref()?, question.reminders)));
        let due = anew.or_else(|| ledger.unasked(now));
        let Some((running, (held, reminder))) = ledger.runs.clone().zip(due) else { return };
        let held = held.clone();
        if work.draft.record.is_held_with_another(container, &held.tag) {
            return;
        }
        let before = Running { tag: held.tag.clone(), digest: held.digest.clone(), ..running.clone() };
        let has_run = ran_before(&work.draft.record.history, container, &running.tag, &before.tag);
        let update = ledger.update.as_ref();
        let ran = update.filter(|_| has_run).map(|update| update.level);
        let Some(level) = goes_back(&running, &before, (update, ran), Some(&settings.policy)) else { return };
        let of = (container, self.0.bounds.forced.mode);
        let with = work.draft.record.hold_with(&target.workload, of, (&held.tag, held.digest.as_ref()));
        let what = (&held.tag, held.digest.as_ref(), with);
        let question = self.about_held(target, &running, what, (level, reminder)).await;
        if let Some(question) = question {
            if unread.is_some() {
                self.tell_of_lost_key(&work.draft, unread.as_ref());
            }
            work.draft.guard(container);
            work.draft.on(container, Event::Ask(Box::new(question)), now);
            work.draft.on(container, Event::Told, now);
            work.draft.report(container, report::Outcome::HeldStill(held.tag));
        }
    }

    /// What people may answer to it, where it is known which manifest is held, and of which other containers.
    async fn about_held(
        &self,
        target: &Target,
        running: &Running,
        (tag, digest, with): (&Tag, Option<&Digest>, Vec<Box<str>>),
        (level, reminders): (Level, u8),
    ) -> Option<Question> {
        let digest = match digest {
            Some(digest) => digest.clone(),
            None => self.digest(target, tag).await.ok().flatten()?,
        };
        let from_digest = running.digest.clone();
        let terms = self.new_terms(&image_of(target), from_digest, tag.clone(), digest, Allows::Held);
        let asked = self.0.ambient.now();
        Some(Question { with, reminders, ..Question::new(terms, level, asked) })
    }

    /// Who wrote what runs, as far as it is known.
    pub(crate) async fn who(&self, target: &Target) -> Vec<String> {
        let owner = target.workload.owner.as_ref().map(ToString::to_string);
        let wrote = self.0.cluster.who_set(&target.workload.id, &target.container).await;
        // Not knowing it is no reason to write again what was set back.
        let wrote = wrote.ok().flatten().map(|wrote| wrote.to_string());
        let mut all: Vec<String> = wrote.into_iter().chain(owner).collect();
        all.dedup();
        all
    }
}

/// Whether a version ran in a container before another one was written there, as far as the history tells it. Ways back tell
/// nothing of which was first.
fn ran_before(history: &History, container: &str, now: &Tag, before: &Tag) -> bool {
    let is_forward = |entry: &&Entry| !entry.outcome.is_a_word() && entry.undoes.is_none();
    let of_it = history.entries().iter().filter(|entry| entry.container == container).filter(is_forward);
    // The newest is first.
    let mut since = of_it.skip_while(|entry| entry.version != before.as_str());
    since.any(|entry| [&entry.previous, &entry.version].iter().any(|ran| **ran == now.as_str()))
}

/// How far it would be from what runs now to what ran before, if that is an update: then somebody went back. `ours` is the
/// update that wrote what ran before, and `ran` how far it was where what runs now is known to have run before that.
pub(crate) fn goes_back(
    now: &Running,
    before: &Running,
    (ours, ran): (Option<&Update>, Option<Level>),
    policy: Option<&Policy>,
) -> Option<Level> {
    if now.of != before.of {
        return None;
    }
    if now.tag == before.tag {
        return (ours.is_some() && now.digest != before.digest).then_some(Level::Digest);
    }
    match age(now.tag.as_str(), before.tag.as_str(), policy) {
        Age::Older(level) => Some(level),
        Age::NotOlder => None,
        // Where settings that would order them can't be read, or only push times would, what ran before is older.
        Age::Unknown => {
            let is_from = |ours: &&Update| ours.undoes.is_none() && ours.from_tag().as_ref() == Some(&now.tag);
            let from = ours.filter(is_from).map(|ours| ours.level);
            from.or(ran).filter(|_| policy.is_none_or(Policy::is_newest))
        }
    }
}

/// Whether what is held would be no update any more of what runs, which may have run before it.
fn is_outgrown(now: &Running, (held, has_run): (&Held, bool), policy: Option<&Policy>) -> bool {
    let is_of_digest = held.tag == held.back_to;
    if is_of_digest && now.tag == held.tag {
        return now.digest.is_some() && now.digest == held.digest;
    }
    let is_ordered = |policy: &Policy| {
        policy.is_newest() && policy.selection.as_ref().is_some_and(|selection| selection.takes(now.tag.as_str()))
    };
    match age(now.tag.as_str(), held.tag.as_str(), policy) {
        Age::NotOlder => true,
        // Who runs an image of another kind for a while does not mean what failed here.
        _ if held.failure.is_some() && !policy.is_some_and(is_ordered) => false,
        _ if is_of_digest => true,
        Age::Older(_) => false,
        Age::Unknown if policy.is_some_and(Policy::is_newest) => now.tag != held.back_to && !has_run,
        Age::Unknown => policy.is_some(),
    }
}

/// How far two tags are from each other, whichever is older.
pub(crate) fn apart(one: &Tag, other: &Tag, policy: Option<&Policy>) -> Level {
    let (one, other) = (one.as_str(), other.as_str());
    match (age(one, other, policy), age(other, one, policy)) {
        (Age::Older(level), _) | (_, Age::Older(level)) => level,
        _ => Level::Digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::history::tests::entry;
    use crate::domain::record::tests::update;
    use crate::domain::settings::Bounds;
    use crate::domain::workload::tests::workload;

    fn runs(tag: &str) -> Running {
        Running { of: "a.example/web".into(), tag: Tag::parse(tag).unwrap(), digest: None, is_learnt: false }
    }

    /// Tags that say nothing of which is older: only when they were pushed does.
    #[test]
    fn whoever_goes_back_further_than_one_step_goes_back_too() {
        let settings = [("tag-policy", "glob:*"), ("tag-order", "newest")];
        let policy = Settings::read(&workload(&[("web", "web:oak")], &settings), "web", &Bounds::default());
        let policy = policy.unwrap().policy;
        assert!(policy.is_newest());
        let mut history = History::default();
        for (from, to) in [("oak", "elm"), ("elm", "ash"), ("ash", "fir")] {
            let previous = from.to_owned();
            history.push(Entry { container: "web".into(), previous, ..entry(to, Outcome::Healthy) });
        }
        let ours = Update { tag: runs("fir").tag, from: "a.example/web:ash".into(), ..update(1, None) };
        let is_back = |to: &str| {
            let has_run = ran_before(&history, "web", &runs(to).tag, &ours.tag);
            goes_back(&runs(to), &runs("fir"), (Some(&ours), has_run.then_some(ours.level)), Some(&policy)).is_some()
        };
        assert_eq!(["ash", "elm", "oak", "yew"].map(is_back), [true, true, true, false]);
        assert!(!ran_before(&history, "web", &runs("fir").tag, &runs("elm").tag), "it came later");
        assert!(!ran_before(&history, "log", &runs("oak").tag, &runs("fir").tag));
        // A way back is no sign that what was left ran first.
        let (previous, undoes) = ("fir".to_owned(), Some("fir".to_owned()));
        history.push(Entry { container: "web".into(), previous, undoes, ..entry("ash", Outcome::Healthy) });
        assert!(!ran_before(&history, "web", &runs("fir").tag, &runs("ash").tag));
        assert!(ran_before(&history, "web", &runs("elm").tag, &runs("ash").tag));
        // What was left by a way back ran before what came after it.
        let previous = "ash".to_owned();
        history.push(Entry { container: "web".into(), previous, ..entry("yew", Outcome::Healthy) });
        assert!(ran_before(&history, "web", &runs("fir").tag, &runs("yew").tag));
    }
}
