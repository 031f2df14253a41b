//! A registry is asked as little as it can be: within its budget, by whoever is more urgent first.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::behaviours::{ALL, Player, joe, looked, reply, tags};
use super::*;
use crate::ambient::{Ambient, Clock};
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
    let (registry, clock, metrics) = client(&player, None);
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
    let text = metrics.text();
    let value = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().rsplit(' ').next().unwrap();
    assert_eq!(value("image_watcher_registry_budget_remaining{"), "11", "webhooks go on until a tenth is left");
    assert_eq!(value("image_watcher_registry_budget_limit{"), "100");
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
