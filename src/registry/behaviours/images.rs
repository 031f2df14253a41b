//! Whether an image is there: registries that lack a part of it, lie, or do not say.

use serde_json::{Value, json};

use super::*;
use crate::domain::preflight::image::{Content, Found, Part};
use crate::domain::preflight::{Nodes, Platform, Pod, Start};

const MANIFESTS: &str = "/v2/shop/app/manifests/";
const BLOBS: &str = "/v2/shop/app/blobs/";

/// An index of one image for `linux/arm64` and one for `linux/amd64`, which have the same layers, by their digests.
fn shelf() -> HashMap<String, Vec<u8>> {
    let mut shelf = HashMap::new();
    let mut keep = |bytes: Vec<u8>| {
        let digest = Digest::of(&bytes);
        shelf.insert(digest.to_string(), bytes);
        digest
    };
    let layers = [keep(b"one".to_vec()), keep(b"two".to_vec())];
    let layers: Vec<Value> = layers.iter().map(|digest| json!({"digest": digest.as_str(), "size": 3})).collect();
    let entries: Vec<Value> = ["arm64", "amd64"]
        .map(|architecture| {
            let config = json!({"os": "linux", "architecture": architecture, "config": {"Cmd": ["/web"], "User": "1"}});
            let config = keep(config.to_string().into_bytes());
            let manifest = json!({"schemaVersion": 2, "config": {"digest": config.as_str()}, "layers": layers});
            let manifest = keep(manifest.to_string().into_bytes());
            json!({"digest": manifest.as_str(), "platform": {"os": "linux", "architecture": architecture}})
        })
        .to_vec();
    let index = json!({"schemaVersion": 2, "manifests": entries}).to_string().into_bytes();
    shelf.insert("index".into(), index);
    shelf
}

fn index() -> Digest {
    Digest::of(&shelf()["index"])
}

fn layer() -> String {
    Digest::of(b"two").to_string()
}

/// What is on the shelf.
fn found(asked: &Asked) -> Reply {
    let name = asked.path.rsplit('/').next().unwrap_or_default();
    let name = if name == index().as_str() { "index" } else { name };
    shelf().get(name).map_or_else(|| reply(404), |bytes| reply(200).body(bytes.clone()))
}

fn is_blob(asked: &Asked) -> bool {
    asked.path.starts_with(BLOBS)
}

async fn looked_at(client: &HttpRegistry, player: &Player, nodes: &[&str]) -> Result<Found, RegistryError> {
    let nodes: Vec<Platform> = nodes.iter().map(|of| Platform::try_from((*of).to_owned()).unwrap()).collect();
    client.image(&player.repository(), &index(), &nodes, Extent::Whole, &Credential::default()).await
}

/// What is said of it, where nothing is known of nodes and what runs.
async fn judged(player: &Player) -> String {
    let found = looked_at(&client(&[player]), player, &[]).await.unwrap();
    let pod = Pod { start: Start::default(), nodes: &Nodes::default(), cluster: None };
    pod.judge(&found, None).map_or_else(|flaw| flaw.word().to_owned(), |preflight| preflight.to_string())
}

