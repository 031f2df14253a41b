//! `make bench`: `check` over a file of 100 images with 100 tags each, from the start of the process to its end, beside two
//! bare clients in the same run: one that asks the same questions over as many connections, and one that asks as Cup 3
//! does (all lists at once, no digest), which stands in for it. Prints a table of ratios.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a program that measures: it reads the clock, starts tasks, and may fail loudly"
)]

mod table;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use table::Table;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Images of the file, each of a repository of its own.
const IMAGES: usize = 100;
/// Tags of each.
const TAGS: usize = 100;
/// How many connections `check` opens to one registry.
const CONNECTIONS: usize = 16;
/// Runs of each program, in turn.
const RUNS: usize = 31;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let at = |name: &str| arguments.iter().position(|argument| argument == name);
    if at("--test").is_some() {
        return std::process::ExitCode::SUCCESS;
    }
    if let Some(at) = at("--same") {
        ask(&arguments[at + 1], CONNECTIONS, true);
    } else if let Some(at) = at("--at-once") {
        ask(&arguments[at + 1], IMAGES, false);
    } else {
        measure();
    }
    std::process::ExitCode::SUCCESS
}

/// A bare client: lists, and the manifest of the highest tag of each where `digests`.
fn ask(registry: &str, connections: usize, digests: bool) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    let client = &client.build().expect("a client");
    let one = |number: usize| async move {
        let base = format!("http://{registry}/v2/team/app-{number}");
        let list = client.get(format!("{base}/tags/list")).send().await.expect("a list");
        let list: serde_json::Value = list.json().await.expect("JSON");
        let tags = list["tags"].as_array().expect("tags").iter().filter_map(serde_json::Value::as_str);
        let newest = tags.max_by_key(|tag| semver::Version::parse(tag).ok()).expect("a tag").to_owned();
        if digests {
            let head = client.head(format!("{base}/manifests/{newest}")).send().await.expect("a manifest");
            assert!(head.headers().contains_key("docker-content-digest"));
        }
        newest
    };
    let all = async {
        if !digests {
            assert!(
                client.get(format!("http://{registry}/v2/")).send().await.expect("an answer").status().is_success()
            );
        }
        futures_util::stream::iter((0..IMAGES).map(one)).buffer_unordered(connections).collect::<Vec<_>>().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let newest = runtime.block_on(all);
    assert_eq!(newest.len(), IMAGES);
    println!("{newest:?}");
}

/// Answers in the time that the way there takes.
async fn serve(listener: TcpListener, delay: Duration) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, delay));
    }
}

async fn connection(mut stream: TcpStream, delay: Duration) {
    let tags: Vec<String> = (0..TAGS).map(|n| format!("\"1.{n}.0\"")).collect();
    let tags = tags.join(",");
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    let _ = stream.set_nodelay(true);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        text.extend_from_slice(&buffer[..length]);
        while let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&text[..end]).into_owned();
            text.drain(..end + 4);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if stream.write_all(answer(&request, &tags).as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn answer(request: &str, tags: &str) -> String {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.trim_start_matches("/v2/").split("/tags/").next().unwrap_or_default();
    let digest = "Docker-Content-Digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n";
    let (header, length, body) = if path.contains("/manifests/") {
        (digest, 2, String::new())
    } else {
        let body =
            if path.contains("/tags/") { format!("{{\"name\":\"{name}\",\"tags\":[{tags}]}}") } else { "{}".into() };
        ("", body.len(), body)
    };
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{header}Content-Length: {length}\r\n\r\n{body}")
}

/// A registry on a port of its own, in a thread of its own.
fn registry(delay: Duration) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender.send(listener.local_addr().expect("an address").to_string()).expect("a reader");
            serve(listener, delay).await;
        });
    });
    receiver.recv().expect("an address")
}

