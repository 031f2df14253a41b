//! What an event makes of a ledger: the one function of transitions.

use chrono::{DateTime, TimeDelta, Utc};

use super::events::{Consequence, Event};
use super::held::Held;
use super::ledger::{GoneSince, Ledger, MOST_PAST, Notified, PutOff, RENEWABLE, Released, Shrunk};
use super::question::{Answer, Answered, Closed, Question, Stands};
use super::update::{Running, Update};
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, Terms};
use crate::domain::event::{Failure, WayBack};
use crate::domain::history::Outcome;
use crate::domain::policy::{Mode, is_older};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::rollout::Reached;
use crate::domain::rollout::obstacle::InTheWay;
use crate::domain::settings::Fingerprint;
use crate::domain::votes::{Vote, Votes};

impl Ledger {
    /// Takes an event over. An event that does not fit how the ledger stands changes nothing.
    pub(super) fn on(&mut self, event: Event, now: DateTime<Utc>) -> Option<Consequence> {
        match event {
            Event::Runs(running) => self.runs(running),
            Event::SetBack { to, by, owned, question } => {
                let consequence = self.set_back(to, by, owned, now);
                if let Some(question) = question {
                    self.ask(*question, now);
                }
                return consequence;
            }
            Event::Outgrown => self.held = None,
            Event::Settings(mode, settings) => self.has_settings(mode, settings),
            Event::SettingsWentBack(mode, in_doubt) => {
                (self.mode, self.in_doubt) = (mode.or(self.mode), Some(in_doubt));
            }
            Event::Candidates(known) => self.known_since = known,
            Event::Baseline(digest) => self.baseline(digest),
            Event::NothingToAsk => self.nothing_to_ask(Closed::NothingToAsk),
            Event::Withdrawn => self.nothing_to_ask(Closed::Withdrawn),
            Event::Ask(question) => self.ask(*question, now),
            Event::Told => self.told(now),
            Event::Write(update) => return Some(self.write(*update, now)),
            Event::PutBack(update) => return Some(self.put_back(*update, now)),
            Event::Because(before) => self.cause_before = before,
            Event::End(outcome, failure) => return self.end(outcome, failure, now),
            Event::StandsStill(why, at) => self.stands_still(Some(why), at),
            Event::GoesOn => self.stands_still(None, None),
            Event::Stalled => self.stalled(now),
            Event::Undecided => self.undecided = true,
            Event::Left(why) => self.left(why),
            Event::Removed(obstacle) => self.removed(obstacle),
            Event::Stays(why) => self.stays = self.update.as_ref().map(|_| why),
            Event::Refuse(refused) => self.refused.refuse(refused, now),
            Event::Unfit(all) => self.refused.are_unfit(all, now),
            Event::Gone(image) => self.gone = Some(GoneSince { image, since: now }),
            Event::Present => self.gone = None,
            Event::Stood => self.stood(),
            Event::Shrunk(before) => {
                let since = self.shrunk.as_ref().map_or(now, |shrunk| shrunk.since.min(now));
                self.shrunk = Some(Shrunk { before, since });
            }
            Event::Whole => self.shrunk = None,
            Event::AwaitNotes(awaited) => self.notes = Some(awaited),
            Event::NotesRead => self.notes = None,
            Event::Vote(vote) => self.vote(*vote, now),
            Event::Skip { by } => return self.skip(by, now),
            Event::Snooze { until } => self.snooze(until, now),
            Event::Resume { by } => return self.resume(by, now),
            Event::LetGo { by } => return self.let_go(by, now),
            Event::Lost => self.lost(),
        }
        None
    }

