//! 1 of 9 · in: HTTP request, schedule · out: Job
//!
//! A delivery is verified before it is parsed, and durable before it is answered. What it says is a hint: look at this
//! repository now. Nothing in it is ever dialled, applied or stored but the repository's name.
//!
//! ```text
//! POST /webhooks/{source} ─► read ─► verify ─► parse ─► known repositories ─► queue ─► 202
//! ```

mod dialect;
mod distribution;
mod dockerhub;
mod github;
pub mod poller;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument as _;

pub use dialect::{Delivery, Malformed, Push};

use crate::ambient::Ambient;
use crate::config::{Source, SourceKind};
use crate::domain::event::{Cause, Job};
use crate::domain::reference::Repository;
use crate::listener::{Problem, read_body};
use crate::queue::{NewJob, Queue};
use crate::telemetry::metrics::{Metrics, Source as SourceLabel, SourceResult};

/// The largest body that is read.
const MOST_BYTES: usize = 1024 * 1024;
/// The most impatient sender, a CNCF Distribution registry, waits one second.
const STORE_DEADLINE: Duration = Duration::from_millis(800);

/// What the routes are given.
pub struct Intake<Q> {
    /// The open sources by name.
    pub sources: HashMap<&'static str, Source>,
    /// Where jobs go.
    pub queue: Q,
    /// Whether a repository is watched; while that is not known yet, everything is.
    pub watched: Arc<dyn Fn(&Repository) -> bool + Send + Sync>,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where it counts.
    pub metrics: Metrics,
}

impl<Q> std::fmt::Debug for Intake<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({} sources)", self.sources.len())
    }
}

/// Adds the routes of this stage.
pub fn routes<Q: Queue>(config: &mut ServiceConfig) {
    config.route("/webhooks/{source}", web::post().to(receive::<Q>));
}

async fn receive<Q: Queue>(
    intake: Data<Intake<Q>>,
    source: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let Some(source) = intake.sources.get(source.as_str()) else {
        return Err(verify::REFUSED);
    };
    let trace = intake.ambient.trace_id();
    let span = tracing::info_span!("webhook", trace_id = trace, source = source.name);
    async {
        let taken = intake.take(source, &request, payload, &trace).await;
        intake.count(source, &taken);
        taken.map(|taken| match taken {
            Taken::Stored => HttpResponse::Accepted().finish(),
            Taken::Ignored => HttpResponse::Ok().finish(),
        })
    }
    .instrument(span)
    .await
}

/// What became of a delivery that is answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Jobs are on disk.
    Stored,
    /// There was nothing in it for us.
    Ignored,
}

impl<Q: Queue> Intake<Q> {
    async fn take(
        &self,
        source: &Source,
        request: &HttpRequest,
        payload: Payload,
        trace: &str,
    ) -> Result<Taken, Problem> {
        let body = read_body(request.headers(), payload, MOST_BYTES).await?;
        let verified = verify::verify(source, request, body)?;
        let delivery = match source.kind {
            SourceKind::DockerHub => dockerhub::parse(&verified),
            SourceKind::GitHub => github::parse(&verified, request.headers()),
            SourceKind::Distribution => distribution::parse(&verified),
        };
        let delivery = delivery.map_err(|malformed| {
            tracing::warn!(reason = %malformed, "a delivery can't be read; look at what the registry sends to this source");
            Problem::new(StatusCode::BAD_REQUEST, "the body is not what this source sends")
        })?;
        match delivery {
            Delivery::Ignored(reason) => {
                tracing::debug!(reason, "a delivery says nothing about an image");
                Ok(Taken::Ignored)
            }
            Delivery::Pushes(pushes) => self.store(&pushes, trace).await,
        }
    }

    /// One job for each known repository of a delivery. Unknown ones are forgotten.
    async fn store(&self, pushes: &[Push], trace: &str) -> Result<Taken, Problem> {
        let mut repositories: Vec<&Repository> = pushes.iter().map(|push| &push.repository).collect();
        repositories.sort();
        repositories.dedup();
        repositories.retain(|repository| (self.watched)(repository));
        if repositories.is_empty() {
            return Ok(Taken::Ignored);
        }
        let now = self.ambient.now();
        let job = |repository: &&Repository| NewJob {
            job: Job::Look((*repository).clone()),
            trace: trace.to_owned(),
            not_before: now,
        };
        let stored = self.queue.put(repositories.iter().map(job).collect());
        match tokio::time::timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(())) => {
                for push in pushes {
                    let tag = push.tag.as_ref().map(ToString::to_string);
                    tracing::info!(repository = %push.repository, tag, cause = Cause::Webhook.as_str(), "a push was announced");
                }
                Ok(Taken::Stored)
            }
            Ok(Err(error)) => {
                self.metrics.queue_refused.inc();
                tracing::error!(error = %crate::telemetry::chain(&error), "a delivery was not stored, and is answered 503");
                Err(Problem::later("the delivery could not be stored; send it again"))
            }
            Err(_) => {
                self.metrics.queue_refused.inc();
                tracing::warn!("the disk is too slow for the sender, and the delivery is answered 503");
                Err(Problem::later("the delivery could not be stored in time; send it again"))
            }
        }
    }

    fn count(&self, source: &Source, taken: &Result<Taken, Problem>) {
        let result = match taken {
            Ok(Taken::Stored) => "accepted",
            Ok(Taken::Ignored) => "ignored",
            Err(problem) => match problem.status.as_u16() {
                401 => "bad_signature",
                503 => "overloaded",
                _ => "bad_payload",
            },
        };
        let labels = SourceResult { source: source.name.into(), result: result.into() };
        self.metrics.webhook_requests.get_or_create(&labels).inc();
        if taken.is_ok() {
            let label = SourceLabel { source: source.name.into() };
            self.metrics.webhook_last_accepted.get_or_create(&label).set(self.ambient.now().timestamp());
        }
    }
}
