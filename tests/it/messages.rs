//! What people and programs get of what happens, with a real registry, a real mail server, and doubles of a receiver of
//! webhooks, of Slack and of the other chats: how many messages, what is in them, and what becomes of those that a channel does not take.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::Value;

use crate::chats::{Chats, PAGER};
use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::Workload;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Watcher, WatcherBuilder};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_first_look_a_push_and_a_failure_are_one_message_each,
        what_a_new_install_finds_is_one_message_whatever_it_is_about,
        what_is_asked_anew_after_a_lost_key_is_one_message,
        one_alone_is_told_at_once,
        a_failure_waits_for_nothing_else,
        a_channel_that_refuses_us_is_told_through_another_and_its_messages_wait,
        what_a_channel_does_not_take_is_listed_and_sent_again,
    ]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Workloads of a new install, and the images that they run.
const INSTALLED: usize = 200;
const IMAGES: usize = 20;
/// Workloads that run the image that is pushed then.
const PUSHED: usize = 30;
/// Longer than a push to its message takes, where nothing is wrong.
const SOON: Duration = Duration::from_secs(20);

/// Who is told: a mailbox, a program and a channel of Slack.
struct Told {
    ctx: Ctx,
    hook: Receiver,
    slack: Receiver,
}

/// What was told up to a moment.
struct Count {
    mails: usize,
    events: usize,
    posts: usize,
}

impl Told {
    fn new(ctx: &Ctx) -> Self {
        let slack = ctx.receiver();
        slack.always(Answer::status(200).body("ok"));
        Self { ctx: ctx.clone(), hook: ctx.receiver(), slack }
    }

    /// With the usual window.
    fn watcher(&self) -> WatcherBuilder {
        let watcher = self.ctx.watcher().mail().without("IMAGE_WATCHER_WINDOW");
        let watcher = watcher.env("WEBHOOK_URL", self.hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
        watcher.env("SLACK_URL", self.slack.url("/services/T1/B1/abcdefghijklmnopqrstuvwx"))
    }

    async fn count(&self) -> Count {
        let mails = self.ctx.mailbox().list().await.len();
        Count { mails, events: self.hook.requests().len(), posts: self.slack.requests().len() }
    }

    /// A row of the table: what each channel got, one message, since a push; and the program's event.
    async fn one_more(&self, what: &str, before: &Count, since: SystemTime) -> (String, Value) {
        let mails = self.ctx.mailbox().wait_for(before.mails + 1).await;
        let events = self.hook.wait_for(before.events + 1).await;
        let posts = self.slack.wait_for(before.posts + 1).await;
        let after = |at: SystemTime| at.duration_since(since).unwrap_or_default().as_secs_f64();
        let (mail, event, post) = (&mails[before.mails], &events[before.events], &posts[before.posts]);
        let (event_after, post_after) = (after(event.at), after(post.at));
        let json = event.json();
        let lines = json["data"]["total"].as_u64().unwrap_or(1);
        eprintln!(
            "| {what} | «{}», {} KB | {} with {lines}, {} KB, after {event_after:.1} s | {} blocks, {} KB, after {post_after:.1} s |",
            mail.subject,
            mail.source.len() / 1024,
            kind(event),
            event.body.len() / 1024,
            post.json()["blocks"].as_array().map_or(0, Vec::len),
            post.body.len() / 1024,
        );
        (mail.text.clone(), json)
    }

    /// Nothing else was told.
    async fn nothing_else(&self, before: &Count, messages: usize) {
        let now = self.count().await;
        let more = (now.mails - before.mails, now.events - before.events, now.posts - before.posts);
        assert_eq!(more, (messages, messages, messages), "mails, events, posts: {:?}", kinds(&self.hook));
    }
}

fn kind(request: &Received) -> String {
    request.json()["type"].as_str().unwrap_or_default().to_owned()
}

fn kinds(hook: &Receiver) -> Vec<String> {
    hook.requests().iter().map(kind).collect()
}

/// Workloads without pods that ask before they are updated.
async fn watched(ctx: &Ctx, image: &Repository, names: impl IntoIterator<Item = String>) {
    let create = names.into_iter().map(|name| {
        let workload = ctx.deployment(&name).replicas(0).container(&name, image.reference("1.0.0"));
        workload.annotation("image-watcher/mode", "NOTIFICATION").create()
    });
    futures_util::stream::iter(create).buffer_unordered(16).collect::<Vec<_>>().await;
}

fn names(start: &str, count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(move |number| format!("{start}-{number:03}"))
}

/// That many questions were asked, and nothing waits to be told.
async fn all_is_told(watcher: &Watcher, questions: f64) {
    eventually("all is looked at and told", async || {
        let metrics = watcher.metrics().await;
        let sum = |starts: &str, has: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(starts) && line.contains(has));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
        };
        let asked = sum("image_watcher_decisions_total{outcome=\"proposed\"", "");
        let waits = sum("image_watcher_delivery_pending{", "");
        (asked >= questions && waits == 0.0).then_some(())
    })
    .await;
}

