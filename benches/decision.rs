//! The decision: its time over lists of several lengths, what its reasons cost, and reading the list beside deciding.
//!
//! `make bench` runs it. Everything is measured in one run, side by side with a yardstick that does less: the `semver`
//! crate's parser over the same tags, of which it refuses most.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use image_watcher::domain::policy::{Policy, Strategy, decide};
use image_watcher::domain::tags::TagList;

/// The shortest of several runs: what the work costs when nothing else disturbs it.
fn shortest(mut work: impl FnMut()) -> Duration {
    let started = Instant::now();
    let mut best = Duration::MAX;
    let mut runs = 0;
    while runs < 5 || (started.elapsed() < Duration::from_millis(600) && runs < 20_000) {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        runs += 1;
    }
    best
}

/// A repository of a busy project: releases in four variants, candidates, commits, pull requests, dated and nightly
/// builds, and signatures.
fn list(length: usize) -> TagList {
    let mut tags = TagList::new();
    let mut seed = 42_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    while tags.len() < length {
        let (major, minor, patch) = (random(6), random(40), random(30));
        let tag = match random(10) {
            0..=2 => format!("{major}.{minor}.{patch}"),
            3 => format!("v{major}.{minor}.{patch}-alpine3.{}", random(20)),
            4 => format!("{major}.{minor}.{patch}-rc.{}", random(9)),
            5 => format!("{:07x}{:09x}", random(1 << 28), random(1 << 30)),
            6 => format!("pr-{}", random(90_000)),
            7 => format!("{major}.{minor}.{patch}-debian-12-r{}", random(40)),
            8 => format!("nightly-2024{:02}{:02}-{:07x}", 1 + random(12), 1 + random(28), random(1 << 28)),
            _ => format!(
                "sha256-{:016x}{:016x}{:016x}{:016x}.sig",
                random(1 << 30),
                random(1 << 30),
                seed_text(major),
                seed_text(minor)
            ),
        };
        tags.push(&tag);
    }
    tags
}

fn seed_text(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What runs: a plain release that most of the list is newer than, a release of a variant that may go a short way, and
/// a number behind the version that may name a runtime, so that every member has to be read.
const RUNNING: [(&str, Strategy); 3] =
    [("1.2.3", Strategy::All), ("2.10.3-debian-12-r5", Strategy::Minor), ("1.2.3-17", Strategy::All)];

fn main() {
    let now = DateTime::UNIX_EPOCH;
    println!(
        "| running | tags | decide | a tag | and every reason | read from JSON | semver crate, parse only | decide / semver |"
    );
    println!("|:---|---:|---:|---:|---:|---:|---:|---:|");
    for (running, strategy) in RUNNING {
        let policy = Policy::of(strategy);
        for length in [200, 1_000, 10_000, 62_000, 1_000_000] {
            row(running, &policy, length, now);
        }
    }
}

fn row(running: &str, policy: &Policy, length: usize, now: DateTime<Utc>) {
    let mut tags = list(length - 2);
    tags.push("3.0.0");
    tags.push("3.0.0-21");
    let json = serde_json::to_string(&tags.iter().collect::<Vec<_>>()).unwrap();
    let decided = shortest(|| {
        black_box(decide(black_box(running), black_box(&tags), policy, now).outcome());
    });
    let reasons = shortest(|| {
        let decision = decide(black_box(running), black_box(&tags), policy, now);
        assert_eq!(decision.verdicts().map(black_box).count(), tags.len());
    });
    let read = shortest(|| {
        black_box(serde_json::from_str::<TagList>(black_box(&json)).unwrap());
    });
    let semver = shortest(|| {
        black_box(tags.iter().filter_map(|tag| semver::Version::parse(tag).ok()).max());
    });
    #[expect(clippy::cast_precision_loss, reason = "a count of tags")]
    let each = decided.as_nanos() as f64 / length as f64;
    let ratio = decided.as_secs_f64() / semver.as_secs_f64();
    println!(
        "| {running} | {length} | {decided:.1?} | {each:.0} ns | {reasons:.1?} | {read:.1?} | {semver:.1?} | {ratio:.2} |"
    );
}
