//! The same questions to registries of several hands, in the ways that people set them up: what each was asked, by its
//! own log, and how it went. The table in `docs/registries.md` is what passes here.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::registry::{NEXT_PASSWORD, Options, PASSWORD, Registry, Software, TOKEN, TokenAuth, USER};
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::tokens::{Signer, TokenService};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        distribution_3_is_read_by_anybody,
        distribution_3_is_read_with_a_password,
        distribution_3_is_read_with_a_token,
        distribution_2_8_is_read_by_anybody,
        distribution_2_8_is_read_with_a_password,
        distribution_2_8_is_read_with_a_token,
        go_containerregistry_is_read_by_anybody,
    ]
}

/// A repository that is asked about, and what was asked before.
pub(crate) struct Asking {
    ctx: Ctx,
    repository: Repository,
    seen: usize,
    count: usize,
    /// Whether what changes was asked for as well.
    explains: bool,
    /// Whether the host that is asked does not say what stands behind a digest.
    is_silent: bool,
    /// Whether what is found is applied.
    is_applied: bool,
}

/// How somebody asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Way<'w> {
    /// The image, where it is not 1.0.0 of the repository.
    pub(crate) image: Option<&'w str>,
    /// The password of [`USER`] in a pull secret.
    pub(crate) password: Option<&'w str>,
    /// Whether the tag is followed.
    pub(crate) follows: bool,
    /// The entries of `registries`, where the registry is not named for plain http alone.
    pub(crate) entries: Option<&'w str>,
    /// The command, where it is not `check`.
    pub(crate) explains: bool,
}

impl Asking {
    pub(crate) fn about(ctx: &Ctx, repository: &Repository) -> Self {
        Self {
            ctx: ctx.clone(),
            repository: repository.clone(),
            seen: by_image_watcher(repository).len(),
            count: 0,
            explains: false,
            is_silent: false,
            is_applied: false,
        }
    }

    /// Asks in a way, and compares what was said and what the registry was asked, in its own words.
    pub(crate) async fn row(&mut self, what: &str, way: Way<'_>, said: &str, asked: &[&str]) {
        self.explains = way.explains;
        let told = self.told(way).await;
        assert!(told.contains(said), "{what}: {told}");
        self.asked(what, asked).await;
    }