#[tokio::test]
async fn an_index_and_one_manifest_are_read_once_and_each_blob_is_asked_for() {
    let player = Player::start(|asked, _| found(asked)).await;
    let client = client(&[&player]);
    for _ in 0..3 {
        let found = looked_at(&client, &player, &["linux/amd64"]).await.unwrap();
        let content = found.content().unwrap();
        assert_eq!((content.blobs, content.size, content.missing.as_ref()), (3, 6, None));
    }
    let count = |method: &str, part: &str| {
        player.asked().iter().filter(|asked| asked.method == method && asked.path.starts_with(part)).count()
    };
    assert_eq!((count("GET", MANIFESTS), count("GET", BLOBS), count("HEAD", BLOBS)), (2, 1, 2));
    looked_at(&client, &player, &["linux/arm64"]).await.unwrap();
    assert_eq!((count("GET", MANIFESTS), count("GET", BLOBS), count("HEAD", BLOBS)), (3, 2, 4));
    let described = client.image(&player.repository(), &index(), &[], Extent::Described, &joe()).await.unwrap();
    assert_eq!(described.content().map(|content| content.blobs), Some(0));
    assert_eq!(count("HEAD", BLOBS), 4, "what runs is not asked for its blobs; and nobody sees through another's");
    assert_eq!(count("GET", MANIFESTS), 5);
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_missing_and_asked_for_again() {
    let is_back = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = Arc::clone(&is_back);
    let player = Player::start(move |asked, _| {
        let is_lost = asked.path.ends_with(&layer()) && !switch.load(std::sync::atomic::Ordering::SeqCst);
        if is_lost { reply(404) } else { found(asked) }
    })
    .await;
    let client = client(&[&player]);
    let missing = async || {
        let found = looked_at(&client, &player, &[]).await.unwrap();
        found.content().and_then(|content| content.missing.clone()).map(|digest| digest.to_string())
    };
    assert_eq!(missing().await, Some(layer()));
    is_back.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(missing().await, None);
    let manifests = player.asked().iter().filter(|asked| asked.path.starts_with(MANIFESTS)).count();
    assert_eq!(manifests, 2, "what was read by its digest is not read again");
}

#[tokio::test]
async fn what_the_registry_does_not_say_is_not_known_and_no_flaw() {
    for status in [401, 403, 405, 429, 500, 503] {
        let player = Player::start(
            move |asked, _| {
                if is_blob(asked) && asked.method == "HEAD" { reply(status) } else { found(asked) }
            },
        )
        .await;
        let told = judged(&player).await;
        assert_eq!(told, "platforms not known; blobs not known; user and command fit", "{status}");
    }
    for status in [401, 500] {
        let player = Player::start(move |asked, _| if is_blob(asked) { reply(status) } else { found(asked) }).await;
        assert_eq!(judged(&player).await, "platforms not known; blobs not known; user and command not known");
    }
    let player = Player::start(|asked, _| {
        let is_child = asked.path.starts_with(MANIFESTS) && !asked.path.ends_with(index().as_str());
        if is_child { reply(503) } else { found(asked) }
    })
    .await;
    assert_eq!(judged(&player).await, "platforms not known; blobs not known; user and command not known");
    let player = Player::start(|_, _| reply(503)).await;
    assert!(looked_at(&client(&[&player]), &player, &[]).await.is_err());
}

#[tokio::test]
async fn who_knows_no_head_of_blobs_or_leads_elsewhere_has_them() {
    let player =
        Player::start(|asked, _| if is_blob(asked) && asked.method == "HEAD" { reply(404) } else { found(asked) })
            .await;
    assert!(judged(&player).await.contains("all 3 blobs there"));
    let player = Player::start(|asked, _| {
        let elsewhere = reply(307).with("Location", "https://cdn.example.com/blob?signed-for=GET");
        if is_blob(asked) && asked.method == "HEAD" { elsewhere } else { found(asked) }
    })
    .await;
    assert!(judged(&player).await.contains("all 3 blobs there"), "{:#?}", player.asked());
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_refused() {
    for part in [MANIFESTS, BLOBS] {
        let player = Player::start(move |asked, _| {
            let is_lie = asked.path.starts_with(part) && asked.method == "GET";
            if is_lie { json(200, &json!({"schemaVersion": 2, "manifests": []})) } else { found(asked) }
        })
        .await;
        assert_eq!(judged(&player).await, "another_digest", "{part}");
    }
}

#[tokio::test]
async fn what_no_runtime_takes_is_refused() {
    let gone = Player::start(|asked, _| {
        let is_child = asked.path.starts_with(MANIFESTS) && !asked.path.ends_with(index().as_str());
        if is_child { reply(404) } else { found(asked) }
    })
    .await;
    assert_eq!(judged(&gone).await, "no_image");
    let none = Player::start(|_, _| reply(404)).await;
    assert_eq!(judged(&none).await, "no_manifest");
    let large = Player::start(|_, _| reply(200).body(vec![b' '; 4_393_217])).await;
    assert_eq!(judged(&large).await, "too_large");
    let old = json!({"schemaVersion": 1, "name": "shop/app", "fsLayers": []}).to_string();
    let digest = Digest::of(old.as_bytes());
    let player = Player::start(move |_, _| reply(200).body(old.clone())).await;
    let client = client(&[&player]);
    let found = client.image(&player.repository(), &digest, &[], Extent::Whole, &Credential::default()).await.unwrap();
    assert_eq!(found, Found::Schema1);
}

/// Its hash fits, and still there is nothing that a node could run.
#[tokio::test]
async fn what_is_no_manifest_is_none_by_its_digest() {
    for page in ["<html>Sign in</html>", r#"{"errors":[]}"#, ""] {
        let player = Player::start(move |_, _| reply(200).body(page)).await;
        let (client, digest) = (client(&[&player]), Digest::of(page.as_bytes()));
        let found = client.image(&player.repository(), &digest, &[], Extent::Whole, &joe()).await;
        assert_eq!(found.unwrap(), Found::Nothing, "{page}");
    }
}

#[tokio::test]
async fn a_configuration_of_many_megabytes_is_not_read() {
    let player = Player::start(|asked, _| {
        let is_config = is_blob(asked) && asked.method == "GET";
        if is_config { reply(200).body(vec![b' '; 2 * 1024 * 1024]) } else { found(asked) }
    })
    .await;
    let found = looked_at(&client(&[&player]), &player, &[]).await.unwrap();
    let Some(Part::Content(content)) = found.parts().next() else { panic!("{found:?}") };
    assert_eq!(**content, Content { configuration: None, size: 6, ..Content::default() });
}

/// Clean-ups of what has no tag take the manifests of an index, and leave the index with its tag.
#[tokio::test]
async fn what_was_there_is_asked_for_again_after_a_while_and_not_read_again() {
    let lost = Arc::<Mutex<Option<String>>>::default();
    let gone = Arc::clone(&lost);
    let player = Player::start(move |asked, _| {
        let is_lost = gone.lock().unwrap().as_ref().is_some_and(|lost| asked.path.ends_with(lost.as_str()));
        if is_lost { reply(404) } else { found(asked) }
    })
    .await;
    let clock = Arc::new(Held::default());
    let client = client_at(&clock, RegistryConfig::new([player.host.clone()]));
    let after = |minutes: u64| *clock.0.lock().unwrap() += Duration::from_secs(60 * minutes);
    let word = async || {
        let found = looked_at(&client, &player, &["linux/amd64"]).await.unwrap();
        let pod = Pod { start: Start::default(), nodes: &Nodes::default(), cluster: None };
        pod.judge(&found, None).map_or_else(|flaw| flaw.word().to_owned(), |_| "fine".to_owned())
    };
    assert_eq!(word().await, "fine");
    let reads = || player.by("GET");
    let (before, asked) = (reads(), player.asked().len());
    after(4);
    assert_eq!((word().await.as_str(), player.asked().len()), ("fine", asked), "one look of many workloads");
    after(2);
    assert_eq!((word().await.as_str(), reads()), ("fine", before), "by heads alone");
    assert!(player.asked().len() > asked);
    let config = json!({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/web"], "User": "1"}});
    let config = Digest::of(config.to_string().as_bytes());
    let child = shelf().into_iter().find(|(_, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        text.contains(config.as_str()) && !text.contains("platform")
    });
    for part in [layer(), config.to_string(), child.unwrap().0] {
        *lost.lock().unwrap() = Some(part.clone());
        after(6);
        assert_ne!(word().await, "fine", "{part}");
        *lost.lock().unwrap() = None;
        after(6);
        assert_eq!(word().await, "fine", "{part} is back");
    }
}
