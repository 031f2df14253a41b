//! By which all that follows from one event is found again: in logs by an identifier, in traces by the span it follows from.

use std::borrow::Cow;
use std::fmt;

use super::hex;

/// A span of a trace, as the W3C writes it in the header `traceparent`: what follows from it is part of its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// The only version there is. Of a later one the same parts are read.
const VERSION: &str = "00";
/// The flag of a trace that is exported.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// A span of a trace; `None` where one of them is all zeros, which stands for none.
    #[must_use]
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, sampled })
    }

    /// Reads `00-<trace>-<span>-<flags>`, as strict as the recommendation asks; `None` where it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let mut next = |length: usize| parts.next().filter(|part| part.len() == length);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let [version_number] = bytes(version)?;
        // Later versions may say more behind the same parts.
        if version_number == 0xff || (version == VERSION && parts.next().is_some()) {
            return None;
        }
        let [flags] = bytes(flags)?;
        Self::new(bytes(trace)?, bytes(span)?, flags & SAMPLED != 0)
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// The span.
    #[must_use]
    pub fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Whether the trace is exported.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The trace in 32 hexadecimal digits, as logs and collectors show it.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(&self.trace)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED } else { 0 };
        write!(f, "{VERSION}-{}-{}-{flags:02x}", hex::encode(&self.trace), hex::encode(&self.span))
    }
}

/// Lowercase hexadecimal digits; capitals are not allowed there.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = text.bytes();
    let mut all = [0; N];
    for byte in &mut all {
        *byte = digit(digits.next()?)? << 4 | digit(digits.next()?)?;
    }
    digits.next().is_none().then_some(all)
}

/// What a stored job is followed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Logs alone know it, by this identifier.
    Named(String),
    /// It follows from a span.
    Follows(TraceParent),
}

impl Trace {
    /// Reads what a row keeps: a `traceparent`, or any other text, which is an identifier.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        TraceParent::parse(text).map_or_else(|| Self::Named(text.to_owned()), Self::Follows)
    }

    /// The identifier in logs.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        match self {
            Self::Named(id) => Cow::Borrowed(id),
            Self::Follows(parent) => Cow::Owned(parent.trace_id()),
        }
    }

    /// The span that it follows from, if it does.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent> {
        match self {
            Self::Named(_) => None,
            Self::Follows(parent) => Some(*parent),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(id) => f.write_str(id),
            Self::Follows(parent) => parent.fmt(f),
        }
    }
}

impl From<&str> for Trace {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_span_is_written_as_it_was_read() {
        let read = TraceParent::parse(GIVEN).unwrap();
        assert_eq!((read.to_string().as_str(), read.is_sampled()), (GIVEN, true));
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.span(), [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        let quiet = TraceParent::parse(&GIVEN.replace("-01", "-02")).unwrap();
        assert_eq!((quiet.is_sampled(), quiet.to_string()), (false, GIVEN.replace("-01", "-00")));
        let later = TraceParent::parse(&format!("cc{}-what-comes", &GIVEN[2..]));
        assert_eq!(later, Some(read), "a later version says more");
    }

    #[test]
    fn what_is_no_span_is_none() {
        let zeros = [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        let changed = [
            GIVEN.to_uppercase(),
            format!("ff{}", &GIVEN[2..]),
            format!("{GIVEN}-more"),
            format!("{GIVEN} "),
            GIVEN[1..].to_owned(),
            GIVEN[..GIVEN.len() - 3].to_owned(),
            GIVEN.replace('-', "_"),
            GIVEN.replace("4bf", "4bé"),
            GIVEN.replace("-01", "-0g"),
            String::new(),
        ];
        for text in zeros.map(str::to_owned).into_iter().chain(changed) {
            assert_eq!(TraceParent::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn a_row_keeps_a_span_and_rows_of_earlier_versions_stay_readable() {
        for text in [GIVEN, "0123456789abcdef", "trace", ""] {
            assert_eq!(Trace::parse(text).to_string(), text);
        }
        let (old, new) = (Trace::parse("0123456789abcdef"), Trace::parse(GIVEN));
        assert_eq!((&*old.id(), old.parent()), ("0123456789abcdef", None));
        assert_eq!((&*new.id(), new.parent()), ("4bf92f3577b34da6a3ce929d0e0e4736", TraceParent::parse(GIVEN)));
    }
}
