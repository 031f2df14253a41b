//! What is not known now is not taken for nothing.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::forge::{ForgeHost, ForgeKind};
use super::*;
use crate::ambient::Clock;
use crate::domain::policy::Wanted as Wants;
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::Tag;
use crate::outbound::Outbound;
use crate::registry::{Extent, RegistryError, Tags};
use crate::telemetry::metrics::Metrics;

/// An image that says where its project is, as far as it can be asked.
pub(super) struct Shelf {
    can_be_asked: Mutex<bool>,
    labels: Mutex<Labels>,
}

impl Default for Shelf {
    fn default() -> Self {
        let source = Some("https://git.example.com/acme/web".to_owned());
        Self { can_be_asked: Mutex::new(true), labels: Mutex::new(Labels { source, ..Labels::default() }) }
    }
}

fn refused() -> RegistryError {
    RegistryError::Status { host: "a.example".into(), operation: "manifest", status: 503 }
}

impl Registry for Shelf {
    async fn tags(&self, _: &Repository, _: &Credential, _: &Wants) -> Result<Tags, RegistryError> {
        Err(refused())
    }

    async fn digest(&self, _: &Repository, _: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        Err(refused())
    }

    async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        let labels = self.labels.lock().unwrap().clone();
        if *self.can_be_asked.lock().unwrap() { Ok(Some(labels)) } else { Err(refused()) }
    }

    async fn image(
        &self,
        _: &Repository,
        _: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        Err(refused())
    }
}

#[derive(Clone, Default)]
pub(super) struct Drawer(Arc<Mutex<HashMap<String, String>>>);

impl Drawer {
    /// What begins so was pushed out by others.
    pub(super) fn lose(&self, prefix: &str) {
        self.0.lock().unwrap().retain(|key, _| !key.starts_with(prefix));
    }
}

impl Kept for Drawer {
    async fn recall(&self, key: &str) -> Option<String> {
        self.0.lock().unwrap().get(key).cloned()
    }

    async fn keep(&self, key: &str, value: String, _: DateTime<Utc>) {
        self.0.lock().unwrap().insert(key.to_owned(), value);
    }
}

#[derive(Clone, Default)]
struct Hands(Arc<Mutex<TimeDelta>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().to_std().unwrap()
    }
}

/// Releases of nobody.
pub(super) fn released() -> Releases<Drawer, Shelf> {
    let (outbound, metrics, forges) = (Outbound::new(None).unwrap(), Metrics::new(), Forges::new(Vec::new()));
    let settings = FetchSettings { outbound: &outbound, forges: &forges, github_token: None, metrics: &metrics };
    let shelf = Arc::new(Shelf::default());
    Releases::new(shelf, Drawer::default(), settings, None, Ambient::system()).unwrap()
}

/// Pages of releases, each so many; `None` for a forge that fails.
type Pages = Arc<Mutex<Option<Vec<Vec<String>>>>>;
/// The text of a change log, where there is one.
type File = Arc<Mutex<Option<String>>>;

pub(super) struct World {
    pub(super) releases: Releases<Drawer, Shelf>,
    clock: Hands,
    pub(super) pages: Pages,
    pub(super) file: File,
    /// Whether the project is not there for now.
    pub(super) is_away: Arc<Mutex<bool>>,
    _server: JoinSet<()>,
}

