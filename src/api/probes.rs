//! What probes and Prometheus ask: whether the process lives, whether it has something to work on, and its numbers.

use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use crate::cluster::{Scope, ScopeState};
use crate::domain::history::rfc3339;
use crate::queue::{Depth, QueueAdmin};
use crate::telemetry::metrics::StateLabel;

/// The queue is waited for so long.
const DEADLINE: Duration = Duration::from_secs(1);

/// Whether a restart would help: the runtime and the queue's writer answer.
pub(super) async fn livez<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    match api.pulse.silent() {
        None => HttpResponse::Ok().body("ok\n"),
        Some(part) => HttpResponse::ServiceUnavailable().body(format!("{} does not answer\n", part.as_str())),
    }
}

/// Whether there is something to work on. `?verbose` lists every scope, as the API server's own probes do.
pub(super) async fn readyz<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let ready = api.scopes.is_ready();
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if ready && !request.query_string().split('&').any(|word| word.split('=').next() == Some("verbose")) {
        return answer.body("ok\n");
    }
    let line = |(scope, state): (Scope, ScopeState)| {
        let sign = if state.is_well() { '+' } else { '-' };
        format!("[{sign}]watch of {scope}: {state}\n")
    };
    let mut lines: String = api.scopes.states().into_iter().map(line).collect();
    lines.push_str(&api.queue_line().await);
    let stopped = api.sequencer.brake().await.stopped;
    lines.extend(stopped.map(|it| format!("[-]automatic updates: stopped since {}: {it}\n", rfc3339(it.since))));
    let verdict = if ready { "ready" } else { "not ready: no workload can be watched yet" };
    answer.content_type("text/plain; charset=utf-8").body(format!("{lines}{verdict}\n"))
}

/// The numbers, for Prometheus: as `OpenMetrics` where that is asked for.
pub(super) async fn numbers<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    if let Ok(Ok(depth)) = tokio::time::timeout(DEADLINE, api.queue.depth()).await {
        api.show(&depth);
    }
    api.count_workloads().await;
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (content, text) = if accepted.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", api.metrics.text())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", api.metrics.classic())
    };
    HttpResponse::Ok().content_type(content).body(text)
}

impl<Q: QueueAdmin> Api<Q> {
    /// How the queue does. A start or a stop of the pod would mend nothing, so readiness does not hang on it.
    async fn queue_line(&self) -> String {
        match tokio::time::timeout(DEADLINE, self.queue.depth()).await {
            Ok(Ok(depth)) => format!("[{}]queue: {}\n", if depth.failing.is_none() { '+' } else { '-' }, depth.words()),
            Ok(Err(error)) => format!("[-]queue: {}\n", crate::telemetry::chain(&error)),
            Err(_) => "[-]queue: its writer does not answer\n".to_owned(),
        }
    }

    fn show(&self, depth: &Depth) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let sum = |topics: &[(String, u64)]| topics.iter().map(|(_, count)| count).sum::<u64>();
        let (ready, dead, suspect) = (sum(&depth.ready), sum(&depth.dead), sum(&depth.suspect));
        let waiting = ready.saturating_sub(depth.leased);
        for (state, count) in [("ready", waiting), ("leased", depth.leased), ("dead", dead), ("suspect", suspect)] {
            self.metrics.queue_jobs.get_or_create(&StateLabel { state: state.into() }).set(number(count));
        }
        self.metrics.messages(&Depth::by_channel(&depth.ready), &Depth::by_channel(&depth.dead));
        let age = depth.oldest.map_or(0, |oldest| (self.ambient.now() - oldest).num_seconds().max(0));
        self.metrics.queue_oldest.set(age);
    }
}
