//! The delivered install as a node runs it: the variables of the pod's namespace, the image's user, the data folder of
//! the start before.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::registry;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::WatcherBuilder;
use crate::rights::manifests;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_delivered_pod_starts_twice_whatever_services_are_called,
        a_misspelt_variable_ends_the_start,
        the_overlay_for_companies_is_admitted,
        a_relay_without_tls_is_used_and_warned_about
    ]
}

const NAMESPACE: &str = "image-watcher";
const BASE_URL: &str = "https://ops.example.com/iw";

/// Services whose variables begin with, or are, names that we read.
const TROUBLESOME: [&str; 9] = [
    "admin",
    "smtp",
    "slack",
    "host",
    "image-watcher-mode",
    "image-watcher-stratgy",
    "image-watcher-config",
    "image-watcher-admin",
    "image-watcher-link-key",
];

/// What the kubelet sets in a container for these Services (`pkg/kubelet/envvars` of Kubernetes).
fn variables(services: &[Service]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for service in services {
        let spec = service.spec.as_ref().expect("a spec");
        let address = spec.cluster_ip.as_deref().filter(|address| !["", "None"].contains(address));
        let Some(address) = address.map(|address| address.parse::<IpAddr>().expect("an address")) else { continue };
        let upper = |name: &str| name.to_uppercase().replace('-', "_");
        let name = upper(service.metadata.name.as_deref().expect("a name"));
        let ports = spec.ports.as_deref().unwrap_or_default();
        let Some(first) = ports.first() else { continue };
        all.insert(format!("{name}_SERVICE_HOST"), address.to_string());
        all.insert(format!("{name}_SERVICE_PORT"), first.port.to_string());
        for (at, port) in ports.iter().enumerate() {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let number = u16::try_from(port.port).expect("a port");
            let link = format!("{}://{}", protocol.to_lowercase(), std::net::SocketAddr::new(address, number));
            if let Some(port) = port.name.as_deref().filter(|name| !name.is_empty()) {
                all.insert(format!("{name}_SERVICE_PORT_{}", upper(port)), number.to_string());
            }
            if at == 0 {
                all.insert(format!("{name}_PORT"), link.clone());
            }
            let prefix = format!("{name}_PORT_{number}_{}", protocol.to_uppercase());
            all.insert(prefix.clone(), link);
            all.insert(format!("{prefix}_PROTO"), protocol.to_lowercase());
            all.insert(format!("{prefix}_PORT"), number.to_string());
            all.insert(format!("{prefix}_ADDR"), address.to_string());
        }
    }
    all
}

async fn services(ctx: &Ctx, namespace: &str) -> Vec<Service> {
    let services: Api<Service> = Api::namespaced(ctx.client().clone(), namespace);
    services.list(&ListParams::default()).await.expect("a list").items
}

/// The pod that the controllers made of the delivered Deployment.
async fn delivered_pod(ctx: &Ctx) -> Pod {
    let pods: Api<Pod> = Api::namespaced(ctx.client().clone(), NAMESPACE);
    eventually("a pod of the delivered Deployment", async || {
        pods.list(&ListParams::default()).await.expect("a list").items.into_iter().next()
    })
    .await
}

async fn the_delivered_pod_starts_twice_whatever_services_are_called(ctx: Ctx) {
    ctx.apply(&manifests("base")).await;
    ctx.apply(&manifests("namespace")).await;
    for name in TROUBLESOME {
        let ports = serde_json::json!([{"name": "file", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
        let service = serde_json::json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"ports": ports}});
        ctx.apply(&service.to_string()).await;
    }
    let always = variables(&services(&ctx, "default").await);
    let linked = variables(&services(&ctx, NAMESPACE).await);
    for name in
        ["IMAGE_WATCHER_PORT", "IMAGE_WATCHER_SERVICE_PORT_PUBLIC", "ADMIN_PORT", "IMAGE_WATCHER_MODE_PORT_53_UDP_ADDR"]
    {
        assert!(linked.contains_key(name), "the kubelet would set {name}: {linked:?}");
    }
    assert!(always.contains_key("KUBERNETES_SERVICE_HOST"), "{always:?}");

    let spec = delivered_pod(&ctx).await.spec.expect("a spec");
    assert_eq!(spec.enable_service_links, Some(false), "no variable of a Service reaches the delivered pod");
    let kubeconfig = ctx.kubeconfig_for(NAMESPACE, "image-watcher").await;
    for links in [false, true] {
        let set = |watcher: WatcherBuilder, variables: &BTreeMap<String, String>| {
            variables.iter().fold(watcher, |watcher, (name, value)| watcher.env(name, value))
        };
        let pod = || {
            let pod = ctx.watcher().in_pod().kubeconfig(&kubeconfig).env("BASE_URL", BASE_URL).unconnected();
            if links { set(set(pod, &always), &linked) } else { set(pod, &always) }
        };
        let pod = if links { pod().own_data() } else { pod() };
        starts_twice(pod, links).await;
    }
}

