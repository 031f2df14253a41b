use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::TimeDelta;

use super::*;
use crate::domain::policy::{Cooldown, KnownSince, Order, Refused, Selection, Strategy, Wanted, Withheld};
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::preflight::image::tests::fine;
use crate::registry::{Extent, Labels};

/// Has a manifest for some tags, and remembers what it was asked.
#[derive(Default)]
struct Shelf {
    whole: &'static [&'static str],
    asked: Mutex<Vec<String>>,
    /// When tags were pushed, as far as it says.
    pushed: BTreeMap<&'static str, i64>,
    /// Tags whose manifests are gone.
    broken: &'static [&'static str],
    /// Tags that it lists and refuses.
    refused: &'static [&'static str],
}

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        Ok(Tags::of(of, wanted, &[]))
    }

    async fn digest(&self, _: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        self.asked.lock().unwrap().push(tag.to_string());
        if self.refused.contains(&tag.as_str()) {
            let withheld = Withheld { tag: tag.to_string(), refused: Refused { status: 451, said: None } };
            return Err(RegistryError::Withheld { host: "r.example".into(), withheld });
        }
        Ok(self.whole.contains(&tag.as_str()).then(|| Digest::of(tag.as_str().as_bytes())))
    }

    async fn push_times(
        &self,
        _: &Repository,
        tags: &[Tag],
        _: &Credential,
    ) -> Result<Option<BTreeMap<String, DateTime<Utc>>>, RegistryError> {
        let time = |tag: &Tag| {
            let at = DateTime::from_timestamp(*self.pushed.get(tag.as_str())?, 0)?;
            Some((tag.to_string(), at))
        };
        Ok(tags.iter().map(time).collect())
    }

    async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok(None)
    }

    async fn image(
        &self,
        _: &Repository,
        digest: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        self.asked.lock().unwrap().push(digest.short().to_owned());
        let is_broken = self.broken.iter().any(|tag| Digest::of(tag.as_bytes()) == *digest);
        Ok(if is_broken { Found::Nothing } else { fine() })
    }
}

/// The tag that is chosen, or why none; and what the registry was asked.
async fn chosen(whole: &'static [&'static str], list: &[&str]) -> (Result<Option<String>, String>, Vec<String>) {
    let shelf = Shelf { whole, ..Shelf::default() };
    let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
    let source = Source::new(&shelf, &repository, &credential);
    let policy = Policy::of(Strategy::All);
    let tags = Tags::of(&repository, &Wanted::everything(), list);
    let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<Candidate>| match decision.outcome() {
        Outcome::Update { to, .. } => {
            assert_eq!(
                found.map(|found| found.digest),
                Some(Digest::of(to.as_bytes())),
                "without {:?}",
                policy.missing
            );
            Some(to.to_owned())
        }
        _ => None,
    };
    let now = DateTime::UNIX_EPOCH;
    let decided = version(&source, "1.0.0", &tags, &policy, now, || None, conclude).await;
    (decided.map_err(|error| error.to_string()), shelf.asked.into_inner().unwrap())
}

#[tokio::test]
async fn the_next_best_is_taken_for_what_has_no_manifest() {
    let list = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", "1.0.6"];
    let (decided, asked) = chosen(&["1.0.4", "1.0.1"], &list).await;
    assert_eq!((decided, asked), (Ok(Some("1.0.4".into())), vec!["1.0.6".into(), "1.0.5".into(), "1.0.4".into()]));
    let (decided, asked) = chosen(&["1.0.1"], &list).await;
    assert!(decided.is_err_and(|error| error.contains("1.0.6, 1.0.5, 1.0.4, 1.0.3, 1.0.2")), "{asked:?}");
    assert_eq!(asked.len(), MOST_MISSING);
    let (decided, asked) = chosen(&[], &["1.0.0", "1.0.1"]).await;
    assert_eq!((decided, asked.len()), (Ok(None), 1), "what is listed alone is nothing to go to");
}

