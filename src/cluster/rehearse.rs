//! A write that is judged and not done: policies and webhooks say what they would say of it, and the API server warns of what it
//! would only find in pods.

use std::future::poll_fn;
use std::pin::Pin;

use http::HeaderMap;
use hyper::body::Body as _;
use kube::api::{Patch, PatchParams};
use kube::client::Body;
use kube::core::{Request, Resource as _, Status};

use super::ClusterError;
use super::kinds::Row;
use super::observed::Object;
use super::patch::{body, operations};
use super::rejection::{Rejection, RejectionReason};
use super::request::{DEADLINE, Writer};
use crate::domain::defaults::Defaults;
use crate::domain::preflight::image::line;
use crate::domain::workload::WorkloadPatch;
use crate::telemetry::metrics::Metrics;

/// So much of an answer is read: of one that is longer the connection is not kept.
const MOST_BYTES: usize = 256 * 1024;
/// So many warnings are told.
const MOST_WARNINGS: usize = 4;
/// The longest warning that is told, in characters.
const LONGEST_WARNING: usize = 300;

/// Asks for a dry run of a patch, and gives what the API server warns of.
pub(super) async fn rehearse(
    client: &kube::Client,
    patch: &WorkloadPatch,
    writer: Writer,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Vec<String>, ClusterError> {
    let answered = tokio::time::timeout(DEADLINE, sent(client, patch, writer, defaults)).await;
    let (result, word) = match answered {
        Ok(Ok(answer)) => (answer, "ok"),
        Ok(Err(source)) => (Err(ClusterError::Unavailable { operation: "dry run", source }), "error"),
        Err(elapsed) => (Err(ClusterError::Unavailable { operation: "dry run", source: elapsed.into() }), "timeout"),
    };
    metrics.cluster_request("dry_run", word);
    result
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The library hides headers of answers, so the request is sent as it is.
async fn sent(
    client: &kube::Client,
    patch: &WorkloadPatch,
    writer: Writer,
    defaults: &Defaults,
) -> Result<Result<Vec<String>, ClusterError>, Failure> {
    let parameters =
        PatchParams { dry_run: true, field_manager: Some(writer.manager().into()), ..PatchParams::default() };
    let empty = Patch::<()>::Json(serde_json::from_value(serde_json::Value::Array(Vec::new()))?);
    let url = Object::url_path(&Row::of(patch.id.kind), Some(&patch.id.namespace));
    let mut request = Request::new(url).patch(&patch.id.name, &parameters, &empty)?;
    *request.body_mut() = body(&operations(patch))?;
    let (head, answer) = client.send(request.map(Body::from)).await?.into_parts();
    // An answer that is not read to its end costs the connection, and the write that follows a new one.
    let text = read(answer).await;
    if head.status.is_success() {
        let admitted = text.map_or(Ok(()), |text| admitted(patch, &text, defaults));
        return Ok(admitted.map(|()| warnings(&head.headers)));
    }
    let (code, text) = (head.status.as_u16(), text?);
    let status = serde_json::from_slice(&text).unwrap_or_else(|_| Status { code, ..Status::default() });
    Ok(Err(refused(patch, &status)))
}

/// An answer, as far as it may be long.
async fn read(mut answer: Body) -> Result<Vec<u8>, kube::Error> {
    let mut text = Vec::new();
    while text.len() < MOST_BYTES
        && let Some(frame) = poll_fn(|context| Pin::new(&mut answer).poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            text.extend_from_slice(&data);
        }
    }
    Ok(text)
}

/// Whether the object would have the images that are to be written. Of one that is longer than is read the write itself tells.
fn admitted(patch: &WorkloadPatch, object: &[u8], defaults: &Defaults) -> Result<(), ClusterError> {
    let object = serde_json::from_slice::<Object>(object).ok();
    let now = object.and_then(|object| object.record(Row::of(patch.id.kind), defaults));
    now.map_or(Ok(()), |now| ClusterError::unless_admitted(patch, &now))
}

fn refused(patch: &WorkloadPatch, status: &Status) -> ClusterError {
    let workload = patch.id.to_string();
    let rejection = Rejection::of(status);
    match rejection.reason {
        RejectionReason::Identity | RejectionReason::Rights => {
            ClusterError::Forbidden { verb: "patch", workload, message: rejection.sentence }
        }
        RejectionReason::Gone => ClusterError::Gone(workload),
        RejectionReason::Conflict | RejectionReason::Guard => ClusterError::Conflict { workload, now: None },
        // It says nothing of the write.
        RejectionReason::Webhook | RejectionReason::Malformed if takes_no_dry_run(&status.message) => {
            ClusterError::Unavailable { operation: "dry run", source: rejection.sentence.into() }
        }
        _ => ClusterError::Rejected { workload, rejection },
    }
}

/// Whether a webhook with side effects had to be left out, so that nothing was judged.
fn takes_no_dry_run(message: &str) -> bool {
    message.starts_with("admission webhook \"") && message.ends_with(" does not support dry run")
}

/// The texts of `Warning:` headers (RFC 7234 §5.5): `299 - "would violate PodSecurity …"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("warning").into_iter().take(MOST_WARNINGS);
    lines.filter_map(|line| quoted(std::str::from_utf8(line.as_bytes()).ok()?)).collect()
}

fn quoted(header: &str) -> Option<String> {
    let (_, rest) = header.split_once('"')?;
    let (mut text, mut letters) = (String::new(), rest.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    let words: Vec<char> = text.chars().collect();
    let shown = words.chunks(80).map(|part| line(&part.iter().collect::<String>())).collect::<String>();
    Some(shown.chars().take(LONGEST_WARNING).collect()).filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::domain::workload::tests::workload;

    #[test]
    fn warnings_are_read_from_headers() {
        let mut headers = HeaderMap::new();
        headers.append(
            "warning",
            HeaderValue::from_static(r#"299 - "would violate PodSecurity \"restricted:latest\": x""#),
        );
        headers.append("warning", HeaderValue::from_static("299 - nothing"));
        assert_eq!(warnings(&headers), [r#"would violate PodSecurity "restricted:latest": x"#]);
        let long = format!("299 - \"{}\"", "é".repeat(5000));
        headers.insert("warning", HeaderValue::from_bytes(long.as_bytes()).unwrap());
        assert_eq!(warnings(&headers)[0].chars().count(), LONGEST_WARNING);
        assert!(warnings(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn what_says_nothing_of_the_write_is_no_refusal() {
        let workload = workload(&[("web", "web:1.0.0")], &[]);
        let patch = WorkloadPatch::of(&workload);
        let of = |code: u16, reason: &str, message: &str| {
            let status = json!({"status": "Failure", "message": message, "reason": reason, "code": code});
            refused(&patch, &serde_json::from_value(status).unwrap())
        };
        let unsupported = of(400, "BadRequest", "admission webhook \"w.example.com\" does not support dry run");
        assert!(matches!(unsupported, ClusterError::Unavailable { .. }), "{unsupported:?}");
        let denied = of(400, "", "admission webhook \"w.example.com\" denied the request: no");
        assert!(denied.is_final(), "{denied:?}");
        let quoting = of(400, "", "admission webhook \"w\" denied the request: x does not support dry run; no");
        assert!(quoting.is_final(), "{quoting:?}");
        let cannot = of(403, "Forbidden", "deployments.apps \"web\" is forbidden: User \"u\" cannot patch");
        assert!(matches!(cannot, ClusterError::Forbidden { .. }), "{cannot:?}");
        assert!(matches!(of(422, "Invalid", "the server rejected our request"), ClusterError::Conflict { .. }));
    }
}
