//! A cache beside a registry: what it has may be of yesterday.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn beside(player: &Player, mirror: &Player) -> HttpRegistry {
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.mirrors = vec![mirror.host.clone()];
    client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&mirror.host).unwrap()]))
}

/// A registry or a cache whose tag points to this, as long as it is up.
async fn pointing(content: &Arc<Mutex<&'static str>>, is_up: &Arc<AtomicBool>) -> Player {
    let (content, is_up) = (Arc::clone(content), Arc::clone(is_up));
    Player::start(move |_, _| {
        let digest = Digest::of(content.lock().unwrap().as_bytes());
        if is_up.load(Ordering::SeqCst) {
            reply(200).with("Docker-Content-Digest", digest.as_str())
        } else {
            reply(503)
        }
    })
    .await
}

#[tokio::test]
async fn a_tag_is_where_its_registry_says_and_never_goes_back_to_what_a_cache_has() {
    let (up, cached) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new("old")));
    let player = pointing(&Arc::new(Mutex::new("new")), &up).await;
    let mirror = pointing(&cached, &Arc::new(AtomicBool::new(true))).await;
    let (registry, tag) = (beside(&player, &mirror), Tag::parse("latest").unwrap());
    let asked = async |registry: &HttpRegistry| registry.digest(&player.repository(), &tag, &joe()).await;
    assert_eq!(asked(&registry).await.unwrap(), Some(Digest::of(b"new")));
    assert_eq!(mirror.asked().len(), 0);
    up.store(false, Ordering::SeqCst);
    assert_eq!(
        asked(&registry).await.unwrap_err().reason(),
        "unusable",
        "the cache says otherwise, and is not believed"
    );
    *cached.lock().unwrap() = "new";
    assert_eq!(asked(&registry).await.unwrap(), Some(Digest::of(b"new")), "both say the same");
    let elsewhere = beside(&player, &mirror);
    assert_eq!(asked(&elsewhere).await.unwrap(), Some(Digest::of(b"new")), "there is no other word of it");
    up.store(true, Ordering::SeqCst);
    assert_eq!(asked(&elsewhere).await.unwrap(), Some(Digest::of(b"new")));
}

#[tokio::test]
async fn what_a_registry_has_thrown_away_is_gone_though_a_cache_has_it() {
    let is_asked = Arc::new(AtomicBool::new(true));
    let up = Arc::clone(&is_asked);
    let player = Player::start(move |_, _| reply(if up.load(Ordering::SeqCst) { 404 } else { 503 })).await;
    let mirror = Player::start(|asked, _| match &*asked.path {
        LIST => tags(&ALL),
        _ => reply(200).with("Content-Type", "application/vnd.oci.image.manifest.v1+json").body("{}"),
    })
    .await;
    let (registry, digest) = (beside(&player, &mirror), Digest::of(b"{}"));
    let repository = player.repository();
    assert!(!registry.has(&repository, &digest, &joe()).await.unwrap());
    assert_eq!(registry.is_known(&repository, &joe()).await.unwrap_err().reason(), "unknown_repository");
    is_asked.store(false, Ordering::SeqCst);
    assert!(registry.has(&repository, &digest, &joe()).await.unwrap(), "where the registry gives no answer");
    assert_eq!(registry.is_known(&repository, &joe()).await.unwrap_err().reason(), "unusable");
}

#[tokio::test]
async fn a_mirror_that_is_passed_over_says_so_in_a_row_of_its_own() {
    let mirror = Player::start(|_, _| tags(&["0.9.0"])).await;
    let player = Player::start(|_, _| tags(&ALL)).await;
    let registry = beside(&player, &mirror);
    looked(&registry, &player, &joe()).await.unwrap();
    let outcome = |host: &str| {
        let report = registry.report(&[]);
        report.iter().find(|it| it.host == host).and_then(|it| it.last_outcome)
    };
    assert_eq!((outcome(&mirror.host), outcome(&player.host)), (Some(PASSED_OVER), Some("ok")));
}
