//! The command line at a real API server: which cluster, in whose name, which workloads; looking again and again; versions; and
//! what other tools' settings come to.

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_is_looked_at_is_said_as_kubectl_takes_it,
        the_api_server_is_asked_in_anothers_name,
        an_api_server_that_is_silent_is_waited_for_so_long,
        a_look_is_repeated_and_shows_what_changed,
        versions_of_all_are_told,
        what_keel_looks_after_in_a_cluster_is_migrated,
        a_test_message_is_sent_and_what_came_of_it_is_told,
        a_file_that_was_broken_meanwhile_keeps_nobody_from_the_service_that_runs,
    ]
}

fn names(text: &str) -> Vec<&str> {
    text.lines().collect()
}

async fn what_is_looked_at_is_said_as_kubectl_takes_it(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    for (name, tier) in [("web", "front"), ("worker", "back")] {
        let made =
            ctx.deployment(name).container(name, web.reference("1.0.0")).container("log", web.reference("1.0.0"));
        made.annotation("image-watcher/mode", "NOTIFICATION").label("tier", tier).create().await;
    }
    let check = async |words: &[&str]| {
        let all: Vec<&str> = ["check", "-n", ctx.namespace()].iter().chain(words).copied().collect();
        ctx.watcher().unconnected().output(&all).await
    };
    let namespace = ctx.namespace();
    let (one, other) = (format!("{namespace}/deploy/web"), format!("{namespace}/deploy/worker"));
    let of = async |words: &[&str]| check(&[&["-o", "name"], words].concat()).await.stdout;
    assert_eq!(names(&of(&["-l", "tier=front"]).await), [&one, &one]);
    assert_eq!(names(&of(&["-l", "tier!=front", "-c", "log"]).await), [&other]);
    assert_eq!(names(&of(&["-c", "web"]).await), [&one]);
    let wrong = check(&["-l", "tier in"]).await;
    assert_eq!(wrong.code(), Some(1), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("tier in") || wrong.stderr.contains("selector"), "{}", wrong.stderr);
    let bare = check(&["--no-headers"]).await.stdout;
    assert!(bare.starts_with(namespace) && bare.lines().count() == 4, "{bare}");
    // The context names the namespace where nobody does.
    let text = std::fs::read_to_string(ctx.admin_kubeconfig()).expect("a kubeconfig");
    let mut config: Value = serde_saphyr::from_str(&text).expect("YAML");
    config["contexts"][0]["context"]["namespace"] = json!(namespace);
    let kubeconfig = ctx.file("with-namespace", &config.to_string());
    let kubeconfig = kubeconfig.to_str().expect("UTF-8");
    let default = ctx
        .watcher()
        .unconnected()
        .output(&["check", "-o", "name", "--kubeconfig", kubeconfig, "-l", "tier=back", "-c", "log"])
        .await;
    assert_eq!(names(&default.stdout), [&other], "{}", default.stderr);
    for words in
        [&["history", "deploy/web"][..], &["history", "deployment", "web"], &["history", "deployments.apps/web"]]
    {
        let all: Vec<&str> = words.iter().copied().chain(["-n", namespace]).collect();
        let history = ctx.watcher().unconnected().output(&all).await;
        assert_eq!(history.code(), Some(0), "{words:?}: {}", history.stderr);
    }
}

async fn the_api_server_is_asked_in_anothers_name(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let admin = ctx.admin_kubeconfig().to_str().expect("UTF-8").to_owned();
    let ask = async |more: &[&str]| {
        let all = [&["history", "deploy/web", "-n", ctx.namespace(), "--kubeconfig", &admin], more].concat();
        ctx.watcher().unconnected().output(&all).await
    };
    assert_eq!(ask(&[]).await.code(), Some(0));
    let refused = ask(&["--as", "a-stranger"]).await;
    assert_eq!(refused.code(), Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("a-stranger"), "{}", refused.stderr);
    let as_admin = ask(&["--as", "a-stranger", "--as-group", "system:masters"]).await;
    assert_eq!(as_admin.code(), Some(0), "{}", as_admin.stderr);
}

async fn an_api_server_that_is_silent_is_waited_for_so_long(ctx: Ctx) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {}}]});
    let kubeconfig = ctx.file("silent", &config.to_string());
    let words =
        ["history", "deploy/web", "--request-timeout", "1", "--kubeconfig", kubeconfig.to_str().expect("UTF-8")];
    let begun = std::time::Instant::now();
    let output = ctx.watcher().unconnected().output(&words).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(begun.elapsed().as_secs() < 10, "it waited {:?}", begun.elapsed());
}

