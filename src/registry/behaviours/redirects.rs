//! Answers that are elsewhere.

use super::*;

fn elsewhere(to: String) -> impl Fn(&Asked, &str) -> Reply {
    move |asked, _| reply(307).with("Location", format!("{to}{}", asked.path))
}

#[tokio::test]
async fn row_22_a_list_and_a_digest_that_are_elsewhere_are_followed_without_a_credential() {
    let store = Player::start(|asked, _| match (&*asked.path, asked.query("last")) {
        (LIST, "") => tags(&ALL[..2]).with("Link", format!("<{LIST}?last=latest>; rel=\"next\"")),
        (LIST, "latest") => tags(&ALL[2..]),
        (STABLE, _) => reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str()),
        _ => reply(404),
    })
    .await;
    let to = elsewhere(format!("http://{}", store.host));
    let front = Player::start(move |asked, host| match (asked.shows_token(), &*asked.path) {
        (_, "/token") => json(200, &serde_json::json!({"token": "TOKEN"})),
        (false, _) => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
        (true, _) => to(asked, host),
    })
    .await;
    let registry = client(&[&front, &store]);
    assert_eq!(looked(&registry, &front, &joe()).await.unwrap(), "1.1.0");
    let tag = Tag::parse("stable").unwrap();
    assert_eq!(registry.digest(&front.repository(), &tag, &joe()).await.unwrap(), Some(Digest::of(b"x")));
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    assert_eq!((store.by("HEAD"), store.lists()), (1, 2));
    // Not named: nobody is led to a private address, or to plain http.
    let error = looked(&client(&[&front]), &front, &joe()).await.unwrap_err();
    let told = error.to_string();
    let add = format!(
        "to http://{0} in plain http, for which it is not named; where that is right, add {{ host: \"{0}\"",
        store.host
    );
    assert!(told.contains("elsewhere") && told.contains(&add), "{told}");
    assert_eq!(store.lists(), 2);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_what_is_shown() {
    let player = Player::start(|asked, host| match (asked.shows_user(), &*asked.path) {
        (false, _) => reply(401).with("WWW-Authenticate", "Basic realm=\"x\""),
        (true, LIST) => reply(301).with("Location", format!("http://{host}/v2/moved/tags/list")),
        (true, "/v2/moved/tags/list") => tags(&ALL),
        _ => reply(404),
    })
    .await;
    assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
}

#[tokio::test]
async fn redirects_end() {
    let player = Player::start(|asked, _| reply(302).with("Location", format!("/x{}", asked.path))).await;
    refused(&player, "elsewhere").await;
    assert!(player.asked().len() <= 6);
    let places =
        ["", "http://[", "ftp://127.0.0.1/", "https://u:p@registry.example.com/", "http://169.254.169.254/latest"];
    for place in places {
        let player = Player::start(move |_, _| reply(307).with("Location", place)).await;
        refused(&player, "elsewhere").await;
    }
    // Over https it is the address that is judged.
    for place in [
        "https://127.0.0.1:1/",
        "https://localhost:1/",
        "https://[::1]:1/",
        "https://0x7f.1/",
        "https://169.254.169.254/",
    ] {
        let player = Player::start(move |_, _| reply(307).with("Location", place)).await;
        let error = look(&player).await.unwrap_err();
        assert!(matches!(error, RegistryError::Blocked { .. }), "{place}: {error}");
    }
}
