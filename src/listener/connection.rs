//! Connections of a listener that strangers reach.
//!
//! actix-web reads 128 KiB ahead for each connection, bounds the time of its first head only, and drops chunks that nobody
//! asked for as long as they come. So what a connection may send before it is answered is metered here, and of many whose
//! senders are not known the oldest has to go: whoever gives nothing holds no place.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection may send that nobody has taken: a head with room, or a piece of a body.
const AHEAD: usize = 32 * 1024;

/// Lets connections in.
#[derive(Clone, Debug)]
pub struct Door {
    unknown: Arc<Mutex<VecDeque<Weak<Mutex<State>>>>>,
    most: usize,
}

/// What one connection has sent. Handlers find it among the data of the connection.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Bytes that it may still send.
    left: usize,
    /// Whether anything was answered yet.
    answered: bool,
    /// Whether its sender had the right credential.
    known: bool,
    /// Whether it had to make room for others.
    shut: bool,
    /// Who waits for bytes.
    reader: Option<Waker>,
}

/// A connection whose bytes are metered.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    meter: Meter,
}

impl Door {
    /// A door with so many connections behind it whose senders are not known.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { unknown: Arc::default(), most }
    }

    /// Lets a connection in, and of too many the oldest out.
    #[must_use]
    pub fn admit(&self, stream: TcpStream) -> Connection {
        Connection { stream, meter: self.enter() }
    }

    fn enter(&self) -> Meter {
        let state = State { left: AHEAD, answered: false, known: false, shut: false, reader: None };
        let meter = Meter(Arc::new(Mutex::new(state)));
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.push_back(Arc::downgrade(&meter.0));
        if unknown.len() > self.most {
            unknown.retain(|one| one.upgrade().is_some_and(|state| !Meter(state).lock().known));
            while unknown.len() > self.most {
                if let Some(oldest) = unknown.pop_front().and_then(|one| one.upgrade()) {
                    Meter(oldest).shut();
                }
            }
        }
        meter
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody took so many bytes: as many more may come.
    pub fn consumed(&self, bytes: usize) {
        self.refill(|state| state.left = state.left.saturating_add(bytes).min(AHEAD));
    }

    /// Its sender had the right credential: it need not make room for others.
    pub fn known(&self) {
        self.lock().known = true;
    }

    fn answered(&self) {
        self.refill(|state| (state.left, state.answered) = (AHEAD, true));
    }

    fn shut(&self) {
        self.refill(|state| state.shut = true);
    }

    fn refill(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.lock();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// How much may be read now. Before the first answer, more only comes when somebody takes what came; behind an answer
    /// it comes in pieces, as what nobody asked for is read and dropped there.
    fn allowance(&self, context: &Context<'_>) -> Poll<Result<usize>> {
        let mut state = self.lock();
        if state.shut {
            return Poll::Ready(Err(Error::new(ErrorKind::ConnectionAborted, "it made room for another")));
        }
        if state.left > 0 {
            if !state.known {
                state.reader = Some(context.waker().clone());
            }
            return Poll::Ready(Ok(state.left));
        }
        if state.answered {
            state.left = AHEAD;
            context.waker().wake_by_ref();
        } else {
            state.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Connection {
    /// Its meter.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let left = std::task::ready!(self.meter.allowance(context))?;
        let before = buffer.filled().len();
        if buffer.remaining() <= left {
            std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(left));
            std::task::ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
        }
        self.meter.lock().left -= buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        // `100 Continue` is no answer.
        if !bytes.starts_with(b"HTTP/1.1 100") {
            self.meter.answered();
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(meter: &Meter) -> Poll<Option<usize>> {
        meter.allowance(&Context::from_waker(Waker::noop())).map(Result::ok)
    }

    #[test]
    fn what_nobody_takes_is_not_read_on() {
        let meter = Door::new(1).enter();
        assert_eq!(allowance(&meter), Poll::Ready(Some(AHEAD)));
        meter.lock().left = 0;
        assert_eq!(allowance(&meter), Poll::Pending);
        meter.consumed(10);
        assert_eq!(allowance(&meter), Poll::Ready(Some(10)));
        meter.consumed(AHEAD);
        assert_eq!(allowance(&meter), Poll::Ready(Some(AHEAD)), "never more");
        meter.lock().left = 0;
        meter.answered();
        meter.lock().left = 0;
        assert_eq!((allowance(&meter), allowance(&meter)), (Poll::Pending, Poll::Ready(Some(AHEAD))), "in pieces");
    }

    #[test]
    fn the_oldest_whose_sender_is_not_known_makes_room() {
        let door = Door::new(2);
        let [first, second, third] = [door.enter(), door.enter(), door.enter()];
        assert_eq!(allowance(&first), Poll::Ready(None), "it has to go");
        second.known();
        let fourth = door.enter();
        for meter in [&second, &third, &fourth] {
            assert_eq!(allowance(meter), Poll::Ready(Some(AHEAD)), "one is known, two are not");
        }
        fourth.answered();
        drop(third);
        let fifth = door.enter();
        assert!([&fourth, &fifth].iter().all(|meter| allowance(meter) == Poll::Ready(Some(AHEAD))));
        let _sixth = door.enter();
        assert_eq!(allowance(&fourth), Poll::Ready(None), "an answer makes nobody known");
        assert!(door.unknown.lock().unwrap().len() <= 2);
    }
}
