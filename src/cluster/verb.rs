//! What may be done to an object of the API.

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Read one again, after a write that failed.
    Get,
    /// Read all.
    List,
    /// See what changes.
    Watch,
    /// Write.
    Patch,
    /// Write one as a whole.
    Update,
    /// Make one.
    Create,
    /// Delete one.
    Delete,
}

impl Verb {
    /// The word of RBAC.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Create => "create",
            Self::Delete => "delete",
        }
    }
}
