//! Three replicas on three NATS servers, of which one after another is killed while images are pushed, people are asked and
//! answer. What the registry, the receiver of messages and the API server's audit log say is the witness.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Doors, Replicas, pushes};
use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::nats::Nats;
use crate::harness::objects::Workload;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::watcher::WatcherBuilder;

pub(super) fn tests() -> Vec<Test> {
    tests![pushes_and_answers_are_neither_lost_nor_done_twice_while_replicas_and_servers_are_killed]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Workloads that are updated by themselves, and those whose people are asked.
const AUTOMATIC: usize = 10;
const ASKED: usize = 3;
/// What was interrupted is done again after its holder was silent for 15 s, and later where that happened more than once.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a message is about: its type, the workload and the version.
type About = (String, String, String);

/// The messages that came.
struct Told {
    all: watch::Sender<Messages>,
}

#[derive(Default)]
struct Messages {
    ids: HashMap<About, HashSet<String>>,
    /// Links of questions, by workload and version.
    links: HashMap<(String, String), String>,
    seen: HashSet<String>,
    count: usize,
    twice: usize,
}

impl Told {
    fn take(&self, request: &Received) -> Answer {
        let (event, id) = (request.json(), request.header("webhook-id").unwrap_or_default().to_owned());
        let text = |pointer: &str| event.pointer(pointer).and_then(|it| it.as_str()).unwrap_or_default().to_owned();
        let (kind, name, tag) = (text("/type"), text("/data/workload/name"), text("/data/to/tag"));
        self.all.send_modify(|all| {
            all.count += 1;
            all.twice += usize::from(!all.seen.insert(id.clone()));
            let link = text("/data/approval/links/review");
            if let (Some(start), "update.available") = (link.find("/a/"), kind.as_str()) {
                all.links.insert((name.clone(), tag.clone()), link[start..].to_owned());
            }
            all.ids.entry((kind, name, tag)).or_default().insert(id);
        });
        Answer::status(204)
    }

    async fn until<T>(&self, what: &str, mut found: impl FnMut(&Messages) -> Option<T>) -> T {
        let mut all = self.all.subscribe();
        let told = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = found(&all.borrow_and_update()) {
                    return found;
                }
                all.changed().await.expect("the receiver lives");
            }
        });
        told.await.unwrap_or_else(|_| panic!("{what} is lost: nobody was told within {PATIENCE:?}"))
    }
}

/// A workload whose people are asked, and who always say yes.
struct People {
    workload: Workload,
    name: String,
    repository: Repository,
    doors: Doors,
    told: Arc<Told>,
}

impl People {
    /// Pushes one version after another, each once the one before was asked about, approved, written and told, until it is
    /// over. Gives how many.
    async fn answer(self, over: watch::Receiver<bool>) -> usize {
        let mut versions = 0;
        while !*over.borrow() {
            versions += 1;
            let tag = format!("1.0.{versions}");
            self.repository.push(Image::new(&tag)).await;
            self.doors.announce(versions, &self.repository, &tag).await;
            let key = (self.name.clone(), tag.clone());
            let asked = format!("the question about {tag} of {}", self.name);
            let path = self.told.until(&asked, |all| all.links.get(&key).cloned()).await;
            self.approve(&path, versions).await;
            reaches(&self.workload, &self.name, &self.repository.reference(&tag)).await;
            let about = ("update.applied".to_owned(), key.0, key.1);
            let applied = format!("the end of {tag} of {}", self.name);
            self.told.until(&applied, |all| all.ids.contains_key(&about).then_some(())).await;
        }
        versions
    }