#[tokio::test]
async fn the_next_best_is_taken_for_what_its_registry_refuses() {
    let shelf = Shelf { whole: &["1.0.5"], refused: &["1.1.0"], ..Shelf::default() };
    let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
    let source = Source::new(&shelf, &repository, &credential);
    let (now, mut policy) = (DateTime::UNIX_EPOCH, Policy::of(Strategy::Minor));
    let tags = Tags::of(&repository, &Wanted::everything(), &["1.0.0", "1.0.5", "1.1.0"]);
    let conclude = |decision: &Decision<'_>, policy: &Policy, _: Option<Candidate>| {
        let why = crate::domain::grounds::Grounds::of(decision, policy).map(|why| why.to_string());
        (decision.chosen().map(|tag| tag.to_string()), why.unwrap_or_default())
    };
    let (taken, why) = version(&source, "1.0.0", &tags, &policy, now, || None, conclude).await.unwrap();
    assert_eq!(taken.as_deref(), Some("1.0.5"));
    assert!(why.ends_with("; passed over: its registry refuses 1.1.0: status 451"), "{why}");
    let (running, to) = (Tag::parse("1.0.0").unwrap(), Tag::parse("1.1.0").unwrap());
    let of_group = group::confirmed(&source, &running, &to, &mut policy, now).await.unwrap();
    assert_eq!(of_group.unwrap_err().to_string(), "its registry refuses it: status 451");
}

#[tokio::test]
async fn the_next_best_is_taken_for_what_would_not_start() {
    let all = &["1.0.1", "1.0.2", "1.0.3", "1.0.4"];
    let chosen = async |broken: &'static [&'static str]| {
        let shelf = Shelf { whole: all, broken, ..Shelf::default() };
        let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
        let workload = crate::domain::workload::tests::workload(&[("web", "web:1.0.0")], &[]);
        let image = crate::domain::reference::ImageReference::parse("web:1.0.0").unwrap();
        let (ledger, of) = (crate::domain::record::Ledger::default(), (&workload, "web"));
        let nobody = || -> futures_util::future::BoxFuture<'_, _> { Box::pin(std::future::ready(None)) };
        let place = Place::of(of, &image, &ledger, Mode::AutoUpdate, &nobody);
        let (registry, digests) = (&shelf, Some(Digests::default()));
        let (repository, credential) = (&repository, &credential);
        let source = Source { digests, place, ..Source::new(registry, repository, credential) };
        let tags = Tags::of(repository, &Wanted::everything(), &["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]);
        let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<Candidate>| {
            let why = crate::domain::grounds::Grounds::of(decision, policy).map(|why| why.to_string());
            (decision.chosen().map(|tag| tag.to_string()), why, found.map(|found| found.preflight))
        };
        let (now, policy) = (DateTime::UNIX_EPOCH, Policy::of(Strategy::All));
        version(&source, "1.0.0", &tags, &policy, now, || None, conclude).await
    };
    let (taken, why, preflight) = chosen(&["1.0.4", "1.0.2"]).await.unwrap();
    assert_eq!(taken.as_deref(), Some("1.0.3"));
    let why = why.unwrap();
    assert!(
        why.ends_with(
            "; passed over: 1.0.4 would not start: its registry has no manifest by its digest; push it again"
        ),
        "{why}"
    );
    assert!(preflight.is_some_and(|it| it.configuration && it.blobs == Some(2)));
    let error = chosen(all).await.unwrap_err();
    let Undecided::Unfit(unfit) = &error else { panic!("{error}") };
    assert_eq!(unfit.iter().map(|it| it.tag.as_str()).collect::<Vec<_>>(), ["1.0.4", "1.0.3", "1.0.2"]);
}

#[tokio::test]
async fn the_newest_is_what_was_pushed_last_where_the_registry_says_it_of_all() {
    const DAY: i64 = 1_795_000_000;
    let all = &["build-a", "build-b", "build-c", "other"];
    let chosen = async |pushed: &[(&'static str, i64)], running: &str| {
        let shelf = Shelf { whole: all, pushed: pushed.iter().copied().collect(), ..Shelf::default() };
        let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
        let source = Source::new(&shelf, &repository, &credential);
        let selection = Some(Selection::parse("glob:build-*", Order::Newest).unwrap());
        let policy = Policy { selection, ..Policy::of(Strategy::All) };
        let mut wanted = Wanted::default();
        wanted.add(running, &policy);
        let tags = Tags::of(&repository, &wanted, all);
        let now = DateTime::from_timestamp(DAY + 60, 0).unwrap();
        let conclude = |decision: &Decision<'_>, _: &Policy, _| decision.chosen().map(|tag| tag.to_string());
        let decided = version(&source, running, &tags, &policy, now, || None, conclude).await;
        decided.map_err(|error| error.word())
    };
    let times = [("build-a", DAY + 3), ("build-b", DAY + 1), ("build-c", DAY + 2), ("other", DAY + 9)];
    assert_eq!(chosen(&times, "build-b").await, Ok(Some("build-a".into())));
    assert_eq!(chosen(&times, "build-c").await, Ok(Some("build-a".into())));
    assert_eq!(chosen(&times, "build-a").await, Ok(None), "never to what was pushed before");
    let same = [("build-a", DAY), ("build-b", DAY), ("build-c", DAY)];
    assert_eq!(chosen(&same, "build-b").await, Ok(None), "nor to what was pushed at once");
    assert_eq!(chosen(&times[..2], "build-b").await, Err("untimed"), "it does not say it of all");
    assert_eq!(chosen(&[], "build-b").await, Err("untimed"));
    for never in [-62_135_596_800, 0, DAY + 86_400] {
        let times = [times[0], times[1], ("build-c", never)];
        assert_eq!(chosen(&times, "build-b").await, Err("untimed"), "{never} is no time of a push");
    }
}

/// What is chosen and which of these are known, under a cooldown of a day.
async fn cooled(
    whole: &'static [&'static str],
    list: &[&str],
    known: KnownSince,
    now: i64,
) -> (Option<String>, KnownSince) {
    let shelf = Shelf { whole, ..Shelf::default() };
    let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
    let source = Source::new(&shelf, &repository, &credential);
    let cooldown = Some(Cooldown::new(TimeDelta::hours(24), known));
    let policy = Policy { cooldown, ..Policy::of(Strategy::All) };
    let tags = Tags::of(&repository, &Wanted::everything(), list);
    let now = DateTime::UNIX_EPOCH + TimeDelta::hours(now);
    let conclude = |decision: &Decision<'_>, policy: &Policy, _: Option<Candidate>| {
        let known = decision.known_since(policy.cooldown.as_ref().unwrap().known(), now);
        (decision.chosen().map(|tag| tag.to_string()), known)
    };
    version(&source, "1.0.0", &tags, &policy, now, || None, conclude).await.unwrap()
}

