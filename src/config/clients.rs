//! Clients as a configuration has them: of registries, and of what release notes are read from.

use std::sync::Arc;

use super::Config;
use super::channel::{ChannelConfig, Destination};
use crate::ambient::Ambient;
use crate::notify::Chat;
use crate::outbound::{Outbound, OutboundError, Reach};
use crate::queue::{Kept, NewsKind, Replicas};
use crate::registry::{Beside, HttpRegistry, Packages, RegistryConfig};
use crate::release::summary::Summarizer;
use crate::release::{FetchSettings, Releases};
use crate::telemetry::metrics::Metrics;

impl Config {
    /// The channels whose messages have buttons.
    #[must_use]
    pub fn chats(&self) -> Vec<Chat> {
        let chat = |channel: &ChannelConfig| match &channel.destination {
            Destination::Service(service) if channel.desk().is_some() => {
                Some((channel.name.clone(), Arc::clone(service), channel.scope.language))
            }
            Destination::Service(_) | Destination::Email(_) => None,
        };
        self.channels.iter().filter_map(chat).collect()
    }

    /// The client of registries.
    ///
    /// # Errors
    /// When the HTTP client can't be made.
    pub fn registry(
        &self,
        outbound: &Outbound,
        ambient: &Ambient,
        metrics: &Metrics,
    ) -> Result<HttpRegistry, OutboundError> {
        let packages = self.notes.github_token.clone().and_then(Packages::with);
        let settings = RegistryConfig::of(self.registries.clone()).with_packages(packages);
        HttpRegistry::new(settings, outbound, ambient.clone(), Arc::new(metrics.clone()))
    }

    /// The same, where replicas may ask the same registries: it knows how many there are, and tells them when one asks to wait.
    ///
    /// # Errors
    /// When the HTTP client can't be made.
    pub fn registry_beside(
        &self,
        replicas: Replicas,
        outbound: &Outbound,
        ambient: &Ambient,
        metrics: &Metrics,
    ) -> Result<HttpRegistry, OutboundError> {
        Ok(self.registry(outbound, ambient, metrics)?.beside(beside(replicas, metrics.clone())))
    }

    /// Where release notes are read.
    ///
    /// # Errors
    /// When the HTTP clients can't be made.
    pub fn releases<K: Kept>(
        &self,
        outbound: &Outbound,
        registry: Arc<HttpRegistry>,
        kept: K,
        ambient: &Ambient,
        metrics: &Metrics,
    ) -> Result<Releases<K, HttpRegistry>, OutboundError> {
        let notes = &self.notes;
        let settings =
            FetchSettings { outbound, forges: &notes.forges, github_token: notes.github_token.as_ref(), metrics };
        let summarizer = match &notes.model {
            Some(model) => {
                let client = outbound.client(Reach::Named)?;
                Some(Summarizer::new(model.clone(), client, ambient.clone(), metrics.clone()))
            }
            None => None,
        };
        Releases::new(registry, kept, settings, summarizer, ambient.clone())
    }
}

/// How the client of registries knows other replicas, and tells them.
fn beside(replicas: Replicas, metrics: Metrics) -> Beside {
    let (of, told) = (replicas.clone(), metrics.clone());
    let tell = move |news: String| {
        if of.are_possible() {
            told.replica_news(of.tell(NewsKind::Wait, &news).as_str(), 1);
        }
    };
    let lost = move |why, number| metrics.replica_news(why, number);
    Beside { number: Arc::new(move || replicas.number()), tell: Arc::new(tell), lost: Arc::new(lost) }
}
