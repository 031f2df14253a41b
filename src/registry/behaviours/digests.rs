//! What a tag points to, by `HEAD` or from the bytes.

use super::*;

const INDEX: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

#[tokio::test]
async fn row_34_a_digest_by_head() {
    let player =
        Player::start(|_, _| reply(200).with("Docker-Content-Digest", Digest::of(INDEX).as_str()).body(INDEX)).await;
    assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(INDEX)));
    assert_eq!((player.by("HEAD"), player.by("GET")), (1, 0));
}

#[tokio::test]
async fn rows_35_to_37_a_digest_from_the_bytes() {
    for status in [200, 404, 405, 400, 501] {
        let player = Player::start(move |asked, _| match &*asked.method {
            "GET" => reply(200).with("ETag", "\"sha256:1\"").with("X-Checksum-Sha256", "00").body(INDEX),
            _ => reply(status).with("ETag", "\"sha256:1\""),
        })
        .await;
        assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(INDEX)), "{status}");
        assert_eq!((player.by("HEAD"), player.by("GET")), (1, 1), "{status}");
    }
    let gone = Player::start(|_, _| reply(404)).await;
    assert_eq!(digest(&gone).await.unwrap(), None);
    assert_eq!((gone.by("HEAD"), gone.by("GET")), (1, 1));
}

#[tokio::test]
async fn row_38_a_manifest_of_the_first_schema_has_the_digest_that_it_is_told_by() {
    let player = Player::start(|_, _| {
        reply(200)
            .with("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
            .with("Docker-Content-Digest", Digest::of(b"payload").as_str())
            .body("{\"schemaVersion\":1,\"signatures\":[]}")
    })
    .await;
    assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(b"payload")));
}
