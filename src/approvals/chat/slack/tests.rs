use std::sync::Arc;

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Bytes;
use actix_web::{App, FromRequest as _, dev};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::super::tests::stored;
use super::super::{Keep, MOST_STRANGERS, Strangers};
use super::payload::tests::{form, payload};
use super::*;
use crate::domain::answer::Action;
use crate::queue::QueueError;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn door(keep: Keep) -> (Data<SlackDoor>, Strangers) {
    let desk = Desk {
        app: Some("A123".into()),
        team: Some("T1DC2JH3J".into()),
        channel: "C123".into(),
        users: Some(vec!["U2CERLKJA".into()]),
        people: [("U2CERLKJA".to_owned(), "ann@example.com".to_owned())].into(),
    };
    let desks = vec![("ops".to_owned(), desk)];
    let (tray, strangers) = Tray::new(keep);
    let door = SlackDoor::new(Secret::new(SECRET.into()).into(), desks, Ambient::system(), tray);
    (Data::new(door), strangers)
}

fn signed(body: &[u8]) -> TestRequest {
    let time = Ambient::system().now().timestamp().to_string();
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("v0:{time}:")).chain_update(body).finalize().into_bytes();
    let hex: String = mac.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    TestRequest::post()
        .uri("/slack/actions")
        .insert_header(("X-Slack-Request-Timestamp", time))
        .insert_header(("X-Slack-Signature", format!("v0={hex}")))
        .set_payload(body.to_vec())
}

async fn status(door: &Data<SlackDoor>, request: TestRequest) -> u16 {
    let app = init_service(App::new().app_data(door.clone()).configure(slack_routes)).await;
    call_service(&app, request.to_request()).await.status().as_u16()
}

#[actix_web::test]
async fn a_press_is_stored_once_it_is_proven_and_allowed() {
    let (keep, mut stored) = stored();
    let (door, _strangers) = door(keep);
    assert_eq!(status(&door, signed(&form(&payload()))).await, 200);
    let pressed = stored.try_recv().unwrap();
    assert_eq!((pressed.channels, pressed.action), (vec!["ops".to_owned()], Action::Approve));
    assert_eq!(pressed.elsewhere.as_deref(), Some("ann@example.com"));
    assert_eq!(pressed.who, Who::Slack { team: "T1DC2JH3J".into(), user: "U2CERLKJA".into() });
    let first = pressed.id;
    assert_eq!(status(&door, signed(&form(&payload()))).await, 200);
    assert_eq!(stored.try_recv().unwrap().id, first, "the same press is the same");
    let mut later = payload();
    later["actions"][0]["action_ts"] = json!("1735787051.1");
    assert_eq!(status(&door, signed(&form(&later))).await, 200);
    assert_ne!(stored.try_recv().unwrap().id, first);
}

#[actix_web::test]
async fn nothing_is_acknowledged_before_it_is_stored() {
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let held = futures_util::FutureExt::shared(held);
    let (door, _strangers) = door(Arc::new(move |_| {
        let held = held.clone();
        Box::pin(async move { held.await.map_err(|_| QueueError::Closed) })
    }));
    let app = init_service(App::new().app_data(door.clone()).configure(slack_routes)).await;
    let mut answer = std::pin::pin!(call_service(&app, signed(&form(&payload())).to_request()));
    assert!(futures_util::poll!(&mut answer).is_pending(), "it is not stored yet");
    release.send(()).unwrap();
    assert_eq!(answer.await.status().as_u16(), 200);
}

#[actix_web::test]
async fn what_can_not_be_stored_is_not_acknowledged() {
    for error in [QueueError::Full(1), QueueError::Closed] {
        let (door, _strangers) = door(Arc::new(move |_| {
            let error = error.clone();
            Box::pin(async move { Err(error) })
        }));
        assert_eq!(status(&door, signed(&form(&payload()))).await, 503);
    }
}

