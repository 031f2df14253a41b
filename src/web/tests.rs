use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::web::{self, Data};
use actix_web::{App, HttpMessage as _, HttpServer};

use super::made_up::MadeUp;
use super::{Setup, Web, asset_routes, routes};
use crate::access::{Role, Visitor};
use crate::domain::actor::SignedIn;
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

/// For a browser: `cargo test --lib web::tests::serves -- --ignored`, with `PAGE_PORT` and `PAGE_WORKLOADS`; it ends when its
/// standard input does. See tests/page/README.md.
#[actix_web::test]
#[ignore = "serves until it is stopped; tests/page asks for it"]
async fn serves_a_made_up_fleet() {
    let variable = |name: &str| std::env::var(name).ok();
    let number = |name: &str, or: usize| variable(name).and_then(|it| it.parse().ok()).unwrap_or(or);
    let mut made_up = MadeUp::of(number("PAGE_WORKLOADS", 60));
    if variable("PAGE_STATE").as_deref() == Some("stale") {
        made_up.stale_since = Some(super::made_up::now() - chrono::TimeDelta::minutes(6));
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
