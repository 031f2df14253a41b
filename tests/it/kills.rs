//! `kill -9` at random moments of the loop: nothing lost, nothing applied twice, no image but the old or the chosen one.
//! The witness is the API server's audit log, not anything of ours.
//!
//! And a job that kills the process each time: its registry sends the signal, so the program has no switch for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Server};
use crate::harness::wait::DEADLINE;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_kill_at_any_moment_loses_and_doubles_nothing,
        a_kill_while_a_person_goes_back_goes_back_once,
        a_job_that_kills_the_process_each_time_lets_all_others_go_on,
    ]
}

/// Kills in all, where `IMAGE_WATCHER_TEST_KILLS` does not say how many.
const KILLS: u32 = 50;

/// Kills while updates are found, proposed, applied, followed and told; and, one of five, while a link is pressed.
fn kills() -> (u32, u32) {
    let all = std::env::var("IMAGE_WATCHER_TEST_KILLS").ok();
    let all = all.map_or(KILLS, |text| text.parse().expect("IMAGE_WATCHER_TEST_KILLS is a number"));
    let presses = (all / 5).max(1);
    (all.saturating_sub(presses).max(1), presses)
}

/// A small generator, so that a failure can be repeated: the seed is printed with it.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

fn runs(container: &str, version: &str) -> impl Fn(&Seen) -> bool {
    move |seen| {
        let tagged = format!(":{version}@sha256:");
        let healthy = seen.annotation("image-watcher/history").is_some_and(|history| !history.contains("rolling-out"));
        healthy && seen.image(container).is_some_and(|image| image.contains(&tagged))
    }
}

/// Whether so many jobs are set aside now.
async fn are_set_aside(ctx: &Ctx, watcher: &Watcher, count: u32) -> Option<()> {
    let metrics = ctx.http().get(watcher.admin_url("/metrics")).send().await.ok()?.text().await.ok()?;
    metrics.contains(&format!("image_watcher_queue_jobs{{state=\"suspect\"}} {count}\n")).then_some(())
}

