//! When a tag was pushed.

use super::*;

/// A Harbor that lets joe in.
fn harbor(asked: &Asked) -> Reply {
    let at = "/api/v2.0/projects/shop/repositories/app/artifacts/1.0.1";
    match (asked.path == at, asked.shows_user()) {
        (true, true) => json(200, &serde_json::json!({"push_time": "2026-01-02T03:04:05Z", "tags": null})),
        (true, false) => json(401, &serde_json::json!({"errors": [{"code": "UNAUTHORIZED"}]})),
        (false, _) => reply(404),
    }
}

#[tokio::test]
async fn a_harbor_is_asked_with_the_credential_and_says_when_a_tag_was_pushed() {
    let player = Player::start(|asked, _| harbor(asked)).await;
    let (client, tag) = (client(&[&player]), Tag::parse("1.0.1").unwrap());
    let pushed = client.pushed(&player.repository(), &tag, &joe()).await.unwrap();
    assert_eq!(pushed.at.to_rfc3339(), "2026-01-02T03:04:05+00:00");
    assert_eq!(player.asked().len(), 1);
    assert_eq!(client.pushed(&player.repository(), &Tag::parse("1.0.2").unwrap(), &joe()).await, None);
    assert_eq!(player.asked().len(), 2, "what it speaks is known");
}

/// The same, which refuses everybody else, and each in other projects.
fn harbor_of_projects(asked: &Asked) -> Reply {
    let is_known = asked.shows_user() && asked.path.contains("/projects/shop/");
    if asked.path.starts_with("/api/v2.0/") && !is_known { reply(403) } else { harbor(asked) }
}

/// A tenant that may only pull speaks for nobody else, nor for another project.
#[tokio::test]
async fn what_one_is_refused_another_is_told_and_so_is_the_same_one_elsewhere() {
    let player = Player::start(|asked, _| harbor_of_projects(asked)).await;
    let (client, tag) = (client(&[&player]), Tag::parse("1.0.1").unwrap());
    let ann = user("other/pull", "ann", "pw");
    let elsewhere = Repository::parse(&format!("{}/closed/app", player.host)).unwrap();
    for (repository, credential, questions, is_told) in [
        (&player.repository(), &ann, 2, false),
        (&elsewhere, &joe(), 2, false),
        (&player.repository(), &ann, 0, false),
        (&elsewhere, &joe(), 0, false),
        (&player.repository(), &joe(), 1, true),
        (&player.repository(), &joe(), 1, true),
        (&player.repository(), &ann, 0, false),
    ] {
        let before = player.asked().len();
        let pushed = client.pushed(repository, &tag, credential).await;
        assert_eq!((pushed.is_some(), player.asked().len() - before), (is_told, questions), "{repository}");
    }
}

#[tokio::test]
async fn who_does_not_say_when_a_tag_was_pushed_is_not_asked_again_and_nothing_fails() {
    let tag = Tag::parse("1.0.1").unwrap();
    let large = "x".repeat(2 * 1024 * 1024);
    let answers: [fn(&str) -> Reply; 4] = [
        |_| reply(404),
        |_| reply(401),
        |_| json(200, &serde_json::json!({"tags": 7})),
        |large| reply(200).body(large),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let large = large.clone();
        let player = Player::start(move |_, _| answer(&large)).await;
        let client = client(&[&player]);
        for _ in 0..3 {
            assert_eq!(client.pushed(&player.repository(), &tag, &joe()).await, None, "answer {at}");
        }
        let is_silence = at == 3;
        assert_eq!(player.asked().len(), if is_silence { 3 } else { 2 }, "answer {at}: a Harbor, then a Quay");
    }
    let quay = |asked: &Asked| asked.path.starts_with("/api/v1/repository/");
    let player = Player::start(move |asked, _| {
        let tags = serde_json::json!({"tags": [{"name": "1.0.1", "start_ts": 1_767_323_045}]});
        if quay(asked) { json(200, &tags) } else { reply(404) }
    })
    .await;
    let pushed = client(&[&player]).pushed(&player.repository(), &tag, &joe()).await.unwrap();
    assert_eq!(pushed.at.timestamp(), 1_767_323_045);
    let asked = player.asked();
    assert!(asked.iter().filter(|asked| quay(asked)).all(|asked| !asked.shows_user()), "it is shown no credential");
}

/// GitHub's API of packages, which knows one of `owners`.
fn github(asked: &Asked, owners: &str) -> Reply {
    let at = format!("/{owners}/acme/packages/container/web/versions");
    let versions = serde_json::json!([{"name": "sha256:x", "created_at": "2026-01-02T03:04:05Z",
        "metadata": {"container": {"tags": ["1.0.1"]}}}]);
    match (asked.path == at, asked.header("authorization")) {
        (true, "Bearer GITHUB") => json(200, &versions),
        (true, _) => reply(401),
        (false, _) => reply(404),
    }
}

#[tokio::test]
async fn github_is_asked_for_images_at_ghcr_io_with_the_operators_token_and_not_without() {
    let (image, tag) = (Repository::parse("ghcr.io/acme/web").unwrap(), Tag::parse("1.0.1").unwrap());
    for (owners, questions) in [("orgs", 1), ("users", 2)] {
        let player = Player::start(move |asked, _| github(asked, owners)).await;
        let api = url::Url::parse(&format!("http://{}/", player.host)).unwrap();
        let packages = Packages { api, token: Secret::new("GITHUB".into()).into() };
        let client = client_of(RegistryConfig::new([player.host.clone()]).with_packages(Some(packages)));
        let pushed = client.pushed(&image, &tag, &joe()).await.unwrap();
        assert_eq!(pushed.at.to_rfc3339(), "2026-01-02T03:04:05+00:00", "{owners}");
        let asked = player.asked();
        assert_eq!(asked.len(), questions, "{owners}");
        assert!(asked.iter().all(|asked| !asked.shows_user()), "the workload's own credential is not GitHub's");
        assert_eq!(client.pushed(&player.repository(), &tag, &joe()).await, None);
        let others = player.asked().into_iter().skip(questions);
        assert!(others.into_iter().all(|asked| asked.header("authorization") != "Bearer GITHUB"), "nobody else's");
    }
    let player = Player::start(|asked, _| github(asked, "orgs")).await;
    assert_eq!(client(&[&player]).pushed(&image, &tag, &joe()).await, None);
    assert_eq!(player.asked().len(), 0, "without a token nobody is asked");
}

/// The order of pushes goes by it, so a moment without an answer is not taken for «it does not say».
#[tokio::test]
async fn a_moment_without_an_answer_is_no_answer_about_times() {
    let tags = [Tag::parse("1.0.1").unwrap()];
    for (status, reason) in [(429, Some("unusable")), (502, Some("unusable")), (404, None), (401, None)] {
        let player = Player::start(move |_, _| reply(status)).await;
        let times = client(&[&player]).push_times(&player.repository(), &tags, &joe()).await;
        assert_eq!(times.map_or_else(|error| Some(error.reason()), |times| times.map(|_| "")), reason, "{status}");
    }
}
