//! The queue under the whole service: slots that are shared, and data folders that can't be used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::fault::{Fault, FaultProxy};
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::value;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        registries_of_one_namespace_that_hang_delay_no_other,
        a_data_folder_that_cannot_be_used_is_told_at_the_start,
        messages_of_a_removed_channel_are_told_and_counted,
        what_was_given_up_is_seen_and_sent_again,
    ]
}

/// Workloads whose registries hang.
const HANGING: u32 = 96;
/// Their registries, more than looks are done at once for one namespace.
const REGISTRIES: u32 = 20;

async fn registries_of_one_namespace_that_hang_delay_no_other(ctx: Ctx) {
    let noisy = ctx.second_namespace("noisy", &[]).await;
    let mut registries: Vec<FaultProxy> = Vec::new();
    for _ in 0..REGISTRIES {
        let proxy = ctx.fault_proxy(ctx.registry().host()).await;
        proxy.set(Fault::Drip(1, Duration::from_secs(1)));
        registries.push(proxy);
    }
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let quiet = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let plain: Vec<String> =
        registries.iter().map(FaultProxy::host).chain([ctx.registry().host().to_owned()]).collect();
    let builder = ctx.watcher().env("IMAGE_WATCHER_NAMESPACES", format!("{},{noisy}", ctx.namespace()));
    let watcher = builder.env("IMAGE_WATCHER_PLAIN_HTTP", plain.join(",")).start().await;

    let hanging = (0..HANGING).map(|n| {
        let image = format!("{}/team/image-{n}:1.0.0", registries[(n % REGISTRIES) as usize].host());
        let deployment = ctx.deployment(&format!("noisy-{n}")).namespace(&noisy).replicas(0).container("main", image);
        deployment.annotation("image-watcher/mode", "AUTO_UPDATE").create()
    });
    futures_util::stream::iter(hanging).buffer_unordered(8).collect::<Vec<_>>().await;
    // Of one answer: a look that begins or ends between two would be in none of them.
    let looks = async || {
        let text = watcher.metrics().await;
        let of = |state| value(&text, &format!("image_watcher_queue_jobs{{state=\"{state}\"}}")).unwrap_or_default();
        of("ready") + of("leased")
    };
    let connections = || registries.iter().map(FaultProxy::connections).sum::<usize>();
    eventually("all of them wait, and as many as may hang", async || {
        let waiting = looks().await;
        (connections() >= 16 && waiting >= f64::from(HANGING)).then_some(())
    })
    .await;

    let digest = web.push(Image::new("1.0.1")).await;
    quiet.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let waiting = looks().await;
    assert!(waiting >= f64::from(HANGING), "none of the others came through: {waiting}");
    assert!(connections() < HANGING as usize, "it did not wait until each of the others had its turn");
    watcher.kill9().await;
}

/// A disk of half a megabyte; only root can make one.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: PathBuf) -> Option<Self> {
        let disk = Self(folder);
        disk.run("mount", &["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).then_some(disk)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg(&self.0).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.run("umount", &["--lazy"]);
    }
}

