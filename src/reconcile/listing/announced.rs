//! Tags that were announced and are not listed yet, or still point to what they did before: they are looked for again, soon and
//! then less often, until they are there or have been waited for long enough. All of a repository share its one look.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::assess::Digests;
use crate::cluster::Cluster;
use crate::domain::policy::{Outcome, Policy, decide};
use crate::domain::reference::{Repository, Tag};
use crate::domain::tags::TagList;
use crate::queue::worker::Verdict;
use crate::queue::{Announced, Announcements, LOOKED_FOR, Queue, Records};
use crate::reconcile::judging::judge::running_tag;
use crate::reconcile::{Listed, Reconciler, Target};
use crate::registry::Registry;
use crate::telemetry::chain;
use crate::telemetry::metrics::One;

/// When such a tag is looked for again for the first time: some registries announce one a moment before they list it, or list
/// it a moment before it can be pulled, and somebody waits for the message.
pub(crate) const AT_FIRST: TimeDelta = TimeDelta::milliseconds(250);
/// A clock that was set back by no more than this was not set.
const SOON: TimeDelta = TimeDelta::seconds(1);

/// What the answers of one look say of an announced tag; of several the last in this order holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// No decision could use it.
    #[default]
    Unwanted,
    /// It is there.
    Listed,
    /// A list could not be read.
    Unread,
    /// A list that should have it lacks it, or it points to something else than was announced.
    Lacking,
}

/// What was announced of a repository, and what the lists of one look say of it.
#[derive(Debug, Default)]
pub(crate) struct Awaited(Vec<(Announced, Seen)>);

/// What becomes of it after a look.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ended {
    /// When to look again.
    again: Option<DateTime<Utc>>,
    /// The same, where a list could not be read: a look that failed is done again anyway, and one that ended is not.
    unread: Option<DateTime<Utc>>,
    /// What is there.
    listed: Vec<Announced>,
    /// What nobody could use.
    unwanted: Vec<Announced>,
    /// What was waited for long enough.
    given_up: Vec<Announced>,
}

impl Awaited {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets those know of it that run what was announced; gives those tags.
    pub(crate) fn pushed_under(&self, targets: &mut [Target]) -> BTreeSet<Tag> {
        if self.is_empty() {
            return BTreeSet::new();
        }
        for target in &mut *targets {
            let running = running_tag(&target.workload, &target.container);
            let pushed = self.0.iter().map(|(announced, _)| announced).find(|it| Some(&it.tag) == running.as_ref());
            target.pushed = pushed.cloned();
        }
        targets.iter().filter_map(|target| Some(target.pushed.as_ref()?.tag.clone())).collect()
    }

    /// The one of them that would be gone to from the running tag, as far as it and its name say.
    pub(crate) fn likely(&self, running: &Tag, policy: &Policy, now: DateTime<Utc>) -> Option<Tag> {
        let is_likely = |tag: &Tag| {
            let both: TagList = [running.as_str(), tag.as_str()].iter().collect();
            match decide(running.as_str(), &both, policy, now).outcome() {
                Outcome::Update { to, .. } | Outcome::Cooling { to, .. } => to == tag.as_str(),
                Outcome::UpToDate | Outcome::NoTags | Outcome::NoVersion(_) => false,
            }
        };
        let mut likely = self.0.iter().map(|(announced, _)| &announced.tag).filter(|tag| is_likely(tag));
        likely.next().filter(|_| likely.next().is_none()).cloned()
    }

    /// What one list says; `None` where it is not known with which credential it is read.
    pub(crate) fn read(&mut self, list: Option<&Listed>) {
        for (announced, seen) in &mut self.0 {
            let now = match list {
                Some(Ok(tags)) if !tags.wants(announced.tag.as_str()) => Seen::Unwanted,
                Some(Ok(tags)) if tags.has(announced.tag.as_str()) => Seen::Listed,
                Some(Ok(_)) => Seen::Lacking,
                Some(Err(_)) | None => Seen::Unread,
            };
            *seen = now.max(*seen);
        }
    }

