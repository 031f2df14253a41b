//! Which name was meant by one that is nearly it.

use strsim::osa_distance;

/// Which of these names a name of the file was to be, if it is near to one.
pub(super) fn near<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> Option<&'n str> {
    names.map(|known| (osa_distance(known, name), known)).min().filter(|(slips, _)| *slips <= 2).map(|(_, known)| known)
}
