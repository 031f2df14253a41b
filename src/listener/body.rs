//! Bodies of requests: never inflated, bounded each, and bounded together.

use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;

use super::{Meter, Problem};
use crate::memory::{ByteBudget, Reservation};

/// The whole body has to be there by then, however it drips.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads bodies that come at one time, within a number of bytes together: all that these budgets allow.
///
/// It is the one way to read a body: what is read in another is not metered, so it stops at a bound that nobody sees, and has no
/// deadline.
#[derive(Clone, Debug)]
pub struct Bodies {
    budgets: Vec<ByteBudget>,
    deadline: Duration,
}

/// A body that was read; its bytes are reserved for as long as it lives.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    _held: Option<Held>,
}

/// Bytes of each of some budgets.
#[derive(Debug)]
struct Held(Vec<Reservation>);

impl Held {
    fn bytes(&self) -> usize {
        self.0.first().map_or(0, Reservation::bytes)
    }

    fn merge(&mut self, more: Self) {
        for (held, more) in self.0.iter_mut().zip(more.0) {
            held.merge(more);
        }
    }
}

impl Deref for Body {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<String> for Body {
    /// What stands elsewhere in a request, in the place of a body.
    fn from(text: String) -> Self {
        Self { bytes: text.into(), _held: None }
    }
}

impl Bodies {
    /// So many bytes for all of them; a usual delivery has one to twenty thousand.
    #[must_use]
    pub fn new(together: u32) -> Self {
        Self { budgets: vec![ByteBudget::new(together)], deadline: DEADLINE }
    }

    /// A share of one sender: at most so many bytes of these, so that it can't take the place of others.
    #[must_use]
    pub fn share(&self, most: u32) -> Self {
        Self { budgets: self.budgets.iter().cloned().chain([ByteBudget::new(most)]).collect(), ..self.clone() }
    }

    /// The same, each of which has to be there by then.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    fn try_reserve(&self, bytes: usize) -> Option<Held> {
        self.budgets.iter().map(|budget| budget.try_reserve(bytes)).collect::<Option<_>>().map(Held)
    }

    /// Reads a request's body as it came: at most `most` bytes, within ten seconds where nothing else was said. What is left unread on an error is
    /// the caller's, for [`unread`].
    ///
    /// # Errors
    /// 415 for an encoded body, 413 above the bound, 503 when there are too many at once, 408 when it takes too long, 400
    /// when it breaks off.
    pub async fn read(&self, request: &HttpRequest, payload: &mut Payload, most: usize) -> Result<Body, Problem> {
        check(request.headers(), most)?;
        let meter = request.conn_data::<Meter>();
        let whole = async {
            let mut filling = Filling { bytes: Vec::new(), held: None, bodies: self, most };
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body broke off"))?;
                filling.take(&chunk)?;
                if let Some(meter) = meter {
                    meter.consumed(chunk.len());
                }
            }
            Ok(Body { bytes: filling.bytes.into(), _held: filling.held })
        };
        match tokio::time::timeout(self.deadline, whole).await {
            Ok(body) => body,
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
        }
    }
}

const TOO_LARGE: Problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");

/// What the head alone says against a body.
fn check(headers: &HeaderMap, most: usize) -> Result<(), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding"));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) { Err(TOO_LARGE) } else { Ok(()) }
}

/// A body that grows. What it may grow to is reserved first, by what has come and not by what was announced: else a line
/// of text would reserve a megabyte.
struct Filling<'b> {
    bytes: Vec<u8>,
    held: Option<Held>,
    bodies: &'b Bodies,
    most: usize,
}

impl Filling<'_> {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let needed = self.bytes.len() + chunk.len();
        if needed > self.most {
            return Err(TOO_LARGE);
        }
        let held = self.held.as_ref().map_or(0, Held::bytes);
        if needed > held {
            let wished = needed.max((2 * held).min(self.most));
            let more = self.bodies.try_reserve(wished - held).or_else(|| self.bodies.try_reserve(needed - held));
            let more = more.ok_or(Problem::later("too many deliveries are under way; send it again"))?;
            match &mut self.held {
                Some(held) => held.merge(more),
                none => *none = Some(more),
            }
            let held = self.held.as_ref().map_or(needed, Held::bytes);
            self.bytes.reserve_exact(held - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// An answer to a request whose body may not have been read. The connection ends a moment after it, as actix-web would
/// otherwise read and drop chunks for as long as they come.
#[must_use]
pub fn unread(answer: HttpResponse, payload: Payload) -> HttpResponse {
    answer.map_body(|_, body| with(body, payload))
}

/// A body of an answer that keeps something for as long as it is under way.
#[must_use]
pub fn with<T: Unpin + 'static>(body: BoxBody, kept: T) -> BoxBody {
    BoxBody::new(Keeping { body, _kept: kept })
}

struct Keeping<T> {
    body: BoxBody,
    _kept: T,
}

impl<T: Unpin> MessageBody for Keeping<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filling(bodies: &Bodies) -> Filling<'_> {
        Filling { bytes: Vec::new(), held: None, bodies, most: 80 }
    }

    fn free(bodies: &Bodies) -> Vec<usize> {
        bodies.budgets.iter().map(ByteBudget::free).collect()
    }

    #[test]
    fn a_body_reserves_what_came_and_gives_it_back() {
        let bodies = Bodies::new(100);
        let mut first = filling(&bodies);
        first.take(&[0; 30]).unwrap();
        first.take(&[0; 10]).unwrap();
        assert_eq!((first.bytes.len(), free(&bodies)), (40, vec![40]), "it doubles");
        let mut second = filling(&bodies);
        second.take(&[0; 25]).unwrap();
        second.take(&[0; 15]).unwrap();
        assert_eq!(free(&bodies), [0], "or takes what it needs");
        assert_eq!(second.take(&[0; 1]).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(first.take(&[0; 41]).unwrap_err(), TOO_LARGE);
        drop((first, second));
        assert_eq!(free(&bodies), [100]);
    }

    #[test]
    fn a_sender_uses_up_no_more_than_its_share() {
        let bodies = Bodies::new(100);
        let [one, other] = [bodies.share(60), bodies.share(60)];
        let mut first = filling(&one);
        first.take(&[0; 60]).unwrap();
        assert_eq!(filling(&one).take(&[0; 1]).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!((free(&one), free(&other)), (vec![40, 0], vec![40, 60]), "what was refused is not kept");
        let mut second = filling(&other);
        second.take(&[0; 40]).unwrap();
        assert_eq!(second.take(&[0; 1]).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE, "nor all together more");
        drop((first, second));
        assert_eq!((free(&one), free(&other)), (vec![100, 60], vec![100, 60]));
    }
}