/// What a forge answers to one request.
fn answer(pages: Option<&Vec<Vec<String>>>, file: Option<&String>, head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let page = path.split("page=").last().filter(|_| path.contains("&page=")).map_or(1, |page| page.parse().unwrap());
    let (status, body) = match pages {
        None => ("503 No", String::new()),
        Some(pages) if path.contains("/releases?") => {
            let of = |tag: &String| {
                let body = if tag == "v2.0.0" { "- BREAKING: x" } else { "- a fix" };
                let name = tag.trim_end_matches('?');
                serde_json::json!({"tag_name": name, "body": body, "prerelease": tag.ends_with('?')})
            };
            let all: Vec<_> = pages.get(page - 1).into_iter().flatten().map(of).collect();
            ("200 OK", serde_json::json!(all).to_string())
        }
        Some(_) => match file {
            Some(_) if path.ends_with("/contents") => {
                ("200 OK", r#"[{"name":"CHANGELOG.md","type":"file"}]"#.to_owned())
            }
            Some(text) if path.ends_with("/raw/CHANGELOG.md") => ("200 OK", text.clone()),
            _ => ("404 No", String::new()),
        },
    };
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

impl World {
    pub(super) async fn new(pages: &[&[&str]]) -> Self {
        let owned = |page: &&[&str]| page.iter().map(|tag| (*tag).to_owned()).collect();
        Self::of(pages.iter().map(owned).collect()).await
    }

    async fn of(pages: Vec<Vec<String>>) -> Self {
        let pages: Pages = Arc::new(Mutex::new(Some(pages)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let file = File::default();
        let is_away = Arc::<Mutex<bool>>::default();
        let (told, log, away) = (Arc::clone(&pages), Arc::clone(&file), Arc::clone(&is_away));
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]);
                let head = if *away.lock().unwrap() { "GET /away " } else { &*head };
                let text = answer(told.lock().unwrap().as_ref(), log.lock().unwrap().as_ref(), head);
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        let clock = Hands::default();
        let ambient = Ambient::system().at(Arc::new(clock.clone()));
        let forges = Forges::new(vec![ForgeHost::new("git.example.com", ForgeKind::Gitea, Some(&api), true).unwrap()]);
        let (outbound, metrics) = (Outbound::new(None).unwrap(), Metrics::new());
        let settings = FetchSettings { outbound: &outbound, forges: &forges, github_token: None, metrics: &metrics };
        let shelf = Arc::new(Shelf::default());
        let releases = Releases::new(shelf, Drawer::default(), settings, None, ambient).unwrap();
        Self { releases, clock, pages, file, is_away, _server: server }
    }

    /// What is declared of an update: `None` while that is not known.
    async fn declared(&self, from: &str, to: &str) -> Option<Kinds> {
        match self.releases.notes(&subject(from, to), Effort::Ask).await {
            Lookup::Notes(notes) => notes.declared.map(|declared| declared.kinds),
            Lookup::Nothing => Some(Kinds::default()),
            Lookup::Unknown => None,
        }
    }

    pub(super) fn later(&self, minutes: i64) {
        *self.clock.0.lock().unwrap() += TimeDelta::minutes(minutes);
    }
}

/// An update of an image whose label names the project.
pub(super) fn subject(from: &str, to: &str) -> Subject {
    Subject {
        repository: Repository::parse("a.example/acme/web").unwrap(),
        credential: Credential::default(),
        from: from.into(),
        to: to.into(),
        digest: Some(Digest::of(to.as_bytes())),
        url: None,
    }
}

const BREAKING: Kinds = Kinds { breaking: true, manual: false, migration: false, unread: false };

#[tokio::test]
async fn a_list_of_before_does_not_say_that_a_newer_version_declares_nothing() {
    let world = World::new(&[&["v1.1.0", "v1.0.0"]]).await;
    assert_eq!(world.declared("1.0.0", "1.1.0").await, Some(Kinds::default()));
    *world.pages.lock().unwrap() = None;
    assert_eq!(world.declared("1.1.0", "2.0.0").await, None, "the forge is down");
    *world.pages.lock().unwrap() = Some(vec![vec!["v2.0.0".into(), "v1.1.0".into(), "v1.0.0".into()]]);
    world.later(60);
    assert_eq!(world.declared("1.1.0", "2.0.0").await, Some(BREAKING));
}

#[tokio::test]
async fn an_image_whose_labels_cannot_be_read_may_have_notes() {
    let world = World::new(&[&["v2.0.0", "v1.0.0"]]).await;
    *world.releases.registry.can_be_asked.lock().unwrap() = false;
    assert_eq!(world.declared("1.0.0", "2.0.0").await, None);
    *world.releases.registry.can_be_asked.lock().unwrap() = true;
    assert_eq!(world.declared("1.0.0", "2.0.0").await, Some(BREAKING));
}

#[tokio::test]
async fn the_text_of_a_release_may_follow_its_image() {
    let world = World::new(&[&["v1.1.0", "v1.0.0"]]).await;
    assert_eq!(world.declared("1.1.0", "2.0.0").await, None, "its own is not there yet");
    assert_eq!(world.declared("1.0.0", "1.0.5").await, Some(Kinds::default()), "a later one is: none will follow");
    *world.pages.lock().unwrap() = Some(vec![vec!["v2.0.0".into(), "v1.1.0".into()]]);
    world.later(6);
    assert_eq!(world.declared("1.1.0", "2.0.0").await, Some(BREAKING), "it is looked for again soon");
}

/// `docker build` keeps the labels of the image that is built upon.
#[tokio::test]
async fn the_project_of_a_base_image_has_nothing_to_say_of_what_is_built_on_it() {
    let of_base = |version: Option<&str>, revision: Option<&str>| Labels {
        source: Some("https://git.example.com/tools/base".into()),
        version: version.map(str::to_owned),
        revision: revision.map(str::to_owned),
        ..Labels::default()
    };
    let (version, revision) = (Some("0.6.0-python3.12-bookworm-slim"), Some("0a1b2c3d"));
    for (labels, expected) in [
        (of_base(version, revision), Some(Kinds::default())),
        (of_base(Some("1.3.0"), revision), None),
        // A system's own version, beside a source that the image says itself.
        (of_base(Some("22.04"), None), None),
    ] {
        let world = World::new(&[&["v0.7.0", "v0.6.0"]]).await;
        *world.releases.registry.labels.lock().unwrap() = labels;
        assert_eq!(world.declared("1.2.0", "1.3.0").await, expected, "whether its notes may follow");
    }
    let world = World::new(&[&["v1.3.0?", "v0.6.0"]]).await;
    *world.releases.registry.labels.lock().unwrap() = of_base(version, revision);
    assert_eq!(world.releases.standing(&subject("1.2.0", "1.3.0")).await, None);
    *world.releases.registry.labels.lock().unwrap() = of_base(Some("v1.3.0"), revision);
    world.releases.kept.lose("labels:");
    let marked = Some(crate::domain::standing::Standing::Prerelease);
    assert_eq!(world.releases.standing(&subject("1.2.0", "1.3.0")).await, marked);
}

#[tokio::test]
async fn a_list_is_read_as_far_back_as_what_runs() {
    let page = |major: u32| (0..100).rev().map(|minor| format!("v{major}.{minor}.0")).collect::<Vec<_>>();
    let world = World::of([5, 4, 3, 2, 1].map(page).to_vec()).await;
    let declared = world.declared("1.99.0", "5.99.0").await;
    assert_eq!(
        declared,
        Some(Kinds { unread: true, ..BREAKING }),
        "v2.0.0 is on the fourth page, and 1.99.0 behind it"
    );
    let world = World::of([5, 2, 1].map(page).to_vec()).await;
    assert_eq!(world.declared("1.98.0", "5.99.0").await, Some(BREAKING));
    assert_eq!(world.declared("5.98.0", "5.99.0").await, Some(Kinds::default()));
}
