//! The API as it answers: each answer is checked against `openapi.json`.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::App;
use actix_web::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::openapi::violation;
use super::*;
use crate::access::Role;
use crate::ambient::Clock;
use crate::domain::actor::{Actor, SignedIn};
use crate::domain::answer::Action;
use crate::domain::approval::{Allows, LinkKey};
use crate::domain::fleet::{Brake, Release};
use crate::domain::history::{Entry, History, Outcome};
use crate::domain::record::sealed::seal;
use crate::domain::record::tests::{question, update};
use crate::domain::record::{Event, Record};
use crate::domain::reference::Digest;
use crate::domain::view::{CameTo, LastLook, Stands};
use crate::domain::workload::Workload;
use crate::domain::workload::tests::workload;
use crate::queue::sqlite::SqliteQueue;
use crate::reconcile::{Answer, Applied, Explained, NotShown, Press, ResumeError, Shown};
use crate::registry::{BudgetReport, CeilingReport, RegistryReport};

/// An hour after the question of the tests was asked.
fn now() -> DateTime<Utc> {
    question(1).asked + TimeDelta::hours(1)
}

/// So many seconds after that moment.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Arc<Hand> {
    fn now(&self) -> DateTime<Utc> {
        now() + TimeDelta::seconds(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// A sequencer that answers what it is told to.
#[derive(Default)]
pub(super) struct Told {
    answers: Mutex<VecDeque<Result<Answer, NotShown>>>,
    pub(super) asked: Mutex<Vec<(Shown, Press)>>,
    /// What the last look at everything came to.
    looked: Mutex<Option<LastLook>>,
    /// What is known of each workload, and of which of them it was asked.
    known: Mutex<HashMap<String, Record>>,
    known_asked: Mutex<Vec<String>>,
}

impl Sequencer for Told {
    fn waiting(&self) -> Waiting {
        Waiting::new()
    }

    fn may_write(&self, _: &crate::domain::workload::WorkloadId) -> bool {
        true
    }

    fn last_look(&self, _: &Workload, container: &str) -> Option<LastLook> {
        if let Some(looked) = self.looked.lock().unwrap().clone() {
            return Some(looked);
        }
        let cooling = CameTo::Cooling {
            tag: crate::domain::reference::Tag::parse("2.0.0").unwrap(),
            digest: None,
            level: crate::domain::tag::Level::Major,
            until: now() + TimeDelta::hours(5),
        };
        (container == "log").then(|| LastLook::answered(now(), cooling))
    }

    fn known<'a>(&'a self, uid: &'a str) -> BoxFuture<'a, Option<Record>> {
        self.known_asked.lock().unwrap().push(uid.to_owned());
        let known = self.known.lock().unwrap().get(uid).cloned();
        Box::pin(async { known })
    }

    fn brake(&self) -> BoxFuture<'_, Brake> {
        Box::pin(async { Brake::default() })
    }

    fn resume(&self, _: Actor, _: String) -> BoxFuture<'_, Result<Option<Release>, ResumeError>> {
        Box::pin(async { Ok(None) })
    }

    fn answer(&self, shown: Shown, press: Press, _: String) -> BoxFuture<'_, Result<Answer, NotShown>> {
        self.asked.lock().unwrap().push((shown, press));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Err(NotShown::Unread));
        Box::pin(async { answer })
    }

    fn explain(&self, _: Arc<Workload>, container: String) -> BoxFuture<'_, Result<Explained, String>> {
        let taken = crate::domain::policy::Verdict::Taken(crate::domain::tag::Level::Patch);
        let candidate = ("1.0.1".to_owned(), taken.into());
        let explained = Explained {
            sentence: format!("{container} would go"),
            gist: None,
            state: crate::domain::view::State::Update,
            why: "newest".into(),
            candidates: vec![candidate],
            more: 0,
        };
        Box::pin(async { Ok(explained) })
    }
}

/// A Deployment of this name with a question about `web`, a cooldown of `log`, and a history.
fn deployment(name: &str, keys: &LinkKey) -> Workload {
    let images = [("web", "registry.example.com/shop/web:1.0.0"), ("log", "other.example/shop/log:1.9.0")];
    let bare = workload(&images, &[("mode", "NOTIFICATION")]);
    let mut id = bare.id.clone();
    (id.name, id.uid) = (name.into(), format!("uid-{name}").into());
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(0, None))), question(1).asked - TimeDelta::days(1));
    record.on("web", Event::Ask(Box::new(question(1))), question(1).asked);
    let (text, history) = seal(&record, &id, keys).unwrap();
    let annotations = [("mode", "NOTIFICATION"), ("record", &text), ("history", &history.unwrap())];
    Workload { id, ..workload(&images, &annotations) }
}

fn put(index: &Index, workload: Workload) {
    index.observe(&workload.id.clone(), Some(workload));
}

