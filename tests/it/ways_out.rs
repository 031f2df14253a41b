//! Proxies and private authorities: every way out of the process goes where the operator says.

use base64::Engine as _;
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::company::{Company, PASSWORD, REGISTRY};
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::release_notes::{hooked, model, summarised, summary};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        every_call_goes_through_the_proxy,
        what_no_proxy_lists_goes_past_it,
        a_proxy_that_refuses_is_told_by_name,
        mail_trusts_the_same_authorities_as_everything_else,
        the_forge_token_opens_no_private_repository_to_a_tenant,
    ]
}

async fn every_call_goes_through_the_proxy(ctx: Ctx) {
    let (hook, ai) = (ctx.receiver(), ctx.receiver());
    ai.always(model(&summary()));
    let company =
        Company::start(&ctx, &[("hook.example.com", &authority(&hook.url(""))), ("secure.example.com", REGISTRY)])
            .await;
    let (plain, secure) = (company.repository("plain"), company.repository("secure"));
    for tag in ["1.0.0", "1.0.1"] {
        secure.push(Image::new(tag)).await;
    }
    plain.push(Image::new("1.0.0")).await;
    let over_http = ctx.watched("plain", plain.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let of_tls = format!("secure.example.com/{}:1.0.0", secure.name());
    ctx.watched("secure", of_tls, &[("mode", "NOTIFICATION")]).await;
    let watcher = hooked(company.watcher().await, &hook).env("WEBHOOK_URL", "https://hook.example.com/hook");
    let watcher = watcher.env("LOG_LEVEL", "TRACE").env("RUN_ON_BOOT", "TRUE").start().await;

    let mail = company.mailbox.wait_for_mail("1.0.1").await;
    hook.wait_for(1).await;
    plain.push(Image::new("1.0.1")).await;
    over_http.wait_for("the update", |seen| seen.image("plain").is_some_and(|image| image.contains(":1.0.1"))).await;

    let received = mail.header("Received").unwrap_or_default();
    assert!(received.contains("from iw.example.com"), "{}", mail.source);
    let passed = company.proxy.passed();
    let tags = format!("GET http://{REGISTRY}/v2/{}/tags/list", plain.name());
    let server = format!("CONNECT {}", company.api_server());
    for expected in [
        "CONNECT hook.example.com:443",
        "CONNECT secure.example.com:443",
        "CONNECT mail.example.com:587",
        &tags,
        &server,
    ] {
        assert!(passed.iter().any(|line| line.starts_with(expected)), "{expected} is missing: {passed:#?}");
    }
    assert!(passed.iter().all(|line| !line.starts_with("REFUSED")), "{passed:#?}");

    let doctor = company.watcher().await.output(&["doctor"]).await;
    let through = company.proxy.url().rsplit('@').next().expect("an address").to_owned();
    for line in [
        format!("asked through the proxy http://{through}"),
        format!("registries by https: through http://{through}"),
        format!("email at mail.example.com:587: through http://{through}"),
        format!("release notes at api.github.com: through http://{through}"),
        "of SSL_CERT_FILE".to_owned(),
    ] {
        assert!(doctor.stdout.contains(&line), "{line} is missing:\n{}", doctor.stdout);
    }
    let encoded = company.proxy.url();
    let encoded = encoded.split("watcher:").nth(1).and_then(|rest| rest.split('@').next()).expect("a password");
    let header = base64::engine::general_purpose::STANDARD.encode(format!("watcher:{PASSWORD}"));
    for said in [watcher.logs(), doctor.stdout, doctor.stderr] {
        for secret in [PASSWORD, encoded, &header] {
            assert!(!said.contains(secret), "a proxy's password is never shown: {secret}");
        }
    }
}

/// The API server by an address that is not the loopback's, which is never behind a proxy.
async fn what_no_proxy_lists_goes_past_it(ctx: Ctx) {
    let port = ctx.api_server().rsplit(':').next().expect("a port").to_owned();
    let server = format!("0.0.0.0:{port}");
    let proxy = ctx.http_proxy(&[], None).await;
    let kubeconfig = ctx.identity_at(&server).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let check = async |no_proxy: &str| {
        let watcher = ctx.watcher().kubeconfig(&kubeconfig).env("https_proxy", proxy.url());
        let check = watcher.env("HTTP_PROXY", proxy.url()).env("NO_PROXY", no_proxy);
        check.output(&["check", "-n", ctx.namespace()]).await
    };
    for no_proxy in ["0.0.0.0/32,.svc", "0.0.0.0", &server, "*"] {
        let check = check(no_proxy).await;
        assert_eq!(check.code(), Some(0), "{no_proxy}: {}", check.stderr);
        assert_eq!(proxy.passed(), Vec::<String>::new(), "{no_proxy}");
    }
    let proxied = check("10.0.0.0/8,0.0.0.0:1").await;
    assert_eq!(proxied.code(), Some(0), "{}", proxied.stderr);
    assert!(proxy.passed().contains(&format!("CONNECT {server}")), "{:?}", proxy.passed());
    // What the Kubernetes client can't read itself, and would not say what to do about.
    let refused = check("localhost, *").await;
    assert!(refused.code() == Some(1) && refused.stderr.contains("NO_PROXY has to be"), "{}", refused.stderr);
}

async fn a_proxy_that_refuses_is_told_by_name(ctx: Ctx) {
    let company = Company::start(&ctx, &[]).await;
    let web = company.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let (scheme, address) = company
        .proxy
        .url()
        .split_once("://")
        .map(|(scheme, rest)| (scheme.to_owned(), rest.rsplit('@').next().unwrap_or(rest).to_owned()))
        .expect("a URL");
    let wrong = format!("{scheme}://watcher:wr0ng@{address}");
    let watcher = company.watcher().await.env("HTTPS_PROXY", "").env("HTTP_PROXY", &wrong).without("SMTP_URL");
    let identity = ctx.identity().await;
    let watcher = watcher.kubeconfig(&identity).without("MAIL_FROM").without("MAIL_TO");
    let check = watcher.output(&["check", "-n", ctx.namespace(), "-o", "wide"]).await;
    let said = format!("{}{}", check.stdout, check.stderr);
    assert!(said.contains("407") && said.contains(&address), "{said}");
    assert!(!said.contains("wr0ng"), "{said}");
}

async fn mail_trusts_the_same_authorities_as_everything_else(ctx: Ctx) {
    let mailbox = ctx.secured_mailbox(&["127.0.0.1"]).await;
    let implicit = ctx.tls_front(&["127.0.0.1"], &ctx.mailbox().smtp_host()).await;
    let web = ctx.repository("web");
    for tag in ["1.0.0", "1.0.1"] {
        web.push(Image::new(tag)).await;
    }
    let mut at = 0;
    for (url, mailbox) in [(mailbox.smtp_url(), mailbox), (format!("smtps://{}", implicit.host()), ctx.mailbox())] {
        at += 1;
        let name = format!("web-{at}");
        let watcher = || ctx.watcher().own_data().mail().env("SMTP_URL", &url).env("RUN_ON_BOOT", "TRUE");
        ctx.watched(&name, web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
        let mut watcher = watcher().start().await;
        watcher.wait_for_log("UnknownIssuer").await;
        assert!(mailbox.list().await.is_empty());
        watcher.kill9().await;
        watcher.set_env("SSL_CERT_FILE", &ctx.pki().path("ca.crt").display().to_string());
        watcher.restart().await;
        // The first failure was told and no dead letter.
        mailbox.wait_for_mail(&name).await;
        watcher.kill9().await;
    }
}

/// L9: a tenant names repositories that the token may read and the tenant may not.
async fn the_forge_token_opens_no_private_repository_to_a_tenant(ctx: Ctx) {
    let (forge, hook, ai) = (ctx.receiver(), ctx.receiver(), ctx.receiver());
    ai.always(model(&summary()));
    let release = |text: &str| {
        let one = json!({"tag_name": "v1.0.1", "draft": false, "prerelease": false, "body": text});
        Answer::status(200).body(json!([one]).to_string())
    };
    let about = |owner: &str, private: bool| {
        let visibility = if private { "private" } else { "public" };
        let body = json!({"private": private, "visibility": visibility, "owner": {"login": owner}});
        Answer::status(200).body(body.to_string())
    };
    for (path, owner, private, text) in [
        ("/repos/acme/open", "acme", false, "- everybody reads this"),
        ("/repos/acme/own", "acme", true, "- acme reads this"),
        ("/repos/other/secret", "other", true, "- NOBODY reads this"),
        ("/repos/acme/moved", "other", true, "- NOBODY reads that"),
    ] {
        forge.at(&format!("{path}/releases"), release(text)).at(path, about(owner, private));
    }
    let company = Company::start(&ctx, &[("api.github.com", &authority(&forge.url("")))]).await;
    let web = company.repository("web");
    for tag in ["1.0.0", "1.0.1"] {
        web.push(Image::new(tag)).await;
    }
    for project in ["acme/open", "acme/own", "other/secret", "acme/moved"] {
        let url = format!("https://github.com/{project}/releases/tag/v${{tag}}");
        let settings = [("mode", "NOTIFICATION"), ("release-url", url.as_str())];
        ctx.watched(&project.replace('/', "-"), web.reference("1.0.0"), &settings).await;
    }
    let file = ctx.file("config.yaml", "forges: [{host: api.github.com, owners: [Acme]}]");
    let watcher = summarised(hooked(company.watcher().await, &hook), &ai);
    let watcher = watcher.env("GITHUB_TOKEN", "t0ken").env("IMAGE_WATCHER_CONFIG", file.display().to_string());
    let watcher = watcher.env("RUN_ON_BOOT", "TRUE").start().await;

    let mails = company.mailbox.wait_for(4).await;
    hook.wait_for(4).await;
    let mail_of = |name: &str| mails.iter().find(|mail| mail.subject.contains(name)).expect("a mail").text.clone();
    assert!(mail_of("acme-open").contains("everybody reads this"), "{}", mail_of("acme-open"));
    assert!(mail_of("acme-own").contains("acme reads this"), "{}", mail_of("acme-own"));
    // A second look, and the private listener, ask nothing more.
    web.push(Image::new("1.0.2")).await;
    company.mailbox.wait_for(8).await;
    for name in ["acme-open", "other-secret"] {
        let path = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/{name}", ctx.namespace()));
        let api = watcher.send(reqwest::Method::GET, &path, &[], Vec::new()).await;
        assert!(api.status == 200 && !api.body.contains("NOBODY"), "{}", api.body);
    }
    let asked = forge.requests();
    let count = |path: &str| asked.iter().filter(|request| request.path.split('?').next() == Some(path)).count();
    for project in ["acme/open", "acme/own", "other/secret", "acme/moved"] {
        assert_eq!(count(&format!("/repos/{project}")), 1, "asked once, and kept: {project}");
    }
    let below = |path: &str| asked.iter().filter(|request| request.path.starts_with(path)).count();
    assert_eq!((below("/repos/other/secret/"), below("/repos/acme/moved/")), (0, 0), "nothing private is read");
    assert!(asked.iter().all(|request| request.header("authorization") == Some("Bearer t0ken")));
    watcher.wait_for_log("private repository, owner not listed").await;
    for mail in company.mailbox.list().await {
        assert!(!mail.source.contains("NOBODY"), "{}", mail.source);
    }
    for request in hook.requests().into_iter().chain(ai.requests()) {
        assert!(!String::from_utf8_lossy(&request.body).contains("NOBODY"));
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned()
}