fn known_before(tag: &str, digest: &Digest) -> KnownSince {
    let mut cooldown = Cooldown::new(TimeDelta::zero(), KnownSince::default());
    cooldown.learn(tag, digest, None, DateTime::UNIX_EPOCH);
    cooldown.known().clone()
}

#[tokio::test]
async fn a_tag_that_was_pushed_again_waits_again_and_the_next_best_is_taken() {
    let (list, all) = (["1.0.0", "1.0.1", "1.0.2"], &["1.0.1", "1.0.2"]);
    let (none, known) = cooled(all, &list, KnownSince::default(), 0).await;
    assert_eq!(none, None);
    let (taken, same) = cooled(all, &list, known.clone(), 24).await;
    assert_eq!((taken.as_deref(), &same), (Some("1.0.2"), &known));
    // What 1.0.2 pointed to at first is another thing than what it points to now.
    let moved = known_before("1.0.2", &Digest::of(b"other"));
    let (none, known) = cooled(all, &list, moved, 30).await;
    let begun = |known: &KnownSince, tag| known.since(tag).map(|since| since.timestamp() / 3600);
    assert_eq!((none, begun(&known, "1.0.2"), begun(&known, "1.0.1")), (None, Some(30), Some(30)));
    let (taken, _) = cooled(all, &list, known.clone(), 54).await;
    assert_eq!(taken.as_deref(), Some("1.0.2"));
    let (taken, _) = cooled(&["1.0.1"], &list, known, 54).await;
    assert_eq!(taken.as_deref(), Some("1.0.1"), "the other was withdrawn while it waited");
}

#[tokio::test]
async fn a_list_that_is_not_believed_is_no_reason_to_ask() {
    for list in [&[][..], &["1.0.1", "1.0.2"]] {
        let (decided, asked) = chosen(&["1.0.1", "1.0.2"], list).await;
        assert!(decided.is_err_and(|error| error.contains("the list of tags")) && asked.is_empty(), "{list:?}");
    }
}
