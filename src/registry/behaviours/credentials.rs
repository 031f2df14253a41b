//! Credentials that are no good, or not for this: each has its reason, nothing is decided, and it ends by itself.

use super::*;

/// A registry whose token service lets in whoever shows this, and gives that token; both may change.
async fn changing(user: &Arc<Mutex<String>>, token: &Arc<Mutex<String>>) -> Player {
    let (user, token) = (Arc::clone(user), Arc::clone(token));
    Player::start(move |asked, host| {
        let token = token.lock().unwrap().clone();
        if asked.path == "/token" {
            let is_known = asked.header("authorization") == *user.lock().unwrap();
            let given = json(200, &serde_json::json!({"token": token, "expires_in": 3600}));
            return if is_known { given } else { reply(401).with("WWW-Authenticate", "Basic realm=\"x\"") };
        }
        let is_open = asked.header("authorization") == format!("Bearer {token}");
        opened(is_open, format!("Bearer realm=\"http://{host}/token\",service=\"reg\""))
    })
    .await
}

fn basic(text: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

#[tokio::test]
async fn a_token_that_ended_early_is_asked_for_anew() {
    let (user, token) = (Arc::new(Mutex::new(basic("joe:pw"))), Arc::new(Mutex::new("first".to_owned())));
    let player = changing(&user, &token).await;
    let registry = client(&[&player]);
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    "second".clone_into(&mut token.lock().unwrap());
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    assert_eq!(player.asked().len(), 6, "list, token, list; list, token, list");
}

#[tokio::test]
async fn a_password_that_ended_is_told_and_one_that_is_good_again_is_taken() {
    let (user, token) = (Arc::new(Mutex::new(basic("joe:pw"))), Arc::new(Mutex::new("first".to_owned())));
    let player = changing(&user, &token).await;
    let (clock, config) = (Arc::new(Held::default()), RegistryConfig::new([player.host.clone()]));
    let registry = client_at(&clock, config);
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    (*user.lock().unwrap(), *token.lock().unwrap()) = (basic("joe:next"), "second".to_owned());
    for (seconds, is_told) in [(0, false), (5, false), (10, true), (1000, true)] {
        *clock.0.lock().unwrap() = Duration::from_secs(seconds);
        let error = looked(&registry, &player, &joe()).await.unwrap_err();
        assert_eq!((error.reason(), error.is_retryable()), ("unauthorized", !is_told), "{seconds}: {error}");
        assert!(error.to_string().contains("a token service that refuses the credential"), "{error}");
    }
    *user.lock().unwrap() = basic("joe:pw");
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
}

/// RFC 7617 has no way to write a name with a colon: the registry reads another name.
#[tokio::test]
async fn a_colon_belongs_to_the_password() {
    let player =
        Player::start(|asked, _| opened(asked.header("authorization") == basic("joe:p:w"), "Basic realm=\"x\"")).await;
    let registry = client(&[&player]);
    assert_eq!(looked(&registry, &player, &user("ns/a", "joe", "p:w")).await.unwrap(), "1.1.0");
    for (scope, name, password) in [("ns/b", "joe:p", "v"), ("ns/c", "joe", ""), ("ns/d", "joe:", "p:w")] {
        let error = looked(&registry, &player, &user(scope, name, password)).await.unwrap_err();
        assert_eq!(error.reason(), "unauthorized", "{name}: {error}");
    }
    let nameless = looked(&registry, &player, &user("ns/e", "", "p:w")).await.unwrap_err();
    assert!(nameless.to_string().contains("is asked without one"), "{nameless}");
}

#[tokio::test]
async fn what_is_longer_than_servers_take_is_not_shown() {
    let player = Player::start(|asked, host| {
        let challenge = format!("Basic realm=\"x\", Bearer realm=\"http://{host}/token\"");
        token_service(asked).unwrap_or_else(|| opened(asked.shows_user() || asked.shows_token(), challenge))
    })
    .await;
    let registry = client(&[&player]);
    let long = user("ns/long", "joe", &"x".repeat(1 << 20));
    let error = looked(&registry, &player, &long).await.unwrap_err();
    assert_eq!((error.reason(), error.is_retryable()), ("unauthorized", false), "{error}");
    assert!(error.to_string().contains("more than 16384 bytes"), "{error}");
    assert!(player.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    // Who comes after it is let in, and so is nobody in particular where nobody is asked for.
    let both = Credential::users(long.to_try().iter().chain(joe().to_try()).cloned());
    assert_eq!(looked(&registry, &player, &both).await.unwrap(), "1.1.0");
    let open = Player::start(|_, _| tags(&ALL)).await;
    assert_eq!(looked(&client(&[&open]), &open, &long).await.unwrap(), "1.1.0");
}

/// Each is told apart, and by a word for metrics.
#[tokio::test]
async fn a_credential_for_another_host_is_never_shown() {
    let (player, other) = (
        Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await,
        Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await,
    );
    let mut host = RegistryHost::in_plain_http(&other.host).unwrap();
    host.user = Some(User::of_host(&other.host, "joe".into(), Secret::new("pw".into())).into());
    let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&player.host).unwrap()]));
    let asks = Credential::anonymous(Anonymous::OtherHosts);
    let error = looked(&registry, &player, &asks).await.unwrap_err();
    assert!(error.told_to(&asks).contains("none of the workload's imagePullSecrets has a user for this host"));
    assert!(player.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    assert_eq!(looked(&registry, &other, &asks).await.unwrap(), "1.1.0");
}

/// A registry whose token service numbers its tokens, of which those up to some number open nothing: 403.
async fn numbered(forbidden: &Arc<Mutex<usize>>) -> Player {
    let (forbidden, made) = (Arc::clone(forbidden), Mutex::new(0));
    Player::start(move |asked, host| {
        if asked.path == "/token" {
            *made.lock().unwrap() += 1;
            return json(200, &serde_json::json!({"token": made.lock().unwrap().to_string(), "expires_in": 3600}));
        }
        match asked.header("authorization").strip_prefix("Bearer ").map(|token| token.parse::<usize>().unwrap()) {
            Some(token) if token <= *forbidden.lock().unwrap() => reply(403),
            token => opened(token.is_some(), format!("Bearer realm=\"http://{host}/token\"")),
        }
    })
    .await
}

/// What a token allows was said when it was made.
#[tokio::test]
async fn a_token_that_was_forbidden_something_is_shown_no_more() {
    let forbidden = Arc::new(Mutex::new(0));
    let player = numbered(&forbidden).await;
    let (clock, config) = (Arc::new(Held::default()), RegistryConfig::new([player.host.clone()]));
    let registry = client_at(&clock, config);
    let look = async |seconds| {
        *clock.0.lock().unwrap() = Duration::from_secs(seconds);
        let before = player.asked().len();
        let told = looked(&registry, &player, &joe()).await.map_err(|error| (error.reason(), error.is_retryable()));
        (told, player.asked().len() - before)
    };
    assert_eq!(look(0).await, (Ok("1.1.0".into()), 3));
    *forbidden.lock().unwrap() = 1;
    assert_eq!(look(1).await, (Ok("1.1.0".into()), 4), "403 to the old token, 401, a token, the list");
    *forbidden.lock().unwrap() = usize::MAX;
    assert_eq!(look(2).await, (Err(("unauthorized", true)), 4), "a new token is as good as any");
    assert_eq!(look(20).await, (Err(("unauthorized", false)), 3));
    *forbidden.lock().unwrap() = 0;
    assert_eq!(look(21).await, (Ok("1.1.0".into()), 3), "nothing outlives its cause");
}
