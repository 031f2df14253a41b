//! A registry is asked as little as it can be: within its budget, by whoever is more urgent first.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::behaviours::{ALL, Player, joe, json, looked, reply, tags};
use super::*;
use crate::ambient::{Ambient, Clock};
use crate::domain::policy::{Policy, Strategy};
use crate::outbound::Outbound;
use crate::telemetry::metrics::Metrics;

/// A clock that stands still until it is set, in seconds.
#[derive(Default)]
struct Hand(Mutex<u64>);

impl Hand {
    fn set(&self, second: u64) {
        *self.0.lock().unwrap() = second;
    }
}

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(*self.0.lock().unwrap())
    }
}

/// A client of this registry alone, with a ceiling, whose time the test sets.
fn client(player: &Player, ceiling: Option<u32>) -> (HttpRegistry, Arc<Hand>, Metrics) {
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = ceiling.and_then(NonZeroU32::new);
    let (clock, metrics) = (Arc::<Hand>::default(), Metrics::new());
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
    let (config, outbound) = (RegistryConfig::of(vec![host]), Outbound::new(None).unwrap());
    (HttpRegistry::new(config, &outbound, ambient, Arc::new(metrics.clone())).unwrap(), clock, metrics)
}

/// Seconds, by which looks of the schedule were sent; each is put off as the registry says. Somebody pushes an image now and then.
async fn cycle(registry: &HttpRegistry, clock: &Hand, player: &Player, looks: usize, push_every: u64) -> Vec<u64> {
    let (mut due, mut sent) = (vec![0_u64; looks], Vec::new());
    for second in 0..3600 {
        clock.set(second);
        if second % push_every == push_every - 1 {
            assert_eq!(looked(registry, player, &joe()).await.unwrap(), "1.1.0", "a push waits for no cycle");
        }
        for at in due.extract_if(.., |at| *at <= second).collect::<Vec<_>>() {
            assert!(at <= second);
            if let Some(wait) = registry.put_off(&player.host) {
                due.push(second + wait.as_secs().max(1));
            } else {
                looked(registry, player, &joe()).await.unwrap();
                sent.push(second);
            }
        }
    }
    assert!(due.is_empty(), "{} are left", due.len());
    sent
}

fn most_in_a_minute(sent: &[u64]) -> usize {
    sent.iter().map(|first| sent.iter().filter(|second| (*first..first + 60).contains(*second)).count()).max().unwrap()
}

#[tokio::test]
async fn two_hundred_repositories_with_a_budget_of_sixty_a_minute() {
    let player = Player::start(|_, _| tags(&ALL)).await;
    let (registry, clock, metrics) = client(&player, Some(60));
    let sent = cycle(&registry, &clock, &player, 200, 7).await;
    assert_eq!((sent.len(), most_in_a_minute(&sent)), (200, 45));
    assert!(sent.iter().max().is_some_and(|last| *last < 600), "and it is done within minutes: {sent:?}");
    assert_eq!(player.lists(), 200 + 3600 / 7, "nobody was turned away");
    assert!(!metrics.text().contains("image_watcher_registry_waits_total{"));
}

/// A registry as Docker Hub is for whoever has no account, whose budget comes back one by one.
#[tokio::test]
async fn the_schedule_keeps_to_what_a_registry_says_is_left() {
    let left = Arc::new(Mutex::new(24_u64));
    let told = Arc::clone(&left);
    let player = Player::start(move |_, _| {
        let mut left = told.lock().unwrap();
        *left -= 1;
        tags(&ALL).with("RateLimit-Limit", "100;w=360").with("RateLimit-Remaining", format!("{left};w=360"))
    })
    .await;
    let (registry, clock, _) = client(&player, None);
    for second in 0..10 {
        clock.set(second);
        if registry.put_off(&player.host).is_none() {
            looked(&registry, &player, &joe()).await.unwrap();
        }
    }
    assert_eq!(*left.lock().unwrap(), 20 - 1, "one more after each four seconds");
    for _ in 0..8 {
        looked(&registry, &player, &joe()).await.unwrap();
    }
    let budget = |registry: &HttpRegistry| registry.report(&[])[0].budget.map(|it| (it.left, it.limit));
    assert_eq!(budget(&registry), Some((11, 100)), "webhooks go on until a tenth is left");
    clock.set(9 + 360);
    assert_eq!(budget(&registry), None, "what it said holds no longer");
}

