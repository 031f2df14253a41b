//! Looks that somebody asks for.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use super::answer::done;
use super::view::LookView;
use crate::access::Visitor;
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
    visitor: Option<Visitor>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    let workload = api.find(&path)?;
    let references = workload.containers.iter().filter_map(Container::reference);
    let mut repositories: Vec<Repository> = references.map(|image| image.repository().clone()).collect();
    repositories.sort();
    repositories.dedup();
    api.look(repositories, Urgency::Prompt).await
}

/// `POST /api/v1/look`: at everything, as the schedule does, but at once.
pub(super) async fn all<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    let mut repositories = api.index.repositories();
    repositories.sort();
    api.look(repositories, Urgency::Routine).await
}

/// Lets pass whoever signed in and may decide; and in the pod, where nobody signs in, what a program asks or a page of our own.
pub(super) fn may_act(visitor: Option<&Visitor>, request: &HttpRequest) -> Result<(), Problem> {
    match visitor {
        Some(visitor) => visitor.may_decide(),
        None if is_of_this_origin(request) => Ok(()),
        None => Err(ELSEWHERE),
    }
}

/// Whether it is a program that asks, or a page of our own: browsers name another origin.
fn is_of_this_origin(request: &HttpRequest) -> bool {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

impl<Q: QueueAdmin> Api<Q> {
    async fn look(&self, repositories: Vec<Repository>, urgency: Urgency) -> Result<HttpResponse, Problem> {
        let (now, trace) = (self.ambient.now(), self.ambient.trace_id());
        let job = |repository: &Repository| NewJob {
            job: Job::Look(repository.clone()),
            trace: trace.as_str().into(),
            not_before: now,
            urgency,
            failed: None,
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
        let repositories = repositories.iter().map(Repository::to_string).collect();
        Ok(done(StatusCode::ACCEPTED, &LookView { schema: "image-watcher/look/v1", trace, repositories }))
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
