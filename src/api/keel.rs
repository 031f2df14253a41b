//! Keel's `/v1/approvals`, for who moves: its list and its words, answered by our questions and our decisions.
//!
//! Keel believes the `voter` that a body names. Here it is whoever signed in, and what a body says of that is not read.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde::{Deserialize, Serialize};

use super::answer::{answer, done};
use super::query::{Listed, MOST_LISTED};
use super::view::{Filter, QuestionItem, Time};
use super::{Api, Decision, How, Seen, at, of_a_visitor};
use crate::access::Visitor;
use crate::domain::answer::Action;
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::listener::{Problem, unread};
use crate::queue::{Letters, QueueAdmin};

/// Adds the routes, behind [`crate::listener::paths::KEEL_APPROVALS`], for whoever signed in.
pub fn keel_routes<Q: Letters>(config: &mut ServiceConfig) {
    let both = at("", crate::listener::seen().to(list::<Q>), "GET, HEAD, POST").route(web::post().to(decide::<Q>));
    config.service(both.wrap(from_fn(of_a_visitor)));
}

/// A question, as Keel writes an approval.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeelApproval {
    id: String,
    archived: bool,
    provider: &'static str,
    identifier: String,
    event: KeelEvent,
    message: String,
    current_version: String,
    new_version: String,
    digest: String,
    votes_required: usize,
    votes_received: usize,
    voters: BTreeMap<String, Time>,
    rejected: bool,
    deadline: Time,
    created_at: Time,
    updated_at: Time,
}

/// What made it be asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeelEvent {
    repository: KeelRepository,
    created_at: Time,
    trigger_name: &'static str,
}

/// The image that it is about.
#[derive(Debug, Serialize)]
struct KeelRepository {
    host: String,
    name: String,
    tag: String,
    digest: String,
}

/// What is sent to decide: one of both names, and how.
#[derive(Debug, Deserialize)]
struct KeelDecision {
    #[serde(default)]
    id: String,
    #[serde(default)]
    identifier: String,
    #[serde(default)]
    action: String,
    #[serde(flatten)]
    how: How,
}

const UNREAD: Problem = Problem::new(
    StatusCode::BAD_REQUEST,
    "the body is JSON (Content-Type: application/json) with identifier or id, as GET lists them, and action: approve or reject",
);

/// `GET /v1/approvals`: what is open.
async fn list<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let all = api.to_approve(Filter::default()).await;
    let all: Vec<KeelApproval> = all.take(MOST_LISTED).map(|item| KeelApproval::of(&item)).collect();
    answer(&request, &all)
}

/// `POST /v1/approvals`: one of them is decided on.
async fn decide<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Visitor,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    let decided = async {
        let decision: KeelDecision = api.read(&visitor, &request, &mut payload, UNREAD).await?;
        let action = decision.action()?;
        let item = api.named_by(&decision).await?;
        let of = (item.namespace.clone(), item.kind.to_owned(), item.name.clone());
        let seen = seen(&item).ok_or(Problem::NOTHING)?;
        let decided = api.act(&visitor, &of, action, &Decision { seen, how: decision.how }).await?;
        if !decided.status.is_success() {
            return Ok(decided.answer());
        }
        let by = (visitor.who.alone().actor().to_string(), Time(api.ambient.now()));
        Ok::<_, Problem>(done(StatusCode::OK, &KeelApproval::of(&item).after(decided.view.outcome, by)))
    };
    let decided = decided.await;
    unread(decided.unwrap_or_else(|problem| problem.error_response()), payload)
}

impl<Q> Api<Q> {
    /// The questions that can be approved. Those about going back are none of Keel's.
    async fn to_approve(&self, filter: Filter) -> impl Iterator<Item = QuestionItem> + use<Q> {
        let all = self.questions(&Listed { filter, most: usize::MAX, after: None }).await;
        all.items.into_iter().filter(|item| item.question.actions.contains(&"approve"))
    }

    /// The only question that has the names of a decision.
    async fn named_by(&self, decision: &KeelDecision) -> Result<QuestionItem, Problem> {
        if decision.id.is_empty() && decision.identifier.is_empty() {
            return Err(UNREAD);
        }
        let namespaces = decision.identifier.split('/').nth(1).map(str::to_owned).into_iter().collect();
        let mut all = self.to_approve(Filter { namespaces, ..Filter::default() }).await;
        let mut named = all.by_ref().filter(|item| decision.names(item));
        match (named.next(), named.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Problem::new(StatusCode::NOT_FOUND, "no such approval is open")),
            _ => Err(Problem::new(
                StatusCode::CONFLICT,
                "several containers of this workload ask about this version: name one by its id, as GET lists it",
            )),
        }
    }
}

