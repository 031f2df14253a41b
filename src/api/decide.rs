//! What somebody who signed in decides: one thing, or many at once.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::{done, shortened};
use super::look;
use super::said::Decided;
use super::view::{DecidedItem, DecisionsView};
use super::{Api, MOST_BYTES};
use crate::access::Visitor;
use crate::domain::answer::Action;
use crate::domain::policy::duration;
use crate::domain::reference::{Digest, Tag};
use crate::domain::request::LONGEST_SNOOZE;
use crate::domain::wording::failed_here;
use crate::listener::{Problem, unread};
use crate::queue::QueueAdmin;
use crate::reconcile::{Press, Shown};

/// The most that is decided at once.
pub const MOST_AT_ONCE: usize = 500;
/// So many of those are asked about at a time.
const SIDE_BY_SIDE: usize = 4;
/// After so long no more of them are begun.
const PATIENCE: Duration = Duration::from_secs(45);

/// How it is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct How {
    /// That what has to be read first was read: a major update, and going back, take it.
    pub confirmed: bool,
    /// To apply it now, whatever `image-watcher/window` says.
    pub outside_window: bool,
    /// For how long a question is put off: `1d`, `7d`, up to `90d`. A week where nothing is said.
    #[serde(rename = "for")]
    #[cfg_attr(test, schema(pattern = r"^([1-9][0-9]{0,2}h|([1-9]|[1-8][0-9]|90)d|([1-9]|1[0-2])w)$"))]
    pub length: Option<String>,
}

/// What was seen and is decided on.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Seen {
    /// The container.
    pub container: String,
    /// The version: to go to, to go back to, or that is held.
    #[cfg_attr(test, schema(value_type = String, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"))]
    pub version: Tag,
    /// What it pointed to when it was seen.
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = Option<String>, pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<Digest>,
    /// The tag that ran when it was seen.
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"))]
    pub running: Option<Tag>,
}

/// The body of a decision. A name that it does not have is refused: a guard that is misspelt would be none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Decision {
    /// What was seen.
    #[serde(flatten)]
    pub seen: Seen,
    /// How it is decided.
    #[serde(flatten)]
    pub how: How,
}

/// What is decided at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Decisions {
    /// `approve`, `skip` or `snooze`.
    #[cfg_attr(test, schema(pattern = "^(approve|skip|snooze)$"))]
    pub action: String,
    /// How they are decided.
    #[serde(flatten)]
    pub how: How,
    /// What was seen: at most 500.
    #[cfg_attr(test, schema(min_items = 1, max_items = 500))]
    pub items: Vec<SeenItem>,
}

/// What was seen, and of which workload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SeenItem {
    /// Where the workload is.
    pub namespace: String,
    /// Its kind, as kubectl takes it.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What was seen.
    #[serde(flatten)]
    pub seen: Seen,
}

/// `POST /api/v1/workloads/{namespace}/{kind}/{name}/{action}`
pub(super) async fn one<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Visitor,
    path: Path<(String, String, String, String)>,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    let (namespace, kind, name, word) = path.into_inner();
    let of = (namespace, kind, name);
    if word == "look" {
        let looked = look::one(api, Some(visitor), request, Path::from(of)).await;
        return unread(looked.unwrap_or_else(|problem| problem.error_response()), payload);
    }
    let acted = async {
        let decision = api.read(&visitor, &request, &mut payload, UNREAD).await?;
        let action = Action::parse(&word).ok_or(Problem::NOTHING)?;
        Ok::<_, Problem>(api.act(&visitor, &of, action, &decision).await?.answer())
    };
    let acted = acted.await;
    unread(acted.unwrap_or_else(|problem| problem.error_response()), payload)
}

/// `POST /api/v1/decisions`
pub(super) async fn many<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Visitor,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    let decided = async {
        let decisions = api.read(&visitor, &request, &mut payload, UNREAD).await?;
        api.decide_all(&visitor, &decisions).await
    };
    let decided = decided.await;
    let answer = match decided {
        Ok(decided) => done(StatusCode::OK, &decided),
        Err(problem) => problem.error_response(),
    };
    unread(answer, payload)
}

const UNREAD: Problem = Problem::new(
    StatusCode::BAD_REQUEST,
    "the body is JSON (Content-Type: application/json) as openapi.json has it: container and version of what was seen, at least; tags and digests as they are in an image, and no other name",
);

const NOT_FOR_MANY: Problem = Problem::new(StatusCode::BAD_REQUEST, "action is approve, skip or snooze");

