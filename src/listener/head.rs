//! The head of a connection's first request, which is one that may be too large: no more than the door lets in is read of it before
//! anybody has taken something. actix-web answers 431 to a head that is larger than what it holds, which is more, and 408 to one that
//! stops coming, when its time is over. So one that the door stops is made one that is refused at once.

use std::io::Result;
use std::sync::LazyLock;
use std::task::Poll;

use tokio::io::ReadBuf;

/// What ends the line that was stopped, and more headers than actix-web takes: of those it says 431.
static REFUSED: LazyLock<String> = LazyLock::new(|| format!(" HTTP/1.1\r\n{}", "a:\r\n".repeat(MORE_HEADERS)));
/// It takes 96.
const MORE_HEADERS: usize = 100;

/// How much of a first head there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstHead {
    /// It is not whole, and so many bytes of the empty line behind it are there.
    Comes(u8),
    /// It is too large, and so much of what refuses it was given.
    TooLarge(usize),
    /// It is whole, or refused.
    Over,
}

impl Default for FirstHead {
    fn default() -> Self {
        Self::Comes(0)
    }
}

impl FirstHead {
    /// More was read.
    pub(super) fn goes_on(&mut self, read: &[u8]) {
        let Self::Comes(mut empty_line) = *self else { return };
        for byte in read {
            empty_line = match (empty_line, byte) {
                (1 | 2, b'\n') => {
                    *self = Self::Over;
                    return;
                }
                (_, b'\n') => 1,
                (1, b'\r') => 2,
                _ => 0,
            };
        }
        *self = Self::Comes(empty_line);
    }

    /// No more may be read now: where all that was is a head that goes on, it is refused.
    pub(super) fn refused(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let given = match *self {
            Self::Comes(_) => 0,
            Self::TooLarge(given) => given,
            Self::Over => return Poll::Pending,
        };
        let rest = REFUSED.as_bytes().get(given..).unwrap_or_default();
        let piece = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(piece);
        *self = if piece.len() == rest.len() { Self::Over } else { Self::TooLarge(given + piece.len()) };
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_at_its_empty_line_in_whatever_pieces_it_comes() {
        for (head, is_whole) in [
            ("GET / HTTP/1.1\r\nA: b\r\n\r\n", true),
            ("GET / HTTP/1.1\nA: b\n\nbody", true),
            ("GET / HTTP/1.1\r\nA: b\r\n", false),
            ("GET / HTTP/1.1\r\nA: b\r\r\n", false),
            ("", false),
        ] {
            for size in [1, 3, 64] {
                let mut first = FirstHead::default();
                head.as_bytes().chunks(size).for_each(|piece| first.goes_on(piece));
                assert_eq!(first == FirstHead::Over, is_whole, "{head:?} by {size}");
            }
        }
    }

    #[test]
    fn what_refuses_a_head_is_given_once_in_whatever_room_there_is() {
        let (mut first, mut given) = (FirstHead::default(), Vec::new());
        first.goes_on(b"GET /");
        loop {
            let mut room = [0; 100];
            let mut buffer = ReadBuf::new(&mut room);
            if first.refused(&mut buffer).is_pending() {
                break;
            }
            given.extend_from_slice(buffer.filled());
        }
        assert_eq!(given, REFUSED.as_bytes());
        assert_eq!(REFUSED.lines().count(), 1 + MORE_HEADERS);
    }
}
