//! Messages that wait in a data folder, so that a start of the program finds them there.

use std::path::Path;

use chrono::{DateTime, TimeDelta};
use image_watcher::ambient::Ambient;
use image_watcher::domain::event::{Delivery, Gathered, ImageView, Job, Notice, NoticeKind};
use image_watcher::domain::workload::{Kind, WorkloadId};
use image_watcher::queue::sqlite::SqliteQueue;
use image_watcher::queue::{NewJob, Queue as _};

/// As many as are stored at once.
const AT_ONCE: usize = 2_000;

/// Something that happened to a workload that is not there any more, the `number`th of it. Nobody looks for release notes
/// of such news.
pub(crate) fn notice(workload: usize, number: usize) -> Notice {
    let image = |tag: String| ImageView { repository: "ghcr.io/acme/web".into(), tag, digest: None };
    let id = WorkloadId {
        namespace: "shop".into(),
        kind: Kind::Deployment,
        name: format!("web-{workload}").into(),
        uid: format!("uid-{workload}").into(),
    };
    let kind = if number.is_multiple_of(2) { NoticeKind::Held } else { NoticeKind::Skipped };
    let began = DateTime::from_timestamp(1_795_000_000, 0).expect("a moment");
    let at = began + TimeDelta::seconds(i64::try_from(number).expect("a small number"));
    Notice::new(kind, at, (&id, "web"), (image("1.0.0".into()), image(format!("1.0.{}", number + 1))))
}

/// A message about it to a channel that has one recipient.
pub(crate) fn delivery(channel: &str, notice: Notice) -> Delivery {
    Delivery::of(channel, "", notice)
}

/// The same, before it is put together with others.
pub(crate) fn gathered(channel: &str, notice: Notice) -> Job {
    Job::Gather(Box::new(Gathered::new(channel, notice)))
}

/// Stores jobs in this order in a folder that no program has open, and leaves it so.
pub(crate) async fn store(folder: &Path, jobs: impl IntoIterator<Item = Job>) {
    let ambient = Ambient::system();
    let queue = SqliteQueue::open(folder, &ambient).expect("a folder that nobody has open");
    let mut jobs = jobs.into_iter().map(|job| NewJob::prompt(job, "test", ambient.now())).peekable();
    while jobs.peek().is_some() {
        queue.put(jobs.by_ref().take(AT_ONCE).collect()).await.expect("stored jobs");
    }
    drop(queue);
    // Its writer ends by itself.
    let lock = std::fs::File::open(folder.join("queue.lock")).expect("its lock");
    lock.lock().expect("nobody has it open");
}
