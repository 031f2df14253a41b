//! Whether this machine's clock is that of those who are asked: by the `Date` of their answers.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::{Check, Result};
use crate::ambient::Ambient;
use crate::cluster::{ClusterConfig, Index, KubeCluster, connect};
use crate::config::Config;
use crate::outbound::{Client, Reach};
use crate::registry::RegistryHost;
use crate::telemetry::metrics::Metrics;

/// What is more than this apart is told.
const APART: TimeDelta = TimeDelta::minutes(1);
/// One answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The most registries that are asked.
const MOST_ASKED: usize = 10;
const MOST_BYTES: usize = 64 * 1024;

/// What somebody's clock said, and between which moments of ours.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    who: String,
    asked: DateTime<Utc>,
    said: DateTime<Utc>,
    answered: DateTime<Utc>,
}

impl Heard {
    /// How far our clock is ahead of theirs, or behind it where that is negative: what the way there and back takes is no
    /// difference, and theirs is told in whole seconds.
    fn ahead(&self) -> TimeDelta {
        let second = TimeDelta::seconds(1);
        // Whoever answers says any moment there is, to which nothing can be added.
        if self.asked - self.said > second {
            self.asked - self.said
        } else if self.said > self.answered {
            self.answered - self.said
        } else {
            TimeDelta::zero()
        }
    }

    fn check(&self) -> Option<Check> {
        let ahead = self.ahead();
        if ahead.abs() <= APART {
            return None;
        }
        let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
        let error = format!("{} s {side} that of {}", ahead.abs().num_seconds(), self.who);
        Some(Check::but("this machine's clock is another", Result::Warn, error, HINT))
    }
}

const HINT: &str = "let both follow one time server (NTP): with clocks apart signed webhooks and presses of buttons are refused as old, links end \
     early or late, tokens of sign-in are taken for expired or not valid yet, and cooldowns and windows are judged by the wrong time";

/// What is to be said of the clocks that were heard.
pub(super) fn checks(heard: &[Heard]) -> Vec<Check> {
    let apart: Vec<Check> = heard.iter().filter_map(Heard::check).collect();
    if apart.is_empty() && !heard.is_empty() {
        let all: Vec<&str> = heard.iter().map(|one| one.who.as_str()).collect();
        return vec![Check::ok(format!("this machine's clock is that of {}, to the minute", all.join(", ")))];
    }
    apart
}

/// Asks the API server, and these registries. Who gives no answer, or does not say what time it is, is told of elsewhere.
pub(super) async fn ask<'h>(
    config: &Config,
    cluster: &ClusterConfig,
    hosts: impl Iterator<Item = &'h str>,
) -> Vec<Heard> {
    let registries = hosts.take(MOST_ASKED).map(|host| of_registry(config, host));
    let (api_server, registries) = tokio::join!(of_api_server(cluster), futures_util::future::join_all(registries));
    api_server.into_iter().chain(registries.into_iter().flatten()).collect()
}

async fn of_api_server(cluster: &ClusterConfig) -> Option<Heard> {
    let (ambient, (client, _)) = (Ambient::system(), connect(cluster).await.ok()?);
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let asked = ambient.now();
    let said = tokio::time::timeout(DEADLINE, kube.date()).await.ok()??;
    Some(Heard { who: "the API server".to_owned(), asked, said: read(&said)?, answered: ambient.now() })
}

async fn of_registry(config: &Config, host: &str) -> Option<Heard> {
    let known = config.registries.iter().find(|known| known.name() == host);
    let client = client(config, known)?;
    let scheme = if known.is_some_and(|known| known.plain_http) { "http" } else { "https" };
    let base = known.and_then(|known| known.api.clone());
    let base = base.or_else(|| Url::parse(&format!("{scheme}://{host}/")).ok())?;
    heard(&client, base.join("/v2/").ok()?, host, &Ambient::system()).await
}

fn client(config: &Config, known: Option<&RegistryHost>) -> Option<Client> {
    let outbound = config.outbound().ok()?;
    let is_private = known.is_some_and(|known| known.private || known.plain_http);
    let reach = if is_private { Reach::Named } else { Reach::Public };
    match known {
        Some(known) => outbound.to_host(&known.trust).ok()?.client(reach).ok(),
        None => outbound.client(reach).ok(),
    }
}

async fn heard(client: &Client, url: Url, who: &str, ambient: &Ambient) -> Option<Heard> {
    let asked = ambient.now();
    let answer = client.heard(client.get(url), DEADLINE, MOST_BYTES).await.ok()?;
    // What stood in a cache says when it was made.
    let is_kept = answer.headers.contains_key("age");
    let said = answer.headers.get("date").filter(|_| !is_kept)?.to_str().ok()?;
    Some(Heard { who: who.to_owned(), asked, said: read(said)?, answered: ambient.now() })
}

/// A date as HTTP has it.
fn read(date: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(date).ok().map(|at| at.with_timezone(&Utc))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Somebody whose clock differs by so many seconds.
    pub(in super::super) fn whose(who: &str, seconds: i64) -> Heard {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Heard { who: who.to_owned(), asked: now, said: now + TimeDelta::seconds(seconds), answered: now }
    }

    #[test]
    fn what_is_a_minute_apart_is_told_and_less_is_not() {
        for (seconds, expected) in [
            (0, None),
            (60, None),
            (-60, None),
            (61, Some("61 s behind that of")),
            (-90, Some("90 s ahead of that of")),
        ] {
            let told = whose("the API server", seconds).check().and_then(|check| check.error);
            assert_eq!(told.is_some(), expected.is_some(), "{seconds}: {told:?}");
            assert!(expected.is_none_or(|part| told.unwrap().starts_with(part)), "{seconds}");
        }
        let all = checks(&[whose("the API server", 0), whose("registry.example.com", -3)]);
        let [one] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            one.description,
            "this machine's clock is that of the API server, registry.example.com, to the minute"
        );
        assert!(checks(&[]).is_empty(), "nobody said");
    }

    #[test]
    fn the_way_there_and_back_is_no_difference() {
        let slow = Heard { answered: whose("a", 0).asked + TimeDelta::minutes(3), ..whose("a", 120) };
        assert_eq!(slow.ahead(), TimeDelta::zero());
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").map(|at| at.timestamp()), Some(784_111_777));
        assert_eq!(read("yesterday"), None);
        for said in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
            let absurd = Heard { said, ..whose("a", 0) };
            assert!(absurd.check().is_some(), "{said}");
        }
    }

    #[actix_web::test]
    async fn the_date_of_an_answer_is_heard_whatever_its_status() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/v2/", server.local_addr().unwrap()).parse().unwrap();
        let answering = async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            for more in ["", "Age: 7000\r\n"] {
                let (mut connection, _) = server.accept().await.unwrap();
                let _ = connection.read(&mut [0; 4096]).await.unwrap();
                let head = "HTTP/1.1 401 Unauthorized\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n";
                let answer = format!("{head}{more}Content-Length: 0\r\n\r\n");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let client = crate::outbound::Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let asking = async {
            let first = heard(&client, url.clone(), "r.example", &Ambient::system()).await.unwrap();
            assert!(first.check().unwrap().error.unwrap().ends_with("ahead of that of r.example"));
            assert!(heard(&client, url, "r.example", &Ambient::system()).await.is_none(), "of a cache");
        };
        tokio::join!(answering, asking);
    }
}
