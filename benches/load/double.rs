//! A registry in memory, which knows when it was asked: repositories of one tag as many as are asked for, and a long one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::harness::Ctx;
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::watcher::WatcherBuilder;

/// Tags of the long list, in pages of a thousand.
pub(crate) const LONG: usize = 160_000;
const PAGE: usize = 1_000;

#[derive(Default)]
struct Seen {
    /// When lists were asked for, by repository.
    lists: HashMap<String, Instant>,
    /// When the last page of the long list was sent.
    sent: Option<Instant>,
    /// From the last page to what was asked next.
    decided: Vec<Duration>,
}

pub(crate) struct Double {
    server: Server,
    seen: Arc<Mutex<Seen>>,
}

impl Double {
    /// It answers after so long, as one that is some way off.
    pub(crate) fn start(delay: Duration) -> Self {
        let (seen, pages) = (Arc::<Mutex<Seen>>::default(), Arc::new(pages()));
        let record = Arc::clone(&seen);
        let server = Server::start(Arc::new(move |asked| {
            let answer = record.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked, &pages);
            let delay = if asked.path.contains("/long/") { Duration::ZERO } else { delay };
            Box::pin(std::future::ready(answer.after(delay)))
        }));
        Self { server, seen }
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// When the list of a repository was asked for since the last time that it was.
    pub(crate) fn asked(&self, repository: &str) -> Option<Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).lists.remove(repository)
    }

    /// From the last byte of the long list to the question that follows from it, of all looks so far.
    pub(crate) fn decided(&self) -> Vec<Duration> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).decided.clone()
    }

    /// An image-watcher that speaks to it.
    pub(crate) fn watcher(&self, ctx: &Ctx) -> WatcherBuilder {
        let file = ctx.file("double.yaml", &format!("registries: [{{host: \"{}\", plainHttp: true}}]", self.host()));
        let builder = ctx.watcher().unconnected().own_data().env("LOG_LEVEL", "WARN");
        builder.env("IMAGE_WATCHER_CONFIG", file.display().to_string())
    }
}

impl Seen {
    fn answer(&mut self, asked: &Received, pages: &[String]) -> Answer {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let Some((repository, rest)) = path.trim_start_matches("/v2/").split_once('/') else {
            return Answer::status(200);
        };
        let digest = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";
        if !rest.ends_with("tags/list") {
            self.decided.extend(self.sent.take().map(|sent| sent.elapsed()));
            return Answer::status(200).header("Docker-Content-Digest", digest);
        }
        if repository != "long" {
            self.lists.insert(repository.to_owned(), Instant::now());
            return Answer::status(200).body(r#"{"tags":["1.0.0"]}"#);
        }
        let page = query.split("page=").nth(1).and_then(|page| page.parse().ok()).unwrap_or(0);
        let answer = Answer::status(200).body(pages[page].clone());
        if page + 1 < pages.len() {
            return answer.header("Link", &format!("</v2/long/app/tags/list?page={}>; rel=\"next\"", page + 1));
        }
        self.sent = Some(Instant::now());
        answer
    }
}

/// Releases in several variants, candidates, commits and nightly builds, as busy projects have them.
fn pages() -> Vec<String> {
    let tag = |n: usize| match n % 8 {
        0 => format!("1.{}.{}", n / 4_000, n % 4_000),
        1 => format!("1.{}.{}-alpine3.{}", n / 4_000, n % 4_000, n % 20),
        2 => format!("1.{}.{}-rc.{}", n / 4_000, n % 4_000, n % 9),
        3 => format!("0.{}.{}", n / 4_000, n % 4_000),
        4 => format!("pr-{n}"),
        5 => format!("nightly-202401{:02}-{n:07x}", 1 + n % 28),
        6 => format!("{:016x}", n * 2_654_435_761),
        _ => format!("sha256-{n:064x}.sig"),
    };
    let tags: Vec<String> = std::iter::once("1.0.0".to_owned()).chain((1..LONG).map(tag)).collect();
    tags.chunks(PAGE).map(|page| serde_json::json!({"name": "long/app", "tags": page}).to_string()).collect()
}