#[tokio::test]
async fn what_is_known_of_registries_is_told() {
    let player = Player::start(|asked, _| match &*asked.method {
        "GET" => tags(&ALL).with("RateLimit-Limit", "100;w=21600").with("RateLimit-Remaining", "76;w=21600"),
        _ => reply(429).with("Retry-After", "30"),
    })
    .await;
    let (registry, clock, _) = client(&player, Some(10));
    let elsewhere = Repository::parse("quay.io/acme/web").unwrap();
    let watched = [player.repository(), elsewhere.clone(), Repository::parse("quay.io/acme/api").unwrap()];
    clock.set(90);
    looked(&registry, &player, &joe()).await.unwrap();
    let report = |registry: &HttpRegistry| serde_json::json!(registry.report(&watched));
    let ceiling = |left: u32| serde_json::json!({"left": left, "limit": 10, "windowSeconds": 60});
    let budget = serde_json::json!({"left": 76, "limit": 100, "windowSeconds": 21600, "told": "1970-01-01T00:01:30Z"});
    assert_eq!(
        report(&registry),
        serde_json::json!([
            {"host": player.host, "repositories": 1, "lastAsked": "1970-01-01T00:01:30Z", "lastOutcome": "ok",
             "budget": budget, "ceiling": ceiling(9)},
            {"host": "quay.io", "repositories": 2},
        ])
    );
    let tag = Tag::parse("1.1.0").unwrap();
    registry.digest(&player.repository(), &tag, &joe()).await.unwrap_err();
    let after = report(&registry);
    assert_eq!((&after[0]["lastOutcome"], &after[0]["waitsFor"]), (&"throttled".into(), &"asked".into()));
    assert_eq!((&after[0]["waitsUntil"], &after[0]["ceiling"]), (&"1970-01-01T00:02:00Z".into(), &ceiling(8)));
    clock.set(200);
    assert_eq!(report(&registry)[0]["waitsUntil"], serde_json::Value::Null);
}

