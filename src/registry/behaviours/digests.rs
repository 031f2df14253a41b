//! What a tag points to, by `HEAD` or from the bytes.

use super::*;

const INDEX: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// As scanners and quarantines before a registry do with what they found something in.
#[tokio::test]
async fn a_version_that_its_registry_refuses_is_told_from_a_credential_that_is_no_good() {
    const DENIED: &str = r#"{"errors":[{"code":"DENIED","message":"blocked by policy: CVE-2025-1234"}]}"#;
    const LINKS: &str = r#"{"errors":[{"code":"DENIED","message":"see https://evil.example/x\u202e @all"}]}"#;
    let told = async |status: u16, body: &'static str, of_list: u16| {
        let player = Player::start(move |asked, _| match &*asked.path {
            LIST if of_list == 200 => tags(&ALL),
            LIST => reply(of_list),
            _ => reply(status).with("Content-Type", "application/json").body(body),
        })
        .await;
        digest(&player).await.unwrap_err()
    };
    for (status, body, why) in [
        (403, DENIED, "refuses it: status 403, DENIED: blocked by policy: CVE-2025-1234"),
        (404, DENIED, "refuses it: status 404, DENIED: blocked by policy: CVE-2025-1234"),
        (410, "", "refuses it: status 410"),
        (412, DENIED, "refuses it: status 412, DENIED: blocked by policy: CVE-2025-1234"),
        (451, "<html>", "refuses it: status 451"),
    ] {
        let error = told(status, body, 200).await;
        assert!(error.reason() == "withheld" && error.to_string().ends_with(why), "{status}: {error}");
    }
    let error = told(403, LINKS, 200).await;
    assert!(error.to_string().ends_with("DENIED: see [link] all"), "{error}");
    for (status, of_list, word) in [
        (401, 200, "unauthorized"),
        (500, 200, "unusable"),
        (418, 200, "unusable"),
        (403, 403, "unauthorized"),
        (403, 401, "unauthorized"),
        (404, 404, "unknown_repository"),
    ] {
        assert_eq!(told(status, DENIED, of_list).await.reason(), word, "{status}, and {of_list} of the list");
    }
}

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

/// Row 6, where a tag is followed: the hash of a sign-in page is nobody's digest.
#[tokio::test]
async fn what_is_no_manifest_has_no_digest() {
    let errors = r#"{"errors":[{"code":"UNKNOWN"}]}"#;
    let first = r#"{"schemaVersion":1,"signatures":[]}"#;
    let large = format!("{}{}", " ".repeat(1 << 20), r#"{"manifests":[]}"#);
    for (media, body, reason) in [
        ("text/html; charset=utf-8", "<html>Sign in</html>", "no manifest, but text/html"),
        ("text/plain", "", "no manifest, but text/plain"),
        ("application/json", errors, "no manifest"),
        ("application/vnd.oci.image.index.v1+json", "{}", "no manifest"),
        ("", "", "no manifest"),
        ("application/json", &large, "more than 1048576 bytes"),
        ("application/json", first, "a manifest of Docker's first format, whose digest it does not tell"),
    ] {
        let said = body.to_owned();
        let player = Player::start(move |_, _| match media {
            "" => reply(200).body(said.clone()),
            media => reply(200).with("Content-Type", media).body(said.clone()),
        })
        .await;
        let error = digest(&player).await.unwrap_err();
        assert_eq!((error.reason(), error.is_retryable()), ("unusable", true), "{media}: {error}");
        assert!(error.to_string().ends_with(reason), "{error}");
    }
}

#[tokio::test]
async fn a_manifest_is_there_by_its_digest_where_its_bytes_are() {
    let of_index = Digest::of(INDEX);
    let has = async |player: &Player| {
        client(&[player]).has(&player.repository(), &of_index, &Credential::default()).await.map_err(|it| it.reason())
    };
    let told = Player::start(|_, _| reply(200).with("Docker-Content-Digest", Digest::of(INDEX).as_str())).await;
    assert_eq!((has(&told).await, told.by("GET")), (Ok(true), 0));
    let untold = Player::start(|_, _| reply(200).body(INDEX)).await;
    assert_eq!(has(&untold).await, Ok(true));
    let sign_in = Player::start(|_, _| reply(200).with("Content-Type", "text/html").body("<html>Sign in</html>")).await;
    assert_eq!(has(&sign_in).await, Err("unusable"));
    let unknown = Player::start(|_, _| json(404, &serde_json::json!({"errors": [{"code": "NAME_UNKNOWN"}]}))).await;
    assert_eq!(has(&unknown).await, Ok(false), "no node could pull it");
}

/// Row 7, where a tag is followed.
#[tokio::test]
async fn a_tag_that_is_gone_is_told_apart_from_a_repository_that_is_not_known() {
    for (code, expected) in [
        ("NAME_UNKNOWN", Err("unknown_repository")),
        ("DENIED", Err("unknown_repository")),
        ("MANIFEST_UNKNOWN", Ok(None)),
    ] {
        let said = serde_json::json!({"errors": [{"code": code}]});
        let player = Player::start(move |_, _| json(404, &said)).await;
        assert_eq!(digest(&player).await.map_err(|error| error.reason()), expected, "{code}");
    }
    // What most say to both is told apart by the list.
    for (status, expected) in [
        (404, Err("unknown_repository")),
        (200, Ok(())),
        (405, Err("unusable")),
        (500, Err("unusable")),
        (403, Err("unauthorized")),
    ] {
        let player = Player::start(move |asked, _| if asked.path == LIST { reply(status) } else { reply(404) }).await;
        let (registry, tag) = (client(&[&player]), Tag::parse("stable").unwrap());
        let asks = Credential::default();
        assert_eq!(registry.digest(&player.repository(), &tag, &asks).await.unwrap(), None);
        let known = registry.is_known(&player.repository(), &asks).await;
        assert_eq!((known.map_err(|error| error.reason()), player.lists()), (expected, 1), "{status}");
    }
}

/// OCI distribution 1.1 allows any algorithm there; what is written on a workload is SHA-256, of the bytes themselves.
#[tokio::test]
async fn a_digest_of_another_algorithm_is_taken_from_the_bytes() {
    for told in [format!("sha512:{}", "a".repeat(128)), format!("blake3:{}", "b".repeat(64)), "sha256:short".into()] {
        let said = told.clone();
        let player =
            Player::start(move |_, _| reply(200).with("Docker-Content-Digest", said.clone()).body(INDEX)).await;
        assert_eq!(digest(&player).await.ok().flatten(), Some(Digest::of(INDEX)), "{told}");
        assert_eq!((player.by("HEAD"), player.by("GET")), (1, 1), "{told}");
    }
}

/// A registry that serves manifests and no lists: whether the repository may be read is not told by that.
#[tokio::test]
async fn a_list_that_nobody_is_given_tells_nothing() {
    for (status, reason) in
        [(200, "withheld"), (405, "unknown_repository"), (501, "unknown_repository"), (400, "unknown_repository")]
    {
        let player = Player::start(move |asked, _| match &*asked.path {
            LIST if status == 200 => tags(&ALL),
            LIST => reply(status),
            _ => json(404, &serde_json::json!({"errors": [{"code": "NAME_UNKNOWN"}]})),
        })
        .await;
        assert_eq!(digest(&player).await.unwrap_err().reason(), reason, "{status}");
        let known = client(&[&player]).is_known(&player.repository(), &Credential::default()).await;
        assert_eq!(known.is_ok(), status == 200, "{status}");
    }
}
