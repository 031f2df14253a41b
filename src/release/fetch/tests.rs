use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let name = |name: &str| reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
    pairs.iter().map(|(key, value)| (name(key), value.parse().unwrap())).collect()
}

/// Negative test 39.
#[test]
fn limits_are_read_as_documented() {
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let seconds = |pairs: &[(&str, &str)]| left_alone_until(&headers(pairs), now).map(|at| (at - now).num_seconds());
    assert_eq!(seconds(&[("retry-after", "90")]), Some(90));
    assert_eq!(seconds(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795000300")]), Some(300));
    assert_eq!(seconds(&[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1795000300")]), None);
    assert_eq!(seconds(&[("retry-after", "99999999")]), Some(LONGEST_WAIT.num_seconds()));
    assert_eq!(seconds(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")]), None);
}

fn fetcher(token: Option<&str>, ambient: Ambient) -> Fetcher {
    let (outbound, forges, metrics) = (Outbound::new(None).unwrap(), Forges::new(Vec::new()), Metrics::new());
    let token = token.map(|token| Secret::new(token.into()).into());
    let github_token = token.as_ref();
    let settings = FetchSettings { outbound: &outbound, forges: &forges, github_token, metrics: &metrics };
    Fetcher::new(settings, ambient).unwrap()
}

/// A clock that stands still.
struct At(DateTime<Utc>);

impl crate::ambient::Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Status, headers and body of an answer.
type Told<'t> = (u16, &'t [(&'t str, &'t str)], &'t str);

/// Negative test 39: for how many seconds a forge is left alone after these answers in a row.
#[test]
fn a_forge_is_left_alone_as_it_says() {
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let forge = ForgeHost::new("github.com", ForgeKind::GitHub, None, false).unwrap();
    let left = |answers: &[Told<'_>]| {
        let fetcher = fetcher(None, Ambient::system().at(Arc::new(At(now))));
        for (status, pairs, body) in answers {
            let status = StatusCode::from_u16(*status).unwrap();
            fetcher.obey(&forge, &Response { status, headers: headers(pairs), body: (*body).into() });
        }
        match fetcher.may_ask(&forge) {
            Err(FetchError::Waits { until, .. }) => Some((until - now).num_seconds()),
            _ => None,
        }
    };
    let spent = ("x-ratelimit-remaining", "0");
    let secondary: Told<'_> = (403, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#);
    assert_eq!(left(&[(403, &[spent, ("x-ratelimit-reset", "1795000900")], "")]), Some(900));
    assert_eq!(left(&[(200, &[spent, ("x-ratelimit-reset", "1795000900")], "[]")]), Some(900), "the last of them");
    assert_eq!(left(&[(403, &[("retry-after", "90")], "")]), Some(90));
    assert_eq!(left(&[secondary]), Some(60));
    assert_eq!(left(&[secondary; 3]), Some(240), "longer each time");
    assert_eq!(left(&[(429, &[], "")]), Some(60));
    assert_eq!(left(&[(500, &[], ""), (503, &[], "")]), Some(60));
    assert_eq!(left(&[secondary, (200, &[], "[]")]), None, "an answer ends it");
    let told: Told<'_> = (403, &[("retry-after", "3600")], "");
    for under_way in [(200, &[][..], "[]"), secondary, (429, &[("retry-after", "5")], ""), (503, &[], "")] {
        assert_eq!(left(&[told, under_way]), Some(3600), "what was under way when it said so: {under_way:?}");
    }
    assert_eq!(left(&[(403, &[], r#"{"message":"Resource not accessible"}"#), (404, &[], "")]), None);
}

/// A forge of our own: `/big` in each path is answered with a list that takes more than every answer may.
async fn serve(listener: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let length = if head.windows(4).any(|part| part == b"/big") { 200_000 } else { 2 };
        let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        // Who got what it wanted may be gone.
        let _ = stream.write_all(&[answer.into_bytes(), vec![b' '; length]].concat()).await;
    }
}

#[tokio::test]
async fn one_large_answer_is_held_at_a_time_and_small_ones_pass() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}/", listener.local_addr().unwrap());
    let forge = ForgeHost::new("git.example.com", ForgeKind::Gitea, Some(&api), true).unwrap();
    let forges = Forges::new(vec![forge]);
    let project = forges.project_at("git.example.com", "a/b").unwrap();
    let fetcher = fetcher(None, Ambient::system());
    let (big, small): (Url, Url) = (format!("{api}big").parse().unwrap(), format!("{api}small").parse().unwrap());
    let get = |url| {
        let most = MOST_OF_A_LIST;
        fetcher.get(Ask { operation: "list", project: &project, url, etag: None, most, raw: false })
    };
    let asking = async {
        let Reply::Body { body, .. } = get(&big).await.unwrap() else { panic!("no body") };
        let mut second = std::pin::pin!(get(&big));
        for _ in 0..5 {
            tokio::select! {
                biased;
                early = &mut second => panic!("two are held at once: {early:?}"),
                passed = get(&small) => assert!(passed.is_ok(), "{passed:?}"),
            }
        }
        drop(body);
        let Reply::Body { body, .. } = second.await.unwrap() else { panic!("no body") };
        assert_eq!(body.bytes.len(), 200_000);
    };
    tokio::select! {
        () = asking => {}
        () = serve(listener) => panic!("the forge ended"),
    }
}

/// Negative test 39.
#[test]
fn the_token_goes_to_one_host() {
    let with = |token| fetcher(token, Ambient::system());
    let entitled = |url: &str| with(Some("t")).credential(&url.parse().unwrap()).is_some();
    assert!(entitled("https://api.github.com/repos/a/b/releases"));
    for url in [
        "http://api.github.com/repos/a/b",
        "https://api.github.com.evil.com/",
        "https://github.com/a/b",
        "https://api.github.com:8443/",
        "https://gitlab.com/api/v4/projects/a",
        "https://git.example.com/api/v3/repos/a/b",
    ] {
        assert!(!entitled(url), "{url}");
    }
    assert!(with(None).credential(&"https://api.github.com/".parse().unwrap()).is_none());
}

/// Negative test 39.
#[test]
fn only_the_same_host_is_followed() {
    let lead = |to: &str| {
        let answer =
            Response { status: StatusCode::MOVED_PERMANENTLY, headers: headers(&[("location", to)]), body: Vec::new() };
        next(&answer, &"https://api.github.com/repos/a/b".parse().unwrap()).map(String::from)
    };
    assert_eq!(lead("/repositories/17/releases").as_deref(), Some("https://api.github.com/repositories/17/releases"));
    assert_eq!(lead("https://api.github.com/x").as_deref(), Some("https://api.github.com/x"));
    for to in ["http://api.github.com/x", "https://evil.com/x", "//10.0.0.1/x", "https://u:p@api.github.com/x"] {
        assert_eq!(lead(to), None, "{to}");
    }
}
