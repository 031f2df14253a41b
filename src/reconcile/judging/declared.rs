//! What the makers declare between two versions, before anything goes by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::assess::Proposed;
use crate::cluster::Cluster;
use crate::domain::declared::{Declared, Kinds};
use crate::domain::policy::Mode;
use crate::domain::record::{Event, Ledger, NotesAwaited, Question};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Work, image_of};
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

/// How long notes are waited for in one look.
const PATIENCE: Duration = Duration::from_secs(10);
/// People who are asked anyway wait no longer for what their message says as well.
const FOR_PEOPLE: Duration = Duration::from_secs(2);
/// For so long an update does not go by itself because its notes can't be read; then it goes as one without notes does.
const LONGEST: Duration = Duration::from_secs(3600);
/// After so long they are asked for again.
pub(crate) const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// After so short a time they are not waited for again, as many workloads may go to the same version.
const MOMENT: Duration = Duration::from_secs(60);
/// Updates whose notes can't be read that are remembered; one more takes the place of that which was looked at longest ago.
const MOST: usize = 4096;

/// Since when notes can't be read, by version and where they are looked for; and when that was last found.
#[derive(Debug, Default)]
pub(crate) struct Unread(Mutex<HashMap<Key, (Duration, Duration)>>);

/// Another moment until which notes are waited for is written down where it is another by so much.
const ANOTHER: TimeDelta = TimeDelta::minutes(2);

/// What is gone to, and the place that its workload names for its notes.
type Key = (String, Option<String>);

impl Unread {
    fn key(target: &Target, settings: &Settings, chosen: &Chosen) -> Key {
        let place = settings.release_url.as_ref().map(|url| url.for_tag(chosen.to.as_str()));
        (format!("{}@{}", target.repository, chosen.digest), place)
    }

