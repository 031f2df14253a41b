//! Gitea as registry, sender of webhooks and forge, in one process. `make test-gitea` builds it; without it these pass
//! with a message.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::gitea::Gitea;
use crate::harness::images::Image;
use crate::harness::registry::{NEXT_PASSWORD, PASSWORD, USER};
use crate::harness::run::{Test, tests};
use crate::registries_asked::{Asking, LIST, NEWER, NEWEST, REFUSED, Way, two_versions};

pub(crate) fn tests() -> Vec<Test> {
    tests![gitea_is_registry_and_forge_at_once]
}

const SOURCE: &str = "https://git.example.com/puller/app";

async fn gitea_is_registry_and_forge_at_once(ctx: Ctx) {
    let Some(gitea) = ctx.gitea().await else {
        return ctx.skip("Gitea was not built; make test-gitea builds it and runs this");
    };
    read_by_anybody(&ctx, &gitea).await;
    read_with_a_password(&ctx, &gitea).await;
    a_push_is_announced_and_its_notes_are_read(&ctx, &gitea).await;
    its_password_is_changed(&ctx, &gitea).await;
}

/// Its own token service gives tokens to nobody in particular too. The last page of a list has a link as well, to one
/// without tags.
async fn read_by_anybody(ctx: &Ctx, gitea: &Gitea) {
    let repository = ctx.repository_named(gitea.registry(), &format!("{USER}/open"));
    two_versions(&repository).await;
    let old = repository.push(Image::new("stable")).await;
    repository.push(Image::new("stable").label("build", "2")).await;
    let mut asking = Asking::about(ctx, &repository);
    let decided = [REFUSED, LIST, "GET tags/list?last=stable&n=1000 200", NEWEST];
    asking.row("a token for anybody", Way::default(), NEWER, &decided).await;
    let running = format!("{}@{old}", repository.reference("stable"));
    let way = Way { image: Some(&running), follows: true, ..Way::default() };
    let asked = ["HEAD manifests/stable 401", "HEAD manifests/stable 200"];
    asking.row("a digest", way, "the tag points to another manifest", &asked).await;
    let way = Way { explains: true, ..Way::default() };
    asking.row("labels", way, "1.1.0", &decided).await;
    let unknown = ctx.repository_named(gitea.registry(), &format!("{USER}/unknown"));
    let not_there = [REFUSED, "GET tags/list?n=1000 404"];
    Asking::about(ctx, &unknown).row("not there", Way::default(), "is not known to its registry", &not_there).await;
}

/// Packages of an organisation that only its members see.
async fn read_with_a_password(ctx: &Ctx, gitea: &Gitea) {
    gitea.api(Method::POST, "/orgs", json!({"username": "closed", "visibility": "private"})).await;
    let repository = ctx.repository_named(gitea.registry(), "closed/web");
    two_versions(&repository).await;
    let mut asking = Asking::about(ctx, &repository);
    asking.row("nobody's token", Way::default(), "may not be read", &[REFUSED, REFUSED]).await;
    let with = |password| Way { password: Some(password), ..Way::default() };
    asking.row("a wrong password", with("wrong"), "refuses the credential in use", &[REFUSED, REFUSED]).await;
    let asked = [REFUSED, LIST, "GET tags/list?last=1.1.0&n=1000 200", NEWEST];
    asking.row("a token", with(PASSWORD), NEWER, &asked).await;
    let front = ctx.tls_front(&["127.0.0.1"], gitea.registry().address()).await;
    let (host, tokens, authority) = (front.host(), gitea.registry().host(), ctx.pki().path("ca.crt"));
    let entries = format!(
        "{{ host: {host:?}, private: true, ca: {}, tokenServices: [{tokens:?}] }}, {{ host: {tokens:?}, plainHttp: true }}",
        authority.display()
    );
    let image = format!("{host}/{}:1.0.0", repository.name());
    let way = Way { image: Some(&image), entries: Some(&entries), ..with(PASSWORD) };
    asking.row("a token, behind an authority of one's own", way, NEWER, &asked).await;
}

/// Its token is good until it ends, whatever the password is by then.
async fn its_password_is_changed(ctx: &Ctx, gitea: &Gitea) {
    let repository = ctx.repository_named(gitea.registry(), "closed/changed");
    two_versions(&repository).await;
    let entry = format!("{{ host: {:?}, plainHttp: true }}", gitea.registry().host());
    let change = async || {
        let user =
            json!({"source_id": 0, "login_name": USER, "password": NEXT_PASSWORD, "must_change_password": false});
        gitea.api(Method::PATCH, &format!("/admin/users/{USER}"), user).await;
    };
    let rest = "GET tags/list?last=1.2.0&n=1000 200";
    let before = [REFUSED, LIST, "GET tags/list?last=1.1.0&n=1000 200"];
    let after = [LIST, rest, "HEAD manifests/1.2.0 200"];
    Asking::about(ctx, &repository).rotated(&entry, change, [&before, &after]).await;
}

async fn a_push_is_announced_and_its_notes_are_read(ctx: &Ctx, gitea: &Gitea) {
    let repository = ctx.repository_named(gitea.registry(), &format!("{USER}/app"));
    let image = |tag: &str| Image::new(tag).label("org.opencontainers.image.source", SOURCE);
    repository.push(image("1.0.0")).await;
    gitea.api(Method::POST, "/user/repos", json!({"name": "app", "auto_init": true})).await;
    for (tag, body, more) in [
        ("v1.0.0", "what runs already", json!({})),
        ("v1.1.0", "- a leak is mended", json!({})),
        ("v1.2.0", "secret plans", json!({"draft": true})),
    ] {
        let mut release = json!({"tag_name": tag, "name": tag, "body": body});
        release.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        gitea.api(Method::POST, &format!("/repos/{USER}/app/releases"), release).await;
    }
    ctx.watched("app", repository.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;

    let (host, secret) = (gitea.registry().host(), ctx.file("secret", "s3cret"));
    let yaml = format!(
        "registries: [{{ host: {host:?}, plainHttp: true }}]\n\
         sources: [{{ name: gitea, kind: gitea, auth: {{ secretFiles: [{:?}] }} }}]\n\
         forges: [{{ host: git.example.com, kind: gitea, api: {:?}, plainHttp: true }}]\n",
        secret.display(),
        gitea.url("/api/v1"),
    );
    let config = ctx.file("config.yaml", &yaml).display().to_string();
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_CONFIG", config).start().await;
    let config = json!({"url": watcher.url("/webhooks/gitea"), "content_type": "json", "secret": "s3cret"});
    let hook = json!({"type": "gitea", "active": true, "events": ["package"], "config": config});
    gitea.api(Method::POST, "/user/hooks", hook).await;
    repository.push(image("1.1.0")).await;
    let mail = ctx.mailbox().wait_for_mail("1.1.0").await;
    assert!(mail.text.contains("a leak is mended"), "{}", mail.text);
    for forbidden in ["secret plans", "what runs already"] {
        assert!(!mail.text.contains(forbidden), "{forbidden}: {}", mail.text);
    }
    let sources = watcher.admin_url("/api/v1/sources");
    let told: Value = watcher.send(Method::GET, &sources, &[], Vec::new()).await.json();
    assert!(told.to_string().contains("\"gitea\""), "{told}");
}