/// How a start ends that can't use its data folder.
async fn refusal(ctx: &Ctx, folder: &Path) -> String {
    let builder = ctx.watcher().env("IMAGE_WATCHER_DATA", folder.display().to_string());
    let output = builder.output(&["serve"]).await;
    assert_ne!(output.code(), Some(0), "{}{}", output.stdout, output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    format!("{}{}", output.stdout, output.stderr)
}

async fn a_data_folder_that_cannot_be_used_is_told_at_the_start(ctx: Ctx) {
    let newer = ctx.folder("newer");
    let queue = rusqlite::Connection::open(newer.join("queue.db")).expect("a file");
    queue.execute_batch("PRAGMA user_version = 99").expect("a version");
    let said = refusal(&ctx, &newer).await;
    assert!(said.contains("schema 99") && said.contains("use a newer image-watcher"), "{said}");

    let file = ctx.file("data", "no folder");
    let said = refusal(&ctx, &file).await;
    assert!(said.contains("can't be written"), "{said}");

    let Some(full) = Disk::mount(ctx.folder("full")) else {
        return ctx.skip("a small disk can't be mounted here, which takes root");
    };
    std::fs::write(full.0.join("filler"), vec![0; 512 * 1024]).expect("it just fits");
    let said = refusal(&ctx, &full.0).await;
    assert!(said.contains("is full: make space"), "{said}");

    let read_only = Disk::mount(ctx.folder("read-only")).expect("a second one");
    assert!(read_only.run("mount", &["-o", "remount,ro"]));
    let said = refusal(&ctx, &read_only.0).await;
    assert!(said.contains("is read-only: mount it writable"), "{said}");
    // The same with files of an earlier start in it.
    assert!(read_only.run("mount", &["-o", "remount,rw"]));
    let watcher = ctx.watcher().env("IMAGE_WATCHER_DATA", read_only.0.display().to_string()).start().await;
    watcher.terminate().await;
    assert!(read_only.run("mount", &["-o", "remount,ro"]));
    let said = refusal(&ctx, &read_only.0).await;
    assert!(said.contains("is read-only: mount it writable"), "{said}");
}

async fn messages_of_a_removed_channel_are_told_and_counted(ctx: Ctx) {
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    proxy.set(Fault::Refuse);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let data = ctx.folder("data");
    let folder = data.display().to_string();
    let watcher = ctx.watcher().mail().env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host()));
    let watcher = watcher.env("IMAGE_WATCHER_DATA", folder.clone()).start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    watcher.wait_for_log("the job is tried again").await;
    watcher.terminate().await;

    let watcher = ctx.watcher().env("IMAGE_WATCHER_DATA", folder).start().await;
    watcher.wait_for_log("messages waited for a channel that is not configured any more").await;
    let messages = async |what: &str| {
        watcher.metric(&format!("image_watcher_delivery_{what}{{channel=\"email\"}}")).await.unwrap_or_default()
    };
    assert_eq!((messages("dead").await, messages("pending").await), (1.0, 0.0));
}

async fn what_was_given_up_is_seen_and_sent_again(ctx: Ctx) {
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    proxy.set(Fault::Refuse);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let folder = ctx.folder("data").display().to_string();
    let watcher = ctx.watcher().mail().env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host()));
    let watcher = watcher.env("IMAGE_WATCHER_DATA", folder.clone()).start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    watcher.terminate().await;

    // Without its channel the message is a dead letter.
    let watcher = ctx.watcher().env("IMAGE_WATCHER_DATA", folder.clone()).start().await;
    let event = eventually("the workload says so", async || {
        let said = super::preflight::events(&ctx, "web", "MessageGivenUp").await;
        (!said.is_empty()).then_some(said)
    })
    .await;
    assert!(event.len() == 1 && event[0].contains("update.available web: 1.0.1 on email"), "{event:?}");
    let path = "/api/v1/deliveries?state=dead&channel=email";
    let listed = watcher.send(Method::GET, &watcher.admin_url(path), &[], Vec::new()).await.json();
    let (letter, mailbox) = (&listed["items"][0], ctx.mailbox());
    assert_eq!((&letter["about"][0]["to"], &letter["state"]), (&"1.0.1".into(), &"dead".into()), "{listed}");
    assert!(!listed.to_string().contains(mailbox.address()) && !listed.to_string().contains("nonce"), "{listed}");
    let id = letter["id"].as_str().expect("an id").to_owned();
    let origin = [("origin", "http://evil.example")];
    let retry = watcher.admin_url(&format!("/api/v1/deliveries/{id}/retry"));
    assert_eq!(watcher.send(Method::POST, &retry, &origin, Vec::new()).await.status, 403);
    let wrong = watcher.send(Method::GET, &watcher.admin_url("/api/v1/deliveries?state=x"), &[], Vec::new()).await;
    assert_eq!(wrong.status, 400);
    watcher.terminate().await;

    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_DATA", folder).start().await;
    let command = async |arguments: &[&str]| {
        let command = ctx.watcher().ports([watcher.port(), watcher.admin_port()]);
        let output = command.output(&[&["deliveries"], arguments].concat()).await;
        (output.code(), output.stdout + &output.stderr)
    };
    let (code, table) = command(&["--state", "dead"]).await;
    assert!(code == Some(0) && table.contains(&id) && table.contains("removed from the configuration"), "{table}");
    let (code, said) = command(&["retry", "--channel", "email"]).await;
    assert_eq!((code, said.as_str()), (Some(0), "1 message of the channel email is sent again\n"));
    ctx.mailbox().wait_for(1).await;
    let (code, said) = command(&["retry", &id]).await;
    // What was sent again was a notice: it was made into the message that arrived, which has an id of its own.
    assert!(code == Some(1) && said.contains("it is over") && said.contains("goes out with others"), "{code:?} {said}");
    let (code, said) = command(&["discard", "msg_unknown"]).await;
    assert!(code == Some(1) && said.contains("no such message"), "{code:?} {said}");
}
