//! Keel's `POST /v1/webhooks/native`, for who moves: what posts there goes on, as the source of kind `native` takes it.

use std::borrow::Cow;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::Intake;
use super::path::Address;
use crate::config::source::{Source, SourceKind};
use crate::queue::{Announcements, Queue};

/// The source that takes what comes there, where several are of its kind; and the name of none, where there is none.
const NAME: &str = "native";

/// The source that takes it: of kind `native`, and the only one, or named so.
pub(super) fn source(sources: &[Source]) -> String {
    let mut of_kind = sources.iter().filter(|source| source.kind == SourceKind::Native);
    match (of_kind.next(), of_kind.next()) {
        (Some(only), None) => only.name.clone(),
        _ => NAME.to_owned(),
    }
}

/// Answers as the source does. Where there is none it is an unknown one.
pub(super) async fn receive<Q: Queue + Announcements>(
    intake: Data<Intake<Q>>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let address = Address { source: Cow::Borrowed(intake.keel.as_str()), token: None };
    intake.answer(Some(address), &request, payload).await
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;
    use crate::ambient::Ambient;
    use crate::domain::secret::Secret;
    use crate::intake::{Push, Pushes, routes};
    use crate::listener::paths::KEEL;
    use crate::queue::sqlite::SqliteQueue;
    use crate::telemetry::metrics::Metrics;

    fn of(name: &str, kind: SourceKind) -> Source {
        Source::usual(name, kind, Secret::new("s3cret".to_owned()))
    }

    /// The status of a delivery to Keel's path, and what was taken of it.
    async fn deliver(sources: &[Source], token: &str) -> (u16, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, metrics) = (Ambient::system(), Metrics::new());
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let (taken, pushes) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Pushes::new(sources, &metrics)));
        let witness = Arc::clone(&taken);
        let intake = Intake::new(sources, queue, Arc::new(|_| true), pushes, None, ambient, metrics);
        let intake = intake.witnessed_by(Arc::new(move |all: &[Push]| {
            witness.lock().unwrap().extend(all.iter().map(|push| push.repository.to_string()));
        }));
        let app = init_service(App::new().app_data(Data::new(intake)).configure(routes::<SqliteQueue>)).await;
        let request = TestRequest::post().uri(KEEL).insert_header(("authorization", format!("Bearer {token}")));
        let request = request.set_payload(r#"{"name": "registry.example.com/shop/web", "tag": "1.0.1"}"#);
        let status = call_service(&app, request.to_request()).await.status().as_u16();
        let taken = taken.lock().unwrap().clone();
        (status, taken)
    }

    #[actix_web::test]
    async fn what_is_posted_for_keel_goes_to_the_source_of_its_kind() {
        let taken = (202, vec!["registry.example.com/shop/web".to_owned()]);
        let hub = of("hub", SourceKind::DockerHub);
        assert_eq!(deliver(&[hub.clone(), of("ci", SourceKind::Native)], "s3cret").await, taken, "the only one");
        let two = [of("ci", SourceKind::Native), of("native", SourceKind::Native)];
        assert_eq!(deliver(&two, "s3cret").await, taken, "the one of that name");
        assert_eq!(deliver(&two, "guessed").await, (401, vec![]));
        assert_eq!(deliver(&[hub], "s3cret").await, (401, vec![]), "none is open");
    }
}