fn manifests(registry: &str) -> String {
    (0..IMAGES).fold(String::new(), |mut text, n| {
        let image = format!("{registry}/team/app-{n}:1.0.0");
        let pods = format!("{{containers: [{{name: app, image: '{image}'}}]}}");
        let _ = writeln!(text, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{n}}}");
        let _ = writeln!(text, "spec: {{template: {{spec: {pods}}}}}");
        text
    })
}

/// What is measured: each program as it is started.
struct Programs {
    ours: Command,
    same: Command,
    at_once: Command,
}

impl Programs {
    fn new(registry: &str, folder: &Path) -> Self {
        let (file, config) = (folder.join("all.yaml"), folder.join("config.yaml"));
        std::fs::write(&file, manifests(registry)).expect("a file");
        let entry = format!("registries:\n  - {{host: \"{registry}\", plainHttp: true}}\n");
        std::fs::write(&config, entry).expect("a file");
        let mut ours = Command::new(env!("CARGO_BIN_EXE_image-watcher"));
        ours.arg("check").arg(file).env_clear().env("IMAGE_WATCHER_CONFIG", config);
        let bare = |how: &str| {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args([how, registry]).env_clear();
            command
        };
        let mut all = Self { ours, same: bare("--same"), at_once: bare("--at-once") };
        for command in [&mut all.ours, &mut all.same, &mut all.at_once] {
            command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        }
        all
    }
}

fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.status().expect("a program");
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    started.elapsed()
}

/// The most memory that it held, as far as it was seen while it ran, in KiB.
fn memory(command: &mut Command) -> u64 {
    let mut child = command.spawn().expect("a program");
    let mut most = 0;
    while child.try_wait().expect("a state").is_none() {
        most = most.max(peak(&child));
        std::thread::sleep(Duration::from_micros(500));
    }
    most
}

fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn median<T: Ord + Copy>(mut all: Vec<T>) -> T {
    all.sort_unstable();
    all[all.len() / 2]
}

fn measure() {
    let mut table = Table::new();
    for delay in [Duration::ZERO, Duration::from_millis(20)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut programs = Programs::new(&registry(delay), folder.path());
        let answered = programs.ours.status().expect("a program");
        assert_eq!(answered.code(), Some(1), "every image has an update");
        let (mut ours, mut same, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(time(&mut programs.ours));
            same.push(time(&mut programs.same));
            at_once.push(time(&mut programs.at_once));
        }
        let all = (median(ours), median(same), median(at_once));
        rows(&mut table, delay, all, &mut programs);
    }
    table.print();
}

fn rows(table: &mut Table, delay: Duration, times: (Duration, Duration, Duration), programs: &mut Programs) {
    let (ours, same, at_once) = times;
    let way = format!("{} ms on the way", delay.as_millis());
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let ratio = |other: Duration| ours.as_secs_f64() / other.as_secs_f64();
    let measured = |other: Duration| format!("{} against {}: {:.2} ×", ms(ours), ms(other), ratio(other));
    let what =
        format!("check of {IMAGES} images × {TAGS} tags beside the same questions, {CONNECTIONS} connections, {way}");
    table.row(&what, measured(same), "≤ 1.2 ×", ratio(same) <= 1.2);
    let what = format!("the same beside all lists at once and no digest, as Cup asks, {way}");
    // Over a longer way it is the number of connections that counts, and we open only so many to one host.
    let (bound, holds) = if delay.is_zero() { ("≤ 0.75 ×", ratio(at_once) <= 0.75) } else { ("shown only", true) };
    table.row(&what, measured(at_once), bound, holds);
    let mib = |command: &mut Command| median((0..5).map(|_| memory(command)).collect()) as f64 / 1024.0;
    let (ours, same, at_once) = (mib(&mut programs.ours), mib(&mut programs.same), mib(&mut programs.at_once));
    let measured = format!("{ours:.1} MiB against {same:.1} and {at_once:.1} MiB");
    table.row(&format!("its memory, {way}"), measured, "≤ 15 MiB", ours <= 15.0);
}
