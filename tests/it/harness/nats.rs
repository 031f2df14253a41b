//! Real NATS servers with JetStream: one, or a cluster of three.

use std::path::Path;

use async_nats::jetstream;

use super::fault::FaultProxy;
use super::peers::Peers;
use super::process::{Process, Program, free_ports};

/// So many jobs are read at once: after ten thousand pushes tens of thousands are remembered.
const AT_ONCE: usize = 64;

/// One server or three; they end when dropped.
pub(crate) struct Nats {
    servers: Vec<Server>,
    peers: Peers,
}

struct Server {
    name: String,
    process: Process,
    port: u16,
    program: Program,
}

/// The ways between the servers of a cluster, and from clients to each: all through proxies that go wrong on demand.
pub(crate) struct Ways {
    /// From one server to another, by their numbers.
    routes: Vec<((usize, usize), FaultProxy)>,
    /// To each server, for clients; in their order.
    pub(crate) clients: Vec<FaultProxy>,
}

impl Ways {
    /// Both ways between this server and all others.
    pub(crate) fn of(&self, server: usize) -> impl Iterator<Item = &FaultProxy> {
        self.routes.iter().filter(move |((from, to), _)| *from == server || *to == server).map(|(_, way)| way)
    }

    /// Where clients connect to, through the proxies.
    pub(crate) fn url(&self) -> String {
        self.clients.iter().map(|way| format!("nats://{}", way.host())).collect::<Vec<_>>().join(",")
    }
}

impl Nats {
    pub(crate) async fn start(peers: &Peers, folder: &Path) -> Self {
        let config = folder.join("nats.conf");
        std::fs::write(&config, stored(&folder.join("jetstream"))).expect("a folder of the test");
        let program = |port: u16| {
            let port = port.to_string();
            peers.program("nats-server").arg("-c").arg(&config).arg("-a").arg("127.0.0.1").arg("-p").arg(port)
        };
        let name = format!("nats-{}", test_of(folder));
        let ready = async |[port]: [u16; 1]| has_jetstream(port).await;
        let (process, [port]) = peers.start(&name, |[port]| program(port), ready).await;
        Self { servers: vec![Server { name, process, port, program: program(port) }], peers: peers.clone() }
    }

    /// Three that keep each other's data.
    pub(crate) async fn cluster(peers: &Peers, folder: &Path) -> Self {
        let routes: [u16; 3] = free_ports();
        let of = |_: usize, to: usize| format!("127.0.0.1:{}", routes[to]);
        Self::clustered(peers, folder, (free_ports(), routes), of, "").await
    }

    /// Three, with a proxy on each way from one to another and from clients to each. Nobody is told of any other way.
    pub(crate) async fn cut_cluster(peers: &Peers, folder: &Path) -> (Self, Ways) {
        let (clients, routes): ([u16; 3], [u16; 3]) = (free_ports(), free_ports());
        let mut ways = Ways { routes: Vec::new(), clients: Vec::new() };
        for (from, client) in clients.iter().enumerate() {
            ways.clients.push(FaultProxy::start(&format!("127.0.0.1:{client}")).await);
            for (to, route) in routes.iter().enumerate().filter(|(to, _)| *to != from) {
                ways.routes.push(((from, to), FaultProxy::start(&format!("127.0.0.1:{route}")).await));
            }
        }
        let of = |from: usize, to: usize| {
            let way = ways.routes.iter().find(|(ends, _)| *ends == (from, to));
            way.map(|(_, way)| way.host()).unwrap_or_default()
        };
        // Nobody listens at what the others are told, so that they use the ways that they were given.
        let [nowhere] = free_ports();
        let more = format!("advertise: \"127.0.0.1:{nowhere}\", no_advertise: true, connect_retries: 0, ");
        let nats = Self::clustered(peers, folder, (clients, routes), of, &more).await;
        (nats, ways)
    }

