//! 13 of 13 · in: HTTP request of a Visitor · out: a page
//!
//! What people see and operate: templates of what the API says, and of nothing else.