/// The first look over the cluster has ended, by the service's own notes.
async fn first_look_ended(data: &Path) {
    let file = data.join("queue.db");
    eventually("the end of the first look", async || {
        let queue = rusqlite::Connection::open(&file).ok()?;
        queue.query_row("SELECT 1 FROM kept WHERE key = 'first look'", [], |_| Ok(())).ok()
    })
    .await;
}

/// Of an image whose pods never start where its name says so.
async fn updates_by_itself(ctx: &Ctx, image: &Repository) -> Workload {
    let deployment = ctx.deployment("broken").container("broken", image.reference("1.0.0"));
    let deployment = deployment.annotation("image-watcher/rollback", "false");
    let deadline = |object: &mut Value| object["spec"]["progressDeadlineSeconds"] = 3.into();
    deployment.annotation("image-watcher/mode", "AUTO_UPDATE").with(deadline).create().await
}

async fn a_first_look_a_push_and_a_failure_are_one_message_each(ctx: Ctx) {
    let told = Told::new(&ctx);
    let (web, broken) = (ctx.repository("web"), ctx.repository("broken"));
    for image in [&web, &broken] {
        image.push(Image::new("1.0.0")).await;
    }
    for number in 0..IMAGES {
        let image = ctx.repository(&format!("app-{number}"));
        image.push(Image::new("1.0.0")).await;
        image.push(Image::new("1.0.1")).await;
        watched(&ctx, &image, names(&format!("app-{number}"), INSTALLED / IMAGES)).await;
    }
    watched(&ctx, &web, names("web", PUSHED)).await;
    let fails = updates_by_itself(&ctx, &broken).await;
    let of_apps =
        (0..IMAGES).flat_map(|number| names(&format!("app-{number}"), INSTALLED / IMAGES).collect::<Vec<_>>());
    let all_names: Vec<String> = of_apps.chain(names("web", PUSHED)).chain(["broken".to_owned()]).collect();
    let chats = Chats::start();
    eprintln!("| what happened | mail | webhook | Slack |\n|---|---|---|---|");
    eprintln!(
        "| what happened | channel | messages | workloads named | bytes | nearest to a limit |\n|---|---|---|---|---|---|"
    );

    let (before, chats_before) = (told.count().await, chats.counts());
    let began = SystemTime::now();
    let watcher = told.watcher().env("IMAGE_WATCHER_CONFIG", chats.config(&ctx));
    let mut watcher = watcher.env("BASE_URL", "https://iw.example.com").env("RUN_ON_BOOT", "TRUE").start().await;
    let first = format!("first look: {INSTALLED} updates");
    let (text, event) = told.one_more(&first, &before, began).await;
    let all = f64::from(u32::try_from(INSTALLED).expect("few"));
    all_is_told(&watcher, all).await;
    assert_eq!(event["data"]["total"], INSTALLED, "{event}");
    // As many in full as there is room for; the others are named, and the list has all of them.
    let of = |name: &str| event["data"][name].as_array().map_or(0, Vec::len);
    assert!((1..=50).contains(&of("items")), "{} in full", of("items"));
    let left_out = event["data"]["left_out"].as_u64().map_or(0, |left| usize::try_from(left).expect("few"));
    assert_eq!(of("items") + of("others") + left_out, INSTALLED, "{} in full, {} named", of("items"), of("others"));
    assert!(event.to_string().len() <= 64 * 1024, "{} bytes", event.to_string().len());
    assert!(event["data"]["links"]["review"].is_string(), "{}", event["data"]["links"]);
    assert!(text.contains(&INSTALLED.to_string()), "{text}");
    // What was told once is not told by the next start.
    watcher.restart().await;
    all_is_told(&watcher, all).await;
    told.nothing_else(&before, 1).await;
    // A line says how far the step is, which takes the room of some.
    chats.one_more(&first, &chats_before, (&all_names, PUSHED - 5), PAGER).await;

    let (before, chats_before) = (told.count().await, chats.counts());
    let pushed = SystemTime::now();
    web.push(Image::new("1.0.1")).await;
    let push = format!("one push: {PUSHED} workloads");
    let (text, event) = told.one_more(&push, &before, pushed).await;
    let mut named: Vec<&str> = event["data"]["items"].as_array().expect("items").iter().filter_map(name_of).collect();
    named.sort_unstable();
    assert_eq!(named, names("web", PUSHED).collect::<Vec<_>>());
    assert!(names("web", PUSHED).all(|name| text.contains(&name)), "each has its line: {text}");
    all_is_told(&watcher, f64::from(u32::try_from(PUSHED).expect("few"))).await;
    told.nothing_else(&before, 1).await;
    chats.one_more(&push, &chats_before, (&all_names, PUSHED), PAGER).await;

    let (before, chats_before) = (told.count().await, chats.counts());
    let pushed = SystemTime::now();
    broken.push(Image::new("1.0.1")).await;
    let failure = told.one_more("a failure, 3 s after it was written", &before, pushed);
    let (_, event) = fails.wait_past_deadline(failure).await;
    assert_eq!((&event["type"], name_of(&event["data"])), (&"update.failed".into(), Some("broken")), "{event}");
    all_is_told(&watcher, 0.0).await;
    told.nothing_else(&before, 1).await;
    chats.one_more("a failure", &chats_before, (&all_names, 1), "").await;
}

