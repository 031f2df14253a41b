//! What a start makes of its configuration, and says of it.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::Config;
use crate::cluster::{ClusterSettings, Writer};
use crate::domain::event;
use crate::domain::workload::Kind;
use crate::filesystem::{Filesystem, readers};
use crate::telemetry::metrics::Metrics;

impl Config {
    /// The numbers, with all that is configured in them from the start; `now` is when the configuration was read.
    #[must_use]
    pub fn metrics(&self, now: DateTime<Utc>) -> Metrics {
        let metrics = Metrics::new();
        metrics.name_registries(self.registry_hosts());
        metrics.know_kinds(Kind::ALL.map(Kind::as_str));
        metrics.know_channels(self.channels.iter().map(|channel| &*channel.name), &event::types());
        metrics.config_read.set(now.timestamp());
        metrics
    }

    /// The cluster, as the service is to have it.
    #[must_use]
    pub fn watched_cluster(&self) -> ClusterSettings {
        ClusterSettings {
            proxies: self.proxies.clone(),
            namespaces: self.namespaces.clone(),
            deletes_broken: self.delete_broken,
            writer: if self.dry_run { Writer::Nobody } else { Writer::Service },
        }
    }

    /// One line for each thing that a fresh install usually lacks, and for each that works and may not be meant.
    pub fn log_at_start(&self) {
        let names: Vec<&str> = self.channels.iter().map(|channel| channel.name.as_str()).collect();
        let sources: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        let sign_in = self.auth.as_ref().map_or("none", |auth| auth.mode.as_str());
        tracing::info!(version = env!("CARGO_PKG_VERSION"), ?sources, channels = ?names, sign_in, "image-watcher starts");
        if self.dry_run {
            tracing::warn!(
                "dry run: everything is decided and told as «would», and nothing is written to the cluster; unset IMAGE_WATCHER_DRY_RUN to let updates happen"
            );
        }
        for warning in &self.warnings {
            tracing::warn!(setting = warning.variable, "{}: {}", warning.variable, warning.problem);
        }
        if let Some(warning) = Filesystem::of(&self.data).and_then(|filesystem| filesystem.warning()) {
            tracing::warn!(setting = "IMAGE_WATCHER_DATA", folder = %self.data.display(), "IMAGE_WATCHER_DATA: {warning}");
        }
        for path in self.origins.secret_files() {
            if let Some(readers) = readers(Path::new(&path)) {
                tracing::warn!(
                    file = path,
                    "the file of a secret can be read by {readers}: chmod 600, or defaultMode: 0400 of its volume"
                );
            }
        }
        if names.is_empty() {
            tracing::warn!("no channel is configured, so nobody is told: set SMTP_URL, SLACK_URL or WEBHOOK_URL");
        } else if self.base_url.is_none() {
            tracing::warn!("BASE_URL is not set, so messages carry no link to approve with");
        }
        for source in &self.sources {
            let (kind, url) = (source.kind.as_str(), self.webhook_url(source));
            tracing::info!(source = source.name, kind, url, "a webhook source is open");
        }
        if sources.is_empty() {
            tracing::info!("no webhook source is open; new images are found on the schedule only");
        }
    }
}
