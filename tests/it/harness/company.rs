//! A company's network: nothing outside is resolved or reached but through an HTTP proxy that asks for a password, and
//! certificates are of a private authority.

use std::sync::Arc;

use super::Ctx;
use super::images::Repository;
use super::mail::Mailbox;
use super::proxy::HttpProxy;
use super::registry::{Options, Registry};
use super::tls::TlsFront;
use super::watcher::WatcherBuilder;

/// The names by which the proxy knows who is there.
pub(crate) const REGISTRY: &str = "registry.example.com:5000";
const MAIL: &str = "mail.example.com";
const API_SERVER: &str = "kubernetes.default.svc";

/// What the proxy asks for; each character that a URL would end at is in it.
pub(crate) const PASSWORD: &str = "p@ss/w#rd?";

/// A proxy, and a registry, a mail server and an API server behind it.
pub(crate) struct Company {
    ctx: Ctx,
    pub(crate) proxy: HttpProxy,
    pub(crate) mailbox: Mailbox,
    registry: Arc<Registry>,
    _fronts: Vec<TlsFront>,
}

impl Company {
    /// `https` are hosts of the company that speak TLS on port 443, each with the `host:port` that is behind it.
    pub(crate) async fn start(ctx: &Ctx, https: &[(&str, &str)]) -> Self {
        let options =
            Options { notify: Some(ctx.switchboard().url()), name: Some(REGISTRY.into()), ..Options::default() };
        let registry = ctx.second_registry(options).await;
        let mailbox = ctx.secured_mailbox(&[MAIL]).await;
        let port = ctx.api_server().rsplit(':').next().expect("a port").to_owned();
        let mut places = vec![
            (REGISTRY.to_owned(), registry.address().to_owned()),
            (format!("{MAIL}:587"), mailbox.smtp_host()),
            (format!("{API_SERVER}:{port}"), ctx.api_server().to_owned()),
        ];
        let mut fronts = Vec::new();
        for (name, target) in https {
            let target = if *target == REGISTRY { registry.address() } else { target };
            let front = ctx.tls_front(&[name], target).await;
            places.push((format!("{name}:443"), front.host()));
            fronts.push(front);
        }
        let proxy = ctx.http_proxy(&places, Some(&format!("watcher:{PASSWORD}"))).await;
        Self { ctx: ctx.clone(), proxy, mailbox, registry, _fronts: fronts }
    }

    /// A repository of the company's registry.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        self.ctx.repository_in(&self.registry, name)
    }

    /// `host:port` of the API server, as the proxy knows it.
    pub(crate) fn api_server(&self) -> String {
        let port = self.ctx.api_server().rsplit(':').next().expect("a port");
        format!("{API_SERVER}:{port}")
    }

    /// An image-watcher that lives in this network, and mails.
    pub(crate) async fn watcher(&self) -> WatcherBuilder {
        let kubeconfig = self.ctx.identity_at(&self.api_server()).await;
        let authority = self.ctx.pki().path("ca.crt");
        self.ctx
            .watcher()
            .kubeconfig(&kubeconfig)
            .env("HTTPS_PROXY", self.proxy.url())
            .env("HTTP_PROXY", self.proxy.url())
            .env("SSL_CERT_FILE", authority.display().to_string())
            .env("IMAGE_WATCHER_PLAIN_HTTP", REGISTRY)
            .env("SMTP_URL", format!("smtp://{MAIL}:587?helo=iw.example.com"))
            .env("MAIL_FROM", "image-watcher@example.com")
            .env("MAIL_TO", self.mailbox.address())
    }
}