    /// Presses at one replica after another, until one has taken it or shows what was decided.
    async fn approve(&self, path: &str, first: usize) {
        let start = Instant::now();
        let mut said = String::new();
        for next in first.. {
            assert!(start.elapsed() < PATIENCE, "nobody takes the answer of {}: {said}", self.name);
            let post = self.doors.http.post(self.doors.url(next, path)).timeout(Duration::from_secs(10));
            let form = [("content-type", "application/x-www-form-urlencoded")];
            let post = form.iter().fold(post, |post, (name, value)| post.header(*name, *value)).body("action=approve");
            match post.send().await {
                Ok(answer) if answer.status() == 303 => return,
                Ok(answer) => {
                    let status = answer.status();
                    let body = answer.text().await.unwrap_or_default();
                    if status == 200 && body.contains("Decided by") {
                        return;
                    }
                    said = format!("{status}: {body}");
                }
                Err(error) => said = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Until a workload has an image of this version.
async fn reaches(workload: &Workload, name: &str, reference: &str) {
    let (start, wanted) = (Instant::now(), format!("{reference}@"));
    loop {
        let image = workload.get().await.image(name).unwrap_or_default().to_owned();
        if image.starts_with(&wanted) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{name} is lost: {image}, not {wanted}…");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn watched(ctx: &Ctx, kind: &str, number: usize, mode: &str) -> (Workload, String, Repository) {
    let name = format!("{kind}-{number}");
    let repository = ctx.repository(&name);
    repository.push(Image::new("1.0.0")).await;
    (ctx.watched(&name, repository.reference("1.0.0"), &[("mode", mode)]).await, name, repository)
}

async fn pushes_and_answers_are_neither_lost_nor_done_twice_while_replicas_and_servers_are_killed(ctx: Ctx) {
    let all = pushes().unwrap_or(300);
    let kills = if pushes().is_some() { 30 } else { 6 };
    let began = Instant::now();
    let mut nats = ctx.nats_cluster().await;
    let told = Arc::new(Told { all: watch::Sender::default() });
    let taking = Arc::clone(&told);
    let hook = Server::start(Arc::new(move |request| Box::pin(std::future::ready(taking.take(&request)))));
    let mut workloads = Vec::new();
    for number in 0..AUTOMATIC {
        workloads.push(watched(&ctx, "web", number, "AUTO_UPDATE").await);
    }
    let adapt = |it: WatcherBuilder| it.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
    let mut replicas = Replicas::start(&ctx, &nats, adapt).await;
    let doors = replicas.doors();
    let (end, over) = watch::channel(false);
    let mut people = Vec::new();
    for number in 0..ASKED {
        let (workload, name, repository) = watched(&ctx, "api", number, "NOTIFICATION").await;
        let asked = People { workload, name, repository, doors: doors.clone(), told: Arc::clone(&told) };
        people.push(asked.answer(over.clone()));
    }
    let pushing = async {
        let said_again = push_and_kill((all, kills), &workloads, &mut replicas, &mut nats).await;
        for (number, (workload, name, repository)) in workloads.iter().enumerate() {
            let tag = format!("1.0.{}", (all - 1 - number) / AUTOMATIC + 1);
            reaches(workload, name, &repository.reference(&tag)).await;
            let about = ("update.applied".to_owned(), name.clone(), tag.clone());
            let end = format!("the end of {tag} of {name}");
            told.until(&end, |all| all.ids.contains_key(&about).then_some(())).await;
        }
        end.send_replace(true);
        said_again
    };
    let (said_again, answered) = tokio::join!(pushing, futures_util::future::join_all(people));
    let answered: usize = answered.iter().sum();
    rests(&nats).await;
    nothing_is_dead(&replicas).await;

    let (written, answers) = witness(&ctx);
    assert_eq!(answers, answered, "what was approved is written once");
    let all_told = told.all.borrow();
    let several: Vec<_> = all_told.ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(several.is_empty(), "one thing was told by two ids: {several:?}");
    eprintln!(
        "{all} pushes ({said_again} said again), {kills} kills -9, of replicas and servers in turn: {written} images written \
         by themselves, {answered} questions asked, answered and written: 0 lost, 0 twice; {} messages, {} of them came \
         again with the same id; {:.0} s",
        all_told.count,
        all_told.twice,
        began.elapsed().as_secs_f64()
    );
}

/// One push after another, and one kill after some of them: of a replica and of a server in turn. Gives how often a push had to
/// be said again.
async fn push_and_kill(
    (all, kills): (usize, usize),
    workloads: &[(Workload, String, Repository)],
    replicas: &mut Replicas,
    nats: &mut Nats,
) -> usize {
    let (doors, began) = (replicas.doors(), Instant::now());
    let (each, mut killed, mut said_again) = (all.div_ceil(kills + 1), 0, 0);
    for push in 0..all {
        let (_, _, repository) = &workloads[push % AUTOMATIC];
        let version = format!("1.0.{}", push / AUTOMATIC + 1);
        repository.push(Image::new(&version)).await;
        said_again += doors.announce(push, repository, &version).await - 1;
        if (push + 1) % each == 0 && killed < kills {
            let victim = killed / 2 % 3;
            if killed % 2 == 0 {
                let watcher = &mut replicas.all[victim];
                watcher.kill9().await;
                watcher.restart().await;
            } else {
                nats.kill9(victim).await;
                nats.start_again(victim).await;
            }
            killed += 1;
        }
        if (push + 1) % 500 == 0 {
            eprintln!("{} pushes, {killed} kills so far, {:.0} s", push + 1, began.elapsed().as_secs_f64());
        }
    }
    assert_eq!(killed, kills);
    said_again
}

/// Until there was no job for a moment.
async fn rests(nats: &Nats) {
    nats.until_it_stands().await;
    super::until_at_rest(nats).await;
}

async fn nothing_is_dead(replicas: &Replicas) {
    for watcher in &replicas.all {
        let metrics = watcher.metrics().await;
        let dead = metrics.lines().filter(|line| line.starts_with("image_watcher_delivery_dead{"));
        let dead: Vec<&str> = dead.filter(|line| !line.ends_with("} 0")).collect();
        assert!(dead.is_empty(), "{dead:?}");
    }
}

/// By the audit log no image was written over the same one twice, and none that is older. Gives how many were written by
/// themselves, and how many that people approved.
fn witness(ctx: &Ctx) -> (usize, usize) {
    let mut of: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (name, tag) in ctx.images_written() {
        let patch = tag.rsplit('.').next().and_then(|patch| patch.parse().ok()).expect("a version of ours");
        of.entry(name).or_default().push(patch);
    }
    for (name, versions) in &of {
        assert!(versions.is_sorted_by(|a, b| a < b), "{name} went to {versions:?}");
    }
    let count = |start: &str| of.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, all)| all.len()).sum();
    (count("web-"), count("api-"))
}