pub(super) struct Stage {
    pub(super) api: Data<Api<SqliteQueue>>,
    pub(super) told: Arc<Told>,
    hand: Arc<Hand>,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(super) fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hand = Arc::new(Hand::default());
        let ambient = Ambient::system().at(Arc::new(Arc::clone(&hand)));
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let (key, told) = (LinkKey::new(vec![7; 32]).unwrap(), Arc::new(Told::default()));
        let index = Index::knowing(key.clone().into());
        for name in names {
            put(&index, deployment(name, &key));
        }
        let (_, stop) = crate::stop::Stop::new();
        let api = Data::new(Api {
            queue,
            home: crate::api::Home::default(),
            index,
            scopes: Scopes::new(Vec::new()),
            notes: Arc::new(|_, _, _| Box::pin(async { None })),
            sources: Arc::new(|| {
                vec![SourceView { name: "hub".into(), kind: "dockerhub".into(), ..SourceView::default() }]
            }),
            registries: Arc::new(Vec::new),
            poll: Arc::new(|| Box::pin(async { crate::api::view::PollView::default() })),
            channels: Arc::new(Vec::new),
            reopen: Arc::new(|channel| channel == "closed"),
            sequencer: Arc::clone(&told) as Arc<dyn Sequencer>,
            between: Arc::new(Vec::new),
            bounds: Bounds::default(),
            keys: key.into(),
            events: Events::new(&ambient, stop),
            pulse: Pulse::new(ambient.clone()),
            leaving: crate::stop::Stop::new().1,
            in_force: InForce::new(&Metrics::new()),
            metrics: Metrics::new(),
            census: Census::new(true),
            explanations: Explanations::default(),
            bodies: Bodies::new(1 << 20),
            ambient,
        });
        Self { api, told, hand, _folder: folder }
    }

    /// What is answered to whoever has this role, or to nobody who is known: checked against the document.
    pub(super) async fn ask(&self, role: Option<Role>, request: TestRequest, of: &str) -> (u16, Value) {
        let api = self.api.clone();
        let app = init_service(
            App::new().app_data(api).service(web::scope("/api/v1").configure(public_routes::<SqliteQueue>)),
        )
        .await;
        let request = request.to_request();
        if let Some(role) = role {
            let who = SignedIn::read("alice").unwrap();
            request.extensions_mut().insert(Visitor { who, role, form_token: String::new() });
        }
        let method = request.method().as_str().to_lowercase();
        let answer = match actix_web::test::try_call_service(&app, request).await {
            Ok(answer) => answer.map_into_boxed_body(),
            Err(error) => {
                let request = TestRequest::default().to_http_request();
                actix_web::dev::ServiceResponse::new(request, error.error_response())
            }
        };
        let (status, content) = (answer.status().as_u16(), answer.headers().get(CONTENT_TYPE).cloned());
        let body: Value = serde_json::from_slice(&read_body(answer).await).unwrap_or(Value::Null);
        let expected = if status < 300 { "application/json" } else { "application/problem+json" };
        assert_eq!(content.unwrap(), expected, "{of}: {body}");
        assert_eq!(violation(&method, of, status, &body), None, "{method} {of}: {body}");
        (status, body)
    }

    async fn get(&self, path: &str, of: &str) -> Value {
        let (status, body) = self.ask(Some(Role::Viewer), TestRequest::get().uri(&format!("/api/v1{path}")), of).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn decide(&self, role: Role, action: &str, body: &Value) -> (u16, Value) {
        let uri = format!("/api/v1/workloads/shop/deploy/web/{action}");
        let request = TestRequest::post().uri(&uri).set_json(body);
        self.ask(Some(role), request, &format!("/workloads/{{namespace}}/{{kind}}/{{name}}/{action}")).await
    }

    pub(super) fn answers(&self, answers: impl IntoIterator<Item = Result<Answer, NotShown>>) {
        self.told.answers.lock().unwrap().extend(answers);
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        container: "web".into(),
        version: "1.0.1".into(),
        previous: "1.0.0".into(),
        digest: Digest::of(b"1").to_string(),
        previous_image: "registry.example.com/shop/web:1.0.0".into(),
        time: "2026-11-18T09:00:00Z".into(),
        by: "sign-in alice".into(),
        outcome: Outcome::RollingOut,
        level: "patch".into(),
        approval: None,
        ended: None,
        failure: None,
        undoes: None,
    }
}

#[actix_web::test]
async fn each_document_is_as_openapi_json_says() {
    let stage = Stage::new(&["web", "api"]);
    let all = stage.get("/workloads", "/workloads").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (2, &Value::Null));
    let containers = &all["items"][1]["containers"];
    let web = &containers[0];
    assert_eq!(
        (&web["state"], &web["reason"], &web["modeFrom"]),
        (&json!("needs-you"), &json!("asked"), &json!("workload"))
    );
    assert_eq!(web["available"]["tag"], "1.0.1");
    assert_eq!((&containers[1]["state"], &containers[1]["available"]["level"]), (&json!("waiting"), &json!("major")));
    assert_eq!(all["items"][1]["state"], "needs-you", "the most urgent");
    let one = "/workloads/{namespace}/{kind}/{name}";
    let shown = stage.get("/workloads/shop/deploy/web", one).await;
    assert!(
        shown["history"][0]["who"] == "the policy" && shown["containers"][0].get("explanation").is_none(),
        "{shown}"
    );
    assert!(!shown.to_string().contains("AAECAwQFBgcICQoLDA0ODw"), "nothing that a link is made of");
    let explained = stage.get("/workloads/shop/deploy/web?explain=true", one).await;
    assert_eq!(explained["containers"][0]["explanation"]["candidates"][0]["tag"], "1.0.1");
    assert_eq!(stage.get("/questions", "/questions").await["items"].as_array().unwrap().len(), 2);
    let counts = stage.get("/summary", "/summary").await["counts"].clone();
    assert_eq!((&counts["needsYou"], &counts["waiting"]), (&json!(2), &json!(2)));
    for path in ["/sources", "/registries", "/brake", "/deliveries"] {
        stage.get(path, path).await;
    }
}

#[actix_web::test]
async fn the_document_says_where_the_api_is_for_whoever_reads_it() {
    for (page, expected) in [
        (None, "/api/v1"),
        (Some("https://iw.example.com"), "/api/v1"),
        (Some("https://iw.example.com/iw/eu"), "/iw/eu/api/v1"),
        (Some("https://iw.example.com/iw/eu/"), "/iw/eu/api/v1"),
    ] {
        let stage = Stage::new(&["web"]);
        let home = Home { page: page.map(|page| url::Url::parse(page).unwrap()), ..Home::default() };
        let api = Data::new(Api { home, ..stage.api.get_ref().clone() });
        let request = || {
            let request = TestRequest::get().uri("/api/v1/openapi.json").peer_addr("127.0.0.1:5".parse().unwrap());
            request.insert_header(("host", "localhost:9090")).to_request()
        };
        let public = web::scope("/api/v1").configure(public_routes::<SqliteQueue>);
        let public = init_service(App::new().app_data(api.clone()).service(public)).await;
        let signed_in = request();
        let who = SignedIn::read("alice").unwrap();
        signed_in.extensions_mut().insert(Visitor { who, role: Role::Viewer, form_token: String::new() });
        let body: Value = serde_json::from_slice(&read_body(call_service(&public, signed_in).await).await).unwrap();
        assert_eq!(body["servers"], json!([{"url": expected}]));
        let private = App::new().app_data(api);
        let private = private.configure(|config| routes::<SqliteQueue>(config, [127, 0, 0, 1].into()));
        let private = init_service(private).await;
        let body: Value = serde_json::from_slice(&read_body(call_service(&private, request()).await).await).unwrap();
        assert_eq!(body["servers"], json!([{"url": "/api/v1"}]), "in the pod there is no path before it");
    }
}