impl KeelDecision {
    /// What that is here. A word that Keel does not know approves there; here it is none.
    fn action(&self) -> Result<Action, Problem> {
        match self.action.as_str() {
            "" | "approve" => Ok(Action::Approve),
            "reject" => Ok(Action::Skip),
            "delete" | "archive" => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "a question is not deleted or archived here: reject it, and the version is not asked about again, or put it off (POST /api/v1/decisions, snooze)",
            )),
            _ => Err(UNREAD),
        }
    }

    fn names(&self, item: &QuestionItem) -> bool {
        (self.id.is_empty() || self.id == id(item))
            && (self.identifier.is_empty() || self.identifier == identifier(item))
    }
}

/// One that is of this version and manifest of this container alone.
fn id(item: &QuestionItem) -> String {
    let QuestionItem { namespace, kind, name, container, question, .. } = item;
    let whole = [namespace, *kind, name, container, &question.tag, &question.digest].join("\n");
    Digest::of(whole.as_bytes()).as_str().trim_start_matches("sha256:").chars().take(32).collect()
}

/// As Keel names what it asks about: `deployment/shop/web:1.3.0`.
fn identifier(item: &QuestionItem) -> String {
    let QuestionItem { namespace, kind, name, question, .. } = item;
    format!("{}/{namespace}/{name}:{}", kind.to_ascii_lowercase(), question.tag)
}

/// What its names stand for; nothing where one of them can't be read, which no question of ours has.
fn seen(item: &QuestionItem) -> Option<Seen> {
    let question = &item.question;
    Some(Seen {
        container: item.container.clone(),
        version: Tag::parse(&question.tag).ok()?,
        digest: Some(Digest::parse(&question.digest).ok()?),
        running: item.running.as_deref().map(Tag::parse).transpose().ok()?,
    })
}

impl KeelApproval {
    fn of(item: &QuestionItem) -> Self {
        let question = &item.question;
        let running = item.running.clone().unwrap_or_default();
        let (needed, given) = question.approvals.as_ref().map_or((1, &[][..]), |all| (all.needed, &all.given));
        let image = ImageReference::parse(&item.image).ok();
        let (host, name) = image.as_ref().map_or(("", ""), |image| {
            let repository = image.repository();
            (repository.host(), repository.path())
        });
        let repository = KeelRepository {
            host: host.to_owned(),
            name: name.to_owned(),
            tag: question.tag.clone(),
            digest: question.digest.clone(),
        };
        Self {
            id: id(item),
            archived: false,
            provider: "kubernetes",
            identifier: identifier(item),
            event: KeelEvent { repository, created_at: question.asked, trigger_name: "image-watcher" },
            message: format!("container {}: {running} → {}", item.container, question.tag),
            current_version: running,
            new_version: question.tag.clone(),
            digest: question.digest.clone(),
            votes_required: needed,
            votes_received: given.len(),
            voters: given.iter().map(|vote| (vote.by.clone(), vote.at)).collect(),
            rejected: false,
            deadline: question.expires,
            created_at: question.asked,
            updated_at: given.iter().map(|vote| vote.at).max().unwrap_or(question.asked),
        }
    }

