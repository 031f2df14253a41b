//! Messages: which wait, which failed, which were given up, which arrived; and that those that were given up are sent again, or
//! thrown away.
//!
//! What a message says is not shown, only what it is about. An address is shown as in logs and on workloads.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::Api;
use super::answer::{answer, done};
use super::look::may_act;
use super::view::{DeliveriesView, DeliveryDocument, DeliveryView, RetriedView};
use crate::access::Visitor;
use crate::listener::Problem;
use crate::queue::{Acted, Asked, Before, LetterState, Letters, QueueError};

/// As many as are listed at once, unless more or fewer are asked for.
const PAGE: usize = 50;
/// The most that are listed at once.
const MOST: usize = 200;

/// What is asked of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    state: Option<String>,
    channel: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Whose dead letters are sent again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfChannel {
    channel: String,
}

/// `GET /api/v1/deliveries`
pub(super) async fn list<Q: Letters>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Ok(answer(&request, &api.deliveries(request.query_string()).await?))
}

/// `GET /api/v1/deliveries/{id}`
pub(super) async fn one<Q: Letters>(
    api: Data<Api<Q>>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(answer(&request, &api.document(&id).await?))
}

/// `POST /api/v1/deliveries/{id}/retry`
pub(super) async fn retry<Q: Letters>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    api.send_again(&id, visitor.as_ref()).await?;
    api.shown(&id, StatusCode::ACCEPTED).await
}

/// `POST /api/v1/deliveries/{id}/discard`
pub(super) async fn discard<Q: Letters>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    api.throw_away(&id, visitor.as_ref()).await?;
    api.shown(&id, StatusCode::OK).await
}

/// `POST /api/v1/deliveries/retry?channel=`
pub(super) async fn retry_all<Q: Letters>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    let channel = of_channel(&request)?;
    let opened = api.send_all_again(&channel, visitor.as_ref()).await?;
    Ok(accepted(channel, opened))
}

/// `POST /api/v1/deliveries/open?channel=`: what was given up stays so.
pub(super) async fn open<Q: Letters>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    let channel = of_channel(&request)?;
    let opened = api.open_channel(&channel, visitor.as_ref()).await?;
    Ok(accepted(channel, opened))
}

/// What came of a channel of which somebody says that it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many dead letters are sent again.
    pub sent: u64,
    /// How many messages that failed are tried without more waiting.
    pub hastened: u64,
    /// Whether it was closed.
    pub was_closed: bool,
}

/// What comes of a channel that is tried again.
fn accepted(channel: String, Opened { sent, hastened, was_closed }: Opened) -> HttpResponse {
    let schema = "image-watcher/deliveries-retried/v1";
    let view = RetriedView { schema, channel, retried: sent, hastened, was_closed };
    done(StatusCode::ACCEPTED, &view)
}

fn of_channel(request: &HttpRequest) -> Result<String, Problem> {
    let of = Query::<OfChannel>::from_query(request.query_string()).ok();
    let channel = of.map(|Query(of)| of.channel).filter(|channel| !channel.is_empty());
    channel.ok_or(Problem::new(StatusCode::BAD_REQUEST, "say of which channel: ?channel=NAME"))
}

impl<Q: Letters> Api<Q> {
    /// A page of messages, as a query asks for it: `state`, `channel`, `limit` and `cursor`.
    ///
    /// # Errors
    /// 400, for another query; 503, where messages can't be read.
    pub async fn deliveries(&self, query: &str) -> Result<DeliveriesView, Problem> {
        let asked = asked(query)?;
        let page = self.queue.letters(asked).await.map_err(|error| refused(&error, "messages can't be read now"))?;
        let closed = (self.channels)();
        let items = page.letters.iter().map(|letter| DeliveryView::from(letter).beside(&closed)).collect();
        let next = page.next.map(|Before { created, number }| format!("{created}.{number}"));
        Ok(DeliveriesView { schema: "image-watcher/deliveries/v1", items, next })
    }

    async fn shown(&self, id: &str, status: StatusCode) -> Result<HttpResponse, Problem> {
        Ok(done(status, &self.document(id).await?))
    }

    async fn document(&self, id: &str) -> Result<DeliveryDocument, Problem> {
        let found = self.queue.letter(id).await.map_err(|error| refused(&error, "messages can't be read now"))?;
        let letter = found.ok_or(UNKNOWN)?;
        let delivery = DeliveryView::from(&letter).beside(&(self.channels)());
        Ok(DeliveryDocument { schema: "image-watcher/delivery/v1", delivery })
    }
}

const UNKNOWN: Problem =
    Problem::new(StatusCode::NOT_FOUND, "no such message is stored; what arrived is kept for a week");

pub(super) fn refused(error: &QueueError, detail: &'static str) -> Problem {
    tracing::warn!(error = %crate::telemetry::chain(error), "{detail}");
    Problem::later(detail)
}

pub(super) fn acted_on(acted: Acted) -> Result<(), Problem> {
    let conflict = |detail| Err(Problem::new(StatusCode::CONFLICT, detail));
    match acted {
        Acted::Done => Ok(()),
        Acted::Unknown => Err(UNKNOWN),
        Acted::NotDead(LetterState::Delivered) => conflict("it is done: it arrived"),
        Acted::NotDead(LetterState::Done) => {
            conflict("it is over: it was thrown away, goes out with others, or had nothing to say any more")
        }
        Acted::NotDead(_) => conflict("it waits to be sent, so there is nothing to do; only what was given up can be"),
        Acted::Unreadable => conflict("another version stored it, which this one can't send; it can be discarded"),
    }
}

