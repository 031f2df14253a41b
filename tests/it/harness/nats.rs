//! A real NATS server with JetStream.

use super::peers::Peers;
use super::process::{Process, Program};

/// Ends when dropped.
pub(crate) struct Nats {
    process: Process,
    port: u16,
    program: Program,
    peers: Peers,
}

impl Nats {
    pub(crate) async fn start(peers: &Peers, folder: &std::path::Path) -> Self {
        let config = folder.join("nats.conf");
        let store = format!("jetstream {{ store_dir: {:?}, max_file_store: 1TB }}\n", path(&folder.join("jetstream")));
        std::fs::write(&config, store).expect("a folder of the test");
        let program = |port: u16| {
            let port = port.to_string();
            peers.program("nats-server").arg("-c").arg(&config).arg("-a").arg("127.0.0.1").arg("-p").arg(port)
        };
        let name = format!("nats-{}", folder.parent().and_then(|it| it.file_name()?.to_str()).unwrap_or_default());
        let ready = async |[port]: [u16; 1]| async_nats::connect(format!("127.0.0.1:{port}")).await.is_ok();
        let (process, [port]) = peers.start(&name, |[port]| program(port), ready).await;
        Self { process, port, program: program(port), peers: peers.clone() }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// As by `kill -9`.
    pub(crate) async fn kill9(&self) {
        self.process.signal("KILL");
        self.process.wait().await;
    }

    /// On the same port, with what is on its disk.
    pub(crate) async fn start_again(&mut self) {
        let log = self.process.log().to_owned();
        self.process = self.peers.spawner.spawn("nats", &self.program, &log, None);
        let ready = self.process.ready(async || async_nats::connect(format!("127.0.0.1:{}", self.port)).await.is_ok());
        ready.await.expect("it starts again");
    }

    /// The jobs that stand in the bucket, as JSON.
    pub(crate) async fn jobs(&self) -> Vec<serde_json::Value> {
        use futures_util::StreamExt as _;
        let client = async_nats::connect(self.url()).await.expect("a connection");
        let bucket = async_nats::jetstream::new(client).get_key_value("image-watcher-jobs").await.expect("the bucket");
        let mut keys = bucket.keys().await.expect("its keys");
        let mut all = Vec::new();
        while let Some(key) = keys.next().await {
            let value = bucket.get(key.expect("a key")).await.expect("an answer");
            all.extend(value.and_then(|value| serde_json::from_slice(&value).ok()));
        }
        all
    }
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("a path of the harness")
}