    /// The same after somebody decided, and what came of it.
    fn after(mut self, outcome: &str, (by, now): (String, Time)) -> Self {
        (self.rejected, self.archived) = (outcome == "skipped", matches!(outcome, "skipped" | "approved"));
        if matches!(outcome, "approved" | "voted") {
            self.voters.insert(by, now);
            self.votes_received = self.voters.len();
        }
        self.updated_at = now;
        self
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::{TestRequest, init_service, read_body, try_call_service};
    use actix_web::{App, HttpMessage as _};
    use serde_json::{Value, json};

    use super::super::tests::{Stage, entry};
    use super::*;
    use crate::access::Role;
    use crate::domain::actor::SignedIn;
    use crate::queue::sqlite::SqliteQueue;
    use crate::reconcile::{Answer, NotShown};

    async fn ask(stage: &Stage, role: Option<Role>, request: TestRequest) -> (u16, Value) {
        let routes = web::scope("/v1/approvals").configure(keel_routes::<SqliteQueue>);
        let app = init_service(App::new().app_data(stage.api.clone()).service(routes)).await;
        let request = request.uri("/v1/approvals").to_request();
        if let Some(role) = role {
            let who = SignedIn::read("alice").unwrap();
            request.extensions_mut().insert(Visitor { who, role, form_token: String::new() });
        }
        match try_call_service(&app, request).await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                (status, serde_json::from_slice(&read_body(answer).await).unwrap_or_default())
            }
            Err(error) => (error.as_response_error().status_code().as_u16(), Value::Null),
        }
    }

    async fn decide(stage: &Stage, role: Role, body: &Value) -> (u16, Value) {
        ask(stage, Some(role), TestRequest::post().set_json(body)).await
    }

    #[actix_web::test]
    async fn the_list_is_as_keel_writes_it() {
        let stage = Stage::new(&["web"]);
        let (status, list) = ask(&stage, Some(Role::Viewer), TestRequest::get()).await;
        let first = &list[0];
        assert_eq!((status, list.as_array().unwrap().len()), (200, 1), "{list}");
        let digest = Digest::of(&[1]).to_string();
        for (field, value) in [
            ("identifier", json!("deployment/shop/web:1.0.1")),
            ("provider", json!("kubernetes")),
            ("currentVersion", json!("1.0.0")),
            ("newVersion", json!("1.0.1")),
            ("digest", json!(digest)),
            ("votesRequired", json!(1)),
            ("votesReceived", json!(0)),
            ("voters", json!({})),
            ("archived", json!(false)),
            ("rejected", json!(false)),
        ] {
            assert_eq!(first[field], value, "{field}");
        }
        let repository = json!({"host": "registry.example.com", "name": "shop/web", "tag": "1.0.1", "digest": digest});
        assert_eq!(first["event"]["repository"], repository);
        assert!(first["deadline"].as_str() > first["createdAt"].as_str() && first["id"].as_str().unwrap().len() == 32);
        assert_eq!(ask(&stage, None, TestRequest::get()).await.0, 401);
        assert_eq!(ask(&stage, Some(Role::Approver), TestRequest::put()).await.0, 405);
    }

    #[actix_web::test]
    async fn what_is_decided_is_decided_by_whoever_signed_in() {
        let stage = Stage::new(&["web", "api"]);
        let list = ask(&stage, Some(Role::Viewer), TestRequest::get()).await.1;
        let of_api = list[0]["id"].clone();
        stage.answers([
            Ok(Answer::Approved(Box::new(entry().into()))),
            Ok(Answer::Skipped(Box::new(entry()))),
            Err(NotShown::Points(Digest::of(b"2"))),
        ]);
        let body = json!({"identifier": "deployment/shop/web:1.0.1", "voter": "mallory", "confirmed": true});
        let (status, approved) = decide(&stage, Role::Approver, &body).await;
        assert_eq!((status, &approved["archived"], &approved["rejected"]), (200, &json!(true), &json!(false)));
        assert_eq!((&approved["votesReceived"], &approved["voters"]["sign-in alice"].is_string()), (&json!(1), &true));
        let (shown, press) = stage.told.asked.lock().unwrap().pop().unwrap();
        assert_eq!((&*shown.uid, shown.version.as_str(), press.action), ("uid-web", "1.0.1", Action::Approve));
        assert_eq!(shown.digest, Some(Digest::of(&[1])), "what was listed, and nothing that was pushed since");
        assert!(press.is_confirmed && press.by == SignedIn::read("alice"), "nobody is who a body says");
        assert!(!approved.to_string().contains("mallory"), "{approved}");

        let body = json!({"id": of_api, "action": "reject", "voter": "mallory"});
        let (status, rejected) = decide(&stage, Role::Approver, &body).await;
        assert_eq!((status, &rejected["rejected"], &rejected["votesReceived"]), (200, &json!(true), &json!(0)));
        let (shown, press) = stage.told.asked.lock().unwrap().pop().unwrap();
        assert_eq!((&*shown.uid, press.action, press.is_confirmed), ("uid-api", Action::Skip, false));

        let body = json!({"identifier": "deployment/shop/web:1.0.1"});
        let (status, moved) = decide(&stage, Role::Approver, &body).await;
        assert_eq!((status, &moved["outcome"]), (409, &json!("moved")), "as the API says it");

        let item = stage.api.to_approve(Filter::default()).await.next().unwrap();
        let by = ("sign-in alice".to_owned(), Time(stage.api.ambient.now()));
        for (outcome, votes) in [("voted", 1), ("voted-before", 0)] {
            let voted = KeelApproval::of(&item).after(outcome, by.clone());
            assert_eq!((voted.votes_received, voted.archived, voted.rejected), (votes, false, false), "{outcome}");
        }
    }

    #[actix_web::test]
    async fn what_names_nothing_or_wants_what_there_is_not_decides_nothing() {
        let stage = Stage::new(&["web"]);
        let right = "deployment/shop/web:1.0.1";
        for (body, expected) in [
            (json!({"identifier": "deployment/shop/web:1.0.2"}), 404),
            (json!({"identifier": "deployment/ops/web:1.0.1"}), 404),
            (json!({"identifier": right, "id": "0"}), 404),
            (json!({"id": "0"}), 404),
            (json!({"voter": "alice"}), 400),
            (json!({"identifier": right, "action": "delete"}), 400),
            (json!({"identifier": right, "action": "archive"}), 400),
            (json!({"identifier": right, "action": "Approve"}), 400),
            (json!({"identifier": 1}), 400),
            (json!([]), 400),
        ] {
            assert_eq!(decide(&stage, Role::Approver, &body).await.0, expected, "{body}");
        }
        assert_eq!(decide(&stage, Role::Viewer, &json!({"identifier": right})).await.0, 403);
        let form = TestRequest::post().insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"));
        let form = form.set_payload(json!({"identifier": right}).to_string());
        assert_eq!(ask(&stage, Some(Role::Approver), form).await.0, 400, "as a form of another site would come");
        assert_eq!(ask(&stage, None, TestRequest::post().set_json(json!({"identifier": right}))).await.0, 401);
        assert!(stage.told.asked.lock().unwrap().is_empty());
    }
}
