//! Looks that somebody asks for.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::domain::workload::Container;
use crate::listener::Problem;
use crate::queue::{NewJob, QueueAdmin, Urgency};

/// A page elsewhere makes a browser ask.
const ELSEWHERE: Problem = Problem::new(StatusCode::FORBIDDEN, "this is not taken from a page of another origin");

/// `POST /api/v1/workloads/{namespace}/{kind}/{name}/look`: at what one workload runs, before anything that is routine.
pub(super) async fn one<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let workload = api.find(&path)?;
    let references = workload.containers.iter().filter_map(Container::reference);
    let mut repositories: Vec<Repository> = references.map(|image| image.repository().clone()).collect();
    repositories.sort();
    repositories.dedup();
    api.look(&request, repositories, Urgency::Prompt).await
}

/// `POST /api/v1/look`: at everything, as the schedule does, but at once.
pub(super) async fn all<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut repositories = api.index.repositories();
    repositories.sort();
    api.look(&request, repositories, Urgency::Routine).await
}

/// Lets pass what a program asks, or a page of our own.
pub(super) fn of_this_origin(request: &HttpRequest) -> Result<(), Problem> {
    if is_of_this_origin(request) { Ok(()) } else { Err(ELSEWHERE) }
}

/// Whether it is a program that asks, or a page of our own: browsers name another origin.
fn is_of_this_origin(request: &HttpRequest) -> bool {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

impl<Q: QueueAdmin> Api<Q> {
    async fn look(
        &self,
        request: &HttpRequest,
        repositories: Vec<Repository>,
        urgency: Urgency,
    ) -> Result<HttpResponse, Problem> {
        of_this_origin(request)?;
        let (now, trace) = (self.ambient.now(), self.ambient.trace_id());
        let job = |repository: &Repository| NewJob {
            job: Job::Look(repository.clone()),
            trace: trace.clone(),
            not_before: now,
            urgency,
        };
        if let Err(error) = self.queue.put(repositories.iter().map(job).collect()).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "looks that somebody asked for were not queued");
            return Err(Problem::later("the queue takes no looks now; ask again"));
        }
        tracing::info!(
            repositories = repositories.len(),
            trace_id = trace,
            "looks are queued, as somebody asked for them"
        );
        let names: Vec<String> = repositories.iter().map(Repository::to_string).collect();
        let document = serde_json::json!({"schema": "image-watcher/look/v1", "trace": trace, "repositories": names});
        Ok(HttpResponse::Accepted().content_type("application/json").body(document.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn no_page_elsewhere_makes_a_browser_ask() {
        let asked = |origin: Option<&'static str>| {
            let request = TestRequest::default().insert_header((header::HOST, "localhost:9090"));
            let request = origin.into_iter().fold(request, |request, it| request.insert_header((header::ORIGIN, it)));
            is_of_this_origin(&request.to_http_request())
        };
        assert!(asked(None) && asked(Some("http://localhost:9090")));
        for other in ["http://evil.example", "http://localhost", "https://localhost:9090", "null", ""] {
            assert!(!asked(Some(other)), "{other}");
        }
    }
}