    /// Something else than before: whatever was asked or waits was about the image before.
    fn runs(&mut self, now: Running) {
        let is_the_same = self.still_runs(&now);
        if !is_the_same && self.goes_on_to(&now) {
            // Who owns it writes new versions, too.
            self.forget_set_backs();
        }
        match &mut self.runs {
            Some(before) if is_the_same => {
                if now.digest.is_some() {
                    *before = now;
                }
            }
            before => {
                let previous = before.as_ref().filter(|before| before.tag != now.tag).map(|before| before.tag.clone());
                self.previous = previous.or_else(|| self.previous.take());
                if let Some(held) = &mut self.held {
                    // Somebody wants this one after all.
                    held.passed.retain(|passed| *passed != now.tag);
                }
                *before = Some(now);
                (self.gone, self.shrunk, self.notes) = (None, None, None);
                self.replaced_by_another_hand();
            }
        }
    }

    /// Whether this is newer than what was known to run, and not what somebody set back.
    pub(super) fn goes_on_to(&self, now: &Running) -> bool {
        let is_newer = |than: &Tag| is_older(than.as_str(), now.tag.as_str());
        let went_on = self.runs.as_ref().is_some_and(|before| before.of == now.of && is_newer(&before.tag));
        went_on && self.held.as_ref().is_none_or(|held| held.tag == now.tag || is_newer(&held.tag))
    }

    /// Somebody who edits a setting means what all of them say then.
    fn has_settings(&mut self, mode: Mode, settings: Fingerprint) {
        self.in_doubt.take_if(|in_doubt| in_doubt.settings != settings);
        if self.mode.replace(mode).is_some_and(|before| before != mode) {
            self.forget_set_backs();
        }
    }

    /// An update that has not ended, and whose image is gone, never will.
    fn replaced_by_another_hand(&mut self) {
        if let (Some(update), Some(runs)) = (&mut self.update, &self.runs) {
            let says_so = || update.running().is_some_and(|written| written.is(runs));
            let is_its = update.wrote(runs) || !update.is_a_pin() && says_so();
            if matches!(update.outcome, Outcome::RollingOut | Outcome::Failed) && !is_its {
                update.outcome = Outcome::Replaced;
            }
        }
    }

    fn set_back(&mut self, mut to: Running, by: Vec<String>, owned: bool, now: DateTime<Utc>) -> Option<Consequence> {
        let Some(before) = self.runs.take() else {
            self.runs(to);
            return None;
        };
        let failure = self.why_it_failed(&before);
        let ours = self.update.as_ref().filter(|update| update.wrote(&before));
        if let Some(digest) = ours.filter(|_| before.tag == to.tag && to.digest.is_none()).and_then(Update::ran_before)
        {
            // The tag points to what is held: what runs in its place is told by what ran before.
            (to.digest, to.is_learnt) = (Some(digest), true);
        }
        if let Some(update) = ours.filter(|update| owned && update.failed_before.is_none()) {
            let is_told_here = update.told_by.is_none();
            self.count_set_back(is_told_here);
        }
        let back_to = to.tag.clone();
        self.previous = (before.tag != back_to).then(|| before.tag.clone());
        (self.runs, self.gone, self.released) = (Some(to), None, None);
        self.replaced_by_another_hand();
        // Who goes back twice does not want the newest of them either, and was told so.
        if let Some(held) = &mut self.held {
            held.passes(before.tag, back_to);
            return None;
        }
        let held =
            Held { tag: before.tag, digest: before.digest, back_to, since: now, by, failure, passed: Vec::new() };
        self.held = Some(held.clone());
        Some(Consequence::SetBack(held))
    }

    fn baseline(&mut self, digest: Digest) {
        if let Some(runs) = &mut self.runs {
            (runs.digest, runs.is_learnt) = (Some(digest), true);
        }
    }

    /// There is no update to ask about. Whether what is held may be applied is asked for as long as it is held, and whether
    /// to go back for as long as that can be answered.
    fn nothing_to_ask(&mut self, why: Closed) {
        let stays = |question: &Question| match question.terms.allows {
            Allows::Update => false,
            Allows::Held => self.held.is_some(),
            Allows::Back => {
                self.runs.as_ref().is_some_and(|runs| self.update.as_ref().is_some_and(|it| it.wrote(runs)))
            }
        };
        if !self.question.as_ref().is_some_and(stays) {
            self.close(why);
        }
    }