fn name_of(item: &Value) -> Option<&str> {
    let item = if item["data"].is_object() { &item["data"] } else { item };
    item["workload"]["name"].as_str()
}

async fn what_a_new_install_finds_is_one_message_whatever_it_is_about(ctx: Ctx) {
    let told = Told::new(&ctx);
    for name in ["api", "web", "worker"] {
        let image = ctx.repository(name);
        image.push(Image::new("1.0.0")).await;
        image.push(Image::new("1.0.1")).await;
        watched(&ctx, &image, [name.to_owned()]).await;
    }
    let before = told.count().await;
    let began = SystemTime::now();
    let watcher = told.watcher().env("IMAGE_WATCHER_WINDOW", "3s").env("RUN_ON_BOOT", "TRUE").start().await;
    let (_, event) = told.one_more("first look: 3 updates of 3 images", &before, began).await;
    all_is_told(&watcher, 3.0).await;
    told.nothing_else(&before, 1).await;
    let mut named: Vec<&str> = event["data"]["items"].as_array().expect("items").iter().filter_map(name_of).collect();
    named.sort_unstable();
    assert_eq!(named, ["api", "web", "worker"]);
}

/// All links are void, and everything that is open is asked anew; people are not flooded for it.
async fn what_is_asked_anew_after_a_lost_key_is_one_message(ctx: Ctx) {
    const OPEN: u32 = 12;
    let told = Told::new(&ctx);
    for number in 0..OPEN {
        let image = ctx.repository(&format!("app-{number}"));
        image.push(Image::new("1.0.0")).await;
        image.push(Image::new("1.0.1")).await;
        watched(&ctx, &image, [format!("app-{number}")]).await;
    }
    let before = told.count().await;
    let watcher = told.watcher().env("IMAGE_WATCHER_WINDOW", "10s").env("RUN_ON_BOOT", "TRUE");
    let mut watcher = watcher.env("IMAGE_WATCHER_LINK_KEY", "a link key that is long enough and is lost").start().await;
    told.one_more("first look", &before, SystemTime::now()).await;
    all_is_told(&watcher, OPEN.into()).await;
    told.nothing_else(&before, 1).await;

    let before = told.count().await;
    watcher.set_env("IMAGE_WATCHER_LINK_KEY", "another link key that is long enough");
    watcher.restart().await;
    let (_, event) = told.one_more("a lost key", &before, SystemTime::now()).await;
    assert_eq!(event["data"]["total"], OPEN, "{event}");
    all_is_told(&watcher, OPEN.into()).await;
    told.nothing_else(&before, 1).await;
}