    async fn told(&mut self, way: Way<'_>) -> String {
        self.count += 1;
        let name = format!("row-{}", self.count);
        let image = way.image.map_or_else(|| self.repository.reference("1.0.0"), str::to_owned);
        let host = image.split('/').next().expect("a host").to_owned();
        let secrets = match way.password {
            Some(password) => vec![pull_secret(&self.ctx, &name, &host, password).await],
            None => Vec::new(),
        };
        let mut builder =
            self.ctx.deployment(&name).container("web", image).annotation("image-watcher/mode", "NOTIFICATION");
        if way.follows {
            builder = builder.annotation("image-watcher/track", "digest");
        }
        let named = |object: &mut Value| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!(secrets);
        let workload = builder.with(named).create().await;
        let plain = format!("{{ host: {host:?}, plainHttp: true }}");
        let config = format!("registries: [{}]\n", way.entries.unwrap_or(&plain));
        let config = self.ctx.file("config.yaml", &config).display().to_string();
        let watcher = self.ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config);
        let told = if way.explains {
            watcher.output(&["explain", &format!("deploy/{name}"), "-n", self.ctx.namespace()]).await
        } else {
            watcher.output(&["check", "-n", self.ctx.namespace(), "-o", "json"]).await
        };
        workload.delete().await;
        format!("{}{}", told.stdout, told.stderr)
    }

    /// While the service runs, the password is changed at the registry and in the pull secret: the first refusal has the
    /// secret read again, and nobody is told of it.
    pub(crate) async fn rotated(&mut self, entry: &str, change: impl AsyncFnOnce(), [before, after]: [&[&str]; 2]) {
        let (ctx, repository) = (&self.ctx, &self.repository);
        let host = repository.reference("").split('/').next().expect("a host").to_owned();
        let secret = pull_secret(ctx, "rotated", &host, PASSWORD).await;
        let builder = ctx.deployment("rotated").container("web", repository.reference("1.1.0"));
        let builder = builder.annotation("image-watcher/mode", "AUTO_UPDATE");
        let named = |object: &mut Value| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!([secret]);
        let workload = builder.with(named).create().await;
        let config = ctx.file("config.yaml", &format!("registries: [{entry}]\n")).display().to_string();
        let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config).env("RUN_ON_BOOT", "TRUE");
        let watcher = watcher.start().await;
        self.asked("the password of before", before).await;
        let digest = self.repository.push(Image::new("1.2.0")).await;
        change().await;
        pull_secret(&self.ctx, "rotated", &host, NEXT_PASSWORD).await;
        let event = json!({"action": "push", "request": {"host": host}, "target": {"repository": self.repository.name(),
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "tag": "1.2.0"}});
        let bearer = format!("Bearer {TOKEN}");
        let told = json!({ "events": [event] }).to_string();
        assert_eq!(watcher.post("/webhooks/distribution", &[("Authorization", &bearer)], told).await.status, 202);
        workload.wait_for_image("web", &format!("{}@{digest}", self.repository.reference("1.2.0"))).await;
        self.is_applied = true;
        self.asked("a password that was changed", after).await;
        self.is_applied = false;
        assert!(!watcher.logs().contains("refuses the credential"), "{}", watcher.logs());
    }

    /// The registry was asked this since it was looked at last, and nothing else; where something newer was found, also
    /// whether that is all there, at once.
    async fn asked(&mut self, what: &str, expected: &[&str]) {
        let is_newest = |line: &&str| line.starts_with("HEAD manifests/") && line.ends_with(" 200");
        let newest = expected.iter().position(is_newest);
        let looks = match newest {
            Some(_) if self.is_silent => &[],
            Some(_) if self.explains => &PREFLIGHT_AND_CHANGES[..],
            Some(_) if self.is_applied => &PREFLIGHT_AND_WHAT_RUNS[..],
            Some(_) => &PREFLIGHT[..],
            None => &[],
        };
        let count = expected.len() + looks.len();
        let requests = |lines: &[String]| -> Vec<String> {
            lines[self.seen..].iter().map(|line| request(line, self.repository.name())).collect()
        };
        // The announced tag is asked for beside the list: which of both is refused first is not told.
        let is_refused = |request: &str| self.is_applied && request.ends_with(" 401");
        let refusals = expected.iter().filter(|request| is_refused(request)).count();
        let lines = eventually(&format!("{what}: {count} requests in the log"), async || {
            let lines = by_image_watcher(&self.repository);
            if lines.len() < self.seen {
                return None;
            }
            let answered = requests(&lines).iter().filter(|request| !is_refused(request)).count();
            (answered >= count - refusals).then_some(lines)
        })
        .await;
        let mut asked = requests(&lines);
        if self.is_applied {
            let all = asked.len();
            asked.retain(|request| !is_refused(request));
            assert!(all - asked.len() <= 2 * refusals, "{what}: {:?}", requests(&lines));
            // Where blobs are kept elsewhere, being led there is an answer.
            asked = asked.into_iter().map(|line| line.replace("blobs/ 307", "blobs/ 200")).collect();
            asked.sort();
            let expected = expected.iter().chain(looks).filter(|request| !is_refused(request));
            let mut expected: Vec<&str> = expected.copied().collect();
            expected.sort_unstable();
            assert_eq!(asked, expected, "{what}");
            self.seen = lines.len();
            return;
        }
        if let Some(newest) = newest {
            let end = (newest + 1 + looks.len()).min(asked.len());
            // Where blobs are kept elsewhere, being led there is an answer.
            let looked = asked.drain(newest + 1..end).map(|line| line.replace("blobs/ 307", "blobs/ 200"));
            let mut looked: Vec<String> = looked.collect();
            looked.sort();
            assert_eq!(looked, looks, "{what}: {asked:?}");
        }
        assert_eq!(asked, expected, "{what}");
        self.seen = lines.len();
    }
}

/// The lines of the access log that are not of this harness.
fn by_image_watcher(repository: &Repository) -> Vec<String> {
    repository.requests().into_iter().filter(|line| line.contains("\"image-watcher/")).collect()
}

/// `GET tags/list?n=1000 200`, of a line of an access log.
fn request(line: &str, repository: &str) -> String {
    let (asked, answered) = line.split_once('"').and_then(|(_, rest)| rest.split_once('"')).expect("a request");
    let mut words = asked.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let status = answered.split_whitespace().next().unwrap_or_default();
    let path = path.trim_start_matches(&format!("/v2/{repository}/"));
    let path = path.split("sha256:").next().unwrap_or_default();
    format!("{method} {path} {status}")
}