async fn a_look_is_repeated_and_shows_what_changed(ctx: Ctx) {
    use std::io::BufRead as _;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_image-watcher"))
        .args(["check", "-n", ctx.namespace(), "-w", "--every", "5s", "--kubeconfig"])
        .arg(ctx.admin_kubeconfig())
        .env("IMAGE_WATCHER_PLAIN_HTTP", ctx.registry().host())
        .env("NODE_ENV", "development")
        .env("IMAGE_WATCHER_DATA", ctx.folder("watching"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut program = program.expect("the program");
    let lines = std::io::BufReader::new(program.stdout.take().expect("its output")).lines();
    let (send, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(send.send(line))));
    let mut next = async || {
        tokio::time::timeout(std::time::Duration::from_secs(60), seen.recv()).await.ok().flatten().expect("a line")
    };
    assert!(next().await.starts_with("NAMESPACE"));
    let first = next().await;
    assert!(first.contains("1.0.0") && first.ends_with("up to date"), "{first}");
    web.push(Image::new("1.1.0")).await;
    let second = next().await;
    assert!(second.contains("1.1.0 minor"), "only what changed, without headings: {second}");
    deployment.delete().await;
    let third = next().await;
    assert!(third.ends_with("not watched any more"), "{third}");
    let interrupted = std::process::Command::new("kill").args(["-INT", &program.id().to_string()]).status();
    assert!(interrupted.expect("kill").success());
    assert_eq!(program.wait().expect("its end").code(), Some(130));
    reader.join().expect("its output ends");
}

async fn versions_of_all_are_told(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    let of = async |port: u16| {
        let output = ctx.watcher().ports([watcher.port(), port]).output(&["version", "-o", "json"]).await;
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
        let json: Value = serde_json::from_str(&output.stdout).expect("JSON");
        (json, output.stderr)
    };
    let (told, said) = of(watcher.admin_port()).await;
    let ours = env!("CARGO_PKG_VERSION");
    assert_eq!((&told["client"], &told["service"]), (&json!(ours), &json!(ours)), "{told}");
    assert!(told["cluster"].as_str().is_some_and(|version| version.starts_with('v')), "{told}");
    assert!(!said.contains("warning"), "{said}");
    let (told, said) = of(1).await;
    assert_eq!(told["service"], Value::Null);
    assert!(said.contains("service: nothing answers at http://127.0.0.1:1/metrics"), "{said}");
}

async fn what_keel_looks_after_in_a_cluster_is_migrated(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let made = ctx.deployment("web").container("web", web.reference("1.0.0")).label("keel.sh/policy", "minor");
    let deployment = made.annotation("keel.sh/approvals", "1").annotation("keel.sh/trigger", "poll").create().await;
    let migrate = async |form: &str| {
        ctx.watcher().unconnected().output(&["migrate", "keel", "-n", ctx.namespace(), "-o", form]).await
    };
    let (document, patch) = (migrate("json").await, migrate("patch").await);
    assert_eq!(document.code(), Some(0), "{}", document.stderr);
    let document: Value = serde_json::from_str(&document.stdout).expect("JSON");
    let item = &document["items"][0];
    assert_eq!(item["set"], json!({"image-watcher/mode": "NOTIFICATION", "image-watcher/strategy": "MINOR"}));
    assert_eq!(
        item["remove"],
        json!({"annotations": ["keel.sh/approvals", "keel.sh/trigger"], "labels": ["keel.sh/policy"]})
    );
    // The patch is what the API server takes.
    let body: Value = serde_saphyr::from_str(&patch.stdout).expect("YAML");
    deployment
        .patch(
            json!({"metadata": {"annotations": body["metadata"]["annotations"], "labels": body["metadata"]["labels"]}}),
        )
        .await;
    deployment
        .wait_for("Keel's settings to be ours", |seen| {
            seen.annotation("image-watcher/mode") == Some("NOTIFICATION")
                && seen.annotation("keel.sh/trigger").is_none()
        })
        .await;
    let after = migrate("json").await;
    assert_eq!(after.code(), Some(1), "nothing of Keel's is left: {}", after.stdout);
    eventually("it is watched", async || {
        let seen = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "name"]).await;
        seen.stdout.contains("deploy/web").then_some(())
    })
    .await;
}

async fn a_test_message_is_sent_and_what_came_of_it_is_told(ctx: Ctx) {
    let shown = ctx.watcher().mail().output(&["notify-test", "email", "--dry-run"]).await;
    assert_eq!(shown.code(), Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("TEST"), "{}", shown.stdout);
    assert!(ctx.mailbox().list().await.is_empty(), "nothing is sent");
    let sent = ctx.watcher().mail().output(&["notify-test", "email"]).await;
    assert_eq!(sent.code(), Some(0), "{}", sent.stderr);
    assert!(sent.stdout.contains(": delivered in ") && sent.stdout.contains(" ms, id msg_"), "{}", sent.stdout);
    ctx.mailbox().wait_for_mail("TEST").await;
    let unsent = ctx.watcher().mail().env("SMTP_URL", "smtp://127.0.0.1:1?tls=none").output(&["notify-test"]).await;
    assert_eq!(unsent.code(), Some(1), "{}", unsent.stdout);
    let nobody = ctx.watcher().mail().output(&["notify-test", "nobody"]).await;
    assert!(nobody.code() == Some(1) && nobody.stderr.contains("there are: email"), "{}", nobody.stderr);
}

async fn a_file_that_was_broken_meanwhile_keeps_nobody_from_the_service_that_runs(ctx: Ctx) {
    let file = ctx.file("config.yaml", "schedule: '0 3 * * *'\n");
    let configured = || ctx.watcher().env("IMAGE_WATCHER_CONFIG", file.to_str().expect("UTF-8"));
    let watcher = configured().start().await;
    std::fs::write(&file, "schedul: '0 3 * * *'\n").expect("a file");
    let run = async |words: &[&str]| configured().ports([watcher.port(), watcher.admin_port()]).output(words).await;
    for words in [&["brake"][..], &["deliveries"], &["version"]] {
        let said = run(words).await;
        assert_eq!(said.code(), Some(78), "{words:?}: {}", said.stderr);
        assert!(!said.stdout.is_empty(), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains("schedul  unknown key"), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains("goes on by what was in force before"), "{words:?}: {}", said.stderr);
    }
    let doctor = run(&["doctor"]).await;
    assert_eq!(doctor.code(), Some(78), "{}", doctor.stderr);
    assert!(doctor.stdout.contains("schedul") && doctor.stdout.contains("the service answers at"), "{}", doctor.stdout);
    let decides = run(&["check", "-A"]).await;
    assert_eq!((decides.code(), &*decides.stdout), (Some(78), ""), "nobody is told what other settings come to");
}
