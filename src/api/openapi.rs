//! `openapi.json`: made of the types by this test, checked against real answers by those beside it, and served as a file.
//!
//! `UPDATE_OPENAPI=1 cargo test --lib openapi` writes it anew.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::decide::{Decision, Decisions};
use super::health::Condition;
use super::view::{
    BrakeView, DecisionView, DecisionsView, DeliveriesView, DeliveryDocument, LookView, QuestionsView, RegistriesView,
    RetriedView, SourcesView, SummaryView, WorkloadDocument, WorkloadsView,
};
use crate::domain::view::Attention;
use crate::queue::LetterState;

/// What a container wants of people.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "a schema")]
pub(super) enum State {
    NeedsYou,
    Failed,
    CannotTell,
    Waiting,
    UpToDate,
    Off,
}

/// How far apart two versions are.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "a schema")]
pub(super) enum Level {
    Build,
    Prerelease,
    Patch,
    Minor,
    Major,
    Digest,
    Pattern,
}

/// How an update ended, or that it has not.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "a schema")]
pub(super) enum Outcome {
    RollingOut,
    Healthy,
    Failed,
    Replaced,
    Skipped,
    Resumed,
}

/// A rollout that has not completed.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Rollout {
    /// The version that was written.
    version: String,
    /// `under-way`, `refused`, `stalled`, `waits` or `failed`.
    state: String,
    /// When it was written.
    since: String,
}

/// Why there is no answer, or why nothing was done.
#[derive(Serialize, utoipa::ToSchema)]
struct Problem {
    /// The status, in words.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong, and what to do about it.
    detail: String,
    /// Of a decision: what came of it, in a word.
    outcome: Option<String>,
    /// Of a decision: why it would not be asked today.
    reason: Option<String>,
}

#[derive(OpenApi)]
#[openapi(components(schemas(
    WorkloadsView,
    WorkloadDocument,
    QuestionsView,
    SummaryView,
    DeliveriesView,
    DeliveryDocument,
    RetriedView,
    SourcesView,
    RegistriesView,
    BrakeView,
    LookView,
    Condition,
    Decision,
    Decisions,
    DecisionView,
    DecisionsView,
    Problem
)))]
struct Schemas;

const WORKLOAD: &str = "/workloads/{namespace}/{kind}/{name}";
const FILTERS: [(&str, &str); 8] = [
    ("namespace", "in one of these namespaces; may be given several times, as each of the others but text"),
    ("state", "that wants one of these of people"),
    ("level", "whose version to go to is as far as one of these"),
    ("registry", "from one of these registries"),
    ("mode", "in one of these modes"),
    ("text", "with this text in namespace, name, container or image"),
    ("limit", "at most so many, 1 to 500"),
    ("cursor", "what «next» of the page before says"),
];
/// Of what is counted: all but the states, which are counted each, and pages.
const COUNTED: [(&str, &str); 5] = [FILTERS[0], FILTERS[2], FILTERS[3], FILTERS[4], FILTERS[5]];
const LETTERS: [(&str, &str); 4] = [
    ("state", "waiting, retried, dead or delivered; all but the last where none is asked for"),
    ("channel", "of this channel"),
    ("limit", "at most so many, 1 to 200"),
    ("cursor", "what «next» of the page before says"),
];

/// Everything that is answered: method, path, what it is, its query, its body, and the status and schema of the answer.
type Route = (
    &'static str,
    String,
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
    u16,
    &'static str,
);

type Query = &'static [(&'static str, &'static str)];

fn get(path: &str, what: &'static str, query: Query, schema: &'static str) -> Route {
    ("get", path.to_owned(), what, query, None, 200, schema)
}

fn post(path: &str, what: &'static str, query: Query, status: u16, schema: &'static str) -> Route {
    ("post", path.to_owned(), what, query, None, status, schema)
}