#[actix_web::test]
async fn without_its_signature_nothing_is_read() {
    let (keep, mut stored) = stored();
    let (door, mut strangers) = door(keep);
    let altered = signed(&form(&payload())).set_payload("payload=%7B%7D");
    let bare = TestRequest::post().uri("/slack/actions").set_payload(form(&payload()));
    for request in [altered, bare, signed(b"{").set_payload("payload=[")] {
        assert_eq!(status(&door, request).await, 401);
    }
    let large = vec![b'a'; MOST_BYTES + 1];
    assert_eq!(status(&door, signed(&large)).await, 413);
    assert_eq!(status(&door, signed(b"payload=[")).await, 400);
    assert_eq!(status(&door, signed(&form(&json!({"type": "view_submission"})))).await, 200);
    assert!(stored.try_recv().is_err() && strangers.0.try_recv().is_err(), "nothing is taken");
}

/// Nothing shows that these are none of Slack's before all of it is there, and nobody finds a press that was turned away.
#[actix_web::test]
async fn whoever_never_sends_the_rest_keeps_no_press_out() {
    tokio::time::pause();
    let (keep, mut stored) = stored();
    let (door, _strangers) = door(keep);
    let half = || async {
        let (request, _) = signed(b"").to_http_parts();
        let begun = stream::iter([Ok(Bytes::from(vec![b'a'; MOST_BYTES - 1]))]).chain(stream::pending());
        let mut payload = dev::Payload::Stream { payload: begun.boxed_local() };
        let mut payload = Payload::from_request(&request, &mut payload).await.unwrap();
        door.take(&request, &mut payload).await.map_err(|problem| problem.status.as_u16())
    };
    let mut halves = std::pin::pin!(join_all((0..100).map(|_| half())));
    assert!(futures_util::poll!(&mut halves).is_pending());
    assert_eq!(status(&door, signed(&form(&payload()))).await, 200);
    assert!(stored.try_recv().is_ok(), "it has room beside them");
    let ended = tokio::time::timeout(Duration::from_secs(4), halves).await.unwrap();
    assert_eq!(ended, [Err(408); 100], "and they have as long as Slack waits");
}

/// Row 23 of the design's table.
#[actix_web::test]
async fn whoever_may_not_is_told_and_nothing_is_done() {
    let (keep, mut stored) = stored();
    let (door, mut strangers) = door(keep);
    for (path, other) in
        [("/api_app_id", "A9"), ("/team/id", "T9"), ("/user/id", "U9"), ("/user/team_id", "T9"), ("/user/team_id", "")]
    {
        let mut payload = payload();
        *payload.pointer_mut(path).unwrap() = Value::from(other);
        assert_eq!(status(&door, signed(&form(&payload))).await, 200, "{path}");
        assert!(matches!(strangers.0.try_recv(), Ok((channel, _)) if channel == "ops"), "{path}");
    }
    // Where the same app is in another channel, too.
    let mut elsewhere = payload();
    for path in ["/channel/id", "/container/channel_id"] {
        *elsewhere.pointer_mut(path).unwrap() = Value::from("C9");
    }
    assert_eq!(status(&door, signed(&form(&elsewhere))).await, 200);
    assert!(matches!(strangers.0.try_recv(), Ok((channel, _)) if channel == "ops"), "another channel");
    assert!(stored.try_recv().is_err());
}

#[actix_web::test]
async fn however_many_strangers_press_a_bound_of_them_waits() {
    let (keep, _stored) = stored();
    let (door, mut strangers) = door(keep);
    let mut payload = payload();
    payload["user"]["id"] = json!("U9");
    for _ in 0..MOST_STRANGERS + 8 {
        assert_eq!(status(&door, signed(&form(&payload))).await, 200);
    }
    let waiting = std::iter::from_fn(|| strangers.0.try_recv().ok()).count();
    assert_eq!(waiting, MOST_STRANGERS);
}