    fn close(&mut self, why: Closed) {
        if let Some(question) = self.question.as_mut().filter(|question| !question.is_closed()) {
            let put_off = PutOff::of(question);
            question.stands = Stands::Closed(why);
            self.put_off = put_off.or_else(|| self.put_off.take());
        }
    }

    /// Whoever answered what they had put off is to hear that it may not have counted: they are asked anew at once.
    fn lost(&mut self) {
        self.close(Closed::Unknown);
        let lost = self.question.as_ref().map(|question| &question.terms);
        self.put_off.take_if(|put_off| lost.is_some_and(|lost| put_off.question == lost.id));
    }

    fn ask(&mut self, mut question: Question, now: DateTime<Utc>) {
        let Terms { id, tag, digest, allows, .. } = &question.terms;
        if *allows == Allows::Update
            && let Some(until) = self.put_off(tag, digest, Some(id), now)
        {
            self.put_off = None;
            if question.stands == Stands::Open {
                question.stands = Stands::Snoozed(until);
            }
        }
        // Another version is asked for, or something else: what was put off stays so.
        let other = self.question.as_ref().filter(|older| !older.terms.asks_the_same(&question.terms));
        self.put_off =
            other.and_then(PutOff::of).or_else(|| self.put_off.take()).filter(|put_off| put_off.is_still(now));
        let is_about_others = |older: &Question| older.with != question.with || older.group != question.group;
        if self.question.as_ref().is_some_and(is_about_others) {
            // Nobody approved what it is about now.
            question.votes = Votes::default();
        }
        let is_again = self.question.as_ref().is_some_and(|older| older.terms.id == question.terms.id);
        if let Some(older) = self.question.replace(question).filter(|_| !is_again) {
            self.past(older.terms, now);
        }
    }

    /// Remembers a question whose place another takes.
    fn past(&mut self, terms: Terms, now: DateTime<Utc>) {
        if self.answered.iter().all(|answered| answered.terms.id != terms.id) {
            self.replaced.insert(0, terms);
        }
        let newest = self.question.as_ref().map(|question| &question.terms);
        let is_asked_still = |terms: &Terms| newest.is_some_and(|newest| newest.asks_the_same(terms));
        let answered = &self.answered;
        let is_answered = |terms: &Terms| answered.iter().any(|answered| answered.stands_for(terms));
        // An old link to what is asked still may have a new one in its place, for a while; one to what was answered since by another
        // link says so.
        let is_of_use = |terms: &Terms| is_asked_still(terms) || is_answered(terms);
        let lasts = |terms: &Terms| if is_of_use(terms) { RENEWABLE } else { TimeDelta::zero() };
        self.replaced.retain(|terms| now < terms.expires() + lasts(terms));
        self.replaced.truncate(MOST_PAST);
    }

    fn told(&mut self, now: DateTime<Utc>) {
        if let Some(question) = &self.question {
            self.notified = Some(Notified { at: now, tag: question.terms.tag.clone() });
        }
    }