async fn pull_secret(ctx: &Ctx, name: &str, host: &str, password: &str) -> Value {
    let auths = json!({"auths": {host: {"username": USER, "password": password}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name}, "stringData": {".dockerconfigjson": auths.to_string()}});
    ctx.apply(&secret.to_string()).await;
    json!({ "name": name })
}

/// Whether a version is all there, in the order of the alphabet: its configuration, its manifest, its layer.
const PREFLIGHT: [&str; 3] = ["GET blobs/ 200", "GET manifests/ 200", "HEAD blobs/ 200"];
/// The same, and what runs, to which a failed update goes back.
const PREFLIGHT_AND_WHAT_RUNS: [&str; 4] =
    ["GET blobs/ 200", "GET manifests/ 200", "HEAD blobs/ 200", "HEAD manifests/1.1.0 200"];
/// The same, and what it changes: with manifest and configuration of what runs.
const PREFLIGHT_AND_CHANGES: [&str; 6] = [
    "GET blobs/ 200",
    "GET blobs/ 200",
    "GET manifests/ 200",
    "GET manifests/ 200",
    "HEAD blobs/ 200",
    "HEAD manifests/1.0.0 200",
];
pub(crate) const LIST: &str = "GET tags/list?n=1000 200";
pub(crate) const REFUSED: &str = "GET tags/list?n=1000 401";
pub(crate) const NEWEST: &str = "HEAD manifests/1.1.0 200";
pub(crate) const NEWER: &str = "\"available\": \"1.1.0\"";

/// A repository of two versions, with a source for release notes.
pub(crate) async fn two_versions(repository: &Repository) {
    for tag in ["1.0.0", "1.1.0"] {
        let image = Image::new(tag).label("org.opencontainers.image.source", "https://git.example.com/acme/web");
        repository.push(image).await;
    }
}

/// A registry that asks nobody who they are: lists, digests, manifests, blobs, what is not there, and another's redirect.
async fn read_by_anybody(ctx: &Ctx, software: Software, pages: &[&str]) {
    let registry = ctx.second_registry(Options { software, page: Some(3), ..Options::default() }).await;
    let repository = ctx.repository_in(&registry, "web");
    two_versions(&repository).await;
    let old = repository.push(Image::new("stable")).await;
    repository.push(Image::new("stable").label("build", "2")).await;
    repository.retag("1.0.0", "latest").await;
    let mut asking = Asking::about(ctx, &repository);
    let decided = [pages, &[NEWEST]].concat();
    asking.row("a list", Way::default(), NEWER, &decided).await;
    let running = format!("{}@{old}", repository.reference("stable"));
    let way = Way { image: Some(&running), follows: true, ..Way::default() };
    asking.row("a digest", way, "the tag points to another manifest", &["HEAD manifests/stable 200"]).await;
    // What was read to see whether it starts has its labels, too.
    let way = Way { explains: true, ..Way::default() };
    asking.row("labels", way, "1.1.0", &decided).await;
    let unknown = ctx.repository_in(&registry, "unknown");
    let not_there = ["GET tags/list?n=1000 404"];
    Asking::about(ctx, &unknown).row("not there", Way::default(), "is not known to its registry", &not_there).await;
    led_there_by_another(&mut asking, &registry, &decided).await;
}

/// A host that answers with nothing but where the list is: it is read there, and no credential goes along.
async fn led_there_by_another(asking: &mut Asking, registry: &Registry, decided: &[&str]) {
    let front = asking.ctx.receiver();
    for rest in ["tags/list?n=1000", "manifests/1.1.0"] {
        let there = format!("http://{}/v2/{}/{rest}", registry.host(), asking.repository.name());
        front.at(&format!("/v2/web/{rest}"), Answer::status(307).header("Location", &there));
    }
    front.says_nothing_of_images("web");
    let vanity = front.url("").trim_start_matches("http://").to_owned();
    let image = format!("{vanity}/web:1.0.0");
    let both = [&vanity, registry.host()].map(|host| format!("{{ host: {host:?}, plainHttp: true }}")).join(", ");
    let way = Way { image: Some(&image), entries: Some(&both), password: Some(PASSWORD), ..Way::default() };
    asking.is_silent = true;
    asking.row("a redirect", way, NEWER, decided).await;
    asking.is_silent = false;
    assert!(front.requests().iter().all(|asked| asked.header("authorization").is_none()));
}