    async fn clustered(
        peers: &Peers,
        folder: &Path,
        (clients, routes): ([u16; 3], [u16; 3]),
        way: impl Fn(usize, usize) -> String,
        more: &str,
    ) -> Self {
        let mut servers = Vec::new();
        for number in 0..3 {
            let (name, port) = (format!("nats-{number}-{}", test_of(folder)), clients[number]);
            let others = (0..3).filter(|other| *other != number);
            let others: Vec<String> = others.map(|other| format!("\"nats://{}\"", way(number, other))).collect();
            let config = folder.join(format!("nats-{number}.conf"));
            let text = format!(
                "server_name: n{number}\nlisten: \"127.0.0.1:{port}\"\nping_interval: \"2s\"\n{}cluster {{ name: it, listen: \
                 \"127.0.0.1:{}\", {more}routes: [{}] }}\n",
                stored(&folder.join(format!("jetstream-{number}"))),
                routes[number],
                others.join(", ")
            );
            std::fs::write(&config, text).expect("a folder of the test");
            let program = peers.program("nats-server").arg("-c").arg(&config);
            let log = peers.dir().join(format!("{name}.log"));
            let process = peers.spawner.spawn(&name, &program, &log, None);
            servers.push(Server { name, process, port, program });
        }
        let nats = Self { servers, peers: peers.clone() };
        nats.until_it_stands().await;
        nats
    }

    /// Where they are.
    pub(crate) fn url(&self) -> String {
        self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port)).collect::<Vec<_>>().join(",")
    }

    /// Until each answers for `JetStream`.
    pub(crate) async fn until_it_stands(&self) {
        for server in &self.servers {
            let ready = server.process.ready(async || has_jetstream(server.port).await);
            assert!(ready.await.is_ok(), "{} ended", server.name);
        }
    }

    /// One of them, as by `kill -9`.
    pub(crate) async fn kill9(&self, number: usize) {
        let process = &self.servers[number].process;
        process.signal("KILL");
        process.wait().await;
    }

    /// Any signal to one of them, as `STOP`.
    pub(crate) fn signal(&self, number: usize, signal: &str) {
        self.servers[number].process.signal(signal);
    }

    /// One of them on the same port, with what is on its disk; it is not waited for.
    pub(crate) fn spawn_again(&mut self, number: usize) {
        let server = &mut self.servers[number];
        let log = server.process.log().to_owned();
        server.process = self.peers.spawner.spawn(&server.name, &server.program, &log, None);
    }

    /// The same, until it answers.
    pub(crate) async fn start_again(&mut self, number: usize) {
        self.spawn_again(number);
        let Server { process, port, .. } = &self.servers[number];
        let ready = process.ready(async || async_nats::connect(format!("127.0.0.1:{port}")).await.is_ok());
        ready.await.expect("it starts again");
    }

    /// What an operator has of it.
    pub(crate) async fn context(&self) -> jetstream::Context {
        let servers: Vec<String> = self.url().split(',').map(String::from).collect();
        jetstream::new(async_nats::connect(servers).await.expect("a connection"))
    }

    /// Those that wait, or that somebody has: not those that are over, and remembered.
    pub(crate) async fn waiting(&self) -> Vec<serde_json::Value> {
        let mut jobs = self.jobs().await;
        jobs.retain(|job| job["state"] == "ready");
        jobs
    }

    /// The jobs that stand in the bucket, as JSON.
    pub(crate) async fn jobs(&self) -> Vec<serde_json::Value> {
        use futures_util::StreamExt as _;
        let bucket = self.context().await.get_key_value("image-watcher-jobs").await.expect("the bucket");
        let keys = bucket.keys().await.expect("its keys");
        let values = keys.map(async |key| bucket.get(key.expect("a key")).await.expect("an answer"));
        let all: Vec<_> = values.buffer_unordered(AT_ONCE).collect().await;
        all.into_iter().flatten().filter_map(|value| serde_json::from_slice(&value).ok()).collect()
    }
}

/// `JetStream` with its files in this folder.
fn stored(folder: &Path) -> String {
    format!("jetstream {{ store_dir: {:?}, max_file_store: 1TB }}\n", folder.to_str().expect("a path of the harness"))
}

async fn has_jetstream(port: u16) -> bool {
    let Ok(client) = async_nats::connect(format!("127.0.0.1:{port}")).await else { return false };
    jetstream::new(client).query_account().await.is_ok()
}

fn test_of(folder: &Path) -> String {
    let name = folder.parent().and_then(|it| it.file_name()?.to_str()).unwrap_or_default();
    let which = folder.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    format!("{name}-{which}")
}