fn routes() -> Vec<Route> {
    let mut all: Vec<Route> = vec![
        get("/workloads", "Workloads, by namespace, kind and name", &FILTERS, "WorkloadsView"),
        get(
            WORKLOAD,
            "One workload, with notes and history",
            &[("explain", "whether its registries are asked for every candidate")],
            "WorkloadDocument",
        ),
        get("/questions", "What people are asked", &FILTERS, "QuestionsView"),
        get("/summary", "How many containers want what of people", &COUNTED, "SummaryView"),
        get("/health", "How the service does", &[], "Condition"),
        get("/deliveries", "Messages, the newest first", &LETTERS, "DeliveriesView"),
        get("/deliveries/{id}", "One message", &[], "DeliveryDocument"),
        get("/sources", "How the sources of webhooks do", &[], "SourcesView"),
        get("/registries", "How the registries do", &[], "RegistriesView"),
        get("/brake", "Whether automatic updates are stopped", &[], "BrakeView"),
        post("/brake/resume", "Automatic updates are applied again", &[], 200, "BrakeView"),
        post("/deliveries/{id}/retry", "A dead letter is sent again", &[], 202, "DeliveryDocument"),
        post("/deliveries/{id}/discard", "A dead letter is thrown away", &[], 200, "DeliveryDocument"),
        post(
            "/deliveries/retry",
            "All dead letters of a channel are sent again",
            &[("channel", "which")],
            202,
            "RetriedView",
        ),
        post(
            "/deliveries/open",
            "A channel that was closed is tried at once, as a message arrived there",
            &[("channel", "which")],
            202,
            "RetriedView",
        ),
        post("/look", "Everything is looked at now", &[], 202, "LookView"),
        post(&format!("{WORKLOAD}/look"), "What one workload runs is looked at now", &[], 202, "LookView"),
    ];
    for action in ["approve", "skip", "snooze", "rollback", "resume"] {
        let what = "What was seen is decided on; the same again comes to the same";
        all.push(("post", format!("{WORKLOAD}/{action}"), what, &[], Some("Decision"), 200, "DecisionView"));
    }
    let what = "Up to 500 are decided on, each for itself, and each is reported";
    all.push(("post", "/decisions".to_owned(), what, &[], Some("Decisions"), 200, "DecisionsView"));
    all
}

/// What is done to a channel, which has to be named.
const OF_A_CHANNEL: [&str; 2] = ["/deliveries/retry", "/deliveries/open"];

/// What a parameter may be: what is something else is answered 400.
fn parameter_of(path: &str, name: &str) -> Value {
    let of_letters = path.starts_with("/deliveries");
    // An empty one asks for nothing, as an empty field of a form does.
    let words = |mut all: Vec<&'static str>| {
        all.push("");
        json!({"type": "array", "items": {"enum": all}})
    };
    match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": if of_letters { 200 } else { 500 }}),
        "explain" => json!({"type": "boolean"}),
        "state" if of_letters => json!({"enum": LetterState::LISTED.map(LetterState::as_str)}),
        "state" => words(Attention::ALL.iter().map(|state| state.as_str()).collect()),
        "level" => words(crate::domain::tag::Level::ALL.iter().map(|level| level.as_str()).collect()),
        "mode" => words(vec!["AUTO_UPDATE", "NOTIFICATION", "DISABLED"]),
        "namespace" | "registry" => {
            json!({"type": "array", "items": {"type": "string", "maxLength": 253}})
        }
        "text" => json!({"type": "string", "maxLength": 253}),
        "cursor" if of_letters => json!({"type": "string", "pattern": r"^([0-9]{1,13}\.[0-9]{1,15})?$"}),
        "channel" if OF_A_CHANNEL.contains(&path) => json!({"type": "string", "minLength": 1}),
        _ => json!({"type": "string"}),
    }
}

/// Why there is no answer: nobody is signed in, another query, another method.
fn a_problem() -> Value {
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    json!({"description": "A problem", "content": problem})
}

fn as_it_was() -> Value {
    json!({"description": "It is as it was, by If-None-Match"})
}

