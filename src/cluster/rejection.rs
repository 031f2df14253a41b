//! Why the API server does not do what it was asked, read from its status.
//!
//! Codes alone don't tell: a failed `test`, an invalid object and a policy are all 422, and a policy may be 403 as missing
//! rights are. The server's own sentences do; what comes from a webhook or a policy is told by how its sentence begins, so
//! that their words are never taken for the server's.

use std::fmt;
use std::time::Duration;

use kube::core::Status;

/// The most of a sentence that is told, in characters.
const LONGEST_SENTENCE: usize = 500;

/// What the server writes before it shows what is in an object: a Secret may be in there.
const VALUES: [&str; 4] = ["Invalid value:", "Unsupported value:", "Duplicate value:", "Not found:"];

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What kind of refusal it is.
    pub reason: RejectionReason,
    /// The server's sentence, as far as it shows nothing of the object.
    pub sentence: String,
    /// How long to wait before the next try, where the server says so.
    pub again_after: Option<Duration>,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionReason {
    /// A `test` does not hold, or there is not what is to be written: the server does not say which.
    Guard,
    /// The object was written meanwhile.
    Conflict,
    /// There is no such object.
    Gone,
    /// Who we are is not known.
    Identity,
    /// We may not.
    Rights,
    /// A `ValidatingAdmissionPolicy` says no.
    Policy,
    /// Admission takes the write, and makes another image of the one that was to be written.
    Changed,
    /// An admission webhook says no.
    Webhook,
    /// An admission webhook that has to be asked gives no answer.
    WebhookDown,
    /// The pods would be less secure than their namespace asks for.
    PodSecurity,
    /// The quota of the namespace is used up.
    Quota,
    /// All annotations together would be larger than Kubernetes takes.
    AnnotationsTooLarge,
    /// The object would not be a valid one.
    Invalid,
    /// The request is larger than the server takes.
    TooLarge,
    /// The server does not understand the request.
    Malformed,
    /// Too many requests.
    Throttled,
    /// The server did not come to an end in time.
    Timeout,
    /// Something else is wrong with the server.
    Server,
}

impl RejectionReason {
    /// One word, for metrics and for telling failures of one kind as one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Identity => "identity",
            Self::Rights => "forbidden",
            Self::Policy => "policy",
            Self::Changed => "changed",
            Self::Webhook => "webhook",
            Self::WebhookDown => "webhook_down",
            Self::PodSecurity => "pod_security",
            Self::Quota => "quota",
            Self::AnnotationsTooLarge => "annotations_too_large",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Server => "server",
        }
    }

    /// Whether what was asked may have been done all the same: the server did not come to an end, or lost its store.
    #[must_use]
    pub fn may_have_happened(self) -> bool {
        matches!(self, Self::Throttled | Self::Timeout | Self::Server)
    }

    /// Whether the same request comes to the same as long as the workload is what it is. Whoever is refused so does not
    /// try again before something changes, and tells people; all else passes, and is tried again.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Policy
            | Self::Changed
            | Self::Webhook
            | Self::PodSecurity
            | Self::AnnotationsTooLarge
            | Self::Invalid
            | Self::TooLarge
            | Self::Malformed => true,
            Self::Guard
            | Self::Conflict
            | Self::Gone
            | Self::Identity
            | Self::Rights
            | Self::WebhookDown
            | Self::Quota
            | Self::Throttled
            | Self::Timeout
            | Self::Server => false,
        }
    }
}

impl Rejection {
    /// Reads a status.
    pub(super) fn of(status: &Status) -> Self {
        let after = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0);
        Self {
            reason: by_sentence(&status.message).unwrap_or_else(|| by_code(status)),
            sentence: sentence(&status.message),
            again_after: after.map(|seconds| Duration::from_secs(seconds.into())),
        }
    }

    /// That admission made another image of what was to be written, in this sentence.
    #[must_use]
    pub fn changed(sentence: String) -> Self {
        Self { reason: RejectionReason::Changed, sentence, again_after: None }
    }

    /// See [`RejectionReason::is_final`].
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.reason.is_final()
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self.reason {
            RejectionReason::Policy
            | RejectionReason::Changed
            | RejectionReason::Webhook
            | RejectionReason::PodSecurity => {
                "change the workload so that it is allowed, or what refuses it; until then it stays as it is"
            }
            RejectionReason::AnnotationsTooLarge => "remove annotations of this workload that are not needed",
            RejectionReason::Invalid => "mend the workload, or its next write by anybody is refused as well",
            RejectionReason::TooLarge | RejectionReason::Malformed => {
                "look whether this version of the API server is supported"
            }
            RejectionReason::WebhookDown => "look at the webhook's own pods; it is tried again",
            RejectionReason::Quota => "raise the quota of the namespace or free some of it; it is tried again",
            RejectionReason::Identity => "look at the ServiceAccount's token; it is tried again",
            RejectionReason::Rights => "bind the Role of deploy/namespace in that namespace",
            RejectionReason::Guard
            | RejectionReason::Conflict
            | RejectionReason::Gone
            | RejectionReason::Throttled
            | RejectionReason::Timeout
            | RejectionReason::Server => "it is tried again",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.sentence, self.advice())
    }
}