async fn one_alone_is_told_at_once(ctx: Ctx) {
    let told = Told::new(&ctx);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    watched(&ctx, &web, ["web".to_owned()]).await;
    let watcher = told.watcher().start().await;
    first_look_ended(watcher.data()).await;
    let before = told.count().await;
    let pushed = SystemTime::now();
    web.push(Image::new("1.0.1")).await;
    let (_, event) = told.one_more("one push: one workload", &before, pushed).await;
    assert_eq!((&event["type"], name_of(&event["data"])), (&"update.available".into(), Some("web")), "{event}");
    let took = pushed.elapsed().expect("a clock that goes on");
    assert!(took < SOON, "it waited for a window: {took:?}");
    all_is_told(&watcher, 1.0).await;
    told.nothing_else(&before, 1).await;
}

async fn a_failure_waits_for_nothing_else(ctx: Ctx) {
    let told = Told::new(&ctx);
    let (web, broken) = (ctx.repository("web"), ctx.repository("broken"));
    for image in [&web, &broken] {
        image.push(Image::new("1.0.0")).await;
    }
    watched(&ctx, &web, names("web", 2)).await;
    let fails = updates_by_itself(&ctx, &broken).await;
    let watcher = told.watcher().start().await;
    first_look_ended(watcher.data()).await;
    web.push(Image::new("1.0.1")).await;
    broken.push(Image::new("1.0.1")).await;
    // The failure, and what waits for the window.
    fails.wait_past_deadline(told.hook.wait_for(1)).await;
    told.hook.wait_for(2).await;
    all_is_told(&watcher, 2.0).await;
    assert_eq!(kinds(&told.hook), ["update.failed", "digest.summary"], "what failed waits for no window");
    let mails = ctx.mailbox().list().await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].text.contains("failed") && !mails[0].text.contains("web-001"), "{}", mails[0].text);
}

/// Without a window, as nothing is gathered here.
fn hooked(told: &Told) -> WatcherBuilder {
    told.watcher().without("SLACK_URL").env("IMAGE_WATCHER_WINDOW", "0s")
}