    /// What followed tags were found to point to, and those that run and were pushed `again`: some registries show for a moment
    /// what they pointed to before. What the list of the same look could use is awaited by that.
    pub(crate) fn compare(&mut self, list: Option<&Listed>, found: &Digests, again: &BTreeSet<Tag>) {
        for (announced, seen) in &mut self.0 {
            let runs = again.contains(&announced.tag);
            let is_listed = !runs && matches!(list, Some(Ok(tags)) if tags.wants(announced.tag.as_str()));
            let Some(digest) = announced.digest.as_ref().filter(|_| !is_listed) else { continue };
            let now = match found.found(&announced.tag) {
                None => continue,
                Some(found) if found.as_ref() == Some(digest) => Seen::Listed,
                Some(_) => Seen::Lacking,
            };
            *seen = now.max(*seen);
        }
    }

    fn end(self, now: DateTime<Utc>) -> Ended {
        let mut ended = Ended::default();
        for (announced, seen) in self.0 {
            match (seen, next(announced.at, now)) {
                (Seen::Unwanted, _) => ended.unwanted.push(announced),
                (Seen::Listed, _) => ended.listed.push(announced),
                (Seen::Unread, Some(at)) => ended.unread = ended.unread.map(|other| other.min(at)).or(Some(at)),
                (Seen::Lacking, Some(at)) => ended.again = ended.again.map(|other| other.min(at)).or(Some(at)),
                (Seen::Unread | Seen::Lacking, None) => ended.given_up.push(announced),
            }
        }
        ended
    }
}

/// When to look again for what was announced at `at`: after as long as it was waited for. `None` when that was long enough, or
/// the clock was set back behind it.
fn next(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let age = now - at;
    let is_young = age >= -SOON && age < LOOKED_FOR;
    is_young.then(|| (now + age.max(AT_FIRST)).min(at + LOOKED_FOR))
}

