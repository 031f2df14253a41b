//! What registries ask of those who read.

use super::*;

#[tokio::test]
async fn row_23_basic_then_bearer_in_one_line() {
    let player = Player::start(|asked, host| {
        let challenge = format!("Basic realm=\"reg\", Bearer realm=\"http://{host}/token\",service=\"reg\"");
        token_service(asked).unwrap_or_else(|| opened(asked.shows_token(), challenge))
    })
    .await;
    assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
}

#[tokio::test]
async fn row_24_negotiate_then_basic_in_two_lines() {
    for lines in [["Negotiate", "Basic realm=\"reg\""], ["NTLM TlRMTVNTUAAB==, Negotiate abc=", "BASIC realm=reg"]] {
        let player = Player::start(move |asked, _| match opened(asked.shows_user(), lines[0]) {
            refused if refused.status == 401 => refused.with("WWW-Authenticate", lines[1]),
            list => list,
        })
        .await;
        assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
    }
}

#[tokio::test]
async fn row_25_basic_after_a_token_that_failed() {
    let player = Player::start(|asked, host| {
        token_service(asked).unwrap_or_else(|| match (asked.shows_user(), asked.shows_token()) {
            (true, _) => tags(&ALL),
            (_, true) => reply(401).with("WWW-Authenticate", "Basic realm=\"harbor\""),
            _ => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
        })
    })
    .await;
    let registry = client(&[&player]);
    for _ in 0..2 {
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    }
    assert_eq!(player.asked().len(), 5, "what worked is remembered");
}

/// A registry that sends us to a token service, and offers this beside it.
async fn led_to(service: &Player, and: &'static str) -> Player {
    let realm = format!("http://{}/token", service.host);
    Player::start(move |asked, _| {
        let is_open = asked.shows_token() || (!and.is_empty() && asked.shows_user());
        opened(is_open, format!("Bearer realm=\"{realm}\",service=\"s\"{and}"))
    })
    .await
}

#[tokio::test]
async fn row_26_a_token_service_elsewhere_gets_no_credential() {
    let stranger = Player::start(|asked, _| token_service(asked).unwrap()).await;
    let player = led_to(&stranger, "").await;
    for named in [&[&player][..], &[&player, &stranger]] {
        let error = looked(&client(named), &player, &joe()).await.unwrap_err();
        let line = format!("tokenServices: [\"{}\"]", stranger.host);
        assert!(error.to_string().contains(&line), "{error}");
    }
    assert_eq!(stranger.asked().len(), 0);
    // Who has nothing to show shows nothing.
    let registry = client(&[&player, &stranger]);
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0");
    assert_eq!(stranger.asked()[0].header("authorization"), "");
}

#[tokio::test]
async fn row_26_a_token_service_that_is_named_gets_the_credential() {
    let service =
        Player::start(|asked, _| token_service(asked).filter(|_| asked.shows_user()).unwrap_or_else(|| reply(401)))
            .await;
    let player = led_to(&service, "").await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.token_services = vec![service.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host]));
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    // What is said of one registry holds for no other.
    let other = led_to(&service, "").await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.token_services = vec![service.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&other.host).unwrap()]));
    let error = looked(&registry, &other, &joe()).await.unwrap_err();
    assert!(error.to_string().contains("tokenServices"), "{error}");
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn row_27_basic_where_the_token_service_is_a_strangers() {
    let stranger = Player::start(|asked, _| token_service(asked).unwrap()).await;
    let player = led_to(&stranger, ", Basic realm=\"x\"").await;
    for named in [&[&player][..], &[&player, &stranger]] {
        assert_eq!(looked(&client(named), &player, &joe()).await.unwrap(), "1.1.0");
    }
    assert_eq!(stranger.asked().len(), 0);
}

/// A registry whose token opens it only where it was asked for with this scope.
async fn scoped(challenged: &'static str, opens: &'static str) -> Player {
    Player::start(move |asked, host| {
        if asked.path == "/token" {
            let token = if asked.query("scope") == opens { "TOKEN" } else { "other" };
            return json(200, &serde_json::json!({ "token": token }));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"reg\"{challenged}");
        opened(asked.shows_token(), challenge)
    })
    .await
}

