//! Serves an app on a listener: how long anybody may take, and how many may come at once.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::{ConnectionType, HttpService, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{Service as _, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::door::{Door, Meter, Places};
use crate::stop::Stop;

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
    serve_until(Stop::new().1, listener, workers, places, app)
}

/// The same; once `leaving` is raised each answer ends its connection, so that whoever keeps one finds somebody who stays
/// before this listener ends, which would leave a request on it without an answer.
///
/// # Errors
/// When the listener can't be watched.
pub fn serve_until<F, A, B>(
    leaving: Stop,
    listener: TcpListener,
    workers: usize,
    places: Places,
    app: F,
) -> io::Result<Server>
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
        let leaving = leaving.clone();
        let app = apply_fn_factory(app(), move |request: Request, app: &A::Service| {
            if let Some(meter) = request.conn_data::<Meter>() {
                meter.asked();
            }
            let (answer, leaving) = (app.call(request), leaving.clone());
            async move {
                let mut answer = answer.await?;
                if leaving.is_raised() {
                    answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
                }
                Ok(answer)
            }
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
            let connection = door.admit(stream);
            connection.meter().comes_from(peer.map(|peer| peer.ip()));
            std::future::ready(Ok((connection, peer)))
        };
        fn_service(admit).and_then(http)
    };
    Ok(server.listen("http", listener, factory)?.run())
}

#[cfg(test)]
mod tests {
    use actix_service::IntoServiceFactory as _;
    use actix_web::{App, HttpResponse, web};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What one request over a kept connection is answered, to the end of the answer's head.
    async fn head(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(answer).unwrap().to_lowercase()
    }

    #[actix_web::test]
    async fn a_kept_connection_is_ended_by_an_answer_once_the_process_leaves() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = || App::new().default_service(web::to(HttpResponse::NoContent)).into_factory();
        let (leave, leaving) = Stop::new();
        let server = serve_until(leaving, listener, 1, Places { waiting: 4, known: 4, lasting: 4 }, app).unwrap();
        let handle = server.handle();
        let exchange = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut heads = [head(&mut stream).await, head(&mut stream).await].to_vec();
            leave.raise();
            heads.push(head(&mut stream).await);
            let rest = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0; 1])).await;
            // Who comes anew is answered still.
            heads.push(head(&mut TcpStream::connect(address).await.unwrap()).await);
            handle.stop(false).await;
            (heads, rest.map(Result::unwrap).ok())
        };
        let (served, (heads, rest)) = tokio::join!(server, exchange);
        served.unwrap();
        let closes: Vec<bool> = heads.iter().map(|head| head.contains("connection: close\r\n")).collect();
        assert_eq!((closes, rest), (vec![false, false, true, true], Some(0)), "{heads:?}");
        assert!(heads.iter().all(|head| head.starts_with("http/1.1 204 ")), "{heads:?}");
    }
}
