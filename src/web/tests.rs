use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Data};
use actix_web::{App, HttpMessage as _, HttpServer};

use super::made_up::{MadeUp, closed, gone, hostile, two};
use super::{Backend as _, Handling, Setup, Unseen, Web, asset_routes, entry_route, routes};
use crate::access::{Role, Visitor};
use crate::api::How;
use crate::api::view::{GroupView, MemberView};
use crate::domain::actor::SignedIn;
use crate::domain::answer::Action;
use crate::domain::reference::Digest;
use crate::domain::release::{FoundBy, ReleaseNotes};
use crate::listener::Bodies;

fn visitor(role: Role) -> Visitor {
    Visitor { who: SignedIn::read("anna@example.com").unwrap(), role, form_token: "token-1".into() }
}

fn web(backend: Arc<MadeUp>, base: &str) -> Data<Web> {
    Data::new(unread(backend, base))
}

fn unread(backend: Arc<MadeUp>, base: &str) -> Web {
    let setup = Setup {
        base: base.to_owned(),
        cluster: Some("prod-eu".into()),
        sign_out: Some("/sign-out".into()),
        bodies: Bodies::new(1 << 20),
    };
    Web::new(backend, setup).unwrap()
}

/// What came of a request.
struct Came {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn count(&self, text: &str) -> usize {
        self.body.matches(text).count()
    }
}

async fn send(backend: &Arc<MadeUp>, role: Role, request: TestRequest) -> Came {
    let app = App::new().app_data(web(Arc::clone(backend), "/iw")).service(
        web::scope("/iw").configure(routes).configure(asset_routes).configure(|config| entry_route(config, "/iw")),
    );
    let app = app.wrap_fn(move |request, service| {
        request.extensions_mut().insert(visitor(role));
        service.call(request)
    });
    let app = init_service(app).await;
    let response = call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    // As a browser reads it, as far as paths go.
    Came { status, headers, body: body.replace("&#x2f;", "/") }
}

async fn get(backend: &Arc<MadeUp>, path: &str) -> Came {
    send(backend, Role::Approver, TestRequest::get().uri(&format!("/iw{path}"))).await
}

async fn get_in(backend: &Arc<MadeUp>, path: &str, language: &str) -> Came {
    let request = TestRequest::get().uri(&format!("/iw{path}")).insert_header(("Accept-Language", language));
    send(backend, Role::Approver, request).await
}

async fn post(backend: &Arc<MadeUp>, role: Role, path: &str, form: &[(&str, &str)]) -> Came {
    send(backend, role, TestRequest::post().uri(&format!("/iw{path}")).set_form(form)).await
}

const TOKEN: (&str, &str) = ("form_token", "token-1");
const VIEWS: [&str; 8] = [
    "/",
    "/?state=failed&q=%22%3E%3Cscript%3E",
    "/workloads/shop/deploy/web",
    "/workloads/shop/Deployment/worker",
    "/workloads/shop/deploy/web?explain=shop-web",
    "/approvals",
    "/sources",
    "/deliveries?state=dead",
];

/// A tag that would run or style anything, or loads from elsewhere.
fn is_inline(page: &str) -> bool {
    let page = page.to_lowercase();
    let has_handler = regex::Regex::new(r"<[^>]*\son[a-z]+\s*=").unwrap().is_match(&page);
    let script = regex::Regex::new("<script(?: src=\"/iw/assets/live-[0-9a-f]{16}\\.js\" defer)?>").unwrap();
    let scripts = script.find_iter(&page).filter(|found| found.as_str() == "<script>").count();
    has_handler || page.contains(" style=") || page.contains("<style") || page.contains("javascript:") || scripts > 0
}