    /// When that was last found.
    fn found(&self, key: &Key) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(|(_, found)| *found)
    }

    /// For how long they could not be read by now.
    fn again(&self, key: Key, now: Duration) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, (_, found)| now.saturating_sub(*found) < LONGEST);
            let oldest = all.iter().min_by_key(|(_, (_, found))| *found).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest.filter(|_| all.len() >= MOST) {
                all.remove(&oldest);
            }
        }
        let (since, found) = all.entry(key).or_insert((now, now));
        if now.saturating_sub(*found) >= LONGEST {
            // That was another time.
            *since = now;
        }
        *found = now;
        now.saturating_sub(*since)
    }

    fn read(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What the makers declare of an update.
    ///
    /// # Errors
    /// Until when it waits at most, where that can't be known now.
    pub(crate) async fn declared(
        &self,
        target: &Target,
        ledger: &Ledger,
        settings: &Settings,
        chosen: &Chosen,
    ) -> Result<Declared, DateTime<Utc>> {
        // The same version again has no other notes.
        if chosen.level == Level::Digest {
            return Ok(Declared::default());
        }
        let (image, mode) = (image_of(target), settings.mode);
        let question = ledger.question_about(&image, &chosen.to, &chosen.digest);
        if let Some(question) = question
            && !question.declares.unread
            && (mode != Mode::AutoUpdate || question.declares.any())
        {
            return Ok(Declared { kinds: question.declares, quotes: Vec::new() });
        }
        let key = Unread::key(target, settings, chosen);
        let now = self.0.ambient.monotonic();
        let is_just_tried = self.1.unread.found(&key).is_some_and(|found| now.saturating_sub(found) < MOMENT);
        let patience = match mode {
            _ if is_just_tried => Duration::ZERO,
            Mode::AutoUpdate => PATIENCE,
            Mode::Notification | Mode::Disabled => FOR_PEOPLE,
        };
        let (workload, container) = (Arc::clone(&target.workload), target.container.clone());
        let (to, digest) = (chosen.to.clone(), chosen.digest.clone());
        let known = self.0.declarations.declared(Proposed { workload, container, to, digest, patience }).await;
        if let Some(known) = known {
            self.1.unread.read(&key);
            return Ok(known);
        }
        let waited = self.1.unread.again(key, self.0.ambient.monotonic());
        if let Some(question) = question.filter(|it| mode != Mode::AutoUpdate || it.declares.any()) {
            return Ok(Declared { kinds: self.still_unread(question), quotes: Vec::new() });
        }
        if mode != Mode::AutoUpdate {
            return Ok(Declared { kinds: Kinds::UNREAD, quotes: Vec::new() });
        }
        let goes_on = waited >= LONGEST;
        let (workload, container, to) = (&target.workload.id, &target.container, &chosen.to);
        let outcome = if goes_on { "goes on without them" } else { "waits" };
        tracing::info!(%workload, container, %to, waited = waited.as_secs(), outcome, "the release notes of this update can't be read now; it does not go by itself before they are, for an hour at most");
        if goes_on { Ok(Declared::default()) } else { Err(self.0.ambient.now() + LONGEST.saturating_sub(waited)) }
    }

    /// Remembers on the draft that a version waits for its notes, so that whoever looks says so; or that none does.
    pub(crate) fn notes_awaited(&self, work: &mut Work, container: &str, awaited: Option<NotesAwaited>) {
        let (now, known) = (self.0.ambient.now(), work.ledger(container).and_then(|ledger| ledger.notes.clone()));
        let is_known = |awaited: &NotesAwaited| {
            let until = work.ledger(container)?.waits_for_notes(&awaited.tag, &awaited.digest, now)?;
            Some((until - awaited.until).abs() < ANOTHER)
        };
        match awaited {
            Some(awaited) if is_known(&awaited) == Some(true) => {}
            Some(awaited) => drop(work.draft.on(container, Event::AwaitNotes(awaited), now)),
            None if known.is_some() => drop(work.draft.on(container, Event::NotesRead, now)),
            None => {}
        }
    }

    /// What is declared of the update that a question is about, of which not all could be read when it was asked.
    pub(crate) async fn declared_by_now(&self, target: &Target, question: &Question) -> Kinds {
        if !question.declares.unread {
            return question.declares;
        }
        let (workload, container) = (Arc::clone(&target.workload), target.container.clone());
        let (to, digest) = (question.terms.tag.clone(), question.terms.digest.clone());
        let update = Proposed { workload, container, to, digest, patience: FOR_PEOPLE };
        match self.0.declarations.declared(update).await {
            Some(declared) => declared.kinds,
            None => self.still_unread(question),
        }
    }

    /// The same where nothing can be read now either: after the longest wait it is as if there were no notes.
    fn still_unread(&self, question: &Question) -> Kinds {
        let waited = (self.0.ambient.now() - question.asked).to_std().unwrap_or_default();
        Kinds { unread: waited < LONGEST, ..question.declares }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::assess::Declarations;

    /// There are no notes.
    pub(crate) struct Silent;

    impl Declarations for Silent {
        fn declared(&self, _: Proposed) -> BoxFuture<'_, Option<Declared>> {
            Box::pin(async { Some(Declared::default()) })
        }
    }

    #[test]
    fn what_cannot_be_read_is_remembered_for_so_long_and_no_more_of_it_than_that() {
        let unread = Unread::default();
        let key = |n: usize| (n.to_string(), None);
        let at = Duration::from_secs;
        assert_eq!((unread.again(key(0), at(5)), unread.again(key(0), at(65))), (at(0), at(60)));
        assert_eq!(unread.found(&key(0)), Some(at(65)));
        unread.read(&key(0));
        assert_eq!(unread.found(&key(0)), None);
        for n in 0..MOST {
            unread.again(key(n), at(100));
        }
        unread.again(key(1), at(150));
        assert_eq!(unread.again(key(MOST), at(200)), at(0), "it takes the place of another");
        assert_eq!(unread.found(&key(1)), Some(at(150)), "of one that was looked at longer ago");
        assert_eq!(unread.0.lock().unwrap().len(), MOST);
        assert_eq!(unread.again(key(MOST), at(100) + LONGEST), at(3500), "it waits for as long as any");
        assert_eq!(unread.again(key(MOST), at(100) + 2 * LONGEST), at(0), "that was another time");
    }
}