/// What only the sentence tells.
fn by_sentence(message: &str) -> Option<RejectionReason> {
    if message.starts_with("admission webhook \"") {
        return Some(RejectionReason::Webhook);
    }
    let inner = message.strip_prefix("Internal error occurred: ").unwrap_or(message);
    if inner.starts_with("failed calling webhook \"") {
        return Some(RejectionReason::WebhookDown);
    }
    // What is refused is named first, and can't have this in its name.
    let (_, why) = message.split_once(" is forbidden: ")?;
    let begins = |words: &[&str]| words.iter().any(|word| why.starts_with(word));
    if begins(&["ValidatingAdmissionPolicy '"]) {
        Some(RejectionReason::Policy)
    } else if begins(&["exceeded quota: ", "failed quota: ", "status unknown for quota: "]) {
        Some(RejectionReason::Quota)
    } else if begins(&["violates PodSecurity "]) {
        Some(RejectionReason::PodSecurity)
    } else {
        None
    }
}

/// What the code tells, and what the server says of causes.
fn by_code(status: &Status) -> RejectionReason {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let is_named = status.details.as_ref().is_some_and(|details| !details.name.is_empty() || !details.kind.is_empty());
    let is_too_long =
        causes.iter().any(|c| c.reason == "FieldValueTooLong" && c.field.starts_with("metadata.annotations"));
    match (status.code, status.reason.as_str()) {
        (_, "Timeout" | "ServerTimeout") | (408 | 504, _) => RejectionReason::Timeout,
        (401, _) => RejectionReason::Identity,
        (403, _) => RejectionReason::Rights,
        (404 | 410, _) => RejectionReason::Gone,
        (409, _) => RejectionReason::Conflict,
        (413, _) => RejectionReason::TooLarge,
        (422, _) if is_too_long => RejectionReason::AnnotationsTooLarge,
        (422, _) if causes.is_empty() && !is_named => RejectionReason::Guard,
        (422, _) => RejectionReason::Invalid,
        (429, _) => RejectionReason::Throttled,
        (400..500, _) => RejectionReason::Malformed,
        _ => RejectionReason::Server,
    }
}

