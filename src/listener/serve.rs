//! Serves an app on a listener: how long anybody may take, and how many may come at once.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{Service as _, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::door::{Door, Meter, Places};

/// A request's head has to be there by then.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// What a sender who was answered may still send is read and dropped for so long.
const LEAVE: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Whoever is being answered at a stop has so long, in seconds.
const FAREWELL: u64 = 10;
/// Connections of one worker thread; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 352;

/// Serves an app behind a door of its own, which is what strangers find first.
///
/// # Errors
/// When the listener can't be watched.
pub fn serve<F, A, B>(listener: TcpListener, workers: usize, places: Places, app: F) -> io::Result<Server>
where
    F: Fn() -> A + Send + Clone + 'static,
    A: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    A::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    // Who was idle for as long as anybody may be can still begin a request, and has as long as others for its head.
    let door = Door::new(places, KEEP_ALIVE + HEAD_DEADLINE);
    let server = ServerBuilder::new()
        .workers(workers)
        .disable_signals()
        .max_concurrent_connections(MOST_CONNECTIONS)
        .shutdown_timeout(FAREWELL);
    let stopping = server.graceful_shutdown_signal();
    let factory = move || {
        let app = apply_fn_factory(app(), |request: Request, app: &A::Service| {
            if let Some(meter) = request.conn_data::<Meter>() {
                meter.asked();
            }
            app.call(request)
        });
        let app = app.map_err(|error| error.error_response());
        let (door, stopping) = (door.clone(), stopping.clone());
        let http = HttpService::build()
            .client_request_timeout(HEAD_DEADLINE)
            .client_disconnect_timeout(LEAVE)
            .keep_alive(KEEP_ALIVE)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|connection: &Connection<TcpStream>, data| {
                data.insert(connection.meter());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let admit = move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            std::future::ready(Ok((door.admit(stream), peer)))
        };
        fn_service(admit).and_then(http)
    };
    Ok(server.listen("http", listener, factory)?.run())
}