fn operation((method, path, what, query, body, status, schema): &Route) -> Value {
    let parameter = |name: &str, place: &str, what: &str| json!({"name": name, "in": place, "required": place == "path" || OF_A_CHANNEL.contains(&path.as_str()), "description": what, "schema": parameter_of(path, name)});
    let of_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = of_path.map(|name| parameter(name, "path", name));
    let of_query = query.iter().map(|(name, what)| parameter(name, "query", what));
    let parameters: Vec<Value> = of_path.chain(of_query).collect();
    let content =
        |schema: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    let id: String = path.split(['/', '{', '}']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let mut operation = json!({
        "operationId": format!("{method}-{id}"), "summary": what, "parameters": parameters,
        "responses": {
            status.to_string(): {"description": what, "content": content(schema)},
            "default": a_problem(),
        },
    });
    if let Some(body) = body {
        operation["requestBody"] = json!({"required": true, "content": content(body)});
        operation["responses"]["202"] =
            json!({"description": "It counts, and others have to approve, too", "content": content(schema)});
    } else if *method == "get" {
        operation["responses"]["304"] = as_it_was();
    }
    operation
}

/// What is answered as text: its path, what it is and its type.
const TEXTS: [(&str, &str, &str); 3] = [
    ("/events", "What changed, as it changes", "text/event-stream"),
    ("/feed.atom", "What there is to go to and what became of updates", "application/atom+xml"),
    ("/openapi.json", "This document", "application/json"),
];

/// The document.
pub(super) fn document() -> Value {
    let mut document = serde_json::to_value(Schemas::openapi()).unwrap();
    document["info"] = json!({
        "title": "image-watcher", "version": "1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "description": "What the page shows and does. Answers carry an ETag; lists go on with the cursor of «next».",
    });
    document["servers"] = json!([{"url": "/api/v1"}]);
    document["security"] = json!([{"token": []}, {"session": []}]);
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-image-watcher"},
    });
    // They are put together of parts, none of which alone knows all names.
    for body in ["Decision", "Decisions", "SeenItem"] {
        document["components"]["schemas"][body]["unevaluatedProperties"] = json!(false);
    }
    document["paths"] = json!({});
    for route in routes() {
        document["paths"][&route.1][route.0] = operation(&route);
    }
    for (path, what, content) in TEXTS {
        let schema = json!({"type": if path == "/openapi.json" { "object" } else { "string" }});
        let mut responses = json!({
            "200": {"description": what, "content": {content: {"schema": schema}}},
            "default": a_problem(),
        });
        // A stream is never as it was.
        if path != "/events" {
            responses["304"] = as_it_was();
        }
        let id = format!("get{}", path.replace(['/', '.'], "-"));
        document["paths"][path]["get"] = json!({"operationId": id, "summary": what, "responses": responses});
    }
    document
}

/// Why an answer is none that the document allows for this operation.
pub(super) fn violation(method: &str, path: &str, status: u16, body: &Value) -> Option<String> {
    let document = document();
    let responses = &document["paths"][path][method]["responses"];
    if responses.is_null() {
        return Some(format!("the document has no {method} {path}"));
    }
    let named = &responses[status.to_string()];
    let content = if named.is_null() { &responses["default"]["content"] } else { &named["content"] };
    let schema = content.as_object()?.values().next()?["schema"].clone();
    let mut components = document["components"].clone();
    // What the document does not name is not to be answered.
    for schema in components["schemas"].as_object_mut().unwrap().values_mut() {
        if schema["properties"].is_object() {
            schema["additionalProperties"] = json!(false);
        }
        for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
            part.as_object_mut().unwrap().remove("additionalProperties");
        }
    }
    for open in ["WorkloadView", "Seen", "How"] {
        components["schemas"][open].as_object_mut().unwrap().remove("additionalProperties");
    }
    let whole = json!({"$ref": schema["$ref"], "components": components});
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&whole).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

#[test]
fn openapi_json_is_what_the_types_say() {
    // It is a part of the binary, which need not carry spaces.
    let made = serde_json::to_string(&document()).unwrap() + "\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(file, &made).unwrap();
    }
    assert!(made.contains("\"openapi\":\"3.1.0\""));
    assert_eq!(std::fs::read_to_string(file).unwrap(), made, "UPDATE_OPENAPI=1 writes it anew");
}

#[test]
fn every_route_is_in_the_document() {
    let source = include_str!("mod.rs");
    let route = regex::Regex::new(r#"at\("([^"]+)", (web::get|web::post|seen)\(\)"#).unwrap();
    let document = document();
    let mut count = 0;
    for found in route.captures_iter(source) {
        let method = if found[2] == *"web::post" { "post" } else { "get" };
        let of_actions = found[1].ends_with("/{action}");
        let actions = if of_actions { &["approve", "skip", "snooze", "rollback", "resume"][..] } else { &[""] };
        for action in actions {
            let path = found[1].replace("{action}", action);
            assert!(document["paths"][&path][method].is_object(), "{method} {path}");
            count += 1;
        }
    }
    let all = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(count, all.sum::<usize>(), "and nothing else is");
}

#[test]
fn an_answer_that_the_document_does_not_name_is_told() {
    let brake = json!({"schema": "image-watcher/brake/v1", "stopped": null, "released": null});
    assert_eq!(violation("get", "/brake", 200, &brake), None);
    let other = json!({"schema": "image-watcher/brake/v1", "stopped": null, "released": null, "colour": "red"});
    assert!(violation("get", "/brake", 200, &other).is_some());
    assert!(violation("get", "/brake", 200, &json!({"schema": 1})).is_some());
    assert!(violation("put", "/brake", 200, &brake).is_some() && violation("get", "/brakes", 200, &brake).is_some());
    assert!(
        violation("get", "/brake", 404, &json!({"title": "Not Found"})).is_some(),
        "a problem has all of its parts"
    );
}