#[tokio::test]
async fn rows_28_and_29_the_scope_of_the_challenge_is_asked_for_to_read() {
    let ours = "repository:shop/app:pull";
    for (challenged, opens) in [
        (",scope=\"repository:backing/app:pull\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:pull,push,delete\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:*\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:push\"", ours),
        (",scope=\"registry:catalog:*\"", ours),
        (",scope=\"\"", ours),
        ("", ours),
        (",scope=aws", "aws"),
        (",scope=\"aws\"", "aws"),
    ] {
        let player = scoped(challenged, opens).await;
        let offered = look(&player).await;
        assert_eq!(offered.as_deref().ok(), Some("1.1.0"), "{challenged}: {offered:?}");
    }
}

#[tokio::test]
async fn row_30_an_access_token_is_one() {
    let player = Player::start(|asked, host| match (&*asked.path, asked.shows_token()) {
        ("/token", _) => json(200, &serde_json::json!({"access_token": "TOKEN"})),
        (_, true) => tags(&ALL),
        _ => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
    })
    .await;
    decided(&player).await;
}

#[tokio::test]
async fn row_31_a_token_that_opens_nothing_is_refused_as_unknown() {
    let player = Player::start(|asked, host| {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\",error=\"insufficient_scope\"");
        token_service(asked).unwrap_or_else(|| reply(401).with("WWW-Authenticate", challenge))
    })
    .await;
    refused(&player, "is not known to its registry, or may not be read").await;
    assert!(player.asked().len() <= 20);
}

#[tokio::test]
async fn row_32_a_realm_may_be_relative() {
    let player = Player::start(|asked, _| {
        let challenge = "Bearer realm=\"/token\",service=\"zot\"";
        token_service(asked).unwrap_or_else(|| opened(asked.shows_token(), challenge))
    })
    .await;
    decided(&player).await;
}

#[tokio::test]
async fn a_token_service_that_fails_is_named_with_what_it_answers() {
    let cases: [(u16, &str, &str, &str); 4] = [
        (500, "text/plain", "oops", "answers 500"),
        (404, "text/html", "<html>", "answers 404"),
        (200, "text/html", "<html>Sign in</html>", "text/html"),
        (200, "application/json", "{}", "sends no token"),
    ];
    for (status, media, body, expected) in cases {
        let service = Player::start(move |_, _| reply(status).with("Content-Type", media).body(body)).await;
        let player = led_to(&service, "").await;
        let told =
            looked(&client(&[&player, &service]), &player, &Credential::default()).await.unwrap_err().to_string();
        for part in [&*player.host, &service.host, expected] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}

/// Azure tells reading a list from reading content, and a token opens only what its scope says.
#[tokio::test]
async fn one_token_is_for_the_list_and_for_the_content() {
    let player = Player::start(|asked, host| {
        if asked.path == "/token" {
            return json(200, &serde_json::json!({"access_token": asked.query("scope").rsplit(':').next()}));
        }
        let (needs, good) = match &*asked.path {
            LIST => ("metadata_read", tags(&ALL)),
            _ => ("pull", reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str())),
        };
        let shown = asked.header("authorization").trim_start_matches("Bearer ");
        if shown.split(',').any(|action| action == needs) {
            return good;
        }
        let challenge =
            format!("Bearer realm=\"http://{host}/token\",service=\"reg\",scope=\"repository:shop/app:{needs}\"");
        reply(401).with("WWW-Authenticate", challenge)
    })
    .await;
    let registry = client(&[&player]);
    let tag = Tag::parse("1.1.0").unwrap();
    for _ in 0..3 {
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
        assert!(registry.digest(&player.repository(), &tag, &joe()).await.unwrap().is_some());
    }
    let tokens = player.asked().iter().filter(|asked| asked.path == "/token").count();
    assert_eq!(tokens, 1, "{:#?}", player.asked());
}

