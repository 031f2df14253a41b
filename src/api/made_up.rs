//! An API beside a sequencer that knows what it is told and answers nothing, for tests.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Api, Census, Events, Explanations, FindNotes, Pulse, Sequencer, Waiting};
use crate::ambient::Ambient;
use crate::cluster::{Index, Scopes};
use crate::domain::actor::Actor;
use crate::domain::approval::LinkKeys;
use crate::domain::fleet::{Brake, Release};
use crate::domain::record::Record;
use crate::domain::settings::Bounds;
use crate::domain::view::LastLook;
use crate::domain::workload::{Workload, WorkloadId};
use crate::listener::Bodies;
use crate::queue::sqlite::SqliteQueue;
use crate::reconcile::{Answer, Explained, NotShown, Press, ResumeError, Shown};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// What looks came to, by uid and container.
pub(crate) type Looks = HashMap<(String, String), LastLook>;

struct MadeUp(Looks);

impl Sequencer for MadeUp {
    fn waiting(&self) -> Waiting {
        Waiting::new()
    }

    fn may_write(&self, _: &WorkloadId) -> bool {
        true
    }

    fn last_look(&self, workload: &Workload, container: &str) -> Option<LastLook> {
        self.0.get(&(workload.id.uid.to_string(), container.to_owned())).cloned()
    }

    fn known<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<Record>> {
        Box::pin(async { None })
    }

    fn brake(&self) -> BoxFuture<'_, Brake> {
        Box::pin(async { Brake::default() })
    }

    fn resume(&self, _: Actor, _: String) -> BoxFuture<'_, Result<Option<Release>, ResumeError>> {
        Box::pin(async { Ok(None) })
    }

    fn answer(&self, _: Shown, _: Press, _: String) -> BoxFuture<'_, Result<Answer, NotShown>> {
        Box::pin(async { Err(NotShown::NoWorkload) })
    }

    fn explain(&self, _: Arc<Workload>, _: String) -> BoxFuture<'_, Result<Explained, String>> {
        Box::pin(async { Err("no registry is asked".to_owned()) })
    }
}

/// The API of these workloads; the folder is its queue's.
pub(crate) fn api(
    index: Index,
    keys: LinkKeys,
    looks: Looks,
    notes: FindNotes,
    ambient: Ambient,
) -> (Api<SqliteQueue>, tempfile::TempDir) {
    let (folder, metrics) = (tempfile::tempdir().unwrap(), Metrics::new());
    let api = Api {
        queue: SqliteQueue::open(folder.path(), &ambient).unwrap(),
        home: super::Home::default(),
        index,
        scopes: Scopes::new([]),
        notes,
        sources: Arc::new(Vec::new),
        registries: Arc::new(Vec::new),
        poll: Arc::new(|| Box::pin(async { crate::api::view::PollView::default() })),
        channels: Arc::new(Vec::new),
        reopen: Arc::new(|_| false),
        sequencer: Arc::new(MadeUp(looks)),
        between: Arc::new(Vec::new),
        bounds: Bounds::default(),
        keys,
        events: Events::new(&ambient, Stop::new().1),
        pulse: Pulse::new(ambient.clone()),
        leaving: Stop::new().1,
        in_force: super::InForce::new(&metrics),
        metrics,
        census: Census::new(true),
        explanations: Explanations::default(),
        bodies: Bodies::new(1 << 20),
        ambient,
    };
    (api, folder)
}