async fn starts_twice(pod: WatcherBuilder, links: bool) {
    let mut watcher = pod.start().await;
    for _ in 0..2 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", watcher.pid())).expect("a running process");
        let owner = std::fs::metadata(watcher.data()).expect("a folder").uid();
        assert!(status.contains(&format!("\nUid:\t{owner}\t{owner}\t")), "it runs as who owns the data: {status}");
        watcher.wait_for_log(&format!("{BASE_URL}/webhooks/distribution")).await;
        for address in reachable() {
            for port in [watcher.port(), watcher.admin_port()] {
                let url = format!("http://{}/livez", std::net::SocketAddr::new(address, port));
                let expected = if port == watcher.port() { 404 } else { 200 };
                assert_eq!(watcher.send(Method::GET, &url, &[], Vec::new()).await.status, expected, "{url}");
            }
        }
        watcher.restart().await;
    }
    let log = watcher.logs();
    assert_eq!(log.contains("ADMIN_PORT: is the address of a Service"), links, "{log}");
    assert!(!log.contains(registry::TOKEN), "a URL with its secret is in the log");
}

/// One address of each family that this machine has.
fn reachable() -> Vec<IpAddr> {
    let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    both.into_iter().filter(|address| std::net::TcpListener::bind((*address, 0)).is_ok()).collect()
}

async fn a_misspelt_variable_ends_the_start(ctx: Ctx) {
    let start = |name: &str, value: &str| ctx.watcher().in_pod().env("BASE_URL", BASE_URL).env(name, value);
    for (name, value, expected) in [
        ("IMAGE_WATCHER_STRATGY", "MINOR", "did you mean IMAGE_WATCHER_STRATEGY?"),
        ("IMAGE_WATCHER_PORT", "8080", "did you mean PORT?"),
        ("ADMIN_PORT", "tcp://admin:80", "a port from 0 to 65535 is expected"),
        ("IMAGE_WATCHER_SCHEDULE", "0 0 30 2 *", "never fires"),
        ("RUN_ON_BOOT", "perhaps", "neither TRUE"),
    ] {
        let ended = start(name, value).output(&["serve"]).await;
        assert_eq!(ended.code(), Some(78), "{name}={value}: {}", ended.stderr);
        assert!(ended.stderr.contains(name) && ended.stderr.contains(expected), "{name}={value}: {}", ended.stderr);
    }
    let doctor = start("SLACK_WEBHOOK_URL", "https://hooks.example.com/s3cret").output(&["doctor"]).await;
    let told = &doctor.stdout;
    for expected in [
        "SLACK_URL holds the URL of an incoming webhook",
        "the queue is in it",
        &format!("{BASE_URL}/webhooks/distribution"),
    ] {
        assert!(told.contains(expected), "doctor says {expected:?}:\n{told}");
    }
    assert!(!told.contains("s3cret") && !told.contains(registry::TOKEN), "{told}");
}

/// What `kubectl apply -k deploy/company` would send is what the API server takes, and the ports of a proxy are open.
async fn the_overlay_for_companies_is_admitted(ctx: Ctx) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/company");
    let built = std::process::Command::new("kubectl").arg("kustomize").arg(&folder).output();
    let Ok(built) = built else {
        return ctx.skip("there is no kubectl on this machine, which builds the overlay");
    };
    let yaml = String::from_utf8(built.stdout).expect("YAML");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for expected in
        ["port: 3128", "port: 5000", "name: SSL_CERT_FILE", "name: IMAGE_WATCHER_CONFIG", "mountPath: /data"]
    {
        assert!(yaml.contains(expected), "{expected} is missing:\n{yaml}");
    }
    ctx.apply(&yaml).await;
}

async fn a_relay_without_tls_is_used_and_warned_about(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    // The same machine under a spelling that is no loopback address to whoever only reads it.
    let relay = ctx.mailbox().smtp_url().replace("127.0.0.1", "127.1");
    assert!(relay.contains("127.1:") && relay.contains("tls=none"), "{relay}");
    let mut watcher = ctx
        .watcher()
        .without("NODE_ENV")
        .mail()
        .env("BASE_URL", BASE_URL)
        .env("SMTP_URL", format!("{relay}&helo=iw.example.com"))
        .start()
        .await;
    web.push(Image::new("1.0.1")).await;
    ctx.mailbox().wait_for_mail("/web]").await;
    let warned = |log: &str| log.matches("SMTP_URL: says tls=none").count();
    assert_eq!(warned(&watcher.logs()), 1, "{}", watcher.logs());
    watcher.restart().await;
    assert_eq!(warned(&watcher.logs()), 2, "at each start");
}