/// The sentence up to where it shows values, on one line.
fn sentence(message: &str) -> String {
    let end = VALUES.iter().filter_map(|marker| message.find(marker)).min().unwrap_or(message.len());
    let open = message.get(..end).unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c == ':');
    let one_line = open.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut sentence: String = one_line.take(LONGEST_SENTENCE).collect();
    if open.chars().nth(LONGEST_SENTENCE).is_some() {
        sentence.push('…');
    }
    if sentence.is_empty() {
        sentence.push_str("it does not say why");
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(status: Value) -> Rejection {
        Rejection::of(&serde_json::from_value(status).unwrap())
    }

    fn failure(code: u16, reason: &str, message: &str) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "details": {}, "code": code})
    }

    const DENIED: &str = "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'signed' with binding \
        'everywhere' denied request: images are signed here";

    #[test]
    fn a_refusal_is_what_the_server_says_and_not_its_code_alone() {
        use RejectionReason as R;
        let rejected = "the server rejected our request due to an error in our request";
        let cannot = "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:iw:image-watcher\" cannot patch \
            resource \"deployments\" in API group \"apps\" in the namespace \"shop\"";
        let cases = [
            (R::Guard, failure(422, "Invalid", rejected)),
            (R::Policy, failure(422, "Invalid", DENIED)),
            (R::Policy, failure(403, "Forbidden", DENIED)),
            (R::Policy, failure(401, "Unauthorized", DENIED)),
            (R::Policy, failure(413, "RequestEntityTooLarge", DENIED)),
            (R::Rights, failure(403, "Forbidden", cannot)),
            (R::Identity, failure(401, "Unauthorized", "Unauthorized")),
            (
                R::Quota,
                failure(
                    403,
                    "Forbidden",
                    "deployments.apps \"web\" is forbidden: exceeded quota: few, requested: cpu=1, used: cpu=2, limited: cpu=2",
                ),
            ),
            (
                R::PodSecurity,
                failure(
                    403,
                    "Forbidden",
                    "pods \"web-1\" is forbidden: violates PodSecurity \"restricted:latest\": hostPath",
                ),
            ),
            (R::Webhook, failure(400, "", "admission webhook \"policy.example.com\" denied the request: no")),
            (R::Webhook, failure(403, "Forbidden", "admission webhook \"a\" denied the request without explanation")),
            (R::Webhook, failure(404, "NotFound", "admission webhook \"a\" denied the request: not there")),
            (
                R::WebhookDown,
                failure(
                    500,
                    "InternalError",
                    "Internal error occurred: failed calling webhook \"policy.example.com\": failed to call webhook: \
                     Post \"https://policy.shop.svc:443/?timeout=10s\": dial tcp 10.0.0.1:443: connect: connection refused",
                ),
            ),
            (R::Gone, failure(404, "NotFound", "deployments.apps \"web\" not found")),
            (R::Conflict, failure(409, "Conflict", "Apply failed with 1 conflict: conflict with \"helm\"")),
            (R::Throttled, failure(429, "TooManyRequests", "too many requests, please try again later")),
            (R::Timeout, failure(504, "Timeout", "Timeout: request did not complete within requested timeout")),
            (R::Timeout, failure(500, "ServerTimeout", "the server cannot complete the requested operation")),
            (R::TooLarge, failure(413, "RequestEntityTooLarge", "limit is 3145728")),
            (R::Malformed, failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format")),
            (R::Malformed, failure(400, "BadRequest", "json: cannot unmarshal")),
            (R::Server, failure(500, "InternalError", "Internal error occurred: etcdserver: no leader")),
            (R::Server, failure(503, "ServiceUnavailable", "apiserver not ready")),
        ];
        for (expected, status) in cases {
            assert_eq!(read(status.clone()).reason, expected, "{status}");
        }
    }

    #[test]
    fn what_others_say_is_not_taken_for_the_servers_words() {
        let quoting =
            "admission webhook \"a\" denied the request: deployments.apps \"web\" is forbidden: exceeded quota: q";
        assert_eq!(read(failure(500, "InternalError", quoting)).reason, RejectionReason::Webhook);
        let policy = format!("{DENIED}: x is forbidden: exceeded quota: q; failed calling webhook \"x\"");
        assert_eq!(read(failure(422, "Invalid", &policy)).reason, RejectionReason::Policy);
    }

    #[test]
    fn an_invalid_object_is_told_by_its_causes() {
        let invalid = |cause: &str, field: &str, message: &str| {
            let mut status = failure(422, "Invalid", message);
            status["details"] = json!({"name": "web", "group": "apps", "kind": "Deployment",
                "causes": [{"reason": cause, "message": "Invalid value: \"x\"", "field": field}]});
            read(status)
        };
        let value = invalid(
            "FieldValueInvalid",
            "spec.template.spec.containers[0].image",
            "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].image: Invalid value: \" s3cr3t\": must not have leading whitespace",
        );
        assert_eq!(value.reason, RejectionReason::Invalid);
        let open = "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].image";
        assert_eq!(value.sentence, open);
        let long = invalid(
            "FieldValueTooLong",
            "metadata.annotations",
            "Deployment.apps \"web\" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes",
        );
        assert_eq!(long.reason, RejectionReason::AnnotationsTooLarge);
        assert!(long.sentence.ends_with("262144 bytes"), "{}", long.sentence);
        let decoded = invalid(
            "FieldValueInvalid",
            "patch",
            " \"\" is invalid: patch: Invalid value: \"{\\\"env\\\":\\\"s3cr3t\\\"}\": x",
        );
        assert_eq!((decoded.reason, decoded.sentence.as_str()), (RejectionReason::Invalid, "\"\" is invalid: patch"));
    }

    #[test]
    fn nothing_of_the_object_is_told() {
        for marker in VALUES {
            let told =
                read(failure(422, "Invalid", &format!("x: a: {marker} \"s3cr3t\", b: Invalid value: \"s3cr3t\"")));
            assert!(!told.to_string().contains("s3cr3t"), "{told}");
        }
        assert_eq!(sentence("Invalid value: \"s3cr3t\""), "it does not say why");
        assert_eq!(sentence("one\ntwo\u{1b}[31m"), "one two [31m");
        assert_eq!(sentence(&"é".repeat(10_000)).chars().count(), LONGEST_SENTENCE + 1);
    }

    #[test]
    fn what_passes_is_tried_again_when_the_server_says() {
        let mut status = failure(429, "TooManyRequests", "too many requests");
        status["details"] = json!({"retryAfterSeconds": 7});
        let throttled = read(status);
        assert_eq!((throttled.is_final(), throttled.again_after), (false, Some(Duration::from_secs(7))));
        let denied = read(failure(422, "Invalid", DENIED));
        assert_eq!((denied.is_final(), denied.again_after), (true, None));
        assert!(denied.to_string().contains("images are signed here; change the workload"), "{denied}");
    }
}