/// A registry that keeps an entity tag of its list and of its manifest, which it tells no digest of. GitLab and Nexus are
/// not like this in all they do; each half is in some.
async fn with_entity_tags(all: Arc<Mutex<Vec<&'static str>>>) -> Player {
    Player::start(move |asked, _| {
        let all = all.lock().unwrap();
        let entity_tag = format!("W/\"{}\"", all.len());
        if asked.header("if-none-match") == entity_tag {
            return reply(304).with("ETag", entity_tag);
        }
        let manifest = serde_json::json!({"schemaVersion": 2, "manifests": [], "annotations": {"all": *all}});
        if asked.path.ends_with("/tags/list") { tags(&all) } else { json(200, &manifest) }.with("ETag", entity_tag)
    })
    .await
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let all = Arc::new(Mutex::new(ALL.to_vec()));
    let player = with_entity_tags(Arc::clone(&all)).await;
    let (registry, clock, metrics) = client(&player, None);
    let answered = |code: &str, operation: &str| {
        let text = metrics.text();
        let of = |line: &&str| line.starts_with("image_watcher_registry_requests_total{");
        let line = text.lines().filter(of).find(|line| {
            line.contains(&format!("operation=\"{operation}\"")) && line.contains(&format!("code=\"{code}\""))
        });
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    for _ in 0..3 {
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    }
    assert_eq!((answered("200", "tags"), answered("304", "tags")), (1, 2));
    // Another credential, and another running tag, are not answered by it.
    looked(&registry, &player, &Credential::default()).await.unwrap();
    let mut wanted = Wanted::default();
    wanted.add("1.0.5", &Policy::of(Strategy::All));
    registry.tags(&player.repository(), &joe(), &wanted).await.unwrap();
    assert_eq!((answered("200", "tags"), answered("304", "tags")), (3, 2));
    looked(&registry, &player, &joe()).await.unwrap();
    all.lock().unwrap().push("1.2.0");
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.2.0", "a push is seen");
    assert_eq!((answered("200", "tags"), answered("304", "tags")), (5, 2), "the last that was read is kept");
    looked(&registry, &player, &joe()).await.unwrap();
    clock.set(24 * 3600);
    looked(&registry, &player, &joe()).await.unwrap();
    assert_eq!((answered("200", "tags"), answered("304", "tags")), (6, 3), "nothing is believed for more than a day");

    let tag = Tag::parse("1.2.0").unwrap();
    let digest = async || registry.digest(&player.repository(), &tag, &joe()).await.unwrap().unwrap();
    let first = digest().await;
    assert_eq!((answered("200", "digest"), answered("304", "digest")), (2, 0), "HEAD tells nothing, so GET");
    assert_eq!((digest().await, answered("200", "digest"), answered("304", "digest")), (first.clone(), 2, 1));
    all.lock().unwrap().push("1.3.0");
    assert_ne!(digest().await, first, "it moved");
}

/// A cache that says «not modified» to who knows nothing is no registry.
#[tokio::test]
async fn nobody_answers_304_who_was_not_asked_for_it() {
    let player = Player::start(|_, _| reply(304).with("ETag", "\"x\"")).await;
    let (registry, ..) = client(&player, None);
    let error = looked(&registry, &player, &joe()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 304, .. }), "{error}");
}

#[tokio::test]
async fn what_is_kept_of_lists_is_bounded() {
    let long: Vec<String> = (0..2_000).map(|n| format!("1.1.{n}")).collect();
    let player = Player::start(move |asked, _| {
        assert_eq!(asked.header("if-none-match"), "", "so long a list is read again");
        json(200, &serde_json::json!({"name": "shop/app", "tags": long})).with("ETag", "\"x\"")
    })
    .await;
    let (registry, ..) = client(&player, None);
    for _ in 0..2 {
        looked(&registry, &player, &joe()).await.unwrap();
    }
    assert_eq!(player.lists(), 2);
}

/// A registry whose list comes in pages of two, each with an entity tag of its own: of the body alone, so that a page which
/// gets a next one has the same, and what it says beside the 304 is nothing.
async fn in_pages(all: Arc<Mutex<Vec<&'static str>>>) -> Player {
    Player::start(move |asked, _| {
        let all = all.lock().unwrap();
        let last = asked.query("last");
        let start = all.iter().position(|tag| *tag == last).map_or(0, |at| at + 1);
        let page: Vec<&str> = all.iter().skip(start).take(2).copied().collect();
        let entity_tag = format!("\"{}\"", page.join("+"));
        if asked.header("if-none-match") == entity_tag {
            return reply(304).with("ETag", entity_tag);
        }
        let answer = tags(&page).with("ETag", entity_tag);
        match page.last().filter(|_| start + 2 < all.len()) {
            Some(last) => answer.with("Link", format!("</v2/shop/app/tags/list?last={last}&n=2>; rel=\"next\"")),
            None => answer,
        }
    })
    .await
}

