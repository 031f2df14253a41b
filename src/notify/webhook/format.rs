//! How an event is wrapped: as Standard Webhooks recommends it, or as a CloudEvent.

use serde_json::{Value, json};

use super::super::service::Sending;
use super::present;

/// How an event is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// As Standard Webhooks recommends it.
    Standard,
    /// As a CloudEvent in the structured mode, from this source. In the binary mode the signature would not cover what
    /// is in headers.
    CloudEvents {
        /// Whose events they are: `/clusters/NAME/image-watcher`.
        source: String,
    },
}

impl Format {
    /// CloudEvents of the cluster of this name.
    #[must_use]
    pub fn cloud_events(cluster: Option<&str>) -> Self {
        let source = cluster.map(|name| {
            let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string();
            format!("/clusters/{}/image-watcher", name.replace("%2D", "-").replace("%5F", "_").replace("%2E", "."))
        });
        Self::CloudEvents { source: source.unwrap_or_else(|| "/image-watcher".to_owned()) }
    }
}

/// The same event as a CloudEvent 1.0: its `data` are not changed (cloudevents.io, "JSON Event Format").
pub(super) fn cloud_event(sending: &Sending<'_>, event: &Value, source: &str) -> Value {
    let subject = match sending.delivery.notices() {
        [only] => {
            let id = &only.workload;
            Some(json!(format!("{}/{}/{}/{}", id.namespace, id.kind.as_str(), id.name, only.container)))
        }
        _ => None,
    };
    present([
        ("specversion", Some(json!("1.0"))),
        ("id", Some(json!(sending.delivery.id()))),
        ("source", Some(json!(source))),
        ("type", Some(json!(format!("dev.image-watcher.{}.v1", sending.delivery.event())))),
        ("subject", subject),
        ("time", event.get("timestamp").cloned()),
        ("datacontenttype", Some(json!("application/json"))),
        ("data", event.get("data").cloned()),
    ])
}
