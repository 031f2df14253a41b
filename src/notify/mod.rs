//! 7 of 9 · in: Delivery · out: a message at its recipient
//!
//! One file per channel. A recipient's refusal is data, not an error of ours.

use chrono::{DateTime, Utc};

/// How an attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The channel took it.
    Delivered,
    /// It may work later; the moment, if the channel named one, is already inside our bounds.
    Retry {
        /// Not before.
        at: Option<DateTime<Utc>>,
        /// What to tell people who look.
        reason: String,
    },
    /// It will never work.
    GaveUp {
        /// What to tell people who look.
        reason: String,
    },
}
