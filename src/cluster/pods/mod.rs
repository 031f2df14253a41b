//! The pods of what is followed: one watch a namespace, and only while something is followed there.

#[cfg(test)]
mod corpus_tests;
mod object;