/// A registry that asks for a password: nobody's, a wrong one, the right one, and behind TLS of one's own.
async fn read_with_a_password(ctx: &Ctx, software: Software) {
    let registry = ctx.second_registry(Options { software, password: true, ..Options::default() }).await;
    let repository = ctx.repository_in(&registry, "web");
    two_versions(&repository).await;
    let mut asking = Asking::about(ctx, &repository);
    asking.row("nobody's", Way::default(), "wants a credential", &[REFUSED]).await;
    let with = |password| Way { password: Some(password), ..Way::default() };
    asking.row("a wrong password", with("wrong"), "refuses the credential in use", &[REFUSED, REFUSED]).await;
    asking.row("a password", with(PASSWORD), NEWER, &[REFUSED, LIST, NEWEST]).await;
    behind_tls(&mut asking, &registry).await;
    blobs_are_elsewhere(ctx, software).await;
    let entry = format!("{{ host: {:?}, plainHttp: true }}", registry.host());
    let rotated = [REFUSED, REFUSED, LIST, "HEAD manifests/1.2.0 200"];
    asking.rotated(&entry, async || registry.change_password(), [&[REFUSED, LIST], &rotated]).await;
}

/// Where a registry sends those who want a blob: its storage, served by itself. It sees no credential.
async fn blobs_are_elsewhere(ctx: &Ctx, software: Software) {
    let (root, seen) = (Arc::<OnceLock<PathBuf>>::default(), Arc::<Mutex<Vec<Received>>>::default());
    let (folder, record) = (Arc::clone(&root), Arc::clone(&seen));
    let store = Server::start(Arc::new(move |asked| {
        let file = folder.get().and_then(|root| std::fs::read(root.join(asked.path.trim_start_matches('/'))).ok());
        record.lock().expect("requests").push(asked);
        let answer = file.map_or(Answer::status(404), |bytes| Answer::status(200).body(bytes));
        Box::pin(std::future::ready(answer))
    }));
    let blobs = Some(store.url(""));
    let registry = ctx.second_registry(Options { software, password: true, blobs, ..Options::default() }).await;
    root.set(registry.storage()).expect("the only one");
    let repository = ctx.repository_in(&registry, "elsewhere");
    two_versions(&repository).await;
    let mut asking = Asking::about(ctx, &repository);
    let store = store.url("").trim_start_matches("http://").to_owned();
    let both = [&*store, registry.host()].map(|host| format!("{{ host: {host:?}, plainHttp: true }}")).join(", ");
    let way = Way { entries: Some(&both), password: Some(PASSWORD), explains: true, ..Way::default() };
    let asked = [REFUSED, LIST, NEWEST];
    asking.row("a blob that is elsewhere", way, "1.1.0", &asked).await;
    let seen = seen.lock().expect("requests");
    assert_eq!(seen.len(), 2, "both configurations: {seen:?}");
    let is_plain = |one: &Received| one.header("authorization").is_none() && one.path.ends_with("/data");
    assert!(seen.iter().all(is_plain), "{seen:?}");
}

async fn behind_tls(asking: &mut Asking, registry: &Registry) {
    let ctx = asking.ctx.clone();
    let authority = format!("ca: {}", ctx.pki().path("ca.crt").display());
    let client = ctx.pki().client_certificate(&format!("{}-client", ctx.namespace()));
    let shown = format!("clientCert: {}, clientKey: {}", client.chain.display(), client.key.display());
    let front = ctx.tls_front(&["127.0.0.1"], registry.address()).await;
    let mutual = ctx.mutual_tls_front(&["127.0.0.1"], registry.address()).await;
    for (what, host, more, said, asked) in [
        ("an authority of one's own", front.host(), &[&*authority][..], NEWER, &[REFUSED, LIST, NEWEST][..]),
        ("an unknown authority", front.host(), &[], "certificate", &[]),
        ("a client's certificate", mutual.host(), &[&authority, &shown], NEWER, &[REFUSED, LIST, NEWEST]),
        ("no client's certificate", mutual.host(), &[&authority], "can't be reached", &[]),
    ] {
        let image = format!("{host}/{}:1.0.0", asking.repository.name());
        let entry = [&[&*format!("host: {host:?}, private: true")], more].concat().join(", ");
        let entries = format!("{{ {entry} }}");
        let way = Way { image: Some(&image), entries: Some(&entries), password: Some(PASSWORD), ..Way::default() };
        asking.row(what, way, said, asked).await;
    }
}

