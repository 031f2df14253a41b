//! The two listeners, and what each of them answers: the public one whoever comes, the private one the pod alone.

use std::sync::Arc;

use actix_server::Server;
use actix_service::IntoServiceFactory as _;
use actix_web::web::{self, Data, ServiceConfig};
use anyhow::Context as _;

use crate::access::Access;
use crate::api::{self, Api};
use crate::approvals::chat::Doors;
use crate::approvals::{self, Approvals};
use crate::cluster::KubeCluster;
use crate::intake::{self, Intake};
use crate::listener::{Bodies, Listen, Places, bind, serve_until};
use crate::queue::StoreHandle;
use crate::registry::HttpRegistry;
use crate::stop::Stop;
use crate::task::Task;
use crate::web as page;

/// Connections to the two workers of the public listener.
pub const PUBLIC: Places = Places { waiting: 384, known: 160, lasting: 128 };
/// Connections to the one worker of the private listener, where nobody shows a credential.
pub const PRIVATE: Places = Places { waiting: 256, known: 0, lasting: 0 };

/// Bytes of the forms of links at once, and of those of pages: more than all connections together can send.
pub const FORMS: u32 = 4 * 1024 * 1024;

/// What opened links are answered with.
pub type Links = Approvals<StoreHandle, HttpRegistry, KubeCluster>;

/// All that is answered in public.
#[derive(Clone)]
pub struct Public {
    /// Webhooks.
    pub intake: Data<Intake<StoreHandle>>,
    /// Links.
    pub links: Data<Links>,
    /// Presses of buttons in chats.
    pub doors: Doors,
    /// What people see who sign in, where somebody can.
    pub signed_in: Option<SignedIn>,
    /// What stands before every path but those of webhooks, without a slash at its end.
    pub base_path: String,
}

/// What people see who sign in.
#[derive(Clone)]
pub struct SignedIn {
    /// Who they are.
    pub access: Data<Access>,
    /// What is known, and what they decide.
    pub api: Data<Api<StoreHandle>>,
    /// The same as pages.
    pub pages: Data<page::Web>,
}

impl SignedIn {
    /// What they see below a path.
    ///
    /// # Errors
    /// When the pages can't be made of their templates.
    pub fn below(base_path: &str, access: Data<Access>, api: Data<Api<StoreHandle>>) -> anyhow::Result<Self> {
        let setup = page::Setup {
            base: base_path.to_owned(),
            cluster: api.home.cluster.clone(),
            sign_out: access.signs_out().then(|| "/sign-out".to_owned()),
            bodies: Bodies::new(FORMS),
        };
        let pages = page::Web::new(Arc::new(api.get_ref().clone()), setup);
        let pages = Data::new(pages.context("the pages can't be made of their templates")?);
        Ok(Self { access, api, pages })
    }
}

impl Public {
    /// Listens in public, until the process leaves and then ends.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn listen(self, at: &Listen, leaving: Stop, stop: Stop) -> anyhow::Result<Task> {
        let app = move || {
            let app = actix_web::App::new().app_data(self.intake.clone()).app_data(self.links.clone());
            app.configure(|config| self.add_to(config))
                .default_service(web::to(intake::elsewhere::<StoreHandle>))
                .into_factory()
        };
        let server = serve_until(leaving, bind(at)?, 2, PUBLIC, app).context("the public listener can't be used")?;
        Ok(listening("public listener", server, stop))
    }

    fn add_to(&self, config: &mut ServiceConfig) {
        intake::routes::<StoreHandle>(config);
        self.add_below("", config);
        if !self.base_path.is_empty() {
            let below = web::scope(&self.base_path).configure(|config| self.add_below(&self.base_path, config));
            config.service(below);
        }
    }

    fn add_below(&self, path: &str, config: &mut ServiceConfig) {
        approvals::routes::<StoreHandle, HttpRegistry, KubeCluster>(config);
        if let Some(SignedIn { access, api, pages }) = &self.signed_in {
            config.app_data(access.clone()).app_data(api.clone()).app_data(pages.clone());
            page::signed_in_routes(config, path, &self.base_path);
        } else {
            api::off_routes(config);
        }
        self.doors.add_to(config);
    }
}

/// Listens in the pod: probes, metrics and the API.
///
/// # Errors
/// When nobody can listen there.
pub fn listen_in_private(api: Data<Api<StoreHandle>>, at: &Listen, leaving: Stop, stop: Stop) -> anyhow::Result<Task> {
    let listener = bind(at)?;
    let bound = listener.local_addr().context("the private listener has no address")?.ip();
    let app = move || {
        let routes = |config: &mut ServiceConfig| api::routes::<StoreHandle>(config, bound);
        actix_web::App::new().app_data(api.clone()).configure(routes).into_factory()
    };
    let server = serve_until(leaving, listener, 1, PRIVATE, app).context("the private listener can't be used")?;
    Ok(listening("private listener", server, stop))
}

/// Whoever is being answered when the process is to end is answered to the end.
fn listening(name: &'static str, server: Server, mut stop: Stop) -> Task {
    let handle = server.handle();
    Task::fallible(name, async move {
        let mut server = std::pin::pin!(server);
        let ended = tokio::select! {
            ended = &mut server => ended,
            () = stop.raised() => {
                let ((), ended) = tokio::join!(handle.stop(true), server);
                ended
            }
        };
        ended.context("the listener failed")
    })
}
