//! Forges, models and settings that go wrong: what is wrong costs the notes or their summary, never the notice.

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::release_notes::{asking, hooked, model, reading, summarised, summary};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_forge_that_answers_badly_costs_the_notes_alone,
        a_tag_is_asked_for_by_its_spellings,
        a_model_that_answers_badly_costs_the_summary_alone,
        an_address_of_no_model_is_told_at_the_start,
        the_api_of_github_is_a_release_url,
    ]
}

const SOURCE: &str = "org.opencontainers.image.source";

fn release(tag: &str, body: &str) -> Value {
    json!({"tag_name": tag, "draft": false, "prerelease": false, "published_at": "2026-11-20T08:00:00Z", "body": body})
}

fn list(releases: &[Value]) -> Answer {
    Answer::status(200).body(Value::from(releases).to_string())
}

/// A list as long as a list gets, without the release that is looked for.
fn full_list() -> Answer {
    list(&(0..100).map(|n| release(&format!("v0.0.{n}"), "long ago")).collect::<Vec<_>>())
}

fn paths(double: &Receiver) -> Vec<String> {
    double.requests().into_iter().map(|request| request.path).collect()
}

/// Negative tests 39, 40 and 42, as far as a forge's own answers go.
async fn a_forge_that_answers_badly_costs_the_notes_alone(ctx: Ctx) {
    let stranger = ctx.receiver();
    let names = ["failing", "limited", "garbled", "circling", "leading", "long", "large", "drafts"];
    let forges: Vec<Receiver> = names.iter().map(|_| ctx.receiver()).collect();
    let [failing, limited, garbled, circling, leading, long, large, drafts] = &forges[..] else {
        panic!("a forge each")
    };
    failing.always(Answer::status(500));
    limited.always(Answer::status(403).body(r#"{"message": "You have exceeded a secondary rate limit."}"#));
    garbled.always(Answer::status(200).body("[{\"tag_name\": \"v1.3.0\", \"bo"));
    circling.always(Answer::status(301).header("Location", "/again"));
    leading.always(Answer::status(301).header("Location", &stranger.url("/repos/acme/web/releases")));
    let text = format!("- the first line\n{}\n- BREAKING at the very end", "words ".repeat(250_000));
    long.always(list(&[release("v1.3.0", &text)]));
    large.at("/repos/acme/web/releases?per_page=100", Answer::status(200).body(" ".repeat(9 << 20)));
    large.always(list(&[release("v1.3.0", "- of a shorter list")]));
    let draft = json!({"tag_name": "v1.3.0", "draft": true, "prerelease": false, "body": "secret plans"});
    let early = json!({"tag_name": "v1.2.9", "draft": false, "prerelease": true, "body": "too early"});
    drafts.at("/repos/acme/web/releases?", list(&[draft, early, release("v1.2.5", "- what is out")]));
    drafts.always(Answer::status(404));
    let entry = |(name, forge): (&&str, &Receiver)| {
        format!("{{host: {name}.example.com, kind: github, api: \"{}\", plainHttp: true}}", forge.url(""))
    };
    let entries: Vec<String> = names.iter().zip(&forges).map(entry).collect();
    let config = ctx.file("config.yaml", &format!("forges: [{}]", entries.join(", "))).display().to_string();
    let explained = async |name: &str, source: &str| {
        let repository = ctx.repository(name);
        repository.push(Image::new("1.2.3")).await;
        repository.push(Image::new("1.3.0").label(SOURCE, source)).await;
        asking(&ctx, name, name).await;
        let watcher = ctx.watcher().unconnected().without("GITHUB_TOKEN").env("IMAGE_WATCHER_CONFIG", &config);
        let output = watcher.output(&["explain", &format!("deploy/{name}"), "-n", ctx.namespace()]).await;
        assert!(output.stdout.contains("1.3.0"), "the update is told in any case: {}{}", output.stdout, output.stderr);
        output.stdout
    };
    let expected: [(&[&str], &[&str], usize); 8] = [
        (&[], &[], 1),
        (&[], &[], 1),
        (&[], &[], 1),
        (&[], &[], 4),
        (&[], &[], 1),
        (&["the first line", "BREAKING at the very end"], &[], 1),
        (&["of a shorter list"], &[], 2),
        (&["what is out"], &["secret plans", "too early"], 2),
    ];
    for ((name, forge), (shown, hidden, asked)) in names.iter().zip(&forges).zip(expected) {
        let told = explained(name, &format!("https://{name}.example.com/acme/web")).await;
        let page = format!("https://{name}.example.com/acme/web/releases");
        assert!(told.contains("What changes") && told.contains(&page), "{name}: a link at least: {told}");
        assert!(shown.iter().all(|text| told.contains(text)), "{name}: {shown:?}: {told}");
        assert!(!hidden.iter().any(|text| told.contains(text)), "{name}: {hidden:?}: {told}");
        assert_eq!(forge.requests().len(), asked, "{name}: {:?}", paths(forge));
        assert!(forge.requests().iter().all(|request| request.header("authorization").is_none()), "{name}: no token");
    }
    for (at, source) in [stranger.url("/acme/web"), "file:///etc/passwd".into()].iter().enumerate() {
        let told = explained(&format!("stranger-{at}"), source).await;
        assert!(!told.contains("What changes"), "{source}: {told}");
    }
    assert_eq!(paths(&stranger), [""; 0], "neither a redirect nor a label leads anywhere else");
}

/// Negative test 39: what is not there is asked for by the next spelling, and any tag is one segment.
async fn a_tag_is_asked_for_by_its_spellings(ctx: Ctx) {
    let forge = ctx.receiver();
    forge.at("/repos/acme/odd/releases?", full_list());
    forge.at("/repos/acme/odd/releases/tags/release%2F1.3.0%23x", one("release/1.3.0#x", "- of an odd tag"));
    forge.at("/repos/acme/bare/releases?", full_list());
    forge.at("/repos/acme/bare/releases/tags/v1.3.0", one("v1.3.0", "- of a usual tag"));
    forge.always(Answer::status(404));
    let cases = [
        ("odd", "release%2F${version}%23x", "of an odd tag", &["release%2F1.3.0%23x"][..]),
        ("bare", "stable-${version}", "of a usual tag", &["stable-1.3.0", "1.3.0", "v1.3.0"][..]),
    ];
    for (name, tag, text, spellings) in cases {
        let repository = ctx.repository(name);
        repository.push(Image::new("1.2.3")).await;
        repository.push(Image::new("1.3.0")).await;
        let url = format!("https://github.com/acme/{name}/releases/tag/{tag}");
        let builder = ctx.deployment(name).container("web", repository.reference("1.2.3"));
        builder.annotation("image-watcher/release-url", &url).create().await;
        let explain = ["explain", &format!("deploy/{name}"), "-n", ctx.namespace()];
        let told = reading(&ctx, &forge).unconnected().output(&explain).await;
        assert!(told.stdout.contains(text), "{name}: {}{}", told.stdout, told.stderr);
        let start = format!("/repos/acme/{name}/releases/tags/");
        let asked = paths(&forge);
        let asked: Vec<&str> = asked.iter().filter_map(|path| path.strip_prefix(&start)).collect();
        assert_eq!(asked, spellings, "{name}");
    }
}

fn one(tag: &str, body: &str) -> Answer {
    Answer::status(200).body(release(tag, body).to_string())
}

/// Negative test 42, where the model answers; one that hangs is in `release_notes`.
async fn a_model_that_answers_badly_costs_the_summary_alone(ctx: Ctx) {
    let (forge, ai, hook) = (ctx.receiver(), ctx.receiver(), ctx.receiver());
    let ended = |content: Value, reason: &str| {
        let choice = json!({"finish_reason": reason, "message": {"content": content}});
        Answer::status(200).body(json!({"choices": [choice]}).to_string())
    };
    let unknown = Answer::status(400).body(r#"{"error":{"message":"Unsupported parameter: 'max_tokens'"}}"#);
    // What it makes of a text is no failure, however often in a row. After three that are the model is left alone.
    let cases: [(&str, Vec<Answer>, &str); 12] = [
        ("null", vec![ended(Value::Null, "stop")], "release"),
        ("cut", vec![ended(summary().into(), "length")], "release"),
        ("swapped", vec![unknown, model(&summary())], "llm"),
        ("garbled", vec![model("{\"highlights\": [")], "release"),
        ("refused", vec![Answer::status(400).body("the prompt was filtered")], "release"),
        ("filtered", vec![ended(summary().into(), "content_filter")], "release"),
        ("large", vec![model(&"x".repeat(1_500_000))], "release"),
        ("good", vec![model(&summary())], "llm"),
        ("failing", vec![Answer::status(500)], "release"),
        ("unknown", vec![Answer::status(404).body("the model does not exist")], "release"),
        ("away", vec![Answer::status(503)], "release"),
        ("alone", vec![], "release"),
    ];
    for (name, ..) in &cases {
        let text = format!("- what {name} changes");
        forge.at(&format!("/repos/acme/{name}/releases?"), list(&[release("v1.3.0", &text)]));
        ctx.repository(name).push(Image::new("1.2.3")).await;
        asking(&ctx, name, name).await;
    }
    let _watcher = hooked(summarised(reading(&ctx, &forge), &ai), &hook).start().await;
    let mut asked = 0;
    for (at, (name, answers, source)) in cases.into_iter().enumerate() {
        asked += answers.len();
        ai.next(answers);
        let label = format!("https://github.com/acme/{name}");
        ctx.repository(name).push(Image::new("1.3.0").label(SOURCE, &label)).await;
        let events = hook.wait_for(at + 1).await;
        let release = events[at].json()["data"]["release"].clone();
        assert_eq!(release["summary_source"], source, "{name}: {release}");
        let text = release["summary"].as_str().unwrap_or_default();
        assert_eq!(text.contains(&format!("what {name} changes")), source == "release", "{name}: {text}");
        assert_eq!(ai.requests().len(), asked, "{name}: one call, and one more where a parameter is swapped");
    }
    let is_swapped = |request: &&Received| request.json().get("max_completion_tokens").is_some();
    let requests = ai.requests();
    assert_eq!(requests.iter().filter(is_swapped).count(), requests.len() - 3, "what was learnt is remembered");
}

/// Negative test 41, through the program; every spelling is in `release::summary`.
async fn an_address_of_no_model_is_told_at_the_start(ctx: Ctx) {
    for url in ["https://llm.example.com/v1?a=b", "ftp://llm.example.com/v1", ""] {
        let watcher = ctx.watcher().unconnected().env("OPEN_AI_URL", url).env("OPEN_AI_MODEL", "some-model");
        let refused = watcher.output(&["serve"]).await;
        assert_eq!(refused.code(), Some(78), "{url:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("OPEN_AI_URL"), "{url:?}: {}", refused.stderr);
    }
}

/// The address that GitHub documents for one release, with a place for its tag.
async fn the_api_of_github_is_a_release_url(ctx: Ctx) {
    let (forge, hook) = (ctx.receiver(), ctx.receiver());
    // The newest hundred don't reach back to it, so that it is asked for where the address says.
    forge.at("/repos/traefik/traefik/releases?", full_list());
    forge.at("/repos/traefik/traefik/releases/tags/v3.1.0", one("v3.1.0", "- the first line of 3.1.0"));
    forge.always(Answer::status(404));
    let proxy = ctx.repository("traefik");
    proxy.push(Image::new("v3.0.0")).await;
    let builder = ctx.deployment("traefik").container("web", proxy.reference("v3.0.0"));
    let url = "https://api.github.com/repos/traefik/traefik/releases/tags/${tag}";
    builder.annotation("image-watcher/release-url", url).create().await;
    let _watcher = hooked(reading(&ctx, &forge), &hook).start().await;
    proxy.push(Image::new("v3.1.0")).await;
    let release = hook.wait_for(1).await[0].json()["data"]["release"].clone();
    assert_eq!(
        release["url"], "https://github.com/traefik/traefik/releases/tag/v3.1.0",
        "a page for people: {release}"
    );
    assert_eq!((&release["found_by"], &release["versions"][0]["version"]), (&"annotation".into(), &"v3.1.0".into()));
    assert!(release["summary"].as_str().is_some_and(|text| text.contains("the first line of 3.1.0")), "{release}");
    let asked = paths(&forge);
    println!("{url} is read by {asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some("/repos/traefik/traefik/releases/tags/v3.1.0"), "{asked:?}");
}
