//! The examples of `docs/api.md`: each command is run against the real routes, and what is printed below one has to be the shape of
//! what it is answered.

use actix_web::App;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{HttpMessage as _, web};
use serde_json::Value;

use super::public_routes;
use super::tests::{Stage, entry};
use crate::access::{Role, Visitor};
use crate::domain::actor::SignedIn;
use crate::domain::reference::Digest;
use crate::queue::sqlite::SqliteQueue;
use crate::reconcile::Answer;

const DOCUMENT: &str = include_str!("../../docs/api.md");

/// A command, and what is printed below it: a status, and a body.
struct Example {
    command: String,
    answer: Option<(u16, Value)>,
}

/// The commands of the document, but for those that say what `iw` and `API` are.
fn examples() -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    for (at, block) in DOCUMENT.split("```").enumerate().filter(|(at, _)| at % 2 == 1) {
        let (kind, text) = block.split_once('\n').unwrap_or_else(|| panic!("block {at} ends in its first line"));
        let mut words = kind.split(' ');
        match words.next() {
            Some("sh") if text.starts_with("iw()") => {}
            Some("sh") => {
                assert!(text.starts_with("iw "), "this command can't be run: {text}");
                all.push(Example { command: text.replace("\\\n", " "), answer: None });
            }
            Some("json") => {
                let status = words.next().and_then(|word| word.parse().ok()).expect("a status behind json");
                let body = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
                all.last_mut().expect("a command before it").answer = Some((status, body));
            }
            other => panic!("blocks of the kind {other:?} are not run"),
        }
    }
    all
}

/// Between two marks.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(between, _)| between)
}

/// The path of a route, as openapi.json has it.
fn template(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["", "workloads", _, _, _, action] => format!("/workloads/{{namespace}}/{{kind}}/{{name}}/{action}"),
        ["", "workloads", _, _, _] => "/workloads/{namespace}/{kind}/{name}".to_owned(),
        _ => path.to_owned(),
    }
}

async fn run(stage: &Stage, command: &str) -> (u16, Value) {
    let (method, url) = parsed(command);
    let path = url.split('?').next().unwrap_or_default();
    let request = TestRequest::default().method(method).uri(&format!("/api/v1{url}"));
    let body = between(command, "-d '", "'").map(|body| body.replace("sha256:b07d…", &Digest::of(b"1").to_string()));
    let request = match body {
        Some(body) => {
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
            request.set_json(body)
        }
        None => request,
    };
    stage.ask(Some(Role::Approver), request, &template(path)).await
}

fn parsed(command: &str) -> (Method, &str) {
    let method = between(command, "-X ", " ").map_or(Method::GET, |method| method.parse().unwrap());
    (method, between(command, "\"$API", "\"").unwrap_or_else(|| panic!("it asks nothing of the API: {command}")))
}

/// What a command asks for first, to put it into its own address.
async fn filled(stage: &Stage, command: &str) -> String {
    let Some(inner) = between(command, "$(", ")") else { return command.to_owned() };
    let (_, body) = run(stage, inner).await;
    let key = between(&format!("{inner} "), "jq -r .", " ").expect("which key").to_owned();
    command.replace(&format!("$({inner})"), body[key].as_str().unwrap_or_default())
}

/// Whether a value has the names that are printed, with values of the same kind: lists as many as are printed are alike, each.
fn is_alike(printed: &Value, answered: &Value) -> bool {
    match (printed, answered) {
        (Value::Object(printed), Value::Object(answered)) => {
            printed.keys().eq(answered.keys()) && printed.iter().all(|(name, value)| is_alike(value, &answered[name]))
        }
        (Value::Array(printed), Value::Array(answered)) => {
            printed.len() == answered.len() && printed.iter().zip(answered).all(|(one, other)| is_alike(one, other))
        }
        _ => std::mem::discriminant(printed) == std::mem::discriminant(answered),
    }
}

#[actix_web::test]
async fn each_example_of_the_document_is_answered_as_it_says() {
    let (all, mut shown) = (examples(), 0);
    assert!(all.len() >= 5, "{} are left", all.len());
    for Example { command, answer } in &all {
        let stage = Stage::new(&["web"]);
        stage.answers([Ok(Answer::Approved(Box::new(entry().into())))]);
        if command.contains("/events") {
            assert_eq!(stream(&stage, parsed(command).1).await, "text/event-stream", "{command}");
            continue;
        }
        let (status, body) = run(&stage, &filled(&stage, command).await).await;
        match answer {
            Some((expected, printed)) => {
                assert!(status == *expected && is_alike(printed, &body), "{command}\nis answered {status}: {body:#}");
                shown += 1;
            }
            None => assert_eq!(status, 200, "{command}: {body}"),
        }
    }
    assert!(shown >= 3, "{shown} answers are printed");
}

/// The type of a stream.
async fn stream(stage: &Stage, path: &str) -> String {
    let scope = web::scope("/api/v1").configure(public_routes::<SqliteQueue>);
    let app = init_service(App::new().app_data(stage.api.clone()).service(scope)).await;
    let request = TestRequest::get().uri(&format!("/api/v1{path}")).to_request();
    let who = SignedIn::read("alice").unwrap();
    request.extensions_mut().insert(Visitor { who, role: Role::Viewer, form_token: String::new() });
    let answer = call_service(&app, request).await;
    assert_eq!(answer.status().as_u16(), 200);
    answer.headers().get(CONTENT_TYPE).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_wrong_example_is_not_alike() {
    let value = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let answered = value(r#"{"a": "x", "b": [{"c": 1}]}"#);
    assert!(is_alike(&value(r#"{"a": "y", "b": [{"c": 7}]}"#), &answered));
    for wrong in [
        r#"{"a": "x"}"#,
        r#"{"a": "x", "b": [], "c": 1}"#,
        r#"{"a": 1, "b": [{"c": 1}]}"#,
        r#"{"a": "x", "b": [{"d": 1}]}"#,
    ] {
        assert!(!is_alike(&value(wrong), &answered), "{wrong}");
    }
    assert_eq!(template("/workloads/shop/deploy/web/approve"), "/workloads/{namespace}/{kind}/{name}/approve");
}
