//! Registries that ask to wait, and refusals that may end by themselves.

use super::*;

#[tokio::test]
async fn row_33_who_asks_to_wait_is_left_alone_and_it_is_told_until_when() {
    let throttled = serde_json::json!({"errors": [{"code": "TOOMANYREQUESTS"}]});
    let player = Player::start(move |_, _| json(429, &throttled).with("Retry-After", "7")).await;
    let (metrics, outbound) = (Metrics::new(), Outbound::new(None).unwrap());
    let config = RegistryConfig::new([player.host.clone()]);
    let registry = HttpRegistry::new(config, &outbound, Ambient::system(), Arc::new(metrics.clone())).unwrap();
    for _ in 0..3 {
        let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Throttled { .. }), "{error}");
        assert!(error.to_string().contains(" UTC"), "{error}");
    }
    assert_eq!(player.asked().len(), 1);
    let counted = metrics.text();
    let waits = counted.lines().find(|line| line.starts_with("image_watcher_registry_waits_total{"));
    assert!(waits.is_some_and(|line| line.contains("reason=\"asked\"") && line.ends_with(" 3")), "{counted}");
}

#[tokio::test]
async fn row_33_everybody_leaves_alone_who_asks_to_wait() {
    let throttled = serde_json::json!({"errors": [{"code": "TOOMANYREQUESTS"}]});
    let player = Player::start(move |_, _| json(429, &throttled).with("Retry-After", "7")).await;
    let (clock, config) = (Arc::new(Held::default()), RegistryConfig::new([player.host.clone()]));
    let registry = client_at(&clock, config);
    for (seconds, who, asked) in
        [(0, joe(), 1), (1, Credential::default(), 1), (6, joe(), 1), (7, Credential::default(), 2)]
    {
        *clock.0.lock().unwrap() = Duration::from_secs(seconds);
        let error = looked(&registry, &player, &who).await.unwrap_err();
        assert_eq!((error.reason(), player.asked().len()), ("throttled", asked), "{seconds}: {error}");
    }
}

/// Seconds and dates are taken for what they say, an hour at most; no other host waits.
#[tokio::test]
async fn a_host_that_is_not_available_is_left_alone_for_as_long_as_it_says() {
    let date = "Thu, 01 Jan 1970 00:01:40 GMT";
    for (status, says, seconds) in
        [(503, "70", 70), (503, date, 100), (503, "999999", 3600), (429, date, 100), (429, "999999", 3600)]
    {
        let is_up = Arc::new(Mutex::new(false));
        let script = Arc::clone(&is_up);
        let player =
            Player::start(
                move |_, _| {
                    if *script.lock().unwrap() { tags(&ALL) } else { reply(status).with("Retry-After", says) }
                },
            )
            .await;
        let other = Player::start(|_, _| tags(&ALL)).await;
        let clock = Arc::new(Held::default());
        let registry = client_at(&clock, RegistryConfig::new([player.host.clone(), other.host.clone()]));
        let error = looked(&registry, &player, &joe()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("answers {status} and asks to wait")), "{error}");
        let report = registry.report(&[]).into_iter().find(|report| report.host == player.host).unwrap();
        let why = if status == 503 { "unavailable" } else { "asked" };
        assert_eq!(report.waits_for, Some(why));
        assert_eq!(report.waits_until.map(|until| until.timestamp()), Some(seconds), "{status}: {says}");
        assert!(looked(&registry, &other, &joe()).await.is_ok(), "another host");
        *is_up.lock().unwrap() = true;
        *clock.0.lock().unwrap() = Duration::from_secs(seconds.unsigned_abs() - 1);
        assert!(looked(&registry, &player, &joe()).await.is_err(), "{status}: {says}");
        assert_eq!(player.asked().len(), 1);
        *clock.0.lock().unwrap() = Duration::from_secs(seconds.unsigned_abs());
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    }
}

/// Nobody is told of one user's old refusal while another's is new.
#[tokio::test]
async fn a_refusal_of_several_is_told_when_all_have_lasted() {
    let player = Player::start(|_, _| reply(401).with("WWW-Authenticate", "Basic realm=\"x\"")).await;
    let clock = Arc::new(Held::default());
    let registry = client_at(&clock, RegistryConfig::new([player.host.clone()]));
    let users = [user("ns/other", "ann", "no"), joe()];
    let both = Credential::users(users.iter().flat_map(Credential::to_try).cloned());
    let asked = async |seconds, credential: &Credential| {
        *clock.0.lock().unwrap() = Duration::from_secs(seconds);
        looked(&registry, &player, credential).await.map_err(|error| (error.is_retryable(), error.reason()))
    };
    assert_eq!(asked(0, &users[0]).await, Err((true, "unauthorized")));
    assert_eq!(asked(20, &users[0]).await, Err((false, "unauthorized")));
    assert_eq!(asked(20, &both).await, Err((true, "unauthorized")));
    assert_eq!(asked(30, &both).await, Err((false, "unauthorized")));
}

#[tokio::test]
async fn a_refusal_is_told_when_it_has_lasted() {
    for status in [401, 403] {
        let is_refused = Arc::new(Mutex::new(true));
        let script = Arc::clone(&is_refused);
        let player = Player::start(move |_, _| {
            let is_refused = *script.lock().unwrap();
            if is_refused { reply(status).with("WWW-Authenticate", "Basic realm=\"x\"") } else { tags(&ALL) }
        })
        .await;
        let clock = Arc::new(Held::default());
        let registry = client_at(&clock, RegistryConfig::new([player.host.clone()]));
        let asked = async |seconds| {
            *clock.0.lock().unwrap() = Duration::from_secs(seconds);
            looked(&registry, &player, &joe()).await.map_err(|error| (error.is_retryable(), error.reason()))
        };
        assert_eq!(asked(0).await, Err((true, "unauthorized")));
        assert_eq!(asked(3).await, Err((true, "unauthorized")));
        *is_refused.lock().unwrap() = false;
        assert_eq!(asked(4).await, Ok("1.1.0".to_owned()), "three seconds at a push lose nothing");
        *is_refused.lock().unwrap() = true;
        assert_eq!(asked(100).await, Err((true, "unauthorized")));
        assert_eq!(asked(110).await, Err((false, "unauthorized")));
        assert_eq!(asked(10_000).await, Err((false, "unauthorized")));
    }
}

/// Whoever asks everything once has no later: one answer 429 is no reason to give up a whole host.
#[tokio::test]
async fn a_command_waits_as_it_is_asked_to_and_goes_on() {
    let asked = Arc::new(Mutex::new(0));
    let player = Player::start(move |_, _| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked == 1 { reply(429).with("Retry-After", "1") } else { tags(&ALL) }
    })
    .await;
    let command = client_of(RegistryConfig::new([player.host.clone()]).that_waits());
    let (one, other) = (Credential::default(), joe());
    let (one, other) = tokio::join!(looked(&command, &player, &one), looked(&command, &player, &other));
    assert_eq!((one.ok().as_deref(), other.ok().as_deref()), (Some("1.1.0"), Some("1.1.0")));
}

#[tokio::test]
async fn a_command_does_not_wait_for_longer_than_anybody_would() {
    let player = Player::start(|_, _| reply(429).with("Retry-After", "600")).await;
    let command = client_of(RegistryConfig::new([player.host.clone()]).that_waits());
    let error = looked(&command, &player, &Credential::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { .. }), "{error}");
    assert_eq!(player.asked().len(), 1);
}
