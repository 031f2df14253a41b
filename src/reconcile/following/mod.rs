//! What becomes of an update: healthy, stalled, failed, undone, or set back by somebody.

pub(crate) mod back;
pub(crate) mod blocked;
pub(crate) mod held;
pub(crate) mod put_back;
pub(crate) mod requested;
pub(crate) mod rollout;
pub(crate) mod stall_clock;
pub(crate) mod stalled;