/// Amazon's registry answers so to a pull secret of more than twelve hours.
#[tokio::test]
async fn what_a_registry_says_with_a_refusal_is_told() {
    const EXPIRED: &str = "Your authorization token has expired. Reauthenticate and try again.";
    let body = || serde_json::json!({"errors": [{"code": "DENIED", "message": EXPIRED}]});
    let said = format!("says «DENIED: {EXPIRED}»");
    let told = async |player: &Player, credential: &Credential| {
        let registry = client(&[player]);
        let mut told = vec![looked(&registry, player, credential).await.unwrap_err().told_to(credential)];
        let tag = Tag::parse("stable").unwrap();
        told.push(registry.digest(&player.repository(), &tag, credential).await.unwrap_err().told_to(credential));
        told
    };
    let forbids = Player::start(move |_, _| json(403, &body())).await;
    let service = Player::start(move |asked, host| match &*asked.path {
        "/token" => json(403, &body()),
        _ => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
    })
    .await;
    let basic = Player::start(move |_, _| json(401, &body()).with("WWW-Authenticate", "Basic realm=\"x\"")).await;
    for (player, is_said_of_a_head) in [(&forbids, true), (&service, true), (&basic, false)] {
        let told = told(player, &joe()).await;
        assert!(told[0].contains(&said) && told[1].contains(&said) == is_said_of_a_head, "{told:#?}");
    }
    let echoing = Player::start(|asked, _| {
        let shown = asked.header("authorization").to_owned();
        json(401, &serde_json::json!({"errors": [{"code": "no", "message": format!("joe:pw is wrong {shown}")}]}))
            .with("WWW-Authenticate", "Basic realm=\"x\"")
    })
    .await;
    assert!(!told(&echoing, &joe()).await.concat().contains("pw"), "a password that is sent back is not shown");
}

/// A refusal with the request in it, as gateways that are debugged and quarantines write them.
fn dump(status: u16, asked: &Asked) -> Reply {
    let message = format!("request had Authorization: {}", asked.header("authorization"));
    json(status, &serde_json::json!({"errors": [{"code": "DENIED", "message": message}]}))
}

#[tokio::test]
async fn what_is_sent_back_of_what_was_shown_is_not_told() {
    const TOKEN: &str = "v4.local.token";
    let challenge = |by_token: bool, host: &str| {
        let bearer = format!("Bearer realm=\"http://{host}/token\"");
        reply(401).with("WWW-Authenticate", if by_token { bearer } else { "Basic realm=\"x\"".to_owned() })
    };
    // By a token or by name and password; what is refused, with which status.
    for (by_token, refused, status) in [
        (false, "/", 401),
        (false, "/", 403),
        (true, "/", 403),
        (true, "/token", 401),
        (true, "/token", 403),
        (false, "/manifests/", 403),
        (false, "/manifests/", 412),
        (true, "/manifests/", 404),
    ] {
        let player = Player::start(move |asked, host| {
            let is_refused = asked.path.contains(refused);
            match (&*asked.path, asked.header("authorization")) {
                ("/token", _) if !is_refused || refused == "/" => json(200, &serde_json::json!({"token": TOKEN})),
                ("/token", _) => dump(status, asked),
                (_, "") => challenge(by_token, host),
                _ if is_refused && status == 401 => dump(401, asked).with("WWW-Authenticate", "Basic realm=\"x\""),
                _ if is_refused => dump(status, asked),
                _ => tags(&ALL),
            }
        })
        .await;
        for (password, encoded) in [("pw", "am9lOnB3"), ("hunter2-of-joe", "am9lOmh1bnRlcjItb2Ytam9l")] {
            let (credential, registry) = (user("ns/pull", "joe", password), client(&[&player]));
            let list = looked(&registry, &player, &credential).await.err();
            let tag = Tag::parse("1.1.0").unwrap();
            let digest = registry.digest(&player.repository(), &tag, &credential).await.err();
            let told: Vec<String> = [list, digest].into_iter().flatten().map(|it| it.told_to(&credential)).collect();
            let echo = [password, encoded, TOKEN].into_iter().find(|secret| told.concat().contains(secret));
            let shown = player.asked().iter().filter(|asked| !asked.header("authorization").is_empty()).count();
            assert!(!told.is_empty() && shown > 0, "{by_token} {refused} {status}: {told:#?}");
            assert_eq!(echo, None, "{by_token} {refused} {status}: {told:#?}");
        }
    }
}