/// The same verdict, but no later than this. Who was told to wait waits.
fn no_later(verdict: Verdict, again: DateTime<Utc>) -> Verdict {
    match verdict {
        Verdict::Done => Verdict::Again(again),
        Verdict::Again(at) => Verdict::Again(at.min(again)),
        Verdict::Retry { retry_after: None, no_later, reason } => {
            let no_later = Some(no_later.map_or(again, |due| due.min(again)));
            Verdict::Retry { retry_after: None, no_later, reason }
        }
        verdict
        @ (Verdict::Retry { .. } | Verdict::Waits { .. } | Verdict::Dead { .. } | Verdict::Withdrawn { .. }) => verdict,
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Asks what a tag points to that may be the one to go to, while its list is read. A registry that does not have it yet is
    /// asked again by whoever finds it in the list.
    pub(crate) async fn ask_ahead(&self, target: &Target, likely: Option<Tag>) {
        let (Some(tag), Some(digests), Ok(credential)) = (likely, &target.digests, &target.credential) else { return };
        if let Ok(Some(digest)) = self.0.registry.digest(&target.repository, &tag, credential).await {
            digests.learn(&tag, credential, Some(digest));
        }
    }
}

impl<Q: Queue + Records + Announcements, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is looked for. Not knowing it costs time: the schedule finds what it was.
    pub(crate) async fn awaited(&self, repository: &Repository) -> Awaited {
        let announced = self.0.queue.announced(repository).await.unwrap_or_else(|error| {
            tracing::warn!(%repository, error = %chain(&error), "which tags were announced can't be read; what is not listed yet is found by the schedule");
            Vec::new()
        });
        Awaited(announced.into_iter().map(|one| (one, Seen::default())).collect())
    }

    /// What comes of a look whose verdict this is, as tags are looked for.
    pub(crate) async fn awaiting(&self, repository: &Repository, awaited: Awaited, verdict: Verdict) -> Verdict {
        let Ended { again, unread, listed, unwanted, given_up } = awaited.end(self.0.ambient.now());
        for (result, tags) in [("listed", &listed), ("given_up", &given_up)] {
            let labels = One { result: result.into() };
            self.0.metrics.announced_tags.get_or_create(&labels).inc_by(tags.len() as u64);
        }
        for Announced { tag, .. } in &given_up {
            tracing::warn!(%repository, %tag, minutes = LOOKED_FOR.num_minutes(), "this tag was announced, and its registry does not list it, or not with what was announced; it is left to the schedule");
        }
        let over = listed.into_iter().chain(unwanted).chain(given_up).collect();
        if let Err(error) = self.0.queue.found(over).await {
            tracing::debug!(%repository, error = %chain(&error), "what was found is looked for once more");
        }
        // A registry may not know for a moment what it announced, be it a tag or the whole repository.
        let unread = unread.filter(|_| !matches!(verdict, Verdict::Retry { .. }));
        match again.into_iter().chain(unread).min() {
            Some(again) => no_later(verdict, again),
            None => verdict,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::policy::{Strategy, Wanted};
    use crate::domain::reference::Digest;
    use crate::domain::retry::RetryAfter;
    use crate::registry::{Credential, Tags};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn announced(tag: &str) -> Announced {
        let repository = Repository::parse("web").unwrap();
        Announced { repository, tag: Tag::parse(tag).unwrap(), digest: None, at: at(0) }
    }

    #[test]
    fn a_tag_is_looked_for_soon_and_then_less_often_and_not_for_ever() {
        let (mut now, mut looked) = (at(0), Vec::new());
        while let Some(again) = next(at(0), now) {
            looked.push(again.timestamp_millis());
            now = again;
        }
        let seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map(|seconds| seconds * 1000);
        assert_eq!(looked, [[250, 500].as_slice(), &seconds].concat());
        assert_eq!(next(at(3600), at(0)), None, "the clock was set back");
    }

    #[test]
    fn what_a_list_lacks_is_looked_for_and_what_nobody_could_use_is_not() {
        let mut wanted = Wanted::default();
        wanted.add("1.0.0", &Policy::of(Strategy::All));
        let list = |tags: &[&str]| -> Listed { Ok(Arc::new(Tags::of(&announced("1").repository, &wanted, tags))) };
        let tags = ["1.0.1", "1.0.2", "1.0.0-alpine", "0.9.0", "latest"].map(announced);
        let mut awaited = Awaited(tags.iter().map(|one| (one.clone(), Seen::default())).collect());
        awaited.read(Some(&list(&["1.0.0", "1.0.1"])));
        let [one, two, others @ ..] = &tags;
        let ended = awaited.end(at(2));
        assert_eq!((ended.again, &ended.listed), (Some(at(4)), &vec![one.clone()]));
        assert_eq!(ended.unwanted, others);

        let mut awaited = Awaited(vec![(two.clone(), Seen::default())]);
        awaited.read(Some(&list(&["1.0.0", "1.0.2"])));
        awaited.read(Some(&list(&["1.0.0"])));
        awaited.read(None);
        let soon = Some(at(0) + AT_FIRST);
        let ended = awaited.end(at(0));
        assert_eq!((ended.again, ended.unread), (soon, None), "it is to be in each list that could use it");
        for (seen, now, expected) in [
            (Seen::Unread, 1, Ended { unread: Some(at(2)), ..Ended::default() }),
            (Seen::Unread, 300, Ended { given_up: vec![two.clone()], ..Ended::default() }),
            (Seen::Lacking, 300, Ended { given_up: vec![two.clone()], ..Ended::default() }),
        ] {
            assert_eq!(Awaited(vec![(two.clone(), seen)]).end(at(now)), expected, "{seen:?} after {now} s");
        }
    }

    #[test]
    fn the_one_that_is_likely_is_newer_than_what_runs_and_allowed() {
        let policy = Policy::of(Strategy::Minor);
        for (tags, expected) in [
            (&["1.0.1"][..], Some("1.0.1")),
            (&["1.0.1", "latest", "0.9.0", "2.0.0", "1.0.0"], Some("1.0.1")),
            (&["1.0.1", "1.0.2"], None),
            (&["1.0.0"], None),
            (&[], None),
        ] {
            let awaited = Awaited(tags.iter().map(|tag| (announced(tag), Seen::default())).collect());
            let likely = awaited.likely(&Tag::parse("1.0.0").unwrap(), &policy, at(0));
            assert_eq!(likely.as_ref().map(Tag::as_str), expected, "{tags:?}");
        }
    }

    #[test]
    fn a_tag_that_is_followed_is_there_when_it_points_to_what_was_announced() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let pushed = Announced { digest: Some(new.clone()), ..announced("stable") };
        for (told, expected) in [
            (Some(Some(old)), Ended { again: Some(at(2)), ..Ended::default() }),
            (Some(None), Ended { again: Some(at(2)), ..Ended::default() }),
            (Some(Some(new)), Ended { listed: vec![pushed.clone()], ..Ended::default() }),
            (None, Ended { unwanted: vec![pushed.clone()], ..Ended::default() }),
        ] {
            let found = Digests::default();
            if let Some(told) = told.clone() {
                found.learn(&pushed.tag, &Credential::default(), told);
            }
            let mut awaited = Awaited(vec![(pushed.clone(), Seen::default()), (announced("stable"), Seen::default())]);
            awaited.compare(None, &found, &BTreeSet::new());
            let expected = Ended { unwanted: [expected.unwanted, vec![announced("stable")]].concat(), ..expected };
            assert_eq!(awaited.end(at(1)), expected, "{told:?}");
        }
        // A candidate is awaited in its list alone.
        let mut wanted = Wanted::default();
        wanted.add("1.0.0", &Policy::of(Strategy::All));
        let candidate = Announced { digest: Some(Digest::of(b"new")), ..announced("1.0.1") };
        let list: Listed = Ok(Arc::new(Tags::of(&candidate.repository, &wanted, &["1.0.1"])));
        let (mut awaited, found) = (Awaited(vec![(candidate.clone(), Seen::Unwanted)]), Digests::default());
        found.learn(&candidate.tag, &Credential::default(), Some(Digest::of(b"old")));
        awaited.read(Some(&list));
        awaited.compare(Some(&list), &found, &BTreeSet::new());
        assert_eq!(awaited.end(at(1)).listed, std::slice::from_ref(&candidate));
        // What runs is there when it points to what was announced.
        let again = BTreeSet::from([candidate.tag.clone()]);
        for (found, expected) in [
            (found, Ended { again: Some(at(2)), ..Ended::default() }),
            (Digests::default(), Ended { listed: vec![candidate.clone()], ..Ended::default() }),
        ] {
            let mut awaited = Awaited(vec![(candidate.clone(), Seen::Unwanted)]);
            awaited.read(Some(&list));
            awaited.compare(Some(&list), &found, &again);
            assert_eq!(awaited.end(at(1)), expected);
        }
    }

    #[test]
    fn an_earlier_look_is_kept_and_a_registry_that_asked_to_wait_is_left_alone() {
        let failed =
            |retry_after, due: Option<i64>| Verdict::Retry { retry_after, no_later: due.map(at), reason: "503".into() };
        let told = Some(RetryAfter::at(at(60)));
        for (verdict, expected) in [
            (Verdict::Done, Verdict::Again(at(4))),
            (Verdict::Again(at(2)), Verdict::Again(at(2))),
            (Verdict::Again(at(9)), Verdict::Again(at(4))),
            (failed(None, None), failed(None, Some(4))),
            (failed(None, Some(2)), failed(None, Some(2))),
            (failed(None, Some(9)), failed(None, Some(4))),
            (failed(told, None), failed(told, None)),
        ] {
            assert_eq!(no_later(verdict, at(4)), expected);
        }
    }
}
