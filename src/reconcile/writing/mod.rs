//! Writing an update under guard, by turns where many are due.

pub(crate) mod admission;
pub(crate) mod apply;
pub(crate) mod siblings;
