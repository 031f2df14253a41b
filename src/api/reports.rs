//! How other stages say how they do, each when somebody reads it.

use std::sync::Arc;

use super::view::{ClosedChannelView, RegistryView, SourceView};
use super::{Reopen, Report, ReportPoll, Sequencer};
use crate::ambient::Ambient;
use crate::cluster::Index;
use crate::config::schedule::Schedule;
use crate::domain::history::rfc3339;
use crate::intake::Pushes;
use crate::intake::poller::Standing;
use crate::notify::{Channels, Reopening};
use crate::queue::Kept;
use crate::registry::HttpRegistry;
use crate::term::Holding;

/// How each source of webhooks does.
pub(super) fn of_sources(pushes: &Arc<Pushes>) -> Report<SourceView> {
    let pushes = Arc::clone(pushes);
    Arc::new(move || pushes.report().into_iter().map(SourceView::from).collect())
}

/// How each registry does of which something runs.
pub(super) fn of_registries(registry: &Arc<HttpRegistry>, index: &Index) -> Report<RegistryView> {
    let (registry, index) = (Arc::clone(registry), index.clone());
    Arc::new(move || registry.report(&index.repositories()).into_iter().map(RegistryView::from).collect())
}

/// Which channels take nothing now.
pub(super) fn of_channels(channels: &Arc<Channels>, ambient: &Ambient) -> Report<ClosedChannelView> {
    let (channels, ambient) = (Arc::clone(channels), ambient.clone());
    Arc::new(move || {
        let (now, monotonic) = (ambient.now(), ambient.monotonic());
        channels.each().filter_map(|channel| ClosedChannelView::of(channel, now, monotonic)).collect()
    })
}

/// Lets the next message try a channel that is closed.
pub(super) fn reopening(reopening: Reopening) -> Reopen {
    Arc::new(move |name| reopening.reopen(name))
}

/// How the schedule does: the store knows, as another replica may follow it.
pub(super) fn of_schedule<Q: Kept>(queue: &Q, schedule: Option<&Schedule>, ambient: &Ambient) -> ReportPoll {
    let (queue, schedule, ambient) = (queue.clone(), schedule.cloned(), ambient.clone());
    Arc::new(move || {
        let (queue, schedule, now) = (queue.clone(), schedule.clone(), ambient.now());
        Box::pin(async move { Standing::recall(&queue, schedule.as_ref(), now).await.into() })
    })
}

/// What is wrong between replicas that share the queue: none of them does what one does alone, or they differ, in words.
pub(super) fn between_replicas(holding: &Holding, sequencer: &Arc<dyn Sequencer>, ambient: &Ambient) -> Report<String> {
    let (holding, sequencer, ambient) = (holding.clone(), Arc::clone(sequencer), ambient.clone());
    Arc::new(move || {
        let nobody = holding.nobody_since(ambient.now()).map(|since| {
            format!(
                "no replica holds the Lease since {}: nobody follows the schedule or tells of dead letters, and messages that tell \
                 no failure go out half a minute later",
                rfc3339(since)
            )
        });
        nobody.into_iter().chain(sequencer.differs_from_others()).collect()
    })
}