#[tokio::test]
async fn each_page_of_a_list_is_asked_whether_it_changed_and_one_says_nothing_of_the_next() {
    let all = Arc::new(Mutex::new(vec!["0.9.0", "1.0.0", "1.0.1", "1.0.2", "latest"]));
    let player = in_pages(Arc::clone(&all)).await;
    let (registry, clock, metrics) = client(&player, None);
    let sent = || {
        let text = metrics.text();
        let count = |code: &str| {
            let mut lines = text.lines().filter(|line| line.starts_with("image_watcher_registry_requests_total{"));
            let line = lines.find(|line| line.contains("operation=\"tags\"") && line.contains(code));
            line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        };
        (count("code=\"200\""), count("code=\"304\""))
    };
    let mut wanted = Wanted::default();
    wanted.add("1.0.0", &Policy::of(Strategy::Minor));
    let whole = async || {
        let tags = registry.tags(&player.repository(), &joe(), &wanted).await.unwrap();
        let list = tags.to_decide("1.0.0", &Policy::of(Strategy::Minor)).unwrap().unwrap();
        let kept: Vec<String> = list.iter().map(str::to_owned).collect();
        (kept, list.listed(), tags.fingerprint(), tags.relatives("1.0.0", &Policy::of(Strategy::Minor)))
    };
    let first = whole().await;
    assert_eq!(first.1, 5);
    assert_eq!(sent(), (3, 0));
    assert_eq!(whole().await, first, "what did not change is the same list in all that is told of it");
    assert_eq!(sent(), (3, 3));
    all.lock().unwrap()[3] = "1.0.3";
    let second = whole().await;
    assert!(second.0.contains(&"1.0.3".to_owned()) && !second.0.contains(&"1.0.2".to_owned()), "{second:?}");
    assert_eq!(sent(), (5, 4), "the page behind it is at another address now");
    all.lock().unwrap().push("1.0.4");
    assert!(whole().await.0.contains(&"1.0.4".to_owned()), "a push to the last page is seen");
    assert_eq!(sent(), (6, 6));
    whole().await;
    assert_eq!(sent(), (7, 8), "a last page that is full may have another behind it, and not say so");
    all.lock().unwrap().push("1.0.5");
    assert!(whole().await.0.contains(&"1.0.5".to_owned()), "a push that makes another page is seen");
    assert_eq!(sent(), (9, 10));
    all.lock().unwrap().truncate(2);
    assert_eq!(whole().await.1, 2, "what is gone is not kept");
    assert_eq!(sent(), (10, 11));
    clock.set(24 * 3600);
    whole().await;
    assert_eq!(sent(), (11, 11), "nothing is believed for more than a day");
}

/// Of a list on one page nobody knows how long a page may be, but limits are round numbers.
#[tokio::test]
async fn a_single_page_that_may_be_full_is_read_again() {
    let all: Arc<Mutex<Vec<String>>> = Arc::new(Mutex::new((0..50).map(|n| format!("1.0.{n:02}")).collect()));
    let listed = Arc::clone(&all);
    let player = Player::start(move |asked, _| {
        let all = listed.lock().unwrap();
        let start = all.iter().position(|tag| tag == asked.query("last")).map_or(0, |at| at + 1);
        let page: Vec<&str> = all.iter().skip(start).take(50).map(String::as_str).collect();
        let entity_tag = format!("\"{}-{}\"", page.len(), page.first().unwrap_or(&""));
        if asked.header("if-none-match") == entity_tag {
            return reply(304).with("ETag", entity_tag);
        }
        let answer = tags(&page).with("ETag", entity_tag);
        if start + 50 < all.len() {
            return answer.with("Link", format!("<?last={}>; rel=next", page[49]));
        }
        answer
    })
    .await;
    let (registry, ..) = client(&player, None);
    let mut wanted = Wanted::default();
    wanted.add("1.0.00", &Policy::of(Strategy::Minor));
    let listed = async || registry.tags(&player.repository(), &joe(), &wanted).await.unwrap().fingerprint().count();
    assert_eq!(listed().await, 50);
    all.lock().unwrap().push("1.0.50".into());
    assert_eq!(listed().await, 51);
}

