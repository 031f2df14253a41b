//! Azure Container Registry: its own webhooks, and the same events through Event Grid (learn.microsoft.com, "Container
//! registry webhook schema", "Azure Container Registry as an Event Grid source").

use serde::Deserialize;

use super::{Delivery, MOST_EVENTS, Malformed, Push, Text};
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

/// Event Grid's own schema comes as an array, a CloudEvent alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Events<'b> {
    #[serde(borrow)]
    Many(Vec<Event<'b>>),
    #[serde(borrow)]
    One(Event<'b>),
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

/// Reads a delivery of Event Grid. A subscription is confirmed by its code; the URL beside it is never opened.
pub(super) fn parse_event_grid(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let events = match serde_json::from_slice(verified.body())? {
        Events::Many(events) => events,
        Events::One(event) => vec![event],
    };
    if events.len() > MOST_EVENTS {
        return Err(Malformed::Many);
    }
    let mut pushes = Vec::new();
    for event in &events {
        let kind = event.event_type.get().map_or_else(|| event.r#type.need("eventType"), Ok)?;
        let data = event.data.as_ref();
        if kind == "Microsoft.EventGrid.SubscriptionValidationEvent" {
            let code = data.map(|data| data.validation_code.need("data.validationCode"));
            let code = code.ok_or(Malformed::Missing("data"))??;
            return Ok(Delivery::Handshake(serde_json::json!({"validationResponse": code}).to_string()));
        }
        if matches!(kind, "Microsoft.ContainerRegistry.ImagePushed" | "ImagePushed") {
            pushes.push(data.ok_or(Malformed::Missing("data"))?.push(verified.hosts())?);
        }
    }
    Ok(Delivery::of(pushes, "not a push"))
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
