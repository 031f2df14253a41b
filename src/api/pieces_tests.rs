//! What programs send over a real connection, which meters what nobody takes.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_service::IntoServiceFactory as _;
use actix_web::App;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::made_up::Looks;
use super::*;
use crate::access::Role;
use crate::domain::actor::SignedIn;
use crate::domain::approval::LinkKey;
use crate::listener::{Places, serve};
use crate::queue::sqlite::SqliteQueue;

/// What is answered to somebody of this role who sends a body of so many pieces, and ends the last one or does not.
async fn answered(role: Role, path: &str, length: usize, pieces: &[&[u8]]) -> String {
    let key = LinkKey::new(vec![7; 32]).unwrap();
    let notes: FindNotes = Arc::new(|_, _, _| Box::pin(async { None }));
    let (api, _folder) = made_up::api(Index::default(), key.into(), Looks::default(), notes, Ambient::system());
    let api = Data::new(api);
    let app = move || {
        let known = from_fn(move |request: ServiceRequest, next: Next<_>| {
            let who = SignedIn::read("alice").unwrap();
            request.extensions_mut().insert(Visitor { who, role, form_token: String::new() });
            next.call(request)
        });
        let routes = web::scope("/api/v1").configure(public_routes::<SqliteQueue>);
        App::new().app_data(api.clone()).wrap(known).service(routes).into_factory()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, 1, Places { waiting: 4, known: 4, lasting: 4 }, app).unwrap();
    let handle = server.handle();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in pieces {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut answer = Vec::new();
        // Whatever was not read of it makes the end of the connection a hard one.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    let exchange = async {
        let answer = tokio::time::timeout(Duration::from_secs(60), exchange).await;
        handle.stop(false).await;
        answer.expect("an answer")
    };
    let (served, answer) = tokio::join!(server, exchange);
    served.unwrap();
    answer
}

#[actix_web::test]
async fn as_many_decisions_as_may_be_made_at_once_arrive() {
    let seen = json!({"container": "web", "version": "1.0.1", "digest": format!("sha256:{}", "a".repeat(64))});
    let mut item = json!({"namespace": "shop", "kind": "Deployment", "name": "a-workload-with-a-name-of-some-length"});
    item.as_object_mut().unwrap().extend(seen.as_object().unwrap().clone());
    let body = json!({"action": "approve", "items": vec![item; MOST_AT_ONCE]}).to_string();
    let (first, second) = body.as_bytes().split_at(20 * 1024);
    assert!(second.len() > 64 * 1024, "more than is read ahead: {}", body.len());
    let answer = answered(Role::Approver, "/decisions", body.len(), &[first, second]).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"done\":0"), "{answer}");
    assert_eq!(answer.matches("\"status\":404").count(), MOST_AT_ONCE, "each was read");
}

#[actix_web::test]
async fn nobody_who_may_decide_nothing_is_waited_for() {
    for path in ["/decisions", "/workloads/shop/deploy/web/skip"] {
        // One byte of many comes, and then nothing.
        let answer = answered(Role::Viewer, path, 1000, &[b"{"]).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("takes the role approver"), "{path}: {answer}");
    }
}

#[actix_web::test]
async fn more_than_is_decided_at_once_is_refused_by_its_head() {
    let answer = answered(Role::Approver, "/decisions", MOST_BYTES + 1, &[]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