/// Reads what is asked of the list.
fn asked(query: &str) -> Result<Asked, Problem> {
    let wrong = |detail| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Query(wanted) = Query::<Wanted>::from_query(query)
        .map_err(|_| wrong("state, channel, limit and cursor can be asked for, each once; limit is a number"))?;
    let state = wanted
        .state
        .as_deref()
        .map(LetterState::listed)
        .map(|state| state.ok_or_else(|| wrong("state is waiting, retried, dead or delivered")));
    // An empty one is the first page.
    let before = wanted.cursor.as_deref().filter(|cursor| !cursor.is_empty()).map(|cursor| {
        cursor_of(cursor).ok_or_else(|| wrong("cursor is what «next» of the page before says, as it stands"))
    });
    let most = wanted.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&most) {
        return Err(wrong("limit is from 1 to 200"));
    }
    Ok(Asked { state: state.transpose()?, channel: wanted.channel, before: before.transpose()?, most })
}

fn cursor_of(text: &str) -> Option<Before> {
    let (created, number) = text.split_once('.')?;
    Some(Before { created: created.parse().ok()?, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::super::view::{ClosedChannelView, Time};
    use super::*;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, Job, NoticeKind};
    use crate::queue::Letter;

    fn letter(job: Option<Job>) -> Letter {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        Letter {
            id: "msg_1".into(),
            channel: "email".into(),
            state: LetterState::Dead,
            job,
            trace: "trace".into(),
            attempts: 3,
            error: Some("550 no such user".into()),
            next: None,
            created: at,
            changed: at,
        }
    }

    fn told(letter: &Letter) -> Value {
        serde_json::to_value(DeliveryView::from(letter)).unwrap()
    }

    #[test]
    fn a_message_is_shown_without_its_words_its_links_and_whole_addresses() {
        let mut asking = notice(NoticeKind::Available);
        asking.approval = Some(crate::domain::event::ApprovalView {
            id: "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T".into(),
            key: "k1".into(),
            nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
            expires: asking.at,
            from_image: "registry.example.com/shop/web:1.2.3".into(),
            allows: crate::domain::approval::Allows::Update,
        });
        let shown = told(&letter(Some(Job::Deliver(Box::new(Delivery::of("email", "owner@example.com", asking))))));
        assert_eq!(
            shown,
            json!({
                "id": "msg_1", "channel": "email", "recipient": "o…@example.com", "state": "dead",
                "event": "update.available", "more": 0,
                "about": [{"event": "update.available", "workload": "shop/deploy/web", "container": "web",
                    "from": "1.2.3", "to": "1.3.0"}],
                "attempts": 3, "lastError": "550 no such user", "nextAttempt": null,
                "created": "2026-11-18T11:06:40Z", "changed": "2026-11-18T11:06:40Z", "trace": "trace",
            })
        );
        let hook = told(&letter(Some(Job::Deliver(Box::new(Delivery::of("hook", "", notice(NoticeKind::Failed)))))));
        assert_eq!(hook["recipient"], Value::Null, "{hook}");
        let unreadable = told(&letter(None));
        assert_eq!((&unreadable["event"], &unreadable["about"]), (&Value::Null, &json!([])), "{unreadable}");
    }

    #[test]
    fn the_next_try_is_when_the_channel_opens() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let opens = at + chrono::TimeDelta::minutes(10);
        let waiting = Letter { state: LetterState::Retried, next: Some(at), ..letter(None) };
        let next = |letter: &Letter, until: Option<DateTime<chrono::Utc>>| {
            let (name, why, said) = ("email".to_owned(), "refused", String::new());
            let closed = ClosedChannelView { name, why, said, until: until.map(Time) };
            DeliveryView::from(letter).beside(&[closed]).next_attempt.map(|at| at.0)
        };
        assert_eq!(next(&waiting, Some(opens)), Some(opens));
        assert_eq!(next(&waiting, None), None, "not before the next start");
        assert_eq!(next(&letter(None), Some(opens)), None, "it was given up");
        assert_eq!(DeliveryView::from(&waiting).beside(&[]).next_attempt.map(|at| at.0), Some(at));
    }

    #[test]
    fn what_is_asked_of_the_list_is_read_whole_or_refused() {
        let all = asked("").unwrap();
        assert_eq!(all, Asked { most: 50, ..Asked::default() });
        let some = asked("state=dead&channel=team%20mail&limit=200&cursor=1795000000000.12").unwrap();
        let before = Some(Before { created: 1_795_000_000_000, number: 12 });
        assert_eq!(
            some,
            Asked { state: Some(LetterState::Dead), channel: Some("team mail".into()), before, most: 200 }
        );
        for wrong in [
            "state=done",
            "state=",
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=-1",
            "cursor=1",
            "cursor=a.b",
            "colour=red",
            "state=dead&state=waiting",
        ] {
            assert_eq!(asked(wrong).unwrap_err().status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    #[test]
    fn only_what_was_given_up_is_acted_on() {
        let status = |acted| acted_on(acted).err().map(|problem| problem.status.as_u16());
        assert_eq!(status(Acted::Done), None);
        assert_eq!(status(Acted::Unknown), Some(404));
        for state in [LetterState::Waiting, LetterState::Retried, LetterState::Delivered, LetterState::Done] {
            assert_eq!(status(Acted::NotDead(state)), Some(409));
        }
        assert_eq!(status(Acted::Unreadable), Some(409));
    }
}