fn wrong(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

impl How {
    /// What is pressed, by whom.
    ///
    /// # Errors
    /// 400, where the length is none, or too long.
    pub fn press(&self, action: Action, visitor: &Visitor) -> Result<Press, Problem> {
        let length = match &self.length {
            None => Press::WEEK,
            Some(text) => {
                let length = duration(text).ok().filter(|it| (TimeDelta::minutes(1)..=LONGEST_SNOOZE).contains(it));
                length.ok_or(wrong("for is a duration as 1d, 7d or 30d, at most 90d"))?
            }
        };
        let action = match action {
            Action::Approve if self.outside_window => Action::ApproveOutsideWindow,
            action => action,
        };
        let by = Some(visitor.who.clone());
        Ok(Press { action, to: None, length, is_confirmed: self.confirmed, by })
    }
}

impl Seen {
    fn of(self, uid: &str) -> Shown {
        let Self { container, version, digest, running } = self;
        Shown { uid: uid.into(), container, version, digest, running }
    }
}

impl SeenItem {
    /// That nothing was done about it.
    fn problem(&self, problem: &Problem) -> DecidedItem {
        DecidedItem {
            workload: format!("{}/{}/{}", self.namespace, self.kind, self.name),
            container: self.seen.container.clone(),
            status: problem.status.as_u16(),
            outcome: if problem.retry_after.is_some() { "later" } else { "refused" }.to_owned(),
            detail: problem.detail.to_string(),
            reason: None,
        }
    }
}

impl<Q> Api<Q> {
    /// What somebody sends who may decide; of nobody else a body is read. What is no JSON of it is answered `otherwise`.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        request: &HttpRequest,
        payload: &mut Payload,
        otherwise: Problem,
    ) -> Result<T, Problem> {
        visitor.may_decide()?;
        // No form of another site's page has this.
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(otherwise);
        }
        let body = self.bodies.read(request, payload, MOST_BYTES).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let detail = format!("{}; {}", shortened(&error.to_string()), otherwise.detail);
            Problem { detail: detail.into(), ..otherwise }
        })
    }

    /// Carries a decision out.
    ///
    /// # Errors
    /// 404 for a workload that is not watched. What else may come of it is in the answer.
    pub async fn decide(&self, of: &(String, String, String), seen: &Seen, press: &Press) -> Result<Decided, Problem> {
        let workload = self.find(of)?;
        let shown = seen.clone().of(&workload.id.uid);
        let failed = match press.action {
            Action::Rollback => self.failed_here(&workload.id.uid, seen).await,
            _ => None,
        };
        let answered = self.sequencer.answer(shown, press.clone(), self.ambient.trace_id()).await;
        let decided = Decided::of(&workload.id, &seen.container, press.action, answered);
        Ok(match failed {
            Some(failed) => decided.of_what_failed(&failed),
            None => decided,
        })
    }

    /// That the version to go back to failed when it ran here last, where it did.
    async fn failed_here(&self, uid: &str, seen: &Seen) -> Option<String> {
        let record = self.sequencer.known(uid).await?;
        let last = record.history.failed_last(&seen.container, &seen.version, seen.digest.as_ref())?;
        Some(failed_here(seen.version.as_str(), &last.time))
    }

    /// One of many, if it can be begun in time.
    async fn decide_in_time(&self, item: &SeenItem, press: &Press, begun: Duration) -> DecidedItem {
        if self.ambient.monotonic().saturating_sub(begun) > PATIENCE {
            return item.problem(&Problem::later("it was not begun in time; send it again"));
        }
        let of = (item.namespace.clone(), item.kind.clone(), item.name.clone());
        match self.decide(&of, &item.seen, press).await {
            Ok(decided) => decided.item(),
            Err(problem) => item.problem(&problem),
        }
    }

    /// Carries many decisions out, each for itself, and reports each.
    ///
    /// # Errors
    /// 400 for another action than those three, for nothing and for too many.
    async fn decide_all(&self, visitor: &Visitor, decisions: &Decisions) -> Result<DecisionsView, Problem> {
        let action = Action::parse(&decisions.action).ok_or(NOT_FOR_MANY)?;
        self.act_on_all(visitor, (action, &decisions.how), &decisions.items).await
    }

    /// The same, of what is read already.
    ///
    /// # Errors
    /// The same.
    pub async fn act_on_all(
        &self,
        visitor: &Visitor,
        (action, how): (Action, &How),
        items: &[SeenItem],
    ) -> Result<DecisionsView, Problem> {
        if !matches!(action, Action::Approve | Action::Skip | Action::Snooze) {
            return Err(NOT_FOR_MANY);
        }
        if items.is_empty() || items.len() > MOST_AT_ONCE {
            return Err(wrong("items are 1 to 500"));
        }
        let press = how.press(action, visitor)?;
        let begun = self.ambient.monotonic();
        // Together before they are begun: a stream that makes them could not go from thread to thread.
        let each: Vec<_> = items.iter().map(|item| self.decide_in_time(item, &press, begun)).collect();
        let items: Vec<DecidedItem> = stream::iter(each).buffered(SIDE_BY_SIDE).collect().await;
        let done = items.iter().filter(|item| item.status < 300).count();
        Ok(DecisionsView { schema: "image-watcher/decisions/v1", done, items })
    }
}