#[actix_web::test]
async fn every_page_is_harmless_and_leads_nowhere_else() {
    let backend = Arc::new(MadeUp::of(60));
    let link = regex::Regex::new(r#"(?:href|src|action)="([^"]*)""#).unwrap();
    for path in VIEWS.into_iter().chain(["/workloads/shop/deploy/none", "/none", "/sources/none"]) {
        let came = get(&backend, path).await;
        let status = if path.ends_with("none") { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!((came.status, came.header("content-type")), (status, "text/html; charset=utf-8"), "{path}");
        assert_eq!(
            came.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!((came.header("cache-control"), came.header("x-content-type-options")), ("no-store", "nosniff"));
        assert_eq!(came.header("cross-origin-opener-policy"), "same-origin");
        assert!(!is_inline(&came.body), "{path}");
        for found in link.captures_iter(&came.body) {
            let to = &found[1];
            let is_ours = to.starts_with("/iw/") || to.starts_with('#') || to.is_empty();
            assert!(is_ours || to.starts_with("https://github.com/"), "{path} leads to {to}");
        }
    }
}

#[actix_web::test]
async fn what_is_misread_is_shown_with_the_command_that_takes_it_off() {
    let backend = Arc::new(MadeUp::of(60));
    let came = get(&backend, "/workloads/legacy/deploy/mailer").await;
    let command = "kubectl -n legacy annotate deploy/mailer image-watcher/strategy-";
    assert!(came.body.contains(command), "{}", came.body);
}

#[actix_web::test]
async fn a_page_speaks_the_language_that_is_asked_for() {
    let backend = Arc::new(MadeUp::of(20));
    for path in VIEWS {
        let request =
            TestRequest::get().uri(&format!("/iw{path}")).insert_header(("Accept-Language", "fr-CH,en;q=0.5"));
        let came = send(&backend, Role::Approver, request).await;
        assert!(came.body.contains("<html lang=\"fr\">") && came.body.contains("Aller au contenu"), "{path}");
        let sentences = ["puts the old image back", "so people are asked"];
        for english in
            ["Skip to content", "Up to date", "Needs you", "Send again", " ago<"].into_iter().chain(sentences)
        {
            assert!(!came.body.contains(english), "{path}: {english}");
        }
    }
}

/// Finding w3-4: the words of an explanation are those of the reader, rule by rule.
#[actix_web::test]
async fn an_explanation_is_in_the_language_of_the_page() {
    let backend = Arc::new(MadeUp::of(3));
    let path = "/workloads/shop/deploy/web?explain=shop-web";
    for (language, said) in [
        ("en", ["web would go from 1.2.3 to 1.3.0", "<td>major, beyond the strategy</td>", "<td>not a version</td>"]),
        (
            "fr",
            ["web passerait de 1.2.3 à 1.3.0", "<td>majeure, au-delà de la stratégie</td>", "<td>pas une version</td>"],
        ),
    ] {
        let body = get_in(&backend, path, language).await.body;
        for words in said {
            assert!(body.contains(words), "{language}: {words}: {body}");
        }
    }
}

/// Two readers of one page are told the same.
#[actix_web::test]
async fn what_stands_in_the_way_of_what_is_decided_is_said_in_each_language() {
    let backend = Arc::new(MadeUp::of(3));
    let path = "/workloads/shop/deploy/web?explain=shop-web";
    for (language, said) in [("en", "; waits for a person"), ("fr", "<p>Un accord est demandé d’abord</p>")] {
        let body = get_in(&backend, path, language).await.body;
        assert!(body.contains(said), "{language}: {body}");
    }
}

/// What a source is told of its delivery is English, and stands apart.
#[actix_web::test]
async fn why_a_delivery_was_refused_is_told_in_the_language_of_the_page() {
    let backend = Arc::new(MadeUp::of(3));
    let body = get_in(&backend, "/sources", "fr").await.body;
    assert!(body.contains("Identité fausse <q lang=\"en\">"), "{body}");
}

/// What messages say in French, pages do, too.
#[actix_web::test]
async fn what_is_gone_or_not_understood_is_said_in_the_language_of_the_page() {
    let backend = Arc::new(MadeUp::with(60, gone()));
    for (path, english, french) in [
        ("/workloads/shop/deploy/gone", "is gone from its registry", "a disparu de son registre"),
        ("/workloads/legacy/deploy/mailer", "is none of ALL", "n’est pas l’un de ALL"),
    ] {
        let (of, en) = (get_in(&backend, path, "fr").await, get_in(&backend, path, "en").await);
        assert!(of.body.contains(french) && !of.body.contains(english), "{path}: {}", of.body);
        assert!(en.body.contains(english) && !en.body.contains("<p class=\"verdict\" lang"), "{path}: {}", en.body);
    }
}

/// Without script nothing is live: the page says when it was made, and only script says that it hears of news.
#[actix_web::test]
async fn a_page_says_when_it_was_made() {
    let backend = Arc::new(MadeUp::of(3));
    for (language, made) in [("en", "As of</span> <time"), ("fr", "État du</span> <time")] {
        let page = get_in(&backend, "/", language).await;
        assert!(page.body.contains(made) && page.body.contains("UTC</time></p>"), "{}", page.body);
        assert!(page.count("<p class=\"live still\"") == 1 && !page.body.contains("<span>Live"), "{}", page.body);
    }
}

/// Among others it would not be written.
#[actix_web::test]
async fn what_a_closed_window_stops_is_not_ticked_for_anybody() {
    let page = get(&Arc::new(MadeUp::with(0, closed())), "/approvals").await;
    assert_eq!((boxes(&page.body).len(), page.count(" checked>")), (1, 0), "{}", page.body);
    assert!(page.body.contains("Outside its window") && page.body.contains("on its own page"), "{}", page.body);
    assert!(!page.body.contains("Ticked already"), "{}", page.body);
}

/// Who may not press is told of nothing to press.
#[actix_web::test]
async fn who_only_sees_is_told_of_no_ticks() {
    let backend = Arc::new(MadeUp::of(20));
    for (language, told, untold) in [
        ("en", "updates wait for a decision", ["tick", "button"]),
        ("fr", "attendent une décision", ["coch", "bouton"]),
    ] {
        let request = TestRequest::get().uri("/iw/approvals").insert_header(("Accept-Language", language));
        let page = send(&backend, Role::Viewer, request).await;
        let text = page.body.to_lowercase();
        let main = text.split_once("<main").map(|(_, main)| main.replace("class=\"button", "")).unwrap_or_default();
        assert!(main.contains(told) && untold.iter().all(|word| !main.contains(word)), "{main}");
    }
}

#[actix_web::test]
async fn the_end_of_a_question_is_not_that_of_its_reason() {
    let backend = Arc::new(MadeUp::of(20));
    let page = get(&backend, "/workloads/shop/deploy/worker-eu").await;
    assert!(
        page.body.contains("2.0.1 failed on shop/deploy/worker <span class=\"soft\">the question ends in"),
        "{}",
        page.body
    );
    let page = get(&backend, "/workloads/shop/sts/redis").await;
    assert!(page.body.contains("A person is asked first <span class=\"soft\">ends in"), "{}", page.body);
}

/// What a registry said stays as it was said, between quotation marks; what we say of it is in the language of the page.
#[actix_web::test]
async fn why_a_registry_gave_nothing_is_told_in_the_language_of_the_page() {
    let backend = Arc::new(MadeUp::of(60));
    for path in ["/?state=cannot-tell", "/workloads/legacy/deploy/crm"] {
        let page = get_in(&backend, path, "fr").await;
        assert!(page.body.contains("registry.example.com refuse l’identifiant"), "{path}: {}", page.body);
        assert!(page.body.contains("<q lang=\"en\">token expired</q>"), "{path}: {}", page.body);
        assert!(!page.body.contains("refuses the credential"), "{path}");
        let page = get_in(&backend, path, "en").await;
        assert!(page.body.contains("refuses the credential"), "{path}: {}", page.body);
    }
}

/// What can't be answered at a member of a group leads to where it can.
#[actix_web::test]
async fn a_member_that_does_not_lead_its_group_leads_to_the_one_that_does() {
    let backend = MadeUp::of(1);
    let place = super::backend::Place {
        namespace: "shop".into(),
        kind: "deploy".into(),
        name: "web".into(),
        container: "shop-web".into(),
    };
    let mut workload = backend.workload(&place).await.unwrap();
    let member = &mut workload.containers[0];
    let asked_by = MemberView { kind: "StatefulSet", name: "db".into(), container: "pg".into() };
    let (name, members) = ("shop".to_owned(), Vec::new());
    member.group = Some(GroupView { name, members, waits: None, asked_by: Some(asked_by) });
    member.question = None;
    let words = super::words::of(&HeaderMap::new());
    let shown = super::row::Shown { words, base: "/iw", now: super::made_up::now() };
    let row = serde_json::to_value(super::row::Row::of(&workload, &workload.containers[0], shown)).unwrap();
    assert_eq!(row["go"]["url"], "/iw/workloads/shop/sts/db#c-pg");
    assert_eq!(row["pick"], serde_json::Value::Null);
    let page = serde_json::to_value(super::workload::values(&workload, None, shown)).unwrap();
    let asked_by = &page["containers"][0]["askedBy"];
    assert_eq!(asked_by["url"], "/iw/workloads/shop/sts/db#c-pg");
    assert_eq!(asked_by["words"], "Answer at sts/db");
    assert_eq!(page["containers"][0]["question"], serde_json::Value::Null);
}

#[actix_web::test]
async fn the_page_that_resumes_has_no_banner_that_leads_to_it() {
    let backend = Arc::new(MadeUp::of(3));
    *backend.is_stopped.lock().unwrap() = true;
    let (page, fleet) = (get(&backend, "/brake").await, get(&backend, "/").await);
    assert_eq!((page.count("h-brake"), fleet.count("id=\"h-brake\"")), (0, 1), "{}", page.body);
}

#[actix_web::test]
async fn what_is_said_of_one_of_two_containers_names_it() {
    let page = get(&Arc::new(MadeUp::with(0, two())), "/workloads/shop/deploy/api").await;
    for heading in ["Why this version", "Settings in force"] {
        let all = page.body.matches(&format!("{heading} <span class=\"soft\">")).count();
        assert_eq!((all, page.count(&format!("{heading}</h2>"))), (2, 0), "{heading}: {}", page.body);
    }
    let one = get(&Arc::new(MadeUp::of(1)), "/workloads/shop/deploy/web").await;
    assert_eq!(one.count("Why this version</h2>"), 1, "{}", one.body);
}

#[actix_web::test]
async fn what_is_nowhere_is_said_once() {
    let page = get(&Arc::new(MadeUp::of(1)), "/nowhere").await;
    assert_eq!((page.status, page.count("There is nothing here</h1>")), (StatusCode::NOT_FOUND, 1), "{}", page.body);
    assert!(!page.body.contains("<p>There is nothing here"), "{}", page.body);
}

#[actix_web::test]
async fn nothing_that_a_tenant_writes_is_markup() {
    let backend = Arc::new(MadeUp::with(0, hostile()));
    for path in ["/", "/approvals", "/workloads/shop/deploy/web", "/?namespace=%3Cscript%3Ealert(1)%3C/script%3E"] {
        let came = get(&backend, path).await;
        assert_eq!(came.status, StatusCode::OK, "{path}");
        assert!(!came.body.contains("<script>alert") && !came.body.contains("<img"), "{path}");
    }
    let page = get(&backend, "/").await;
    assert!(page.body.contains("&lt;script&gt;alert(1)"), "it is shown, as text: {}", page.body);
}

#[actix_web::test]
async fn who_only_sees_is_given_nothing_to_press() {
    let backend = Arc::new(MadeUp::of(20));
    *backend.is_stopped.lock().unwrap() = true;
    for path in VIEWS.into_iter().chain(["/brake"]) {
        let came = send(&backend, Role::Viewer, TestRequest::get().uri(&format!("/iw{path}"))).await;
        let is_there = |text: &str| came.body.contains(text);
        let pressed = ["name=\"action\"", "name=\"retry\"", "name=\"discard\"", "type=\"checkbox\" name=\"w\""];
        assert!(!pressed.into_iter().any(is_there), "{path}: {}", came.body);
    }
    let form = [
        TOKEN,
        (
            "w",
            "shop/deploy/web/shop-web@1.2.3@1.3.0@sha256:abababababababababababababababababababababababababababababababab",
        ),
        ("action", "approve"),
    ];
    let sent: [(&str, &[(&str, &str)]); 4] = [
        ("/approvals", &form),
        ("/workloads/shop/deploy/web", &form),
        ("/deliveries", &[TOKEN, ("retry", "d81f2")]),
        ("/brake", &[TOKEN, ("action", "release")]),
    ];
    for (path, form) in sent {
        assert_eq!(post(&backend, Role::Viewer, path, form).await.status, StatusCode::FORBIDDEN, "{path}");
        let forged: Vec<(&str, &str)> = form.iter().copied().filter(|field| *field != TOKEN).collect();
        assert_eq!(post(&backend, Role::Approver, path, &forged).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(backend.decided.lock().unwrap().is_empty() && backend.handled.lock().unwrap().is_empty());
    assert!(*backend.is_stopped.lock().unwrap());
}

/// The values of all boxes of a page.
fn boxes(page: &str) -> Vec<String> {
    let found = regex::Regex::new(r#"type="checkbox" name="w" value="([^"]+)"#).unwrap();
    found.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

#[actix_web::test]
async fn what_is_ticked_is_shown_once_more_and_then_decided_line_by_line() {
    let backend = Arc::new(MadeUp::of(14));
    let fleet = get(&backend, "/").await;
    let all = boxes(&fleet.body);
    assert_eq!(all.len(), 6, "{all:?}");
    let picks: Vec<(&str, &str)> = all.iter().filter(|it| !it.contains("kafka")).map(|it| ("w", it.as_str())).collect();
    let review: Vec<(&str, &str)> = [TOKEN, ("action", "review")].into_iter().chain(picks.iter().copied()).collect();
    let shown = post(&backend, Role::Approver, "/approvals", &review).await;
    assert_eq!((boxes(&shown.body).len(), shown.count(" checked>")), (5, 2), "{}", shown.body);
    assert!(backend.decided.lock().unwrap().is_empty(), "nothing was done by looking");
    let approve: Vec<(&str, &str)> = [TOKEN, ("action", "approve")].into_iter().chain(picks.iter().copied()).collect();
    let report = post(&backend, Role::Approver, "/approvals", &approve).await;
    assert_eq!(
        (report.count("<h1>4 of 5 answers count</h1>"), report.count("<tr class=\"failed\">")),
        (1, 1),
        "{}",
        report.body
    );
    let decided = backend.decided.lock().unwrap();
    assert_eq!(decided.len(), 5);
    for (by, pick, decision) in decided.iter() {
        let read = (Action::Approve, How { confirmed: true, ..How::default() });
        assert_eq!((by.as_str(), decision), ("anna@example.com", &read));
        assert!(pick.is_exact() && pick.running.is_some());
    }
}

#[actix_web::test]
async fn what_moved_since_it_was_ticked_is_left_out_and_told() {
    let backend = Arc::new(MadeUp::of(14));
    let form = [
        TOKEN,
        ("action", "review"),
        (
            "w",
            "shop/deploy/web/shop-web@1.2.3@1.3.0@sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        ),
    ];
    let came = post(&backend, Role::Approver, "/approvals", &form).await;
    assert!(came.body.contains("1 has changed since it was ticked") && boxes(&came.body).is_empty(), "{}", came.body);
}

#[actix_web::test]
async fn going_back_throwing_away_and_resuming_are_asked_once_more() {
    let backend = Arc::new(MadeUp::of(14));
    let old =
        "shop/deploy/web/shop-web@1.2.3@1.2.2@sha256:abababababababababababababababababababababababababababababababab";
    let back = [TOKEN, ("action", "rollback"), ("w", old)];
    let sure = post(&backend, Role::Approver, "/workloads/shop/deploy/web", &back).await;
    assert!(sure.body.contains("Go back from 1.2.3 to 1.2.2?") && backend.decided.lock().unwrap().is_empty());
    for part in ["<dd class=\"all\">prod-eu<", ">shop/deploy/web<", ">shop-web<", ">1.2.2 sha256:abab", ">1.2.3"] {
        assert!(sure.body.contains(part), "{part}: {}", sure.body);
    }
    assert!(!sure.body.contains("failed here"), "{}", sure.body);
    let failed = format!("shop/deploy/worker/worker@2.0.0@2.0.1@{}", Digest::of(b"2.0.1"));
    let failed = [TOKEN, ("action", "rollback"), ("w", failed.as_str())];
    let sure = post(&backend, Role::Approver, "/workloads/shop/deploy/worker", &failed).await;
    assert!(sure.body.contains(", failed here</dd>"), "{}", sure.body);
    let elsewhere = post(&backend, Role::Approver, "/workloads/shop/deploy/worker", &back).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST, "it is of another workload");
    post(
        &backend,
        Role::Approver,
        "/workloads/shop/deploy/web",
        &[TOKEN, ("action", "rollback"), ("read", "yes"), ("w", old)],
    )
    .await;
    let read = (Action::Rollback, How { confirmed: true, ..How::default() });
    assert_eq!(backend.decided.lock().unwrap()[0].2, read);
    let sure = post(&backend, Role::Approver, "/deliveries", &[TOKEN, ("discard", "d81f2")]).await;
    assert!(sure.body.contains("Throw this message away?") && backend.handled.lock().unwrap().is_empty());
    post(&backend, Role::Approver, "/deliveries", &[TOKEN, ("discard", "d81f2"), ("sure", "yes")]).await;
    post(&backend, Role::Approver, "/deliveries", &[TOKEN, ("retry-all", "ops-hook")]).await;
    let all = [Handling::Discard("d81f2".into()), Handling::RetryAll("ops-hook".into())];
    assert_eq!(*backend.handled.lock().unwrap(), all);
    *backend.is_stopped.lock().unwrap() = true;
    assert!(get(&backend, "/brake").await.body.contains("Resume automatic updates?"));
    assert!(get(&backend, "/").await.body.contains("Automatic updates are stopped"));
    let released = post(&backend, Role::Approver, "/brake", &[TOKEN, ("action", "release")]).await;
    assert_eq!((released.status, released.header("location")), (StatusCode::SEE_OTHER, "/iw/"));
    assert_eq!(get(&backend, "/brake").await.status, StatusCode::SEE_OTHER, "there is nothing to resume");
}

#[actix_web::test]
async fn a_form_that_is_none_of_a_page_does_nothing() {
    let backend = Arc::new(MadeUp::of(14));
    let sent: [(&str, &[(&str, &str)]); 5] = [
        ("/approvals", &[TOKEN, ("action", "resume")]),
        ("/approvals", &[TOKEN, ("action", "approve"), ("action", "skip")]),
        ("/deliveries", &[TOKEN, ("retry", "a"), ("discard", "b")]),
        ("/brake", &[TOKEN]),
        ("/workloads/shop/deploy/web", &[TOKEN, ("action", "approve")]),
    ];
    for (path, form) in sent {
        assert_eq!(post(&backend, Role::Approver, path, form).await.status, StatusCode::BAD_REQUEST, "{path} {form:?}");
    }
    let json = TestRequest::post().uri("/iw/approvals").set_json(serde_json::json!({"form_token": "token-1"}));
    assert_eq!(send(&backend, Role::Approver, json).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(backend.decided.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn the_navigation_counts_the_same_on_every_page() {
    let backend = Arc::new(MadeUp::of(60));
    let count = regex::Regex::new(r#"/iw/approvals"[^>]*>Approvals <b>(\d+)"#).unwrap();
    let needs = backend.approvable(0).await.more.to_string();
    for path in VIEWS.into_iter().chain(["/workloads/shop/deploy/none"]) {
        let page = get(&backend, path).await;
        assert_eq!(&count.captures(&page.body).unwrap()[1], needs, "{path}");
    }
}

#[actix_web::test]
async fn what_pages_load_has_a_name_of_its_own_and_is_kept() {
    let backend = Arc::new(MadeUp::of(0));
    let page = get(&backend, "/").await;
    let names = regex::Regex::new(r#"/iw(/assets/[a-z]+-[0-9a-f]{16}\.(?:css|js|svg))""#).unwrap();
    let names: Vec<&str> = names.captures_iter(&page.body).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let came = get(&backend, name).await;
        assert_eq!(came.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(came.status == StatusCode::OK && came.header("x-content-type-options") == "nosniff");
    }
    assert_eq!(get(&backend, "/assets/style.css").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn an_empty_cluster_is_told_what_to_type_and_old_data_its_age() {
    let mut empty = MadeUp::of(0);
    empty.sight.stale_since = Some(super::made_up::now() - chrono::TimeDelta::minutes(6));
    let page = get(&Arc::new(empty), "/").await;
    assert!(
        page.body.contains("kubectl -n NAMESPACE annotate deploy/NAME image-watcher/mode=NOTIFICATION"),
        "{}",
        page.body
    );
    assert!(page.body.contains("The cluster has not answered for 6\u{a0}min"), "{}", page.body);
}

#[actix_web::test]
async fn what_does_not_fit_on_the_page_of_approvals_is_said() {
    let one = "more wait for a decision";
    let many = get(&Arc::new(MadeUp::asking(503)), "/approvals").await;
    assert_eq!((many.count("<td class=\"pick\"><input"), many.count(one)), (500, 1));
    assert!(many.body.contains("3 more wait for a decision") && many.body.contains("href=\"/iw/?state=needs-you\""));
    assert_eq!(get(&Arc::new(MadeUp::asking(3)), "/approvals").await.count(one), 0);
}

/// What arrived is not captioned as what has not.
#[actix_web::test]
async fn messages_are_captioned_as_what_they_are() {
    let fleet = Arc::new(MadeUp::of(3));
    for (language, missing, arrived) in [
        ("en", "Messages that have not arrived", "Messages that have arrived"),
        ("fr", "Messages qui ne sont pas arrivés", "Messages arrivés"),
    ] {
        for (path, is_arrived) in
            [("/deliveries", false), ("/deliveries?state=dead", false), ("/deliveries?state=delivered", true)]
        {
            let page = get_in(&fleet, path, language).await;
            assert_eq!((page.count(missing), page.count(arrived)), if is_arrived { (0, 1) } else { (1, 0) }, "{path}");
        }
    }
}

#[actix_web::test]
async fn a_page_can_be_asked_for_without_its_body_and_its_front_door_without_a_slash() {
    let backend = Arc::new(MadeUp::of(3));
    for path in VIEWS {
        let head = TestRequest::default().method(Method::HEAD).uri(&format!("/iw{path}"));
        assert_eq!(send(&backend, Role::Viewer, head).await.status, StatusCode::OK, "{path}");
    }
    let door = get(&backend, "").await;
    assert_eq!((door.status, door.header("location")), (StatusCode::SEE_OTHER, "/iw/"));
}

fn unseen() -> Vec<Unseen> {
    let of = |namespace: Option<&str>, resource, why: &str| Unseen {
        resource,
        namespace: namespace.map(str::to_owned),
        why: why.to_owned(),
    };
    vec![
        of(Some("shop"), "deployments", "no <right>"),
        of(Some("shop"), "daemonsets", "no <right>"),
        of(None, "rollouts", "401"),
    ]
}

#[actix_web::test]
async fn what_of_the_cluster_is_not_seen_is_said_on_every_page_and_is_no_empty_cluster() {
    let mut none = MadeUp::of(0);
    none.sight.unseen = unseen();
    let none = Arc::new(none);
    for (path, language) in [("/", "en"), ("/deliveries", "en"), ("/", "fr")] {
        let page = get_in(&none, path, language).await;
        let said = page.body.contains("shop/deployments, shop/daemonsets (no &lt;right&gt;); */rollouts (401)");
        assert!(said && page.body.contains("image-watcher doctor"), "{path} {language}\n{}", page.body);
        assert!(!page.body.contains("kubectl -n NAMESPACE annotate"), "{path} {language}\n{}", page.body);
    }
    let mut coming = MadeUp::of(0);
    coming.sight.is_coming = true;
    let page = get(&Arc::new(coming), "/").await;
    assert!(page.body.contains("The workloads are being read"), "{}", page.body);
    assert!(!page.body.contains("asks to be watched") && !page.body.contains("annotate"), "{}", page.body);
}

#[actix_web::test]
async fn what_of_the_configuration_is_not_in_force_is_said_on_every_page() {
    let mut fleet = MadeUp::of(3);
    fleet.not_in_force.refused = vec!["/c.yaml:3:16: rules[0].mode: is <none> of".into()];
    fleet.not_in_force.after_restart = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let fleet = Arc::new(fleet);
    for path in ["/", "/sources"] {
        let page = get(&fleet, path).await;
        assert!(page.body.contains("mended: /c.yaml:3:16: rules[0].mode: is &lt;none&gt; of."), "{}", page.body);
        assert!(page.body.contains("A restart takes over: a, b, c, d, 1 more."), "{}", page.body);
    }
    assert!(get_in(&fleet, "/", "fr").await.body.contains("Un redémarrage applique"));
}

#[actix_web::test]
async fn a_channel_that_takes_nothing_is_told_with_the_moment_of_its_next_try() {
    let backend = Arc::new(MadeUp::of(3));
    let page = get(&backend, "/deliveries").await;
    assert!(
        page.body.contains(
            "oncall takes no message (no answer from smtp.example.com: connection refused): they wait, and none is tried before"
        ),
        "{}",
        page.body
    );
    assert!(page.body.contains("in 4\u{a0}min."), "{}", page.body);
    let french = get_in(&backend, "/deliveries", "fr").await.body;
    let why =
        "oncall ne prend aucun message (pas de réponse de smtp.example.com\u{a0}: «\u{a0}connection refused\u{a0}»)";
    assert!(french.contains(why), "{french}");
}

#[actix_web::test]
async fn tiles_count_what_fits_and_lead_to_it() {
    let backend = Arc::new(MadeUp::of(14));
    let all = get(&backend, "/").await;
    assert!(all.body.contains("href=\"/iw/?state=needs-you\""), "{}", all.body);
    let needs = get(&backend, "/?state=needs-you").await;
    assert_eq!((needs.count("<tr class=\"needs\">"), needs.count("<tr class=\"current\">")), (5, 0));
    let shop = get(&backend, "/?namespace=shop&state=failed").await;
    assert_eq!(
        (shop.count("<tr class=\"failed\">"), shop.count("<b>5</b><span class=\"st\">")),
        (1, 1),
        "five are in shop"
    );
    assert!(shop.body.contains("href=\"/iw/?state=needs-you&amp;namespace=shop\""), "{}", shop.body);
    let none = get(&backend, "/?q=nothing-is-called-so").await;
    assert!(none.body.contains("Nothing matches these filters"));
}

/// W2: who opens the page sees the tiles, and below them the same order.
#[actix_web::test]
async fn the_fleet_is_listed_in_the_order_of_its_tiles() {
    let page = get(&Arc::new(MadeUp::of(60)), "/").await;
    let classes = |begin: &str| {
        let all = page.body.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
        let mut all: Vec<&str> = all.filter(|class| !class.is_empty()).collect();
        all.dedup();
        all
    };
    let (tiles, rows) = (classes("<li class=\""), classes("<tr class=\""));
    let tiles: Vec<&str> = tiles.into_iter().filter(|tile| rows.contains(tile)).collect();
    assert_eq!((tiles.first(), tiles.get(1)), (Some(&"needs"), Some(&"failed")));
    assert_eq!(rows, tiles);
}

#[actix_web::test]
async fn what_a_message_tells_is_said_in_words_beside_its_event() {
    let backend = Arc::new(MadeUp::of(3));
    for (language, said) in [("en", "Update failed"), ("fr", "Échec de la mise à jour")] {
        let page = get_in(&backend, "/deliveries", language).await;
        let cell = format!("{said}<small class=\"mono\">update.failed</small></td>");
        assert!(page.body.contains(&cell), "{}", page.body);
    }
}

#[actix_web::test]
async fn why_a_message_was_not_taken_is_said_in_the_language_of_the_page() {
    let backend = Arc::new(MadeUp::of(3));
    for (language, said) in [
        ("en", ["status 503 Service Unavailable<", "the mail server answers 550<"]),
        ("fr", ["statut 503 Service Unavailable<", "le serveur de courrier répond 550<"]),
    ] {
        let page = get_in(&backend, "/deliveries", language).await;
        assert!(said.iter().all(|words| page.body.contains(words)), "{}", page.body);
        assert!(page.body.contains("<q lang=\"en\">try later</q>"), "{}", page.body);
    }
}

#[actix_web::test]
async fn a_rule_of_an_explanation_says_what_it_is_about() {
    let backend = Arc::new(MadeUp::of(3));
    let path = "/workloads/shop/deploy/web?explain=shop-web";
    for (language, cells) in [
        ("en", ["<td>the highest<small>S8</small></td>", "<td>prereleases<small>S5</small></td>", "docs/policy.md"]),
        ("fr", ["<td>le plus haut<small>S8</small></td>", "<td>la stratégie<small>S6</small></td>", "docs/policy.md"]),
    ] {
        let body = get_in(&backend, path, language).await.body;
        for cell in cells {
            assert!(body.contains(cell), "{language}: {cell}: {body}");
        }
    }
}

/// «Needs you» and «Approvals» are two numbers on one page.
#[actix_web::test]
async fn approvals_say_who_needs_somebody_for_something_else() {
    let backend = Arc::new(MadeUp::with(60, gone()));
    let counts =
        backend.fleet(&crate::api::view::Filter::default(), crate::api::view::Paging { size: 1, page: 1 }).await;
    let (needs, listed) = (counts.of_all.needs_you, backend.approvable(0).await);
    assert!(listed.others > 0 && needs <= listed.more + listed.others, "{needs} {listed:?}");
    for (language, said) in [("en", "no approval helps"), ("fr", "sans rien à approuver")] {
        let page = get_in(&backend, "/approvals", language).await;
        assert!(page.body.contains(said) && page.body.contains("href=\"/iw/?state=needs-you\""), "{}", page.body);
    }
    let all = get(&Arc::new(MadeUp::of(3)), "/approvals").await;
    assert!(!all.body.contains("no approval helps"), "{}", all.body);
}

/// A link lasts for three days and what is put off may be so for a month.
#[actix_web::test]
async fn what_is_put_off_says_what_its_two_moments_are() {
    let backend = Arc::new(MadeUp::of(60));
    for (language, said) in [
        ("en", ["Put off until", ": people are asked anew then. Before that it can be answered here until"]),
        ("fr", ["Reportée jusqu’au", "la question sera reposée alors. D’ici là, réponse possible ici jusqu’au"]),
    ] {
        let page = get_in(&backend, "/workloads/data/sts/kafka", language).await;
        assert!(said.iter().all(|words| page.body.contains(words)), "{}", page.body);
    }
}

#[actix_web::test]
async fn a_page_of_a_thousand_workloads_stays_small() {
    let backend = Arc::new(MadeUp::of(1000));
    let (page, large) = (get(&backend, "/").await, get(&backend, "/?rows=500&page=2").await);
    assert_eq!((page.count("<td class=\"run\">"), large.count("<td class=\"run\">")), (50, 500));
    assert!(page.body.len() <= 100_000, "{} bytes", page.body.len());
    assert!(page.body.contains("1–50 of 1000 containers") && page.body.contains("href=\"/iw/?page=20\""));
}

#[actix_web::test]
async fn a_button_says_what_comes_of_it_and_a_day_is_one_that_people_read() {
    let backend = Arc::new(MadeUp::of(14));
    let asked = get(&backend, "/workloads/shop/deploy/web").await;
    assert!(asked.body.contains("What is skipped is not proposed again"), "{}", asked.body);
    assert!(asked.body.contains("datetime=\"2026-11-15\">15 Nov 2026</time>"), "{}", asked.body);
    assert!(get(&backend, "/approvals").await.body.contains("What is snoozed comes back after that time"));
    let failed = get(&backend, "/workloads/shop/deploy/worker").await;
    assert!(failed.body.contains(">Roll back to 2.0.0…</button>"), "{}", failed.body);
    let french = get_in(&backend, "/", "fr").await;
    assert!(french.body.contains("Demande · majeure") && !french.body.contains("· major<"), "{}", french.body);
    let french = get_in(&backend, "/workloads/shop/deploy/web", "fr").await;
    assert!(french.body.contains(">15\u{a0}nov. 2026</time>"), "{}", french.body);
}

/// For a browser: `cargo test --lib web::tests::serves -- --ignored`, with `PAGE_PORT` and `PAGE_WORKLOADS`; it ends when its
/// standard input does. See tests/page/README.md.
#[expect(clippy::disallowed_methods, reason = "whoever looks says what")]
#[actix_web::test]
#[ignore = "serves until it is stopped; tests/page asks for it"]
async fn serves_a_made_up_fleet() {
    let variable = |name: &str| std::env::var(name).ok();
    let number = |name: &str, or: usize| variable(name).and_then(|it| it.parse().ok()).unwrap_or(or);
    let mut made_up = MadeUp::with(number("PAGE_WORKLOADS", 60), [two(), closed(), gone()].concat());
    if variable("PAGE_STATE").as_deref() == Some("stale") {
        made_up.sight.stale_since = Some(super::made_up::now() - chrono::TimeDelta::minutes(6));
    }
    if variable("PAGE_STATE").as_deref() == Some("unseen") {
        made_up.sight.unseen = unseen();
    }
    *made_up.is_stopped.lock().unwrap() = variable("PAGE_STATE").as_deref() == Some("stopped");
    let base = variable("PAGE_BASE").unwrap_or_default();
    let role = if variable("PAGE_ROLE").as_deref() == Some("viewer") { Role::Viewer } else { Role::Approver };
    let web = Data::new(Web { pages: super::Pages::of_the_work_tree(), ..unread(Arc::new(made_up), &base) });
    let app = move || {
        let app = App::new().app_data(web.clone()).wrap_fn(move |request, service| {
            request.extensions_mut().insert(visitor(role));
            service.call(request)
        });
        let all = |config: &mut web::ServiceConfig| {
            config.configure(routes).configure(asset_routes);
        };
        let base = base.clone();
        app.configure(move |config| {
            if base.is_empty() {
                all(config);
            } else {
                config.service(web::scope(&base).configure(all));
            }
        })
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", u16::try_from(number("PAGE_PORT", 8085)).unwrap()));
    server.unwrap().run().await.unwrap();
}

/// What nobody read is not told in an empty card.
#[actix_web::test]
async fn of_notes_that_were_not_read_the_page_has_the_place() {
    let notes = ReleaseNotes::only_a_page("https://example.com/notes".into(), FoundBy::Label);
    let backend = Arc::new(MadeUp::noted(12, Vec::new(), notes));
    let page = get(&backend, "/workloads/shop/deploy/web").await;
    let card = page.body.split("id=\"h-notes-").nth(1).and_then(|it| it.split("</section>").next()).unwrap();
    assert!(card.contains("<a href=\"https://example.com/notes\""), "{card}");
}
