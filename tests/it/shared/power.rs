//! All three NATS servers lose power at once: what their file systems had not written to the disk is gone. Each stands on a file
//! system of its own in a file, which is copied as the disk has it when they are killed, and put in its place.
//!
//! Only root may mount one; where that is not possible the test says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Replicas, until_at_rest};
use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::WatcherBuilder;

pub(super) fn tests() -> Vec<Test> {
    tests![what_was_not_synced_is_lost_with_the_power_of_all_servers_and_nothing_is_done_twice]
}

/// A file system in a file, mounted on a folder until it is dropped.
struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

fn done(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Disk {
    /// Nothing where this machine lets nobody mount one.
    fn mount(image: PathBuf, folder: &Path) -> Option<Self> {
        let file = std::fs::File::create(&image).expect("a file");
        file.set_len(256 << 20).expect("its length");
        let is_made = done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
        let disk = Self { image, folder: folder.to_owned() };
        (is_made && disk.attach()).then_some(disk)
    }

    fn attach(&self) -> bool {
        done(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.folder))
    }

    fn detach(&self) {
        done(Command::new("umount").arg(&self.folder));
    }

    /// All that was written is on the disk.
    fn sync(&self) {
        assert!(done(Command::new("sync").arg("-f").arg(&self.folder)), "it syncs");
    }

    /// As the disk has it now, beside the file.
    fn copy(&self) -> PathBuf {
        let copy = self.image.with_extension("copy");
        assert!(done(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&copy)), "a copy");
        copy
    }

    /// Has the copy in its place.
    fn put_back(&self, copy: &Path) {
        self.detach();
        std::fs::rename(copy, &self.image).expect("it is put back");
        assert!(self.attach(), "the disk is read again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A server that ends a moment later has it for so long.
        for _ in 0..50 {
            if done(Command::new("umount").arg(&self.folder)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

async fn what_was_not_synced_is_lost_with_the_power_of_all_servers_and_nothing_is_done_twice(ctx: Ctx) {
    let folder = ctx.folder("nats");
    let mut disks = Vec::new();
    for number in 0..3 {
        let at = folder.join(format!("jetstream-{number}"));
        std::fs::create_dir_all(&at).expect("a folder");
        let Some(disk) = Disk::mount(folder.join(format!("disk-{number}")), &at) else {
            return ctx.skip("a file system in a file can't be mounted");
        };
        disks.push(disk);
    }
    let mut nats = ctx.nats_cluster_in(&folder).await;
    let way = ctx.fault_proxy(ctx.registry().host()).await;
    let (web, api) = (ctx.repository("web"), ctx.repository("api"));
    web.push(Image::new("1.0.0")).await;
    api.push(Image::new("1.0.0")).await;
    let image = |name: &str, tag: &str| format!("{}/{name}:{tag}", way.host());
    let deployment = ctx.watched("web", image(web.name(), "1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let asked = ctx.watched("api", image(api.name(), "1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let adapt = |it: WatcherBuilder| it.mail().env("IMAGE_WATCHER_PLAIN_HTTP", way.host());
    let replicas = Replicas::start(&ctx, &nats, adapt).await;
    let doors = replicas.doors().of(way.host());
    web.push(Image::new("1.0.1")).await;
    doors.announce(0, &web, "1.0.1").await;
    deployment.wait_for("on 1.0.1", |seen| seen.image("web").is_some_and(|it| it.contains(":1.0.1@"))).await;
    until_at_rest(&nats).await;
    disks.iter().for_each(Disk::sync);

    // Since then: a question, its answer, and pushes that wait.
    api.push(Image::new("1.0.1")).await;
    doors.announce(1, &api, "1.0.1").await;
    let path = ctx.mailbox().link("1.0.1").await;
    eventually("somebody takes the answer", async || {
        (replicas.all[2].post_form(&path, &[("action", "approve")]).await.status == 303).then_some(())
    })
    .await;
    asked.wait_for("healthy", |seen| seen.annotation("image-watcher/current-version") == Some("1.0.1")).await;
    until_at_rest(&nats).await;
    way.set(Fault::BlackHole);
    web.push(Image::new("1.0.2")).await;
    doors.announce(2, &web, "1.0.2").await;
    let before = nats.waiting().await.len();

    for number in 0..3 {
        nats.kill9(number).await;
    }
    let copies: Vec<PathBuf> = disks.iter().map(Disk::copy).collect();
    for (disk, copy) in disks.iter().zip(&copies) {
        disk.put_back(copy);
    }
    let began = Instant::now();
    for number in 0..3 {
        nats.spawn_again(number);
    }
    nats.until_it_stands().await;
    let left = nats.waiting().await.len();
    way.set(Fault::Pass);
    // Whoever pushed is told 503 until it stands again, and what was lost is found by the next hint, or the schedule.
    web.push(Image::new("1.0.3")).await;
    doors.announce(0, &web, "1.0.3").await;
    let healed = began.elapsed();
    deployment.wait_for("on 1.0.3", |seen| seen.image("web").is_some_and(|it| it.contains(":1.0.3@"))).await;
    let again = replicas.all[0].post_form(&path, &[("action", "approve")]).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert!(again.body.contains("Decided by"), "the record remembers that the link was used: {}", again.body);
    until_at_rest(&nats).await;
    let mut written = ctx.images_written();
    written.retain(|(_, tag)| tag != "1.0.2");
    let expected = [("web", "1.0.1"), ("api", "1.0.1"), ("web", "1.0.3")];
    assert_eq!(written, expected.map(|(name, tag)| (name.to_owned(), tag.to_owned())), "nothing is done twice");
    let mails = ctx.mailbox().list().await;
    let ids: std::collections::BTreeSet<_> = mails.iter().filter_map(|mail| mail.header("message-id")).collect();
    eprintln!(
        "{before} jobs waited when all servers lost power, {left} of them were on the disk; a push was taken after {healed:.1?}; \
         {} mails with {} ids",
        mails.len(),
        ids.len()
    );
    replicas.all.iter().for_each(|watcher| assert_eq!(watcher.exited(), None, "it goes on"));
    drop((replicas, nats));
}
