//! Time and chance as arguments, so that a decision can be repeated and a simulation can own both.
//!
//! Wall time judges expiry, schedules and signature windows; the monotonic clock times leases and waits.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// Wall time.
    fn now(&self) -> DateTime<Utc>;
    /// Time since an arbitrary moment before the first call; it never goes back.
    fn monotonic(&self) -> Duration;
}

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and the dice that a stage is given.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The identifier before the first, and how many were given.
    traces: Arc<(u64, AtomicU64)>,
}

impl std::fmt::Debug for Ambient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ambient")
    }
}

impl Ambient {
    /// A clock and dice of the caller's choosing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let mut first = [0; 8];
        entropy.fill(&mut first);
        Self { clock, entropy, traces: Arc::new((u64::from_le_bytes(first), AtomicU64::new(0))) }
    }

    /// The machine's own clock and random numbers.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock::start()), Arc::new(SystemEntropy))
    }

    /// The same dice with another clock.
    #[must_use]
    pub fn at(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Wall time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// See [`Clock::monotonic`].
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A number in `0.0..1.0`, for spreading waits.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }

    /// An identifier that follows an event through the logs: 16 hexadecimal characters. It is no secret, and each
    /// delivery gets one, so the dice are thrown once only.
    #[must_use]
    pub fn trace_id(&self) -> String {
        let (first, given) = &*self.traces;
        let mut hasher = DefaultHasher::new();
        (first, given.fetch_add(1, Ordering::Relaxed)).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// The machine's clock.
#[derive(Debug)]
struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The operating system's random numbers, by way of the TLS provider that is there anyway.
#[derive(Debug)]
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let provider = rustls::crypto::ring::default_provider();
        // The provider fails only where the kernel has no random numbers; nothing safe can be done without.
        #[expect(clippy::expect_used, reason = "a machine without random numbers must not sign links")]
        provider.secure_random.fill(bytes).expect("the operating system gives random numbers");
    }
}
