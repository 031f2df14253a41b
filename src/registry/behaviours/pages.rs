//! Lists in pages, and the links between them.

use super::*;

/// A list in two pages, the first of which says so in these lines.
async fn paged(lines: Vec<String>) -> Player {
    Player::start(move |asked, _| match (&*asked.path, asked.query("last")) {
        (LIST, "latest") => tags(&ALL[2..]),
        (LIST, "") => lines.iter().fold(tags(&ALL[..2]), |reply, line| reply.with("Link", line.clone())),
        _ => reply(404),
    })
    .await
}

#[tokio::test]
async fn rows_10_to_16_only_the_query_of_a_link_is_taken() {
    let next = |target: &str, parameters: &str| format!("<{target}?last=latest&n=2>{parameters}");
    let relative = || next(LIST, "; rel=\"next\"");
    let cases = [
        vec![relative()],
        vec![next(LIST, "; rel=next")],
        vec![next(LIST, ";rel=next;title=\"a, b; rel=prev\"")],
        vec![next(LIST, " ; title=\"x\" ; REL = \"Next\"")],
        vec![next(LIST, "; rel=\"last next\"")],
        vec![next("?last=x", "").replace("?last=x", "") + "; rel=\"next\""],
        vec![next("https://registry.example.com/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![format!("<{LIST}?last=latest&n=0>; rel=\"next\"")],
        vec!["</style.css>; rel=preload; as=style".into(), relative()],
        vec![relative(), "</style.css>; rel=preload; as=style".into()],
        vec![format!("</style.css>; rel=preload; as=style,{}", relative())],
        vec![format!("<{LIST}?a,b;c>; rel=prev, {}", relative())],
        vec![next("http://registry.internal:5000/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("http://[broken/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("//169.254.169.254/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("/v2/app/tags/list", "; rel=\"next\"")],
    ];
    for lines in cases {
        let player = paged(lines.clone()).await;
        let offered = look(&player).await;
        assert_eq!(offered.as_deref().ok(), Some("1.1.0"), "{lines:?}: {offered:?}");
        assert_eq!(player.lists(), 2, "{lines:?}");
        let n = if lines[0].contains("n=0") { "0" } else { "2" };
        assert_eq!(player.asked()[1].query("n"), n, "the query is passed on as it stands");
    }
}

#[tokio::test]
async fn a_next_page_that_is_not_understood_is_no_end() {
    for line in
        ["v2/a; rel=\"next\"", "<>; rel=next", &format!("<{LIST}; rel=\"next\""), "<?last=\u{e9}\u{ff}; rel=next"]
    {
        let player = paged(vec![line.to_owned()]).await;
        refused(&player, "next page").await;
    }
}

/// What is no link may have been one to more tags, whatever words are left of it.
#[tokio::test]
async fn a_link_that_can_not_be_read_is_no_end_of_the_list() {
    let cut = format!("<{LIST}?last=latest&n=2");
    for line in [&*cut, "gibberish", "<", &format!("{cut}>"), &format!("{cut}>; rel=\""), "</x>; rel=prev </y>"] {
        let player = paged(vec![line.to_owned()]).await;
        refused(&player, "Link").await;
        refused(&player, &player.host).await;
    }
}

/// Each page leads to another one, which is no news.
#[tokio::test]
async fn pages_that_never_end_are_left_after_a_few() {
    type Next = fn(usize) -> (Vec<String>, String);
    let cases: [(&str, Next); 4] = [
        ("the same tags", |at| (vec!["1.0.0".into(), "latest".into()], format!("last=latest&at={}", at + 1))),
        ("no tags", |at| (Vec::new(), format!("last={}", at + 1))),
        ("one new tag a page", |at| (vec![format!("1.0.{at}")], format!("last=1.0.{at}"))),
        ("a mark that stays", |at| (vec![format!("1.0.{at}")], format!("last=latest&at={}", at + 1))),
    ];
    for (case, next) in cases {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let player = Player::start(move |_, _| {
            let (page, query) = next(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            let page = json(200, &serde_json::json!({"name": "shop/app", "tags": page}));
            page.with("Link", format!("<{LIST}?{query}>; rel=\"next\""))
        })
        .await;
        let error = look(&player).await.unwrap_err();
        assert!(error.to_string().contains("pages"), "{case}: {error}");
        assert!(player.lists() <= 300, "{case}: {}", player.lists());
    }
}

#[tokio::test]
async fn row_17_a_full_page_without_a_link_is_asked_on() {
    let all: Vec<String> = (0..2500).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    let player = Player::start(move |asked, _| {
        let start = all.iter().position(|tag| tag == asked.query("last")).map_or(0, |at| at + 1);
        let rest = all.iter().skip(start);
        let page: Vec<&String> = match asked.query("n").parse() {
            Ok(most) => rest.take(most).collect(),
            Err(_) => rest.collect(),
        };
        json(200, &serde_json::json!({"name": "x", "tags": page}))
    })
    .await;
    decided(&player).await;
    assert_eq!(player.lists(), 3);
}

/// It knows neither `n` nor `last`, and has as many tags as were asked for by chance.
#[tokio::test]
async fn a_list_that_is_as_long_as_a_page_is_no_circle() {
    let all: Vec<String> = (0..998).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    decided(&Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": all}))).await).await;
}

/// It knows `n` and not `last`: its first page over and over is never taken for all of the list.
#[tokio::test]
async fn a_page_that_comes_again_is_not_the_list() {
    let all: Vec<String> = (0..1500).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    let player = Player::start(move |asked, _| {
        let most = asked.query("n").parse().unwrap_or(all.len());
        json(200, &serde_json::json!({"name": "x", "tags": all.iter().take(most).collect::<Vec<_>>()}))
    })
    .await;
    decided(&player).await;
    assert!(player.lists() <= 4, "{}", player.lists());
}

#[tokio::test]
async fn row_18_a_circle_is_refused() {
    let player =
        Player::start(|_, _| tags(&ALL[..2]).with("Link", format!("<{LIST}?last=latest&n=2>; rel=\"next\""))).await;
    refused(&player, "circle").await;
    assert!(player.lists() <= 3);
}

#[tokio::test]
async fn row_19_part_of_a_list_is_no_list() {
    let link = |at: u8| format!("<{LIST}?last={at}>; rel=\"next\"");
    let player = Player::start(move |asked, _| match asked.query("last") {
        "" => tags(&ALL[..2]).with("Link", link(1)),
        "1" => tags(&ALL[2..]).with("Link", link(2)),
        _ => reply(500),
    })
    .await;
    refused(&player, "500").await;
}

#[tokio::test]
async fn row_21_a_page_that_is_too_large_is_asked_without_a_size() {
    let player = Player::start(|asked, _| match asked.query("n").parse::<usize>() {
        Ok(n) if n > 100 => json(400, &serde_json::json!({"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})),
        _ => tags(&ALL),
    })
    .await;
    decided(&player).await;
    assert_eq!(player.lists(), 2);
}
