//! Which calls go through which proxy, and whom we trust. Nothing is asked, so nothing is `ok`, and no user or password is
//! shown.

use url::Url;

use super::{Check, Result};
use crate::cluster::{ClusterConfig, way};
use crate::config::Config;
use crate::config::channel::Destination;
use crate::outbound::proxy::Proxy;

pub(super) async fn ways_out(config: &Config, cluster: &ClusterConfig) -> Vec<Check> {
    let own = config.authorities.count();
    let mut checks = vec![Check::set(match own {
        0 => "trusted: Mozilla's authorities, and this machine's where it has any".to_owned(),
        _ => format!("trusted: Mozilla's authorities, and {own} of SSL_CERT_FILE"),
    })];
    // Without a cluster its own category says so.
    if let Ok((server, proxy)) = way(cluster).await {
        checks.extend(proxy.map(|proxy| api_server(&server, &proxy)));
    }
    if config.proxies.is_empty() {
        checks.push(Check::set("every call is direct: neither HTTPS_PROXY nor HTTP_PROXY is set"));
        return checks;
    }
    let registry = |scheme: &str| Url::parse(&format!("{scheme}://registry.example.com")).ok();
    for scheme in ["https", "http"] {
        let proxy = registry(scheme).and_then(|url| config.proxies.for_url(&url).map(Proxy::shown));
        checks.push(Check::set(match proxy {
            Some(proxy) => format!("registries by {scheme}: through {proxy}, but for what NO_PROXY lists"),
            None => format!("registries by {scheme}: direct"),
        }));
    }
    checks.extend(targets(config).into_iter().map(|(name, proxy)| {
        Check::set(match proxy {
            Some(proxy) => format!("{name}: through {}", proxy.shown()),
            None => format!("{name}: direct"),
        })
    }));
    checks
}

/// The API server's address is a private one in every pod, where a proxy seldom leads.
fn api_server(server: &str, proxy: &str) -> Check {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let hint = format!("if it is reached without one, add {host} to NO_PROXY");
    Check::but("the API server", Result::Warn, format!("{server} is asked through the proxy {proxy}"), &hint)
}

/// Everything whose address is configured, with its proxy.
fn targets(config: &Config) -> Vec<(String, Option<&Proxy>)> {
    let proxies = &config.proxies;
    let at = |name: &str, url: &Url| {
        let host = crate::outbound::written_host(url);
        (format!("{name} at {host}"), proxies.for_url(url))
    };
    let mut all = Vec::new();
    for channel in &config.channels {
        let secret = match &channel.destination {
            Destination::Email(mail) => {
                let (host, port) = mail.smtp.server();
                all.push((format!("{} at {host}:{port}", channel.name), proxies.for_tunnel(host, port)));
                continue;
            }
            Destination::Service(service) => service.address(),
        };
        all.extend(Url::parse(secret.expose()).ok().map(|url| at(&channel.name, &url)));
    }
    all.extend(config.notes.forges.apis().map(|api| at("release notes", api)));
    all.extend(config.notes.model.as_ref().map(|model| at("summaries", model.endpoint())));
    all
}