    fn write(&mut self, mut update: Update, now: DateTime<Utc>) -> Consequence {
        let stood = self.runs.as_ref().zip(self.update.as_ref()).filter(|(runs, last)| last.wrote(runs));
        // The same version as another hand writes it is what that hand knows to be good.
        let as_we_wrote_it =
            |last: &Update| ImageReference::parse(&update.from).is_ok_and(|from| from.digest() == Some(&last.digest));
        if let Some((_, last)) = stood {
            if update.undoes.is_none() && as_we_wrote_it(last) {
                update.ran_well = last.runs_well();
                update.declares.migration |= update.ran_well.is_some() && last.declares.migration;
            }
            // What we wrote last was let stand.
            self.forget_set_backs();
        }
        let left = self.runs.as_ref().filter(|_| update.undoes.is_some());
        let failure = left.and_then(|left| self.why_it_failed(left));
        (self.runs, self.previous) = (update.running(), None);
        // Why it failed stays known where a person goes back from it, too.
        let held = update.holds(now).map(|held| Held { failure: held.failure.or(failure), ..held });
        (self.held, self.gone, self.released) = (held, None, None);
        self.refused.forget(&update.tag);
        self.put_off.take_if(|put_off| put_off.is_of(&update.tag, &update.digest));
        let is_answer =
            |question: &Question| update.question.as_ref().is_some_and(|terms| terms.id == question.terms.id);
        if self.question.as_ref().is_some_and(is_answer) {
            let answer = if update.undoes.is_some() { Answer::WentBack } else { Answer::Approved };
            self.answer(answer, update.by.clone(), now);
        } else {
            self.close(Closed::NothingToAsk);
        }
        (self.cause_before, self.stays) = (None, None);
        self.update = Some(update.clone());
        Consequence::Written(update)
    }

    /// Another hand wrote what failed here: what else is held stays so, and whoever set updates back has done so still.
    fn put_back(&mut self, update: Update, now: DateTime<Utc>) -> Consequence {
        let is_held = self.holds_just(&update.tag, Some(&update.digest));
        let held = self.held.take().filter(|_| !is_held);
        let set_backs = (self.set_backs, self.told_set_backs);
        // Whether that may be applied is asked as before.
        let asked = self.question.clone().filter(|asked| asked.terms.allows == Allows::Held && held.is_some());
        let consequence = self.write(update, now);
        (self.held, (self.set_backs, self.told_set_backs)) = (held, set_backs);
        self.question = asked.or_else(|| self.question.take());
        consequence
    }

    /// Why what ran failed, where it did and was not well since.
    fn why_it_failed(&self, ran: &Running) -> Option<Failure> {
        let update = self.update.as_ref()?;
        let is_it = || update.tag == ran.tag && ran.digest.as_ref().is_none_or(|digest| *digest == update.digest);
        let failure = match update.outcome {
            Outcome::Failed if update.left != Some(WayBack::Before) => update.failure.clone(),
            Outcome::Healthy | Outcome::Failed => None,
            _ => update.failed_before.as_deref().cloned(),
        };
        failure.filter(|_| is_it())
    }

    /// Uses the newest question up.
    fn answer(&mut self, answer: Answer, by: Actor, now: DateTime<Utc>) -> Option<Answered> {
        let question = self.question.as_mut()?;
        question.stands = Stands::Closed(Closed::Answered);
        let Terms { tag, digest, .. } = &question.terms;
        self.put_off.take_if(|put_off| put_off.is_of(tag, digest));
        let answered = Answered { terms: question.terms.clone(), answer, by, at: now };
        self.answered.insert(0, answered.clone());
        self.answered.retain(|answered| now < answered.terms.expires());
        self.answered.truncate(MOST_PAST);
        Some(answered)
    }

    fn end(&mut self, outcome: Outcome, failure: Option<Failure>, now: DateTime<Utc>) -> Option<Consequence> {
        let update = self.update.as_mut()?;
        let was = update.outcome;
        let fits = match was {
            Outcome::RollingOut => true,
            // Pods that come up later make it healthy after all.
            Outcome::Failed => outcome == Outcome::Healthy,
            Outcome::Healthy | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => false,
        };
        if !fits {
            return None;
        }
        (update.outcome, update.failure, update.left) = (outcome, failure, None);
        update.standstill.why = None;
        if matches!(outcome, Outcome::Healthy | Outcome::Failed) {
            update.ended = Some(now);
            self.notified = Some(Notified { at: now, tag: update.tag.clone() });
        }
        self.ends.ended(update, was, now);
        Some(Consequence::Ended(update.clone(), was))
    }

