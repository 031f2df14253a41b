//! Which tags there are: read by turns, believed only when whole.

pub(crate) mod announced;
pub(crate) mod renewed_credential;
pub(crate) mod shrunk;
pub(crate) mod turns;
pub(crate) mod without_manifest;
