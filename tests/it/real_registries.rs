//! Real registries in the ways that people set them up: TLS of one's own, client certificates, passwords, tokens.

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::registry::{Options, PASSWORD, TokenAuth, USER};
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::tokens::TokenService;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_registry_at_a_private_address_is_asked_over_tls_where_it_is_named,
        a_registry_with_a_token_service_beside_it_is_asked_where_that_is_named,
    ]
}

/// Its own authority, a certificate that it asks for, and a password: each is said of this host, and each is needed.
async fn a_registry_at_a_private_address_is_asked_over_tls_where_it_is_named(ctx: Ctx) {
    let registry = ctx.second_registry(Options { password: true, ..Options::default() }).await;
    let repository = ctx.repository_in(&registry, "web");
    repository.push(Image::new("1.0.0")).await;
    let digest = repository.push(Image::new("1.1.0")).await;
    let front = ctx.mutual_tls_front(&["127.0.0.1"], registry.address()).await;
    let client = ctx.pki().client_certificate(&format!("{}-client", ctx.namespace()));
    let image = |tag: &str| format!("{}/{}:{tag}", front.host(), repository.name());
    let web = ctx.watched("web", image("1.0.0"), &[("mode", "AUTO_UPDATE"), ("strategy", "MINOR")]).await;

    let password = ctx.file("password", PASSWORD);
    let named = format!("host: {:?}, private: true", front.host());
    let ca = format!("ca: {}", ctx.pki().path("ca.crt").display());
    let shown = format!("clientCert: {}, clientKey: {}", client.chain.display(), client.key.display());
    let user = format!("username: {USER}, passwordFile: {}", password.display());
    let check = async |entry: &[&str]| {
        let entries = entry.join(", ").replace(", }", "}");
        let config = ctx.file("config.yaml", &format!("registries: [{{{entries}}}]\n"));
        let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config.display().to_string());
        let output = watcher.output(&["check", "-n", ctx.namespace(), "-o", "wide"]).await;
        format!("{}{}", output.stdout, output.stderr)
    };
    for (entry, told) in [
        (&[&*format!("host: {:?}", front.host()), &ca, &shown, &user][..], "has no address that may be reached"),
        (&[&named, &shown, &user], "certificate"),
        (&[&named, &ca, &user], "can't be reached"),
        (&[&named, &ca, &shown], "wants a credential"),
        (&[&named, &ca, &shown, &user], "1.1.0"),
    ] {
        let said = check(entry).await;
        assert!(said.contains(told), "{entry:?}: {said}");
    }

    // Who is led there by another registry shows nothing of it.
    let elsewhere = ctx.receiver();
    let there = format!("https://{}/v2/{}/tags/list", front.host(), repository.name());
    elsewhere.always(Answer::status(307).header("Location", &there));
    let other = elsewhere.url("").trim_start_matches("http://").to_owned();
    let _led = ctx.watched("led", format!("{other}/led:1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let said = check(&[&named, &ca, &shown, &user, &format!("}}, {{host: {other:?}, plainHttp: true")]).await;
    assert!(said.contains(&format!("{other} can't be reached")), "{said}");

    let all = format!("registries: [{{{named}, {ca}, {shown}, {user}}}]\n");
    let config = ctx.file("config.yaml", &all).display().to_string();
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    web.wait_for_image("web", &format!("{}@{digest}", image("1.1.0"))).await;
    assert!(!watcher.logs().contains(PASSWORD));
}

async fn a_registry_with_a_token_service_beside_it_is_asked_where_that_is_named(ctx: Ctx) {
    let service = TokenService::start(&ctx.folder("tokens"));
    let token = Some(TokenAuth { realm: service.realm(), signer: service.signer(), keys: None });
    let registry = ctx.second_registry(Options { token, ..Options::default() }).await;
    let repository = ctx.repository_in(&registry, "web");
    repository.push(Image::new("1.0.0")).await;
    let digest = repository.push(Image::new("1.1.0")).await;
    let web =
        ctx.watched("web", repository.reference("1.0.0"), &[("mode", "AUTO_UPDATE"), ("strategy", "MINOR")]).await;
    let password = ctx.file("password", PASSWORD);
    let entry =
        format!("host: {:?}, plainHttp: true, username: {USER}, passwordFile: {}", registry.host(), password.display());
    let config = |entry: &str| ctx.file("config.yaml", &format!("registries: [{{{entry}}}]\n")).display().to_string();
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config(&entry));
    let output = watcher.output(&["check", "-n", ctx.namespace(), "-o", "wide"]).await;
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains(&format!("tokenServices: [\"{}\"]", service.host())), "{said}");

    let named = format!("{entry}, tokenServices: [{:?}]", service.host());
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config(&named)).env("RUN_ON_BOOT", "TRUE");
    let _watcher = watcher.start().await;
    web.wait_for_image("web", &format!("{}@{digest}", repository.reference("1.1.0"))).await;
}
