//! What the operator says of a host.

use super::*;

#[tokio::test]
async fn the_files_user_asks_where_a_workload_has_none() {
    let player = Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.user = Some(User::of_host(&player.host, "joe".into(), Secret::new("pw".into())).into());
    let registry = client_of(RegistryConfig::of(vec![host]));
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0");
    let other = user("ns/other", "ann", "no");
    let error = looked(&registry, &player, &other).await.unwrap_err();
    assert_eq!(error.reason(), "unauthorized", "who has one of its own is not helped by the operator's: {error}");
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_never_with_the_registrys_credential() {
    let mirror = Player::start(|asked, _| match &*asked.path {
        LIST => tags(&ALL),
        _ => reply(404),
    })
    .await;
    let player = Player::start(|_, _| reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str())).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.mirrors = vec![mirror.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&mirror.host).unwrap()]));
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    assert_eq!(player.asked().len(), 0);
    // What it has not, the registry may have.
    let tag = Tag::parse("stable").unwrap();
    assert_eq!(registry.digest(&player.repository(), &tag, &joe()).await.unwrap(), Some(Digest::of(b"x")));
    assert!(mirror.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    // Where no node can pull, nobody is asked.
    let secret = NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let broken = Credential::broken(BrokenSecret { secret, why: "no".into() });
    let asked = mirror.asked().len();
    assert_eq!(looked(&registry, &player, &broken).await.unwrap_err().reason(), "unauthorized");
    assert_eq!(mirror.asked().len(), asked);
}

/// A cache that has nothing yet, or is behind: what would not be believed of it is no answer, as its 404 is none.
#[tokio::test]
async fn a_mirror_whose_list_would_not_be_believed_is_passed_over() {
    for listed in [&[][..], &["0.9.0"], &["1.1.0"]] {
        let mirror = Player::start(move |_, _| tags(listed)).await;
        let player = Player::start(|_, _| tags(&ALL)).await;
        let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
        host.mirrors = vec![mirror.host.clone()];
        let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&mirror.host).unwrap()]));
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0", "{listed:?}");
        assert_eq!((mirror.asked().len(), player.asked().len()), (1, 1), "{listed:?}");
    }
}

#[tokio::test]
async fn a_ceiling_sends_away_before_a_question_and_never_within_one() {
    let player = Player::start(|_, _| tags(&ALL)).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(2);
    let registry = client_of(RegistryConfig::of(vec![host]));
    for _ in 0..2 {
        looked(&registry, &player, &joe()).await.unwrap();
    }
    // It is the host's, whoever asks.
    let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::Ceiling, until: Some(_), .. }), "{error}");
    assert_eq!(player.asked().len(), 2);
}

/// A digest comes after a list, which would be asked for again: it waits for a minute that has room.
#[tokio::test]
async fn what_comes_after_a_list_waits_for_its_turn() {
    let player = Player::start(|_, _| tags(&ALL).with("Docker-Content-Digest", Digest::of(b"x").as_str())).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(1);
    let clock = Arc::new(Ahead { start: tokio::time::Instant::now(), by: Mutex::default() });
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
    let (config, outbound) = (RegistryConfig::of(vec![host]), Outbound::new(None).unwrap());
    let client = |config| HttpRegistry::new(config, &outbound, ambient.clone(), Arc::new(Metrics::new())).unwrap();
    let (registry, command) = (client(config.clone()), client(config.that_waits()));
    looked(&registry, &player, &joe()).await.unwrap();
    looked(&command, &player, &joe()).await.unwrap();
    *clock.by.lock().unwrap() = Duration::from_millis(59_500);
    let error = looked(&registry, &player, &joe()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::Ceiling, .. }), "{error}");
    let (tag, repository) = (Tag::parse("stable").unwrap(), player.repository());
    assert!(registry.digest(&repository, &tag, &joe()).await.unwrap().is_some());
    // A command, which asks everything once, waits for lists too.
    looked(&command, &player, &joe()).await.unwrap();
    assert_eq!(player.asked().len(), 4);
}

/// Who was refused before would be asked again: the next user waits for a minute that has room.
#[tokio::test]
async fn the_next_user_waits_for_its_turn() {
    let player = Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(4);
    let clock = Arc::new(Ahead { start: tokio::time::Instant::now(), by: Mutex::default() });
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
    let (config, outbound) = (RegistryConfig::of(vec![host]), Outbound::new(None).unwrap());
    let registry = HttpRegistry::new(config, &outbound, ambient, Arc::new(Metrics::new())).unwrap();
    for _ in 0..2 {
        looked(&registry, &player, &Credential::default()).await.unwrap_err();
    }
    *clock.by.lock().unwrap() = Duration::from_millis(59_500);
    let users = [user("ns/other", "ann", "no"), joe()];
    let both = Credential::users(users.iter().flat_map(Credential::to_try).cloned());
    assert_eq!(looked(&registry, &player, &both).await.unwrap(), "1.1.0");
    assert_eq!(player.asked().len(), 6);
}

/// A clock that goes as others do, and is ahead of them.
struct Ahead {
    start: tokio::time::Instant,
    by: Mutex<Duration>,
}

impl crate::ambient::Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + *self.by.lock().unwrap()
    }
}

#[tokio::test]
async fn what_is_left_of_a_quota_is_left_to_those_who_pull() {
    let player = Player::start(|_, _| {
        tags(&ALL).with("RateLimit-Limit", "100;w=21600").with("RateLimit-Remaining", "10;w=21600")
    })
    .await;
    let registry = client(&[&player]);
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0", "the answer is good");
    let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::LittleLeft, .. }), "{error}");
    assert_eq!(player.asked().len(), 1);
}
