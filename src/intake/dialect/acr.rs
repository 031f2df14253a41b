//! Azure Container Registry: its own webhooks, and the same events through Event Grid (learn.microsoft.com, "Container
//! registry webhook schema", "Azure Container Registry as an Event Grid source").

use serde::Deserialize;

use super::list::{Gathered, Sender, list_or_one};
use super::{Delivery, Malformed, Push, Read, Text};
use crate::config::source::Hosts;
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default)]
    target: Option<Target<'b>>,
    #[serde(borrow, default)]
    request: Option<Request<'b>>,
    #[serde(borrow, default, rename = "validationCode")]
    validation_code: Text<'b>,
}

#[derive(Deserialize)]
struct Target<'b> {
    #[serde(borrow, default)]
    repository: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
}

#[derive(Deserialize)]
struct Request<'b> {
    #[serde(borrow, default)]
    host: Text<'b>,
}

/// An event of either schema: `eventType` in Event Grid's own, `type` in a CloudEvent.
#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow, default, rename = "eventType")]
    event_type: Text<'b>,
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    data: Option<Body<'b>>,
}

/// Reads a delivery of the registry's own webhooks.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    match body.action.need("action")? {
        "push" => Ok(Delivery::Pushes(vec![body.push(verified.hosts())?])),
        "ping" => Ok(Delivery::Ignored("ping")),
        _ => Ok(Delivery::Ignored("not a push")),
    }
}

/// Reads a delivery of Event Grid: its own schema comes as an array, a CloudEvent alone. A subscription is confirmed by its
/// code; the URL beside it is never opened.
pub(super) fn parse_event_grid(verified: &Verified<'_>) -> Result<Read, Malformed> {
    let events = list_or_one(verified.body())?;
    let mut gathered = Gathered::default();
    for event in events.read::<Event<'_>>() {
        match event.and_then(|event| event.read(verified.hosts())) {
            Ok(Meaning::Handshake(json)) => return Ok(Delivery::Handshake(json).into()),
            Ok(Meaning::Push(push)) => gathered.take(Ok(Some(push))),
            Ok(Meaning::Other) => {}
            Err(malformed) => gathered.take(Err(malformed)),
        }
    }
    gathered.into_read(Sender::GivesUp, events.more(), "not a push")
}

/// What an event of Event Grid says.
enum Meaning {
    Handshake(String),
    Push(Push),
    Other,
}

impl Event<'_> {
    fn read(&self, hosts: &Hosts) -> Result<Meaning, Malformed> {
        let kind = self.event_type.get().map_or_else(|| self.r#type.need("eventType"), Ok)?;
        let data = || self.data.as_ref().ok_or(Malformed::Missing("data"));
        match kind {
            "Microsoft.EventGrid.SubscriptionValidationEvent" => {
                let code = data()?.validation_code.need("data.validationCode")?;
                Ok(Meaning::Handshake(serde_json::json!({"validationResponse": code}).to_string()))
            }
            "Microsoft.ContainerRegistry.ImagePushed" | "ImagePushed" => Ok(Meaning::Push(data()?.push(hosts)?)),
            _ => Ok(Meaning::Other),
        }
    }
}

impl Body<'_> {
    fn push(&self, hosts: &Hosts) -> Result<Push, Malformed> {
        let target = self.target.as_ref().ok_or(Malformed::Missing("target"))?;
        let path = target.repository.need("target.repository")?;
        let host = hosts.of(self.request.as_ref().and_then(|request| request.host.get()));
        let host = host.ok_or(Malformed::Missing("request.host"))?;
        Push::at(&host, path, target.tag.get(), target.digest.get())
    }
}