/// Two replicas: what one tells the other hears.
#[tokio::test]
async fn what_a_registry_allows_is_shared_by_replicas_and_who_is_asked_to_wait_tells_the_others() {
    let asked = Arc::new(Mutex::new((0, false)));
    let counted = Arc::clone(&asked);
    let player = Player::start(move |_, _| {
        let mut asked = counted.lock().unwrap();
        asked.0 += 1;
        if asked.1 { reply(429).with("Retry-After", "300") } else { tags(&ALL) }
    })
    .await;
    let (said, lost) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let beside = |number: u32| Beside {
        number: Arc::new(move || NonZeroU32::new(number).unwrap()),
        tell: {
            let said = Arc::clone(&said);
            Arc::new(move |text| said.lock().unwrap().push(text))
        },
        lost: {
            let lost = Arc::clone(&lost);
            Arc::new(move |why, number| lost.lock().unwrap().push((why, number)))
        },
    };
    let ((one, one_clock, _), (other, clock, _)) = (client(&player, Some(12)), client(&player, Some(12)));
    let (one, other) = (one.beside(beside(3)), other.beside(beside(3)));
    for registry in [&one, &other] {
        let ceiling = registry.report(&[])[0].ceiling.unwrap();
        assert_eq!((ceiling.left, ceiling.limit), (4, 4), "a third of twelve");
        while looked(registry, &player, &joe()).await.is_ok() {}
    }
    assert_eq!(asked.lock().unwrap().0, 8, "each its part");
    for clock in [&one_clock, &clock] {
        clock.set(120);
    }
    asked.lock().unwrap().1 = true;
    looked(&one, &player, &joe()).await.unwrap_err();
    let told = said.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    other.hears(r#"{"host":"a.example","scope":"","minutes":5}"#);
    assert_eq!(*lost.lock().unwrap(), [("unreadable", 1)], "another version wrote it");
    other.hears(&told[0]);
    *asked.lock().unwrap() = (0, false);
    let throttled = looked(&other, &player, &joe()).await.unwrap_err();
    assert!(matches!(throttled, RegistryError::Throttled { why: Wait::Asked, .. }), "{throttled:?}");
    assert_eq!(asked.lock().unwrap().0, 0, "it did not have to be told by the registry");
    assert_eq!(said.lock().unwrap().len(), 1, "what was heard is not told on");
    clock.set(419);
    assert!(looked(&other, &player, &joe()).await.is_err());
    clock.set(421);
    looked(&other, &player, &joe()).await.unwrap();
    other.hears(&format!("{{\"host\":\"{}\",\"scope\":\"\",\"seconds\":4000000000}}", player.host));
    assert!(other.report(&[])[0].waits_until.unwrap() <= DateTime::UNIX_EPOCH + Duration::from_secs(421 + 3600));
}

/// A 503 that one replica met was told by the others as a 429. Who is of an older version does not say which it was.
#[tokio::test]
async fn why_a_registry_asks_to_wait_is_told_to_the_other_replicas() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&said);
    let player = Player::start(|_, _| reply(503).with("Retry-After", "300")).await;
    let ((one, ..), (other, ..)) = (client(&player, None), client(&player, None));
    let one = one.beside(Beside { tell: Arc::new(move |text| tells.lock().unwrap().push(text)), ..Beside::default() });
    let here = looked(&one, &player, &joe()).await.unwrap_err();
    let heard = |registry: &HttpRegistry| registry.report(&[])[0].waits_for;
    other.hears(&said.lock().unwrap()[0]);
    let there = looked(&other, &player, &joe()).await.unwrap_err();
    assert_eq!(there.to_string(), here.to_string());
    assert!(matches!(there, RegistryError::Throttled { why: Wait::Unavailable, .. }), "{there:?}");
    assert_eq!((heard(&one), heard(&other)), (Some("unavailable"), Some("unavailable")));
    for why in ["", r#","why":"a word of a newer version""#] {
        let (third, ..) = client(&player, None);
        third.hears(&format!(r#"{{"host":"{}","scope":"","seconds":300{why}}}"#, player.host));
        assert_eq!(heard(&third), Some("asked"), "{why}");
    }
}
