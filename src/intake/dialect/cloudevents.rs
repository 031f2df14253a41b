//! CloudEvents 1.0 over HTTP in its three modes, and what senders in general put into them (cloudevents.io, "HTTP Protocol
//! Binding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::{Gathered, Sender, list_or_one};
use super::native::names_a_host;
use super::{Malformed, Push, Read, Text, ecr, host_of};
use crate::config::source::Hosts;
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
    /// Gathers what `read` makes of the events of a delivery: of a batch, of a structured event, or of one whose
    /// attributes are headers.
    pub(super) fn gather(
        verified: &'b Verified<'_>,
        none: &'static str,
        read: impl Fn(&Self) -> Result<Option<Push>, Malformed>,
    ) -> Result<Read, Malformed> {
        let mut gathered = Gathered::default();
        let headed = match &*verified.media_type() {
            "application/cloudevents-batch+json" | "application/cloudevents+json" => None,
            other if other.starts_with("application/cloudevents") => return Err(Malformed::Format),
            _ => verified.header("ce-specversion"),
        };
        if headed.is_some() {
            gathered.take(Self::binary(verified).and_then(|event| read(&event)));
            return gathered.into_read(Sender::GivesUp, 0, none);
        }
        // Senders that can set a body but no header, as EventBridge, say application/json.
        let events = list_or_one(verified.body())?;
        for event in events.read::<Structured<'b>>() {
            gathered.take(event.and_then(Structured::event).and_then(|event| read(&event)));
        }
        gathered.into_read(Sender::GivesUp, events.more(), none)
    }

    fn binary(verified: &'b Verified<'_>) -> Result<Self, Malformed> {
        let attribute =
            |name, of| verified.header(name).filter(|value| !value.is_empty()).ok_or(Malformed::Missing(of));
        attribute("ce-id", "ce-id")?;
        Ok(Self {
            kind: decoded(attribute("ce-type", "ce-type")?),
            source: decoded(attribute("ce-source", "ce-source")?),
            data: Cow::Borrowed(verified.body()),
        })
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
    #[serde(borrow, default)]
    repository: Text<'b>,
    #[serde(borrow, default, rename = "repositoryName")]
    repository_name: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default, rename = "imageTag")]
    image_tag: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
    #[serde(borrow, default, rename = "imageDigest")]
    image_digest: Text<'b>,
    #[serde(borrow, default, rename = "registryUrl")]
    registry_url: Text<'b>,
    #[serde(borrow, default)]
    registry: Text<'b>,
}

/// Words of event types that are about images, and of those that are about something else than a push.
const ABOUT_IMAGES: [&str; 2] = ["container", "image"];
const NO_PUSH: [&str; 5] = ["delet", "remov", "pull", "scan", "sign"];

/// Reads a delivery of a sender without a dialect of its own.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    Event::gather(verified, "not a push of an image", |event| {
        let kind = event.kind.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        if !has(&ABOUT_IMAGES) || has(&NO_PUSH) {
            return Ok(None);
        }
        let data: Data<'_> = serde_json::from_slice(&event.data)?;
        data.push(&event.source, verified.hosts()).map(Some)
    })
}

impl Data<'_> {
    /// The registry stands in the data, or it is the source of the event, or what is configured where neither names one.
    fn push(&self, source: &str, hosts: &Hosts) -> Result<Push, Malformed> {
        let name = self.repository.get().map_or_else(|| self.repository_name.need("data.repository"), Ok)?;
        let host = match self.registry_url.get().or(self.registry.get()).and_then(host_of) {
            Some(registry) => hosts.of(Some(registry)),
            None => match ecr::host_in(source) {
                Some(host) => Some(host),
                None => hosts.of(host_of(source).filter(|_| source.contains("://"))),
            },
        };
        let tag = self.tag.get().or(self.image_tag.get());
        let digest = self.digest.get().or(self.image_digest.get());
        match host {
            Some(host) if !names_a_host(name) => Push::at(&host, name, tag, digest),
            _ => Push::read(name, tag, digest),
        }
    }
}