async fn distribution_3_is_read_by_anybody(ctx: Ctx) {
    let pages = [LIST, "GET tags/list?last=latest&n=3 200"];
    read_by_anybody(&ctx, Software::Distribution, &pages).await;
}

async fn distribution_2_8_is_read_by_anybody(ctx: Ctx) {
    read_by_anybody(&ctx, Software::Distribution2, &[LIST]).await;
}

async fn go_containerregistry_is_read_by_anybody(ctx: Ctx) {
    read_by_anybody(&ctx, Software::GoContainerregistry, &[LIST]).await;
}

async fn distribution_3_is_read_with_a_password(ctx: Ctx) {
    read_with_a_password(&ctx, Software::Distribution).await;
}

async fn distribution_2_8_is_read_with_a_password(ctx: Ctx) {
    read_with_a_password(&ctx, Software::Distribution2).await;
}

async fn distribution_3_is_read_with_a_token(ctx: Ctx) {
    let server = ctx.token_server().await;
    let signer = Arc::new(Signer::new(&ctx.folder("signer")));
    let token = Some(TokenAuth { realm: server.realm(), signer, keys: Some(server.keys()) });
    let registry = ctx.second_registry(Options { token, ..Options::default() }).await;
    let repository = ctx.repository_named(&registry, &format!("{USER}/web"));
    two_versions(&repository).await;
    let mut asking = Asking::about(&ctx, &repository);
    let plain = format!("host: {:?}, plainHttp: true", registry.host());
    let (plain, named) = (format!("{{ {plain} }}"), format!("{{ {plain}, tokenServices: [{:?}] }}", server.host()));
    let with = |password, entries| Way { password, entries: Some(entries), ..Way::default() };
    let line = format!("tokenServices: [\\\"{}\\\"]", server.host());
    asking.row("a stranger's token service", with(Some(PASSWORD), &plain), &line, &[REFUSED]).await;
    asking.row("nobody's token", with(None, &named), "wants a credential", &[REFUSED]).await;
    asking.row("a wrong password", with(Some("wrong"), &named), "a token service that refuses", &[REFUSED]).await;
    asking.row("a token", with(Some(PASSWORD), &named), NEWER, &[REFUSED, LIST, NEWEST]).await;
    let other = ctx.repository_named(&registry, "other/web");
    let way = with(Some(PASSWORD), &named);
    Asking::about(&ctx, &other).row("another's", way, "may not be read", &[REFUSED, REFUSED]).await;
    // A token that was made before is good until it ends.
    let rotated = [&[REFUSED, LIST][..], &[LIST, "HEAD manifests/1.2.0 200"]];
    asking.rotated(&named, async || server.change_password(), rotated).await;
}

/// With the harness's own token service, as 2.8 does not believe the keys of the other by themselves.
async fn distribution_2_8_is_read_with_a_token(ctx: Ctx) {
    let service = TokenService::start(&ctx.folder("tokens"));
    let token = Some(TokenAuth { realm: service.realm(), signer: service.signer(), keys: None });
    let software = Software::Distribution2;
    let registry = ctx.second_registry(Options { software, token, ..Options::default() }).await;
    let repository = ctx.repository_in(&registry, "web");
    two_versions(&repository).await;
    let mut asking = Asking::about(&ctx, &repository);
    let plain = format!("host: {:?}, plainHttp: true", registry.host());
    let (plain, named) = (format!("{{ {plain} }}"), format!("{{ {plain}, tokenServices: [{:?}] }}", service.host()));
    let with = |password, entries| Way { password, entries: Some(entries), ..Way::default() };
    asking.row("a stranger's token service", with(Some(PASSWORD), &plain), "tokenServices", &[REFUSED]).await;
    asking.row("nobody's token", with(None, &named), "wants a credential", &[REFUSED]).await;
    asking.row("a wrong password", with(Some("wrong"), &named), "a token service that refuses", &[REFUSED]).await;
    asking.row("a token", with(Some(PASSWORD), &named), NEWER, &[REFUSED, LIST, NEWEST]).await;
}
