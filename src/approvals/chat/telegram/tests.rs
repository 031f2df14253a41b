use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use serde_json::Value;

use super::super::Strangers;
use super::super::tests::stored;
use super::payload::tests::update;
use super::*;
use crate::domain::press::Pressed as Stored;
use crate::domain::secret::Secret;
use crate::domain::telegram::{Chat, Desk};

type Stores = tokio::sync::mpsc::UnboundedReceiver<Stored>;

fn bot(token: &str, chat: i64, users: &[i64]) -> Bot {
    Bot::new(
        &Secret::new(token.into()),
        Desk { users: users.to_vec(), people: [(7, "ann@example.com".to_owned())].into() },
        Chat::Number(chat),
        std::sync::Arc::default(),
    )
}

fn door() -> (Data<TelegramDoor>, Stores, Strangers) {
    let (keep, stores) = stored();
    let (tray, strangers) = Tray::new(keep);
    let bots = vec![("ops".to_owned(), bot("1:a", -42, &[7])), ("shop".to_owned(), bot("2:b", -42, &[7, 8]))];
    (Data::new(TelegramDoor::new(bots, Bodies::new(1 << 20), tray)), stores, strangers)
}

async fn status(door: &Data<TelegramDoor>, secret: &[&str], update: &Value) -> u16 {
    let app = init_service(App::new().app_data(door.clone()).configure(telegram_routes)).await;
    let request = TestRequest::post().uri("/telegram/actions").set_payload(update.to_string());
    let request = secret.iter().fold(request, |request, secret| request.append_header((SECRET, *secret)));
    call_service(&app, request.to_request()).await.status().as_u16()
}

/// What Telegram shows with the presses of the bot with this token.
fn secret(token: &str) -> String {
    bot(token, 0, &[]).secret().expose().to_owned()
}

#[actix_web::test]
async fn a_press_is_stored_once_it_is_proven_and_allowed() {
    let (door, mut stores, _strangers) = door();
    assert_eq!(status(&door, &[&secret("1:a")], &update()).await, 200);
    let pressed = stores.try_recv().unwrap();
    assert_eq!(pressed.elsewhere.as_deref(), Some("ann@example.com"));
    assert_eq!((pressed.channels, pressed.who), (vec!["ops".to_owned()], Who::Telegram(7)));
    assert_eq!(pressed.id, "telegram 4382bfdwdsb323b2d9", "the same when Telegram sends it again");
}

#[actix_web::test]
async fn without_the_secret_nothing_is_read() {
    let (door, mut stores, mut strangers) = door();
    let right = secret("1:a");
    for wrong in [&[][..], &[""], &["1:a"], &[&right[1..]], &[&secret("3:c")], &[&right, &right]] {
        assert_eq!(status(&door, wrong, &update()).await, 401, "{wrong:?}");
    }
    assert!(stores.try_recv().is_err() && strangers.0.try_recv().is_err());
}

#[actix_web::test]
async fn whoever_may_not_is_told_and_nothing_is_done() {
    let (door, mut stores, mut strangers) = door();
    let mut other = update();
    for (path, value) in [("/callback_query/from/id", 8), ("/callback_query/message/chat/id", 42)] {
        other = update();
        *other.pointer_mut(path).unwrap() = value.into();
        assert_eq!(status(&door, &[&secret("1:a")], &other).await, 200, "{path}");
        assert!(matches!(strangers.0.try_recv(), Ok((channel, _)) if channel == "ops"), "{path}");
    }
    assert!(stores.try_recv().is_err());
    *other.pointer_mut("/callback_query/message/chat/id").unwrap() = (-42).into();
    *other.pointer_mut("/callback_query/from/id").unwrap() = 8.into();
    assert_eq!(status(&door, &[&secret("2:b")], &other).await, 200, "the other bot's users are others");
    assert_eq!(stores.try_recv().unwrap().channels, ["shop"]);
}

#[actix_web::test]
async fn what_is_too_large_or_no_update_is_refused() {
    let (door, mut stores, _strangers) = door();
    assert_eq!(status(&door, &[&secret("1:a")], &"x".repeat(MOST_BYTES).into()).await, 413);
    assert_eq!(status(&door, &[&secret("1:a")], &1.into()).await, 400);
    assert!(stores.try_recv().is_err());
}