/// Where the machine is slow, a look never ends between two kills, and waits for up to a minute as one that may be what
/// kills: longer than [`DEADLINE`] allows for.
async fn none_is_set_aside(ctx: &Ctx, watcher: &Watcher) {
    let look = async {
        while are_set_aside(ctx, watcher, 0).await.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::time::timeout(DEADLINE * 2, look).await;
    assert!(ended.is_ok(), "a job is set aside for longer than a minute");
}

async fn a_kill_at_any_moment_loses_and_doubles_nothing(ctx: Ctx) {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").subsec_nanos();
    let mut dice = Dice(u64::from(seed) | 1);
    eprintln!("seed of the kills: {}", dice.0);
    let (auto, ask) = (ctx.repository("auto"), ctx.repository("ask"));
    for repository in [&auto, &ask] {
        repository.push(Image::new("1.0.0")).await;
    }
    let build = |name: &str, image: String, mode: &str| {
        ctx.deployment(name).container("main", image).annotation("image-watcher/mode", mode)
    };
    let applied = build("auto", auto.reference("1.0.0"), "AUTO_UPDATE").create().await;
    let asked = build("ask", ask.reference("1.0.0"), "NOTIFICATION").create().await;
    let mut watcher = ctx.watcher().mail().start().await;

    let mut last = String::new();
    let (kills, presses) = kills();
    for round in 1..=kills {
        last = format!("1.0.{round}");
        auto.push(Image::new(&last)).await;
        ask.push(Image::new(&last)).await;
        // Some so soon that nothing was decided, some when the rollout is followed.
        let most = if round % 3 == 0 { 600 } else { 120 };
        tokio::time::sleep(Duration::from_millis(dice.throw(most))).await;
        watcher.kill9().await;
        watcher.restart().await;
    }
    none_is_set_aside(&ctx, &watcher).await;
    applied.wait_for("the newest version", runs("main", &last)).await;
    asked.wait_for_annotation("image-watcher/last-notified-version", &last).await;

    for round in 1..=presses {
        let version = format!("1.1.{round}");
        ask.push(Image::new(&version)).await;
        let mail = ctx.mailbox().wait_for_mail(&version).await;
        let link = mail.links().into_iter().find(|link| link.contains("/a/")).expect("a link");
        let path = link[link.find("/a/").expect("a link of ours")..].to_owned();
        asked.wait_for_annotation("image-watcher/last-notified-version", &version).await;
        let url = watcher.url(&path);
        let form =
            ctx.http().post(url).header("Content-Type", "application/x-www-form-urlencoded").body("action=approve");
        let form = form.timeout(Duration::from_secs(10)).send();
        let press = tokio::spawn(form);
        tokio::time::sleep(Duration::from_millis(dice.throw(25))).await;
        watcher.kill9().await;
        // The answer may be lost with the process; what was done is what the cluster says.
        let _ = press.await;
        watcher.restart().await;
        let again = watcher.post_form(&path, &[("action", "approve")]).await;
        assert!([200, 303].contains(&again.status), "{}: {}", again.status, again.body);
        asked.wait_for("the approved version", runs("main", &version)).await;
        crate::harness::wait::eventually("the mail that tells how it ended", async || {
            ctx.mailbox().list().await.iter().any(|mail| mail.text.contains("was updated")).then_some(())
        })
        .await;
        ctx.mailbox().clear().await;
    }
    let writes = witness(&ctx, presses);
    eprintln!("{} kills, {presses} of them while a link was pressed: {writes}", kills + presses);
}

/// One of five kills, while a link is pressed that goes back.
async fn a_kill_while_a_person_goes_back_goes_back_once(ctx: Ctx) {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").subsec_nanos();
    let mut dice = Dice(u64::from(seed) | 1);
    eprintln!("seed of the kills: {}", dice.0);
    let web = ctx.repository("back");
    let digest = web.push(Image::new("1.0.0")).await;
    let old = web.reference("1.0.0");
    let deployment = ctx.deployment("back").container("main", old.clone());
    let deployment = deployment.annotation("image-watcher/mode", "AUTO_UPDATE").create().await;
    let mut watcher = ctx.watcher().mail().start().await;
    let (_, rounds) = kills();
    for round in 1..=rounds {
        let version = format!("1.0.{round}");
        web.push(Image::new(&version)).await;
        deployment.wait_for("healthy", runs("main", &version)).await;
        let path = ctx.mailbox().link(&version).await;
        let body = format!("action=rollback&read=yes&to=1.0.0@{digest}");
        let form = ctx.http().post(watcher.url(&path)).header("Content-Type", "application/x-www-form-urlencoded");
        let form = form.body(body).timeout(Duration::from_secs(10)).send();
        let press = tokio::spawn(form);
        tokio::time::sleep(Duration::from_millis(dice.throw(25))).await;
        watcher.kill9().await;
        // The answer may be lost with the process; what was done is what the cluster says.
        let _ = press.await;
        watcher.restart().await;
        let to = format!("1.0.0@{digest}");
        let again = watcher.post_form(&path, &[("action", "rollback"), ("read", "yes"), ("to", &to)]).await;
        assert!([200, 303].contains(&again.status), "{}: {}", again.status, again.body);
        let is_back = |seen: &Seen| {
            let held = seen.annotation("image-watcher/held").unwrap_or_default();
            let rolls = seen.annotation("image-watcher/history").is_some_and(|history| history.contains("rolling-out"));
            seen.image("main") == Some(&*old) && held.starts_with(&format!("{version}: ")) && !rolls
        };
        deployment.wait_for("back, and what was left is held", is_back).await;
        ctx.mailbox().clear().await;
    }
    let (mut there, mut back) = (BTreeMap::new(), BTreeMap::new());
    for (_, from, to, is_answered) in image_writes(&ctx) {
        let all = if to == old { &mut back } else { &mut there };
        *all.entry(if to == old { from } else { to }).or_insert(0) += u32::from(is_answered);
    }
    for all in [&there, &back] {
        assert_eq!(all.len(), rounds as usize, "each version there and back: {all:?}");
        assert!(all.values().all(|written| *written <= 1), "none twice: {all:?}");
    }
    eprintln!("{rounds} kills while a link went back");
}

/// A registry that kills whoever asks it anything.
fn deadly_registry(victim: Arc<AtomicU32>) -> Server {
    Server::start(Arc::new(move |_| {
        let pid = victim.load(Ordering::SeqCst).to_string();
        // It may have ended already.
        let _ = std::process::Command::new("kill").args(["-s", "KILL", &pid]).output();
        Box::pin(std::future::ready(Answer::never()))
    }))
}

async fn a_job_that_kills_the_process_each_time_lets_all_others_go_on(ctx: Ctx) {
    let victim = Arc::new(AtomicU32::new(0));
    let deadly = deadly_registry(Arc::clone(&victim));
    let host = format!("127.0.0.1:{}", deadly.port);
    let mut others = Vec::new();
    for n in 0..8 {
        let (name, repository) = (format!("other-{n}"), ctx.repository(&format!("other-{n}")));
        repository.push(Image::new("1.0.0")).await;
        let settings = [("mode", "AUTO_UPDATE")];
        others.push((name.clone(), ctx.watched(&name, repository.reference("1.0.0"), &settings).await, repository));
    }
    let plain = format!("{host},{}", ctx.registry().host());
    let builder = ctx.watcher().env("IMAGE_WATCHER_PLAIN_HTTP", plain).env("RUN_ON_BOOT", "TRUE");
    let mut watcher = builder.start().await;
    victim.store(watcher.pid(), Ordering::SeqCst);
    ctx.watched("poison", format!("{host}/team/poison:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;

    let mut deaths = 0;
    let supervise = async {
        loop {
            watcher.start_when_ended().await;
            victim.store(watcher.pid(), Ordering::SeqCst);
            deaths += 1;
        }
    };
    let all_others = async {
        for (name, workload, repository) in &others {
            let digest = repository.push(Image::new("1.0.1")).await;
            workload.wait_for_image(name, &format!("{}@{digest}", repository.reference("1.0.1"))).await;
        }
    };
    tokio::select! {
        () = supervise => {}
        () = all_others => {}
    }
    // Three in a row are a pattern; the first may have died before its mark was on disk, and one wait may be over.
    crate::harness::wait::eventually("the job that kills is set aside", async || {
        if watcher.exited().is_some() {
            watcher.start_when_ended().await;
            victim.store(watcher.pid(), Ordering::SeqCst);
            deaths += 1;
        }
        are_set_aside(&ctx, &watcher, 1).await
    })
    .await;
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    assert!(watcher.logs().contains("the process died each time with this job"), "{}", watcher.logs());
    let suspected =
        watcher.logs().lines().filter(|line| line.contains("died each time")).map(str::to_owned).collect::<Vec<_>>();
    assert!(suspected.iter().all(|line| line.contains("team/poison")), "nobody else is set aside: {suspected:?}");
}

/// Every image that was to be written: of which workload, from which to which, and whether the API server said that it was.
fn image_writes(ctx: &Ctx) -> Vec<(String, String, String, bool)> {
    let of = |event: serde_json::Value| {
        let operations = event["requestObject"].as_array().cloned().unwrap_or_default();
        let image = |op: &str| {
            let found =
                operations.iter().find(|o| o["op"] == op && o["path"].as_str().is_some_and(|p| p.ends_with("/image")));
            found.map(|operation| operation["value"].as_str().expect("an image").to_owned())
        };
        let (from, to) = (image("test")?, image("replace")?);
        let name = event["objectRef"]["name"].as_str().expect("a name").to_owned();
        Some((name, from, to, event["responseStatus"]["code"] == 200))
    };
    ctx.audit_of_watcher().into_iter().filter_map(of).collect()
}

/// Every image that was written, from the audit log: once each, upwards only, pinned to what was pushed.
///
/// A request whose client was killed has an answer that nobody read, and its code says nothing sure: it counts as an
/// attempt, not as a write. That the write happened was seen on the object.
fn witness(ctx: &Ctx, presses: u32) -> String {
    let mut attempted: BTreeMap<(String, String), (u32, BTreeSet<String>)> = BTreeMap::new();
    for (name, from, to, is_answered) in image_writes(ctx) {
        let (written, images) = attempted.entry((name, from)).or_default();
        *written += u32::from(is_answered);
        images.insert(to);
    }
    let version = |image: &str| -> (u32, u32) {
        let tag = image.rsplit_once('/').expect("a path").1.split('@').next().expect("a tag");
        let tag = tag.rsplit(':').next().expect("a tag");
        let numbers: Vec<u32> = tag.split('.').map(|number| number.parse().expect("a number")).collect();
        (numbers[1], numbers[2])
    };
    for ((name, from), (written, images)) in &attempted {
        assert!(*written <= 1, "{name} went from {from} {written} times: {images:?}");
        for to in images {
            assert!(version(to) > version(from), "{name} was to go down: {from} → {to}");
            assert!(to.contains("@sha256:"), "{name}: {to}");
        }
    }
    let count = |of: &str| attempted.keys().filter(|(name, _)| name == of).count();
    assert_eq!(count("ask"), presses as usize, "each approval was written from where the one before had led");
    let answered: u32 = attempted.values().map(|(written, _)| written).sum();
    format!(
        "{} images by the policy, {} by people, {answered} of them with an answer that was read",
        count("auto"),
        count("ask")
    )
}
