//! Telegram's buttons, by a double of its API: a press of somebody who may writes the image, one of anybody else nothing.

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![a_press_in_telegram_goes_the_way_of_a_links]
}

const TOKEN: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Those of Telegram's methods that we have a use for.
const METHODS: [&str; 6] =
    ["setWebhook", "getWebhookInfo", "sendMessage", "editMessageText", "editMessageReplyMarkup", "answerCallbackQuery"];

/// Its calls of a method.
fn calls(received: &[Received], method: &str) -> Vec<Value> {
    received.iter().filter(|one| one.path == format!("/bot{TOKEN}/{method}")).map(Received::json).collect()
}

async fn watcher(ctx: &Ctx, telegram: &Receiver) -> Watcher {
    let token = ctx.file("telegram", TOKEN);
    let yaml = format!(
        "channels: [{{ name: ops, kind: telegram, tokenFile: '{}', url: '{}', chat: -42, users: [7], language: fr }}]",
        token.display(),
        telegram.url("")
    );
    let config = ctx.file("config.yaml", &yaml);
    ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", config.display().to_string()).start().await
}

/// What Telegram sends when the first button that answers is pressed.
fn pressed(message: &Value, id: &str, user: i64) -> Value {
    let rows = message["reply_markup"]["inline_keyboard"].as_array().expect("buttons");
    let data = rows.iter().find_map(|row| row[0]["callback_data"].as_str()).expect("a button");
    assert!(data.len() <= 64, "{data}");
    json!({"update_id": 1, "callback_query": {
        "id": id, "from": {"id": user, "is_bot": false, "first_name": "Ann"}, "chat_instance": "1", "data": data,
        "message": {"message_id": 9, "chat": {"id": -42, "type": "supergroup"}, "text": "Mise à jour", "entities": []},
    }})
}

async fn send(watcher: &Watcher, secret: &str, update: &Value) -> u16 {
    let headers = [("Content-Type", "application/json"), ("X-Telegram-Bot-Api-Secret-Token", secret)];
    watcher.post("/telegram/actions", &headers, update.to_string()).await.status
}

async fn a_press_in_telegram_goes_the_way_of_a_links(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let telegram = ctx.receiver();
    let taken = json!({"ok": true, "result": {"message_id": 9, "chat": {"id": -42}}}).to_string();
    telegram.at("/bot", Answer::status(200).body(taken));
    let watcher = watcher(&ctx, &telegram).await;
    let received = telegram.wait_until("where presses come in", |all| !calls(all, "setWebhook").is_empty()).await;
    let hook = &calls(&received, "setWebhook")[0];
    assert!(hook["url"].as_str().is_some_and(|url| url.ends_with("/telegram/actions")), "{hook}");
    let secret = hook["secret_token"].as_str().expect("a secret").to_owned();

    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let asks =
        |all: &[Received]| calls(all, "sendMessage").into_iter().find(|one| one.to_string().contains("callback_data"));
    let received = telegram.wait_until("a question", |all| asks(all).is_some()).await;
    let question = asks(&received).expect("a question");
    assert!(question.to_string().contains("Approuver"), "in the channel's language: {question}");
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;

    let before = deployment.get().await;
    assert_eq!(send(&watcher, "wrong", &pressed(&question, "q1", 7)).await, 401);
    assert_eq!(send(&watcher, &secret, &pressed(&question, "q2", 8)).await, 200);
    let aside = |all: &[Received]| calls(all, "answerCallbackQuery").into_iter().find(|one| one["text"].is_string());
    let received = telegram.wait_until("a stranger is told that they may not", |all| aside(all).is_some()).await;
    assert!(aside(&received).is_some_and(|one| one["text"].to_string().contains("Vous ne pouvez pas répondre")));
    assert_eq!(deployment.get().await.0["metadata"]["annotations"], before.0["metadata"]["annotations"]);
    assert!(ctx.images_written().is_empty());

    for _ in 0..2 {
        assert_eq!(send(&watcher, &secret, &pressed(&question, "q3", 7)).await, 200, "Telegram may send it twice");
    }
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    assert_eq!(history[0]["by"], "telegram 7");
    let ended = |all: &[Received]| {
        let messages = calls(all, "sendMessage").into_iter();
        messages
            .filter(|one| one["reply_parameters"]["message_id"] == 9)
            .any(|one| one["text"].to_string().contains("sain"))
    };
    let received = telegram.wait_until("how it ended, below the question", ended).await;
    let known = |one: &Received| METHODS.iter().any(|method| one.path == format!("/bot{TOKEN}/{method}"));
    assert_eq!(received.iter().find(|one| !known(one)).map(|one| &one.path), None, "Telegram answers others with 404");
    let edits = calls(&received, "editMessageText");
    assert!(
        edits.iter().all(|edit| edit["message_id"] == 9 && !edit.to_string().contains("callback_data")),
        "{edits:#?}"
    );
    assert!(edits.iter().any(|edit| edit["text"].to_string().contains("le déploiement est sain")), "{edits:#?}");
    assert!(edits.iter().any(|edit| edit["text"].to_string().contains("par 7 (Telegram)")), "{edits:#?}");
    let answered = calls(&received, "answerCallbackQuery").into_iter().filter(|one| one["callback_query_id"] == "q3");
    assert_eq!(answered.count(), 1, "what came twice is one press");
    assert!(!watcher.logs().contains(TOKEN) && !watcher.logs().contains(&secret));
}