    fn stands_still(&mut self, why: Option<Box<Failure>>, at: Option<Reached>) {
        if let Some(update) = self.update.as_mut().filter(|update| update.outcome == Outcome::RollingOut) {
            // What comes and goes is no progress.
            let before = update.standstill.at.filter(|before| at.is_some_and(|at| !at.is_further_than(*before)));
            update.standstill.at = before.or(at);
            update.standstill.why = why;
        }
    }

    /// Once an update: one that goes on and stands still again is no news.
    fn stalled(&mut self, now: DateTime<Utc>) {
        if let Some(update) = self.update.as_mut().filter(|update| update.outcome == Outcome::RollingOut) {
            update.standstill.told.get_or_insert(now);
        }
    }

    /// What comes next may hide for ever that it did.
    fn stood(&mut self) {
        if let Some(update) = self.update.as_mut().filter(|update| update.outcome == Outcome::RollingOut) {
            update.stood = true;
        }
    }

    /// What is told again is told in the same words.
    fn left(&mut self, why: WayBack) {
        if let Some(update) = self.update.as_mut().filter(|update| update.outcome == Outcome::Failed) {
            update.left = Some(why);
            if why == WayBack::Before {
                self.ends.is_not_to_blame(&update.digest);
            }
        }
    }

    fn removed(&mut self, obstacle: InTheWay) {
        let update = self.update.as_mut().filter(|update| update.outcome == Outcome::RollingOut);
        if let Some(undone) = update.and_then(|update| update.undoes.as_mut())
            && !undone.says_removed(&obstacle)
        {
            undone.removed.push(obstacle);
        }
    }

    fn vote(&mut self, vote: Vote, now: DateTime<Utc>) {
        let question = self.question.as_mut().filter(|it| it.is_open(now) && it.terms.allows == Allows::Update);
        if let Some(question) = question {
            question.votes.cast(vote);
        }
    }

    fn skip(&mut self, by: Actor, now: DateTime<Utc>) -> Option<Consequence> {
        let question = self.question.clone().filter(|question| question.is_open(now))?;
        let answered = self.answer(Answer::Skipped, by, now)?;
        Some(Consequence::Skipped(question, answered))
    }

    fn resume(&mut self, by: Actor, now: DateTime<Utc>) -> Option<Consequence> {
        self.in_doubt = None;
        self.forget_set_backs();
        if let Some(held) = self.held.take() {
            self.put_off.take_if(|put_off| put_off.is_of_tag(&held.tag));
        }
        let question = self.question.clone().filter(|it| it.is_open(now) && it.terms.allows == Allows::Held)?;
        let answered = self.answer(Answer::Resumed, by, now)?;
        Some(Consequence::Resumed(question, answered))
    }

    fn let_go(&mut self, by: Actor, now: DateTime<Utc>) -> Option<Consequence> {
        let held = self.held.take()?;
        // Where the version is held, each manifest of it is, and is asked about.
        let digest = held.digest.clone().filter(|_| held.tag == held.back_to);
        self.put_off.take_if(|put_off| put_off.is_of_tag(&held.tag));
        self.released = Some(Released { tag: held.tag.clone(), digest });
        if self.question.as_ref().is_some_and(|it| it.terms.allows == Allows::Held && it.is_open(now)) {
            self.answer(Answer::Resumed, by.clone(), now);
        }
        Some(Consequence::LetGo(held, by))
    }

    fn snooze(&mut self, until: DateTime<Utc>, now: DateTime<Utc>) {
        let is_over = |question: &Question| until <= now && question.snoozed_until(now).is_some();
        let question = self.question.as_mut().filter(|question| question.is_open(now) || is_over(question));
        if let Some(question) = question {
            // Until now is no more. Where its links' time is over, people are asked anew.
            let is_taken_up = until <= now && question.is_open(now);
            question.stands = if is_taken_up { Stands::Open } else { Stands::Snoozed(until.max(now)) };
            // Somebody has seen it.
            question.reminders = 0;
        }
    }
}
