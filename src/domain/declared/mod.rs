//! What the makers of an image declare in its release notes: breaking changes, steps for people, migrations of data.
//!
//! ```text
//! Markdown ──► scan: blocks ──► section: what each stands below ──► sentence: roles of words ──► rules: what is declared
//!                                                                                            └─► scope: whom it concerns
//! ```
//!
//! Words alone say little: «no migration», «will be removed in 4.0», «who comes from before 1.8» declare nothing for most who
//! read it. So text is read as its structure says, and each sentence by what its words do in it. No model has a part in it.

mod asks;
mod back;
mod clauses;
mod defaults;
mod demands;
mod fence;
mod gone;
mod governed;
mod kinds;
mod label;
mod leaning;
mod lexicon;
mod line;
mod mention;
mod migrates;
mod news;
mod phrase;
mod read;
mod reading;
mod role;
mod rules;
#[cfg(test)]
mod rulings;
mod scan;
mod scope;
mod section;
mod sentence;
#[cfg(test)]
mod styles;
mod syntax;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod values;
mod waived;
mod words;

pub use kinds::{Because, Declaration, Declared, Kinds};
pub use read::read;
pub use scope::Scope;
