use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::payload::tests::{form, payload};
use super::*;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn door() -> (Data<SlackDoor>, Presses) {
    let desk =
        Desk { app: "A123".into(), team: "T1DC2JH3J".into(), channel: "C123".into(), users: vec!["U2CERLKJA".into()] };
    let desks = vec![("ops".to_owned(), desk)];
    let (door, presses) = SlackDoor::new(Secret::new(SECRET.into()), desks, Bodies::new(1 << 20), Ambient::system());
    (Data::new(door), presses)
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
async fn a_press_is_taken_once_it_is_proven_and_allowed() {
    let (door, mut presses) = door();
    assert_eq!(status(&door, signed(&form(&payload()))).await, 200);
    let Ok(Taken::Pressed { channels, pressed }) = presses.0.try_recv() else { panic!("nothing was taken") };
    assert_eq!((channels, pressed.presser.user.as_str()), (vec!["ops".to_owned()], "U2CERLKJA"));
}

#[actix_web::test]
async fn without_its_signature_nothing_is_read() {
    let (door, mut presses) = door();
    let altered = signed(&form(&payload())).set_payload("payload=%7B%7D");
    let bare = TestRequest::post().uri("/slack/actions").set_payload(form(&payload()));
    for request in [altered, bare, signed(b"{").set_payload("payload=[")] {
        assert_eq!(status(&door, request).await, 401);
    }
    let large = vec![b'a'; MOST_BYTES + 1];
    assert_eq!(status(&door, signed(&large)).await, 413);
    assert_eq!(status(&door, signed(b"payload=[")).await, 400);
    assert_eq!(status(&door, signed(&form(&json!({"type": "view_submission"})))).await, 200);
    assert!(presses.0.try_recv().is_err(), "nothing is taken");
}

/// Row 23 of the design's table.
#[actix_web::test]
async fn whoever_may_not_is_told_and_nothing_is_done() {
    let (door, mut presses) = door();
    for (path, other) in
        [("/api_app_id", "A9"), ("/team/id", "T9"), ("/user/id", "U9"), ("/user/team_id", "T9"), ("/user/team_id", "")]
    {
        let mut payload = payload();
        *payload.pointer_mut(path).unwrap() = Value::from(other);
        assert_eq!(status(&door, signed(&form(&payload))).await, 200, "{path}");
        assert!(matches!(presses.0.try_recv(), Ok(Taken::Refused { channel, .. }) if channel == "ops"), "{path}");
    }
}

#[actix_web::test]
async fn too_many_presses_are_refused_and_not_kept() {
    let (door, _presses) = door();
    let body = form(&payload());
    for _ in 0..WAITING {
        assert_eq!(status(&door, signed(&body)).await, 200);
    }
    assert_eq!(status(&door, signed(&body)).await, 503);
}
