//! Lists of tags as registries send them.

use super::*;

#[tokio::test]
async fn row_01_plain() {
    let player = Player::start(|_, _| tags(&ALL)).await;
    decided(&player).await;
    assert_eq!(player.asked().len(), 1);
}

#[tokio::test]
async fn rows_02_and_03_nothing_is_decided_on_an_empty_list() {
    for none in [serde_json::json!(null), serde_json::json!([])] {
        let player = Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": none}))).await;
        assert_eq!(look(&player).await.unwrap(), "NoTags", "the reason that is told is the decision's");
    }
}

#[tokio::test]
async fn row_04_null_in_a_list_is_left_out() {
    let list = serde_json::json!({"name": "x", "tags": [null, "1.0.0", "latest", "1.1.0", null, "1.1.0-rc.1"]});
    decided(&Player::start(move |_, _| json(200, &list)).await).await;
}

#[tokio::test]
async fn row_05_artifacts_are_no_candidates() {
    let digest = format!("sha256-{}", "a".repeat(64));
    let beside = ["", ".sig", ".att", ".sbom"].map(|ending| format!("{digest}{ending}"));
    let all: Vec<String> =
        ALL.iter().map(ToString::to_string).chain(beside).chain(["9.9.9.sig".into(), "2.0.0.att".into()]).collect();
    decided(&Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": all}))).await).await;
}

#[tokio::test]
async fn row_06_a_page_for_people_is_no_list() {
    let html =
        |_: &Asked, _: &str| reply(200).with("Content-Type", "text/html; charset=utf-8").body("<html>Sign in</html>");
    refused(&Player::start(html).await, "no list of tags, but text/html").await;
}

#[tokio::test]
async fn row_07_what_is_not_there_is_told_as_unknown() {
    let unknown = serde_json::json!({"errors": [{"code": "NAME_UNKNOWN"}]});
    refused(&Player::start(move |_, _| json(404, &unknown)).await, "is not known to its registry").await;
}

/// What a proxy could not get from behind it is told beside what it has.
#[tokio::test]
async fn a_list_that_tells_errors_is_none() {
    let of = |errors: serde_json::Value, is_first: bool| {
        let body = if is_first {
            format!("{{\"errors\":{errors},\"name\":\"x\",\"tags\":[\"1.0.0\",\"1.1.0\"]}}")
        } else {
            format!("{{\"name\":\"x\",\"tags\":[\"1.0.0\",\"1.1.0\"],\"errors\":{errors}}}")
        };
        Player::start(move |_, _| reply(200).with("Content-Type", "application/json").body(body.clone()))
    };
    let partial =
        serde_json::json!([{"message": "upstream: partial", "code": "TOOMANYREQUESTS", "detail": [{"code": "X"}]}]);
    for is_first in [true, false] {
        refused(&of(partial.clone(), is_first).await, "it says itself that it is not whole: TOOMANYREQUESTS").await;
        for none in [serde_json::json!([]), serde_json::json!(null)] {
            assert_eq!(look(&of(none.clone(), is_first).await).await.unwrap(), "1.1.0", "{none}");
        }
        for odd in [
            serde_json::json!("partial"),
            serde_json::json!({"code": 7}),
            serde_json::json!([{}]),
            serde_json::json!([7]),
        ] {
            refused(&of(odd.clone(), is_first).await, "it says itself that it is not whole").await;
        }
    }
}

/// A list is complete or it is an error: an error in the middle is no empty page.
#[tokio::test]
async fn a_later_page_that_is_none_is_not_the_end() {
    for last in [
        serde_json::json!({"errors": [{"code": "UNKNOWN"}]}),
        serde_json::json!({"message": "later"}),
        serde_json::json!({}),
    ] {
        let player = Player::start(move |asked, _| match asked.query("last") {
            "" => tags(&ALL[..2]).with("Link", format!("<{LIST}?last=latest>; rel=\"next\"")),
            _ => json(200, &last),
        })
        .await;
        refused(&player, "no list of tags").await;
    }
    for none in [serde_json::json!(null), serde_json::json!([])] {
        let player = Player::start(move |asked, _| match asked.query("last") {
            "" => tags(&ALL).with("Link", format!("<{LIST}?last=latest>; rel=\"next\"")),
            _ => json(200, &serde_json::json!({"name": "shop/app", "tags": none})),
        })
        .await;
        decided(&player).await;
    }
}

#[tokio::test]
async fn row_08_what_is_accepted_fits_what_is_asked() {
    let player = Player::start(|asked, _| {
        let accept = asked.header("accept");
        match &*asked.path {
            LIST if accept.contains("application/json") || accept.contains("*/*") => tags(&ALL),
            STABLE if accept.contains("application/vnd.oci.image.index.v1+json") => {
                reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str())
            }
            _ => reply(406),
        }
    })
    .await;
    decided(&player).await;
    assert!(digest(&player).await.unwrap().is_some());
    assert!(!player.asked()[0].header("accept").contains("manifest"));
}

#[tokio::test]
async fn row_09_what_is_encoded_unasked_is_refused_by_name() {
    let player = Player::start(|_, _| tags(&ALL).with("Content-Encoding", "gzip")).await;
    refused(&player, "gzip").await;
    assert_eq!(player.asked()[0].header("accept-encoding"), "identity");
}

#[tokio::test]
async fn a_list_of_another_repository_is_none() {
    let name = Arc::new(Mutex::new("shop/web"));
    let told = Arc::clone(&name);
    let list = move |_: &Asked, _: &str| {
        json(200, &serde_json::json!({"name": *told.lock().unwrap(), "tags": ["1.0.0", "1.9.0"]}))
    };
    let player = Player::start(list).await;
    let registry = client(&[&player]);
    let error = looked(&registry, &player, &joe()).await.unwrap_err();
    assert_eq!((error.reason(), error.is_retryable()), ("unusable", true));
    assert!(error.to_string().ends_with("it is the list of shop/web, another repository"), "{error}");
    *name.lock().unwrap() = "backing/app";
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.9.0", "as a proxy that rewrites paths says it");
}

/// A registry's own API does so, and what stands before it as the other one: without a link it is half a list.
#[tokio::test]
async fn a_list_that_says_that_it_goes_on_and_not_where_is_half_a_list() {
    let page = |tags: &[&str], goes_on: bool| {
        json(200, &serde_json::json!({"name": "shop/app", "tags": tags, "has_additional": goes_on}))
    };
    let player = Player::start(move |_, _| page(&ALL, true)).await;
    refused(&player, "it says that there is more of the list, and not where").await;
    decided(&Player::start(move |_, _| page(&ALL, false)).await).await;
    let linked = Player::start(move |asked, _| match asked.query("last") {
        "" => page(&["1.0.0"], true).with("Link", "</v2/shop/app/tags/list?last=1.0.0>; rel=\"next\""),
        _ => page(&["1.1.0"], false),
    })
    .await;
    decided(&linked).await;
}
