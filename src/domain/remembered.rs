//! How much is remembered of annotations, and what stands for the rest.

/// The most bytes of a setting.
pub const MOST_OF_A_SETTING: usize = 2 * 1024;
/// The most bytes of an annotation of our own; what we write is smaller.
pub const MOST_OF_A_STATE: usize = 8 * 1024;
/// The most bytes of the one that is read back: enough for the most containers that are watched, each with a question.
pub const MOST_OF_A_RECORD: usize = 32 * 1024;
/// The most bytes of all annotations of one workload, names and values: the record, and the copies for people of as many
/// containers. The API server takes 256 KiB of an object, and each `ReplicaSet` that keeps a copy is an object of its own.
pub const MOST_OF_A_WORKLOAD: usize = 96 * 1024;

/// Stands for a value that is too long by itself. Whoever writes this very text gets what a text that is too long gets.
pub(super) const CUT: &str = "\0too long";
/// Stands for a value for which there is no room beside the others.
pub(super) const LEFT_OUT: &str = "\0too much";

/// Whether a remembered value is not the one that the annotation has.
#[must_use]
pub fn is_cut(value: &str) -> bool {
    value == CUT || is_left_out(value)
}

/// Whether a value was small enough by itself, but all of them together are too much.
#[must_use]
pub fn is_left_out(value: &str) -> bool {
    value == LEFT_OUT
}
