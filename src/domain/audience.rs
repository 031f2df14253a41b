//! Who is told: the port by which what decides reaches those who tell people.

use super::approval::Allows;
use super::event::{Job, Notice};

/// Who is told what: the configured channels, as far as a sequencer needs them.
pub trait Audience: Send + Sync + 'static {
    /// One message for each recipient of each channel that wants this notice. `only` names channels, if set.
    fn messages(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Job>;

    /// Everybody who may hold a link, as `channel:address`.
    fn holders(&self) -> Vec<String>;

    /// Whether a channel has links, and is told in a namespace of what can be answered so.
    fn reads(&self, channel: &str, namespace: &str, allows: Allows) -> bool;
}
