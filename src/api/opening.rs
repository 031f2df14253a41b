//! Makes the API of the stages that it tells of, with the tasks that keep it up.

use std::sync::Arc;

use actix_web::web::Data;

use super::{Api, Census, Events, Explanations, FindNotes, Home, InForce, Pulse, Sequencer, reports};
use crate::ambient::Ambient;
use crate::cluster::{Index, Scopes};
use crate::config::schedule::Schedule;
use crate::domain::approval::LinkKeys;
use crate::domain::settings::Bounds;
use crate::intake::Pushes;
use crate::listener::Bodies;
use crate::notify::Reopening;
use crate::queue::{Kept, QueueAdmin};
use crate::registry::HttpRegistry;
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::metrics::Metrics;
use crate::term::Holding;

/// Bytes of the decisions that programs send at once: four of the largest.
const DECISIONS: u32 = 2 * 1024 * 1024;

/// What the API is made of.
pub struct ApiParts<Q> {
    /// What waits, and how the schedule does.
    pub queue: Q,
    /// Where the service is.
    pub home: Home,
    /// The watched workloads.
    pub index: Index,
    /// What is watched.
    pub scopes: Scopes,
    /// Whether what runs is what the configuration says.
    pub in_force: InForce,
    /// What an update changes.
    pub notes: FindNotes,
    /// How the sources of webhooks do.
    pub pushes: Arc<Pushes>,
    /// When everything is looked at.
    pub schedule: Option<Schedule>,
    /// How the registries do.
    pub registry: Arc<HttpRegistry>,
    /// How the channels do, and what opens them again.
    pub channels: Reopening,
    /// What decides.
    pub sequencer: Arc<dyn Sequencer>,
    /// Which replica does what one does alone.
    pub holding: Holding,
    /// What settings of workloads are read under.
    pub bounds: Bounds,
    /// What records are signed by.
    pub keys: LinkKeys,
    /// The workloads, as they are counted.
    pub census: Census,
    /// The numbers.
    pub metrics: Metrics,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Raised when others are to be asked.
    pub leaving: Stop,
    /// Raised when the process is to end.
    pub stop: Stop,
}

impl<Q> std::fmt::Debug for ApiParts<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiParts")
    }
}

impl<Q: QueueAdmin + Kept> Api<Q> {
    /// The API of these, and what has to run for it.
    #[must_use]
    pub fn open(parts: ApiParts<Q>) -> (Data<Self>, [Task; 2]) {
        let (pulse, events) = (Pulse::new(parts.ambient.clone()), Events::new(&parts.ambient, parts.stop.clone()));
        let beating = Task::new("pulse", pulse.clone().run(parts.queue.clone(), parts.stop.clone()));
        let api = Data::new(Self {
            sources: reports::of_sources(&parts.pushes),
            poll: reports::of_schedule(&parts.queue, parts.schedule.as_ref(), &parts.ambient),
            registries: reports::of_registries(&parts.registry, &parts.index),
            channels: reports::of_channels(parts.channels.channels(), &parts.ambient),
            reopen: reports::reopening(parts.channels),
            between: reports::between_replicas(&parts.holding, &parts.sequencer, &parts.ambient),
            queue: parts.queue,
            home: parts.home,
            index: parts.index,
            scopes: parts.scopes,
            notes: parts.notes,
            sequencer: parts.sequencer,
            bounds: parts.bounds,
            keys: parts.keys,
            events: events.clone(),
            pulse,
            leaving: parts.leaving,
            in_force: parts.in_force,
            metrics: parts.metrics,
            census: parts.census,
            explanations: Explanations::default(),
            bodies: Bodies::new(DECISIONS),
            ambient: parts.ambient,
        });
        let (followed, mut stop) = (api.clone(), parts.stop);
        let following = Task::new("events", async move {
            events.run(followed).await;
            stop.raised().await;
        });
        (api, [beating, following])
    }
}
