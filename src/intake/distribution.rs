//! CNCF Distribution: an envelope of events (distribution.github.io, "Work with notifications").

use std::borrow::Cow;

use serde::Deserialize;

use super::dialect::{Delivery, MOST_EVENTS, Malformed, Push};
use super::verify::Verified;

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    events: Option<Vec<Event<'b>>>,
}

#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow)]
    action: Option<Cow<'b, str>>,
    #[serde(borrow)]
    target: Option<Target<'b>>,
    #[serde(borrow)]
    request: Option<Request<'b>>,
}

#[derive(Deserialize)]
struct Target<'b> {
    #[serde(borrow, rename = "mediaType")]
    media_type: Option<Cow<'b, str>>,
    #[serde(borrow)]
    repository: Option<Cow<'b, str>>,
    #[serde(borrow)]
    tag: Option<Cow<'b, str>>,
    #[serde(borrow)]
    digest: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct Request<'b> {
    #[serde(borrow)]
    host: Option<Cow<'b, str>>,
}

/// Reads an envelope: pushes of manifests count, layers, pulls, mounts and deletes do not.
///
/// The host is the one that the pushing client wrote. It is compared with what workloads run, never dialled.
pub(super) fn parse(verified: &Verified) -> Result<Delivery, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_slice(verified.body())?;
    let events = envelope.events.ok_or(Malformed::Missing("events"))?;
    if events.len() > MOST_EVENTS {
        return Err(Malformed::Many(MOST_EVENTS));
    }
    let mut pushes = Vec::new();
    for event in events.iter().filter(|event| event.action.as_deref() == Some("push")) {
        let Some(target) = event.target.as_ref().filter(|target| is_manifest(target.media_type.as_deref())) else {
            continue;
        };
        let path = target.repository.as_deref().ok_or(Malformed::Missing("target.repository"))?;
        let host = event.request.as_ref().and_then(|request| request.host.as_deref());
        let host = host.filter(|host| !host.is_empty()).ok_or(Malformed::Missing("request.host"))?;
        pushes.push(Push::read(&format!("{host}/{path}"), target.tag.as_deref(), target.digest.as_deref())?);
    }
    if pushes.is_empty() { Ok(Delivery::Ignored("no push of a manifest")) } else { Ok(Delivery::Pushes(pushes)) }
}

fn is_manifest(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| {
        media_type.contains("manifest") || media_type.starts_with("application/vnd.oci.image.index")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::Tag;

    fn event(action: &str, media_type: &str, tag: &str) -> serde_json::Value {
        serde_json::json!({"id": "1", "action": action, "target": {"mediaType": media_type, "repository": "acme/web", "tag": tag},
            "request": {"host": "registry.example.com:5000", "method": "PUT"}})
    }

    fn read(events: &[serde_json::Value]) -> Result<Delivery, Malformed> {
        parse(&Verified::for_test(&serde_json::json!({"events": events}).to_string()))
    }

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    #[test]
    fn pushes_of_manifests_count_and_nothing_else() {
        let layer = event("push", "application/octet-stream", "");
        let all = [
            layer.clone(),
            event("pull", INDEX, "1.0.0"),
            event("push", INDEX, "1.0.1"),
            event("mount", INDEX, "1.0.2"),
        ];
        let Ok(Delivery::Pushes(pushes)) = read(&all) else { panic!("no pushes") };
        assert_eq!(pushes.len(), 1);
        assert_eq!(pushes[0].repository.as_str(), "registry.example.com:5000/acme/web");
        assert_eq!(pushes[0].tag.as_ref().map(Tag::as_str), Some("1.0.1"));
        assert!(matches!(read(&[layer]), Ok(Delivery::Ignored(_))));
        assert!(matches!(read(&[]), Ok(Delivery::Ignored(_))));
    }

    #[test]
    fn bounds_and_grammar_hold() {
        assert!(matches!(read(&vec![event("push", INDEX, "1"); MOST_EVENTS + 1]), Err(Malformed::Many(_))));
        let mut hostile = event("push", INDEX, "1");
        hostile["target"]["repository"] = "../../v2/_catalog".into();
        assert!(read(&[hostile]).is_err());
        for body in ["", "{}", "{\"events\":1}", "{\"events\":[1]}"] {
            assert!(parse(&Verified::for_test(body)).is_err(), "{body}");
        }
    }
}