#[actix_web::test]
async fn nobody_is_answered_who_is_not_signed_in_and_a_viewer_decides_nothing() {
    let stage = Stage::new(&["web"]);
    for path in ["/workloads", "/questions", "/summary", "/brake", "/deliveries", "/sources", "/registries"] {
        let (status, _) = stage.ask(None, TestRequest::get().uri(&format!("/api/v1{path}")), path).await;
        assert_eq!(status, 401, "{path}");
    }
    for path in ["/events", "/feed.atom", "/openapi.json"] {
        let (status, _) = stage.ask(None, TestRequest::get().uri(&format!("/api/v1{path}")), path).await;
        assert_eq!(status, 401, "{path}");
    }
    let body = json!({"container": "web", "version": "1.0.1"});
    for action in ["approve", "skip", "snooze", "rollback", "resume", "look"] {
        assert_eq!(stage.decide(Role::Viewer, action, &body).await.0, 403, "{action}");
    }
    for path in ["/look", "/brake/resume", "/deliveries/msg_1/retry", "/deliveries/msg_1/discard", "/decisions"] {
        let of = path.replace("msg_1", "{id}");
        let request =
            TestRequest::post().uri(&format!("/api/v1{path}")).set_json(json!({"action": "skip", "items": []}));
        assert_eq!(stage.ask(Some(Role::Viewer), request, &of).await.0, 403, "{path}");
    }
    assert!(stage.told.asked.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn who_is_left_alone_for_a_wrong_setting_is_counted_apart_from_registries() {
    let stage = Stage::new(&["web"]);
    let counted = async || {
        let health = stage.get("/health", "/health").await;
        (health["settingsRefused"].as_u64(), health["registriesLeftAlone"].as_u64())
    };
    assert_eq!(counted().await, (Some(0), Some(0)));
    let wrong = deployment("typo", &LinkKey::new(vec![7; 32]).unwrap());
    let annotated = workload(&[("web", "registry.example.com/shop/web:1.0.0")], &[("strategy", "MINRO")]);
    put(&stage.api.index, Workload { id: wrong.id, ..annotated });
    assert_eq!(counted().await, (Some(1), Some(0)));
}

#[actix_web::test]
async fn a_channel_that_works_is_opened_by_whoever_may_act_and_nothing_that_was_given_up_is_sent() {
    let stage = Stage::new(&[]);
    let path = "/deliveries/open";
    let ask = async |role, query: &str| {
        stage.ask(Some(role), TestRequest::post().uri(&format!("/api/v1{path}{query}")), path).await
    };
    assert_eq!(ask(Role::Viewer, "?channel=closed").await.0, 403);
    assert_eq!(ask(Role::Approver, "").await.0, 400);
    for (channel, was_closed) in [("closed", true), ("other", false)] {
        let (status, said) = ask(Role::Approver, &format!("?channel={channel}")).await;
        assert_eq!((status, &said["wasClosed"], &said["retried"]), (202, &json!(was_closed), &json!(0)));
        assert_eq!(said["hastened"], json!(0));
    }
}

#[actix_web::test]
async fn what_is_asked_for_is_what_is_listed_page_by_page_whatever_comes_and_goes() {
    let names: Vec<String> = (0..9).map(|n| format!("web-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(&names);
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = stage.get(&format!("/workloads?{query}"), "/workloads").await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=2&cursor={next}");
        // One of those that were listed goes, and one comes before it.
        stage.api.index.observe(&deployment("web-0", &LinkKey::new(vec![7; 32]).unwrap()).id, None);
        put(&stage.api.index, deployment("web-00", &LinkKey::new(vec![7; 32]).unwrap()));
    }
    assert_eq!(seen, names, "each once");
    let count = async |query: &str| {
        stage.get(&format!("/workloads?{query}"), "/workloads").await["items"].as_array().unwrap().len()
    };
    assert_eq!(count("namespace=shop&state=needs-you").await, 9);
    assert_eq!(count("namespace=ops").await + count("state=failed").await + count("mode=DISABLED").await, 0);
    assert_eq!(count("level=major&registry=other.example&text=LOG").await, 9);
    assert_eq!(count("level=major&registry=registry.example.com").await, 0, "one container fits all of it");
    let questions = stage.get("/questions?limit=8", "/questions").await;
    let next = questions["next"].as_str().unwrap();
    let rest = stage.get(&format!("/questions?cursor={next}"), "/questions").await;
    assert_eq!((questions["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (8, 1));
    for wrong in ["state=x", "limit=501", "page=1"] {
        let request = TestRequest::get().uri(&format!("/api/v1/workloads?{wrong}"));
        assert_eq!(stage.ask(Some(Role::Viewer), request, "/workloads").await.0, 400, "{wrong}");
    }
}

#[actix_web::test]
async fn what_is_counted_follows_what_is_written_what_is_found_and_the_time() {
    let stage = Stage::new(&["web"]);
    let count = async |state: &str| stage.get("/summary", "/summary").await["counts"][state].clone();
    let listed = async |state: &str| {
        let page = stage.get(&format!("/workloads?state={state}"), "/workloads").await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(
        (count("needsYou").await, count("waiting").await, count("upToDate").await),
        (json!(1), json!(1), json!(0))
    );
    let metric = async || {
        stage.api.count_workloads().await;
        stage.api.metrics.text()
    };
    let needs = "image_watcher_workloads{kind=\"Deployment\",mode=\"NOTIFICATION\",state=\"needs-you\"} 1";
    assert!(metric().await.contains(needs), "{}", metric().await);
    assert!(metric().await.contains("image_watcher_approvals{state=\"open\"} 1"));
    *stage.told.looked.lock().unwrap() = Some(LastLook::answered(now(), CameTo::Nothing));
    assert_eq!((count("waiting").await, count("upToDate").await), (json!(0), json!(1)), "a look found nothing");
    stage.hand.0.store(TimeDelta::days(30).num_seconds(), Ordering::Relaxed);
    assert!(metric().await.contains("image_watcher_approvals{state=\"expired\"} 1"), "{}", metric().await);
    let view = &stage.get("/workloads", "/workloads").await["items"][0];
    assert_eq!(view["containers"][0].get("question"), None, "its time is over");
    assert_eq!(listed(view["state"].as_str().unwrap()).await, 1, "list and summary say the same");
    let asked = deployment("web", &LinkKey::new(vec![7; 32]).unwrap());
    let id = asked.id.clone();
    let images = [("web", "registry.example.com/shop/web:1.0.0"), ("log", "other.example/shop/log:1.9.0")];
    put(&stage.api.index, Workload { id: id.clone(), ..workload(&images, &[("mode", "DISABLED")]) });
    assert_eq!((count("off").await, listed("off").await), (json!(2), 1));
    stage.hand.0.store(0, Ordering::Relaxed);
    let kept = asked.annotations.iter().filter(|(name, _)| &**name != "mode");
    let kept = kept.map(|(name, value)| (&**name, &**value)).chain([("mode", "DISABLED")]).collect::<Vec<_>>();
    put(&stage.api.index, Workload { id: id.clone(), ..workload(&images, &kept) });
    let questions = stage.get("/questions", "/questions").await;
    assert_eq!(questions["items"], json!([]), "no answer is taken there");
    assert!(metric().await.contains("image_watcher_approvals{state=\"open\"} 0"), "{}", metric().await);
    assert_eq!(stage.api.approvable(10).await.more, 0);
    stage.api.index.observe(&id, None);
    assert_eq!((count("off").await, listed("off").await), (json!(0), 0), "it is gone");
}

#[actix_web::test]
async fn who_has_a_list_already_is_told_that_it_is_as_it_was() {
    let stage = Stage::new(&["web"]);
    let app = init_service(
        App::new().app_data(stage.api.clone()).configure(|config| routes::<SqliteQueue>(config, [127, 0, 0, 1].into())),
    )
    .await;
    let ask = async |tag: Option<&str>| {
        let request = TestRequest::get().uri("/api/v1/workloads").peer_addr("127.0.0.1:5".parse().unwrap());
        let request = request.insert_header(("host", "localhost:9090"));
        let request = tag.into_iter().fold(request, |request, tag| request.insert_header((IF_NONE_MATCH, tag)));
        let answer = call_service(&app, request.to_request()).await;
        (answer.status().as_u16(), answer.headers().get(ETAG).unwrap().to_str().unwrap().to_owned())
    };
    let (status, tag) = ask(None).await;
    assert_eq!((status, ask(Some(&tag)).await), (200, (304, tag.clone())));
    put(&stage.api.index, deployment("api", &LinkKey::new(vec![7; 32]).unwrap()));
    let (status, other) = ask(Some(&tag)).await;
    assert!(status == 200 && other != tag);
}

#[actix_web::test]
async fn a_decision_is_made_on_what_was_seen_by_who_signed_in() {
    let stage = Stage::new(&["web"]);
    let digest = Digest::of(b"1").to_string();
    stage.answers([
        Ok(Answer::Approved(Box::new(entry().into()))),
        Ok(Answer::Skipped(Box::new(entry()))),
        Ok(Answer::Unread),
    ]);
    let seen = json!({"container": "web", "version": "1.0.1", "digest": digest, "running": "1.0.0", "confirmed": true,
        "outsideWindow": true, "for": "30d"});
    let (status, body) = stage.decide(Role::Approver, "approve", &seen).await;
    assert_eq!((status, &body["outcome"]), (200, &json!("approved")), "{body}");
    let (shown, press) = stage.told.asked.lock().unwrap().pop().unwrap();
    assert_eq!((&*shown.uid, shown.version.as_str(), press.action), ("uid-web", "1.0.1", Action::ApproveOutsideWindow));
    assert!(press.is_confirmed && press.length == TimeDelta::days(30) && press.by == SignedIn::read("alice"));
    assert_eq!(stage.decide(Role::Approver, "skip", &json!({"container": "web", "version": "1.0.1"})).await.0, 200);
    let (_, press) = stage.told.asked.lock().unwrap().pop().unwrap();
    assert!(!press.is_confirmed, "nothing is taken for confirmed");
    assert_eq!(stage.decide(Role::Approver, "skip", &seen).await.0, 503);
    let moved = [
        (NotShown::Points(Digest::of(b"2")), 409, "moved"),
        (NotShown::Runs(None), 409, "changed"),
        (NotShown::Asks(None), 409, "not-asked"),
        (NotShown::NotHeld, 409, "not-held"),
        (NotShown::Held(crate::domain::reference::Tag::parse("1.3.0").unwrap()), 409, "held"),
        (NotShown::NeverRan, 409, "never-ran"),
        (NotShown::NoContainer, 404, "unknown"),
    ];
    for (not_shown, expected, word) in moved {
        stage.answers([Err(not_shown)]);
        let (status, body) = stage.decide(Role::Approver, "rollback", &seen).await;
        assert_eq!((status, &body["outcome"]), (expected, &json!(word)), "{body}");
    }
}

#[actix_web::test]
async fn who_goes_back_by_the_api_hears_that_a_version_failed_here() {
    let stage = Stage::new(&["web"]);
    let bad = |digest: &Digest| crate::domain::history::Entry {
        digest: digest.to_string(),
        ..crate::domain::history::tests::entry("1.0.1", Outcome::Failed)
    };
    let mut history = History::default();
    history.push(bad(&Digest::of(b"1")));
    stage.told.known.lock().unwrap().insert("uid-web".into(), Record::of_history(history));
    let said = async |digest: &Digest, answer| {
        stage.answers([answer]);
        let seen = json!({"container": "web", "version": "1.0.1", "digest": digest.to_string()});
        stage.decide(Role::Approver, "rollback", &seen).await.1["detail"].as_str().unwrap_or_default().to_owned()
    };
    let words = ". 1.0.1 failed on this workload before, as of its update of 2026-11-24T10:00:00Z: it may fail again";
    let asked = crate::approvals::snapshots::asked;
    let held = || NotShown::Held(crate::domain::reference::Tag::parse("1.0.1").unwrap());
    for answer in [Ok(Answer::Unconfirmed(asked())), Ok(Answer::WentBack(Box::new(entry().into()))), Err(held())] {
        let detail = said(&Digest::of(b"1"), answer).await;
        assert!(detail.ends_with(words) && !detail.contains(".."), "{detail}");
    }
    let other = said(&Digest::of(b"2"), Ok(Answer::Unconfirmed(asked()))).await;
    assert!(!other.contains("failed"), "of another manifest nothing is known: {other}");
    let gone = said(&Digest::of(b"1"), Err(NotShown::NoWorkload)).await;
    assert!(!gone.contains("failed"), "{gone}");
}

/// Fault x24-12 d.
#[actix_web::test]
async fn of_a_body_that_is_no_decision_it_is_said_what_is_wrong() {
    let stage = Stage::new(&["web"]);
    let detail = async |body| stage.decide(Role::Approver, "approve", &body).await.1["detail"].to_string();
    let misspelt = detail(json!({"container": "web", "version": "1.0.1", "dgest": "sha256:x"})).await;
    assert!(misspelt.contains("unknown field `dgest`"), "{misspelt}");
    let missing = detail(json!({"container": "web"})).await;
    assert!(missing.contains("missing field `version`"), "{missing}");
    let long = detail(json!({"container": "web", "version": "1.0.1", "x".repeat(5000): 1})).await;
    assert!(long.len() < 1000 && long.contains("openapi.json"), "{long}");
}

#[actix_web::test]
async fn what_is_no_decision_is_told_and_nothing_is_done() {
    let stage = Stage::new(&["web"]);
    let bodies = [
        json!({"version": "1.0.1"}),
        json!({"container": "web"}),
        json!({"container": "web", "version": "not a tag!"}),
        json!({"container": "web", "version": "1.0.1", "digest": "sha256:x"}),
        json!({"container": "web", "version": "1.0.1", "for": "91d"}),
        json!({"container": "web", "version": "1.0.1", "for": "0s"}),
        // A guard that is misspelt would be none.
        json!({"container": "web", "version": "1.0.1", "diggest": Digest::of(b"1").to_string()}),
        json!({"container": "web", "version": "1.0.1", "runing": "1.0.0"}),
        json!({"container": "web", "version": "1.0.1", "confirm": true}),
        json!([]),
    ];
    for body in bodies {
        assert_eq!(stage.decide(Role::Approver, "snooze", &body).await.0, 400, "{body}");
    }
    let item = json!({"namespace": "shop", "kind": "deploy", "name": "nowhere", "container": "web", "version": "1"});
    let mut unread = item.clone();
    unread["running"] = json!("no tag!");
    let mut misspelt = item.clone();
    misspelt["runing"] = json!("1.0.0");
    for many in [
        json!({"action": "skip", "items": [item.clone(), unread]}),
        json!({"action": "skip", "items": [item.clone(), misspelt]}),
        json!({"action": "skip", "items": [item], "dryRun": true}),
    ] {
        let many = TestRequest::post().uri("/api/v1/decisions").set_json(many);
        assert_eq!(stage.ask(Some(Role::Approver), many, "/decisions").await.0, 400, "all are read before one is done");
    }
    let form = TestRequest::post()
        .uri("/api/v1/workloads/shop/deploy/web/skip")
        .set_form([("container", "web"), ("version", "1")]);
    let of = "/workloads/{namespace}/{kind}/{name}/skip";
    assert_eq!(stage.ask(Some(Role::Approver), form, of).await.0, 400, "no form of another site is taken");
    let renew = TestRequest::post()
        .uri("/api/v1/workloads/shop/deploy/web/renew")
        .set_json(json!({"container": "web", "version": "1"}));
    assert_eq!(stage.ask(Some(Role::Approver), renew, of).await.0, 404);
    let nowhere = TestRequest::post()
        .uri("/api/v1/workloads/shop/deploy/nowhere/skip")
        .set_json(json!({"container": "web", "version": "1"}));
    assert_eq!(stage.ask(Some(Role::Approver), nowhere, of).await.0, 404);
    assert!(stage.told.asked.lock().unwrap().is_empty());
}

/// Fault r27-5: nothing of it runs.
#[actix_web::test]
async fn a_decision_says_what_waits_or_has_failed_of_what_it_wrote() {
    use crate::domain::rollout::Waits;
    let stage = Stage::new(&["web"]);
    let stands = |stands| Box::new(Applied { entry: entry(), rollout: Some(stands) });
    stage.answers([
        Ok(Answer::Approved(stands(Stands::Waits(Waits::Paused)))),
        Ok(Answer::WentBack(stands(Stands::Waits(Waits::OnDelete)))),
        Ok(Answer::WentBack(stands(Stands::Failed))),
    ]);
    let seen = json!({"container": "web", "version": "1.0.1", "digest": Digest::of(b"1").to_string(),
        "running": "1.0.0", "confirmed": true});
    for (action, said) in [
        ("approve", "1.0.0 → 1.0.1 is written; its rollout waits: rollouts are paused."),
        ("rollback", "It is written again; its rollout waits: its pods are replaced when somebody deletes them."),
        ("rollback", "It was written again, but its rollout failed."),
    ] {
        let (status, body) = stage.decide(Role::Approver, action, &seen).await;
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(status == 200 && detail.contains("decided by") && detail.contains(said), "{body}");
    }
}

#[actix_web::test]
async fn many_are_decided_on_each_for_itself_and_no_more_than_are_told() {
    let stage = Stage::new(&["web", "api"]);
    let item = |name: &str| json!({"namespace": "shop", "kind": "Deployment", "name": name, "container": "web", "version": "1.0.1"});
    let send = async |body: Value| {
        stage.ask(Some(Role::Approver), TestRequest::post().uri("/api/v1/decisions").set_json(body), "/decisions").await
    };
    stage.answers([Ok(Answer::Approved(Box::new(entry().into()))), Err(NotShown::Asks(None))]);
    let (status, body) = send(json!({"action": "approve", "items": [item("web"), item("nowhere"), item("api")]})).await;
    assert_eq!((status, &body["done"]), (200, &json!(1)), "{body}");
    let statuses: Vec<&Value> = body["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, [&json!(200), &json!(404), &json!(409)], "each in its place: {body}");
    for (action, count) in [("rollback", 1), ("approve", 0), ("approve", MOST_AT_ONCE + 1), ("", 1)] {
        let items: Vec<Value> = (0..count).map(|_| item("web")).collect();
        assert_eq!(send(json!({"action": action, "items": items})).await.0, 400, "{action} {count}");
    }
}

#[actix_web::test]
async fn the_feed_has_what_is_available_and_what_became_of_updates() {
    let stage = Stage::new(&["web"]);
    let app = init_service(
        App::new().app_data(stage.api.clone()).configure(|config| routes::<SqliteQueue>(config, [127, 0, 0, 1].into())),
    )
    .await;
    let request = TestRequest::get().uri("/api/v1/feed.atom").peer_addr("127.0.0.1:5".parse().unwrap());
    let answer = call_service(&app, request.insert_header(("host", "localhost:9090")).to_request()).await;
    assert_eq!(answer.headers().get(CONTENT_TYPE).unwrap(), "application/atom+xml; charset=utf-8");
    let feed = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    assert!(feed.contains("shop/Deployment/web · web: 1.0.0 → 1.0.1 (patch) is available"), "{feed}");
    assert!(feed.contains("healthy") || feed.contains("rolling-out"), "{feed}");
}

/// `kubectl rollout undo` and backups put older records back, and anybody may take one off: what people are shown is what is known.
#[actix_web::test]
async fn what_is_known_is_shown_whatever_somebody_put_back_and_lists_ask_for_nothing_else() {
    let stage = Stage::new(&[]);
    let key = LinkKey::new(vec![7; 32]).unwrap();
    let of = |name: &str| Workload { resource_version: 9, ..deployment(name, &key) };
    // What is older by now: the question was answered since.
    let mut known = Record::default();
    let asked = question(1);
    known.on("web", Event::Ask(Box::new(asked.clone())), asked.asked);
    known.on("web", Event::Skip { by: "sign-in alice".into() }, asked.asked + TimeDelta::minutes(1));
    known.sequence = 7;
    stage.told.known.lock().unwrap().insert("uid-web".into(), known);
    stage.api.index.expect(vec![("uid-web".into(), 7)]);
    let images = [("web", "registry.example.com/shop/web:1.0.0"), ("log", "other.example/shop/log:1.9.0")];
    let bare = || Workload { id: of("web").id, resource_version: 10, ..workload(&images, &[("mode", "NOTIFICATION")]) };
    for name in ["api", "cart", "shop"] {
        put(&stage.api.index, deployment(name, &key));
    }
    for stands in [of("web"), bare()] {
        put(&stage.api.index, stands);
        for _ in 0..3 {
            let one = stage.get("/workloads/shop/deploy/web", "/workloads/{namespace}/{kind}/{name}").await;
            assert_eq!(
                (&one["containers"][0]["question"], &one["history"][0]["outcome"]),
                (&Value::Null, &json!("skipped"))
            );
            let all = stage.get("/workloads?state=needs-you", "/workloads").await;
            let names: Vec<&Value> = all["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
            assert_eq!(names, ["api", "cart", "shop"], "who is asked still");
            assert_eq!(stage.get("/questions", "/questions").await["items"].as_array().unwrap().len(), 3);
            assert_eq!(stage.get("/summary", "/summary").await["counts"]["needsYou"], 3);
        }
        let asked = std::mem::take(&mut *stage.told.known_asked.lock().unwrap());
        assert_eq!(asked, ["uid-web"], "once, and of nobody else");
    }
    put(&stage.api.index, Workload { resource_version: 11, ..of("web") });
    stage.told.known.lock().unwrap().clear();
    assert_eq!(stage.get("/summary", "/summary").await["counts"]["needsYou"], 4, "nothing else is known now");
}

/// Fault r25d-8: what is held waits for nobody.
#[actix_web::test]
async fn the_oldest_question_is_one_about_an_update() {
    let (key, stage) = (LinkKey::new(vec![7; 32]).unwrap(), Stage::new(&[]));
    let images = [("web", "registry.example.com/shop/web:1.0.0")];
    for (allows, version, age) in [(Allows::Held, 1, "0"), (Allows::Update, 2, "3600")] {
        let (mut record, id) = (Record::default(), workload(&images, &[]).id);
        record.sequence = version;
        let mut asked = question(1);
        asked.terms.allows = allows;
        record.on("web", Event::Ask(Box::new(asked)), question(1).asked);
        let text = seal(&record, &id, &key).unwrap().0;
        let stands = workload(&images, &[("mode", "NOTIFICATION"), ("record", &text)]);
        put(&stage.api.index, Workload { resource_version: version, ..stands });
        stage.api.count_workloads().await;
        let text = stage.api.metrics.text();
        assert!(text.contains(&format!("image_watcher_approval_oldest_seconds {age}\n")), "{allows:?}: {text}");
    }
}

/// Whoever asks no registry for hours is told nothing of what one allowed then.
#[actix_web::test]
async fn what_a_registry_allows_is_counted_when_it_is_read() {
    let stage = Stage::new(&[]);
    let known = Arc::new(Mutex::new(Vec::<RegistryReport>::new()));
    let registries = Arc::clone(&known);
    let registries: Report<RegistryView> =
        Arc::new(move || registries.lock().unwrap().iter().cloned().map(RegistryView::from).collect());
    let api = Data::new(Api { registries, ..Api::clone(&stage.api) });
    let registry = |host: &str, budget: Option<u64>, ceiling: Option<u32>| RegistryReport {
        host: host.to_owned(),
        repositories: 1,
        last_asked: None,
        last_outcome: None,
        last_throttled: None,
        budget: budget.map(|left| BudgetReport { left, limit: 100, window_seconds: 21_600, told: now() }),
        ceiling: ceiling.map(|left| CeilingReport { left, limit: 10, window_seconds: 60 }),
        waits_until: None,
        waits_for: None,
    };
    let read = async |of: Vec<RegistryReport>| {
        *known.lock().unwrap() = of;
        let app = init_service(
            App::new().app_data(api.clone()).route("/metrics", web::get().to(probes::numbers::<SqliteQueue>)),
        );
        let app = app.await;
        let body = read_body(call_service(&app, TestRequest::get().uri("/metrics").to_request()).await).await;
        let text = String::from_utf8(body.to_vec()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("image_watcher_registry_budget_"));
        lines.map(|line| line["image_watcher_registry_budget_".len()..].to_owned()).collect::<Vec<_>>()
    };
    let told = read(vec![
        registry("docker.io", Some(3), Some(10)),
        registry("registry.example.com", None, Some(0)),
        registry("quay.io", None, None),
    ]);
    let (hub, own) = ("{registry=\"docker.io\"}", "{registry=\"registry.example.com\"}");
    let lines = [("remaining", hub, 3), ("remaining", own, 0), ("limit", hub, 100), ("limit", own, 10)];
    let mut told = told.await;
    told.sort();
    let mut lines = lines.map(|(name, of, number)| format!("{name}{of} {number}"));
    lines.sort();
    assert_eq!(told, lines);
    let told = read(vec![registry("docker.io", None, None), registry("registry.example.com", None, Some(10))]);
    assert_eq!(told.await, [format!("remaining{own} 10"), format!("limit{own} 10")], "its time is over");
    assert_eq!(read(Vec::new()).await, [""; 0], "nothing runs from it");
}

/// A clock that was ahead put a question off for longer than anybody can: the sequencer asks, and so it is shown.
#[actix_web::test]
async fn what_is_put_off_for_longer_than_it_can_be_is_open() {
    let (key, stage) = (LinkKey::new(vec![7; 32]).unwrap(), Stage::new(&[]));
    let images = [("web", "registry.example.com/shop/web:1.0.0")];
    let put_off = |until: DateTime<Utc>, version: u64| {
        let (mut record, id) = (Record::default(), workload(&images, &[]).id);
        record.sequence = version;
        record.on("web", Event::Ask(Box::new(question(1))), question(1).asked);
        record.on("web", Event::Snooze { until }, question(1).asked);
        let text = seal(&record, &id, &key).unwrap().0;
        let stands = workload(&images, &[("mode", "NOTIFICATION"), ("record", &text)]);
        put(&stage.api.index, Workload { resource_version: version, ..stands });
    };
    let shown = async || {
        let until = stage.get("/questions", "/questions").await["items"][0]["question"]["snoozedUntil"].clone();
        stage.api.count_workloads().await;
        let text = stage.api.metrics.text();
        (until, ["open", "snoozed"].map(|it| text.contains(&format!("image_watcher_approvals{{state=\"{it}\"}} 1"))))
    };
    put_off(now() + TimeDelta::days(7), 1);
    assert_eq!(shown().await, (json!("2026-11-25T12:06:41Z"), [false, true]));
    put_off(now() + TimeDelta::days(400), 2);
    assert_eq!(shown().await, (Value::Null, [true, false]));
}

/// A message by email waits; gives its id.
async fn a_message(stage: &Stage) -> String {
    let notice = crate::domain::event::tests::notice(crate::domain::event::NoticeKind::Available);
    let job = crate::domain::event::Delivery::of("email", "a@example.com", notice);
    let new = crate::queue::NewJob::prompt(crate::domain::event::Job::Deliver(Box::new(job)), "trace", now());
    crate::queue::Queue::put(&stage.api.queue, vec![new]).await.unwrap();
    stage.get("/deliveries", "/deliveries").await["items"][0]["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn what_was_given_up_of_a_channel_that_is_not_there_any_more_is_not_said_to_be_sent_again() {
    let mut stage = Stage::new(&[]);
    let path = format!("/deliveries/{}/retry", a_message(&stage).await);
    for (channels, said) in [(vec!["slack"], "no channel \"email\""), (vec!["slack", "email"], "waits to be sent")] {
        let channels = channels.into_iter().map(str::to_owned).collect();
        let bounds = Bounds { channels: Some(channels), ..Bounds::default() };
        stage.api = Data::new(Api { bounds, ..stage.api.get_ref().clone() });
        let request = TestRequest::post().uri(&format!("/api/v1{path}"));
        let (status, answer) = stage.ask(Some(Role::Approver), request, "/deliveries/{id}/retry").await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains(said), "{status}: {answer}");
    }
}

#[actix_web::test]
async fn what_is_declared_to_be_as_it_was_is_so() {
    let stage = Stage::new(&["web"]);
    let id = a_message(&stage).await;
    let app =
        App::new().app_data(stage.api.clone()).configure(|config| routes::<SqliteQueue>(config, [127, 0, 0, 1].into()));
    let app = init_service(app).await;
    let document = openapi::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods["get"]["responses"].get("304").is_none() {
            continue;
        }
        let place = path.replace("{id}", &id).replace("{namespace}/{kind}/{name}", "shop/deploy/web");
        let ask = |tag: Option<String>| {
            let request = TestRequest::get().uri(&format!("/api/v1{place}")).peer_addr("127.0.0.1:5".parse().unwrap());
            let request = request.insert_header(("host", "localhost:9090"));
            let request = tag.into_iter().fold(request, |request, tag| request.insert_header((IF_NONE_MATCH, tag)));
            call_service(&app, request.to_request())
        };
        let first = ask(None).await;
        let tag = first.headers().get(ETAG).map(|tag| tag.to_str().unwrap().to_owned());
        assert!(first.status() == StatusCode::OK && tag.is_some(), "{path}: {}", first.status());
        assert_eq!(ask(tag).await.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    let health = stage.get("/health", "/health").await;
    assert_eq!((&health["ready"], &health["queue"]["failing"]), (&json!(false), &json!([])), "{health}");
}

/// A clock whose seconds are moved by hand.
#[derive(Debug, Default)]
struct Seconds(std::sync::atomic::AtomicU64);

impl Clock for Arc<Seconds> {
    fn now(&self) -> DateTime<Utc> {
        now()
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[actix_web::test]
async fn health_is_life_and_readiness() {
    let seconds = Arc::new(Seconds::default());
    let ambient = Ambient::system().at(Arc::new(Arc::clone(&seconds)));
    let (key, notes) = (
        LinkKey::new(vec![7; 32]).unwrap(),
        Arc::new(|_: &_, _: &_, _| -> BoxFuture<'static, _> { Box::pin(async { None }) }),
    );
    let (api, _folder) = made_up::api(Index::default(), key.into(), made_up::Looks::default(), notes, ambient.clone());
    let scope = crate::cluster::Scope { namespace: None, kind: crate::domain::workload::Kind::Deployment };
    let (leave, leaving) = crate::stop::Stop::new();
    let between = Arc::new(|| vec!["no replica holds the Lease".to_owned()]);
    let api = Api { scopes: Scopes::new([scope.clone()]).at(&ambient), leaving, between, ..api };
    let (scopes, pulse) = (api.scopes.clone(), api.pulse.clone());
    let here = IpAddr::from([127, 0, 0, 1]);
    let app = App::new().app_data(Data::new(api)).configure(|config| routes::<SqliteQueue>(config, here));
    let app = init_service(app).await;
    let ask = async |path: &str| {
        let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        let status = answer.status().as_u16();
        (status, String::from_utf8(read_body(answer).await.to_vec()).unwrap())
    };
    let all = async || {
        let mut statuses = Vec::new();
        for path in ["/livez", "/readyz", "/healthz"] {
            statuses.push(ask(path).await.0);
        }
        statuses
    };
    assert_eq!(all().await, [200, 503, 503], "nothing was listed yet");
    scopes.synced(&scope);
    scopes.clone().begin(std::time::Duration::ZERO, crate::stop::Stop::new().1).await;
    assert_eq!(all().await, [200, 200, 200]);
    seconds.0.store(20, Ordering::Relaxed);
    let (status, verbose) = ask("/healthz?verbose").await;
    let lines = [
        "[+]the runtime: answered 20 s ago",
        "[+]the queue's writer: answered 20 s ago",
        "[+]watch of deployments in all namespaces: ok (for 0 s)",
        "[+]queue: 0 waiting, 0 dead letters",
        "[-]replicas: no replica holds the Lease",
        "ok",
    ];
    assert_eq!((status, verbose.lines().collect::<Vec<_>>()), (200, lines.to_vec()));
    seconds.0.store(31, Ordering::Relaxed);
    assert_eq!(all().await, [503, 200, 503], "nothing beats");
    let (_, told) = ask("/healthz").await;
    assert!(told.ends_with("the runtime does not answer\n") && told.contains("[-]the queue's writer"), "{told}");
    assert!(pulse.silent().is_some());
    leave.raise();
    let (status, told) = ask("/readyz").await;
    assert!(status == 503 && told.ends_with("not ready: the process is about to end\n"), "{told}");
}

/// RFC 9110, 9.3.2: load balancers and `wget --spider` ask by HEAD.
#[actix_web::test]
async fn what_can_be_got_can_be_asked_for_without_its_body() {
    use actix_web::http::Method;
    let notes = Arc::new(|_: &_, _: &_, _| -> BoxFuture<'static, _> { Box::pin(async { None }) });
    let (key, ambient) = (LinkKey::new(vec![7; 32]).unwrap(), Ambient::system());
    let (api, _folder) = made_up::api(Index::default(), key.into(), made_up::Looks::default(), notes, ambient);
    let here = IpAddr::from([127, 0, 0, 1]);
    let app = App::new().app_data(Data::new(api)).configure(|config| routes::<SqliteQueue>(config, here));
    let app = init_service(app).await;
    let below = ["health", "openapi.json", "feed.atom", "summary", "questions", "sources", "registries", "brake"];
    let below = below.into_iter().chain(["deliveries", "workloads"]).map(|path| format!("/api/v1/{path}"));
    for path in ["/livez", "/readyz", "/healthz", "/metrics"].map(str::to_owned).into_iter().chain(below) {
        let ask = async |method: Method| {
            let request = TestRequest::default().method(method).uri(&path).insert_header(("host", "localhost:9090"));
            let answer = call_service(&app, request.peer_addr("127.0.0.1:5".parse().unwrap()).to_request()).await;
            (answer.status().as_u16(), answer.headers().get(CONTENT_TYPE).cloned())
        };
        let (got, asked) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert!(got == asked && [200, 503].contains(&got.0), "{path}: {got:?} {asked:?}");
    }
}

#[actix_web::test]
async fn where_nobody_can_sign_in_page_and_api_say_how_to_enable_them() {
    let app = App::new().configure(off_routes).service(web::scope("/iw").configure(off_routes));
    let app = init_service(app).await;
    for path in ["/", "/api/v1/workloads", "/v1/approvals", "/iw", "/iw/", "/iw/api/v1/workloads", "/iw/v1/approvals"] {
        let posted = TestRequest::post();
        let is_front = matches!(path, "/" | "/iw" | "/iw/");
        let head = TestRequest::default().method(actix_web::http::Method::HEAD);
        for method in [Some(TestRequest::get()), Some(head), Some(posted).filter(|_| !is_front)].into_iter().flatten() {
            let answer = call_service(&app, method.uri(path).to_request()).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        }
        let told = read_body(call_service(&app, TestRequest::get().uri(path).to_request()).await).await;
        assert!(String::from_utf8_lossy(&told).contains("auth.mode"), "{path}");
    }
}
