//! CloudEvents 1.0 over HTTP in its three modes, and what senders in general put into them (cloudevents.io, "HTTP Protocol
//! Binding").

use std::borrow::Cow;

use actix_web::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::native::names_a_host;
use super::{Delivery, MOST_EVENTS, Malformed, Push, Text, host_of};
use crate::intake::verify::Verified;

/// One event: what kind, from where, about what.
pub(super) struct Event<'b> {
    pub(super) kind: Cow<'b, str>,
    pub(super) source: Cow<'b, str>,
    /// Its data, as JSON.
    pub(super) data: Cow<'b, [u8]>,
}

#[derive(Deserialize)]
struct Structured<'b> {
    #[serde(borrow, default)]
    specversion: Text<'b>,
    #[serde(borrow, default)]
    id: Text<'b>,
    #[serde(borrow, default)]
    source: Text<'b>,
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    data: Option<&'b RawValue>,
    #[serde(borrow, default)]
    data_base64: Text<'b>,
}

impl<'b> Event<'b> {
    /// The events of a delivery: of a batch, of a structured event, or of one whose attributes are headers.
    pub(super) fn all(verified: &'b Verified<'_>) -> Result<Vec<Self>, Malformed> {
        let content = verified.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if content.starts_with("application/cloudevents-batch+json") {
            let batch: Vec<Structured<'b>> = serde_json::from_slice(verified.body())?;
            if batch.len() > MOST_EVENTS {
                return Err(Malformed::Many);
            }
            return batch.into_iter().map(Structured::event).collect();
        }
        if verified.header("ce-specversion").is_none() {
            let event: Structured<'b> = serde_json::from_slice(verified.body())?;
            return Ok(vec![event.event()?]);
        }
        let attribute =
            |name, of| verified.header(name).filter(|value| !value.is_empty()).ok_or(Malformed::Missing(of));
        attribute("ce-id", "ce-id")?;
        Ok(vec![Self {
            kind: decoded(attribute("ce-type", "ce-type")?),
            source: decoded(attribute("ce-source", "ce-source")?),
            data: Cow::Borrowed(verified.body()),
        }])
    }
}

/// Header values are percent-encoded where they have to be.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    // A form's decoding would also turn `+` into a space, so it is hidden from it.
    let plain = value.replace('+', "%2B");
    let pair = url::form_urlencoded::parse(plain.as_bytes()).next();
    Cow::Owned(pair.map(|(text, _)| text.into_owned()).unwrap_or_default())
}

impl<'b> Structured<'b> {
    fn event(self) -> Result<Event<'b>, Malformed> {
        self.specversion.need("specversion")?;
        self.id.need("id")?;
        let kind = Cow::Owned(self.r#type.need("type")?.to_owned());
        let source = Cow::Owned(self.source.need("source")?.to_owned());
        let data = match (self.data, self.data_base64.get()) {
            (Some(data), _) => Cow::Borrowed(data.get().as_bytes()),
            (None, Some(encoded)) => {
                Cow::Owned(STANDARD.decode(encoded).map_err(|_| Malformed::Missing("readable data_base64"))?)
            }
            (None, None) => Cow::Borrowed(b"{}".as_slice()),
        };
        Ok(Event { kind, source, data })
    }
}

/// What senders without a convention of their own say about an image.
#[derive(Deserialize)]
struct Data<'b> {
    #[serde(borrow, default, alias = "repositoryName")]
    repository: Text<'b>,
    #[serde(borrow, default, alias = "imageTag")]
    tag: Text<'b>,
    #[serde(borrow, default, alias = "imageDigest")]
    digest: Text<'b>,
    #[serde(borrow, default, rename = "registryUrl", alias = "registry")]
    registry: Text<'b>,
}

/// Words of event types that are about images, and of those that are about something else than a push.
const ABOUT_IMAGES: [&str; 2] = ["container", "image"];
const NO_PUSH: [&str; 5] = ["delet", "remov", "pull", "scan", "sign"];

/// Reads a delivery of a sender without a dialect of its own.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let mut pushes = Vec::new();
    for event in Event::all(verified)? {
        let kind = event.kind.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        if !has(&ABOUT_IMAGES) || has(&NO_PUSH) {
            continue;
        }
        let data: Data<'_> = serde_json::from_slice(&event.data)?;
        let name = data.repository.need("data.repository")?;
        let registry = data.registry.get().and_then(host_of);
        let source = host_of(&event.source).filter(|_| event.source.contains("://"));
        let host = verified.hosts().of(registry.or(source));
        let repository = match host {
            Some(host) if !names_a_host(name) => format!("{host}/{name}"),
            _ => name.to_owned(),
        };
        pushes.push(Push::read(&repository, data.tag.get(), data.digest.get())?);
    }
    Ok(Delivery::of(pushes, "not a push of an image"))
}