async fn a_channel_that_refuses_us_is_told_through_another_and_its_messages_wait(ctx: Ctx) {
    let told = Told::new(&ctx);
    told.hook.always(Answer::status(401).body("your token is no good"));
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    watched(&ctx, &web, names("web", 3)).await;
    let mut watcher = hooked(&told).start().await;
    web.push(Image::new("1.0.1")).await;
    let trouble = ctx.mailbox().wait_for_mail("webhook refuses our messages").await;
    assert!(trouble.text.contains("401") && trouble.text.contains("your token is no good"), "{}", trouble.text);
    ctx.mailbox().wait_for(4).await;
    let asked = told.hook.requests().len();
    assert!(asked <= 3, "those that were under way alone met the refusal: {asked}");
    let stands = |state: &str| format!("image_watcher_channel_state{{channel=\"webhook\",state=\"{state}\"}}");
    assert_eq!(watcher.metric(&stands("refused")).await, Some(1.0));
    assert_eq!(watcher.metric(&stands("open")).await, Some(0.0));
    let since = "image_watcher_channel_failing_since_timestamp_seconds{channel=\"webhook\"}";
    assert!(watcher.metric(since).await.is_some_and(|since| since > 0.0));
    let listed = deliveries(&watcher, "channel=webhook").await;
    let states: Vec<&str> = listed.iter().filter_map(|letter| letter["state"].as_str()).collect();
    assert!(states.len() == 3 && !states.contains(&"dead"), "all wait: {states:?}");

    told.hook.always(Answer::status(204));
    watcher.restart().await;
    let arrived = |all: &[Received]| ids(&all[asked..]).len() == 3;
    let seen = told.hook.wait_until("what waited", arrived).await;
    assert!(ids(&seen[..asked]).is_subset(&ids(&seen[asked..])), "the same messages, again");
    all_is_told(&watcher, 0.0).await;
    assert_eq!((watcher.metric(&stands("open")).await, watcher.metric(since).await), (Some(1.0), Some(0.0)));
    let mails = ctx.mailbox().list().await;
    let troubles = mails.iter().filter(|mail| mail.subject.contains("refuses our messages")).count();
    assert_eq!((mails.len(), troubles), (4, 1), "it is told once");
}

fn ids(requests: &[Received]) -> BTreeSet<&str> {
    requests.iter().filter_map(|request| request.header("webhook-id")).collect()
}

async fn deliveries(watcher: &Watcher, query: &str) -> Vec<Value> {
    let url = watcher.admin_url(&format!("/api/v1/deliveries?{query}"));
    let answer = watcher.send(Method::GET, &url, &[], Vec::new()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["items"].as_array().expect("items").clone()
}

async fn what_a_channel_does_not_take_is_listed_and_sent_again(ctx: Ctx) {
    let told = Told::new(&ctx);
    told.hook.always(Answer::status(404).body("no such hook"));
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    watched(&ctx, &web, names("web", 2)).await;
    let watcher = hooked(&told).start().await;
    web.push(Image::new("1.0.1")).await;
    ctx.mailbox().wait_for_mail("Messages to channel webhook were given up").await;
    let dead = eventually("two dead letters", async || {
        Some(deliveries(&watcher, "state=dead&channel=webhook").await).filter(|dead| dead.len() == 2)
    })
    .await;
    assert_eq!(
        (&dead[0]["about"][0]["to"], &dead[0]["event"]),
        (&"1.0.1".into(), &"update.available".into()),
        "{dead:?}"
    );
    assert!(dead[0]["lastError"].as_str().is_some_and(|error| error.contains("404") && error.contains("no such hook")));

    told.hook.always(Answer::status(204));
    let asked = told.hook.requests().len();
    let one = dead[0]["id"].as_str().expect("an id").to_owned();
    let again = watcher.admin_url(&format!("/api/v1/deliveries/{one}/retry"));
    assert_eq!(watcher.send(Method::POST, &again, &[], Vec::new()).await.status, 202);
    let seen = told.hook.wait_for(asked + 1).await;
    assert_eq!(seen[asked].header("webhook-id"), Some(one.as_str()), "the same message");
    let all = watcher.admin_url("/api/v1/deliveries/retry?channel=webhook");
    let answer = watcher.send(Method::POST, &all, &[], Vec::new()).await;
    assert_eq!((answer.status, &answer.json()["retried"]), (202, &1.into()), "{}", answer.body);
    let seen = told.hook.wait_for(asked + 2).await;
    let known: BTreeSet<&str> = dead.iter().filter_map(|letter| letter["id"].as_str()).collect();
    assert_eq!(ids(&seen[asked..]), known);
    all_is_told(&watcher, 0.0).await;
    assert!(deliveries(&watcher, "channel=webhook").await.is_empty());
    let conflict = watcher.send(Method::POST, &again, &[], Vec::new()).await;
    assert_eq!(conflict.status, 409, "it arrived: {}", conflict.body);
}
