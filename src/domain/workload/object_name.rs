//! Where an object is, whatever its uid.

use std::fmt;

use super::{Kind, WorkloadId};

/// Where an object is, whatever its uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Box<str>,
}

impl ObjectName {
    /// Where this one is.
    #[must_use]
    pub fn of(id: &WorkloadId) -> Self {
        Self { namespace: id.namespace.clone(), kind: id.kind, name: id.name.clone() }
    }

    /// Reads what [`fmt::Display`] writes; nothing of a kind that this version does not know.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let (name, namespace, signed) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = Kind::ALL.into_iter().find(|kind| kind.signed() == signed)?;
        Some(Self { namespace: namespace.into(), kind, name: name.into() })
    }
}

/// As it is stored, which never changes.
impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.signed(), self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for kind in Kind::ALL {
            let name = ObjectName { namespace: "shop".into(), kind, name: "web".into() };
            assert_eq!(ObjectName::read(&name.to_string()), Some(name));
        }
        assert_eq!(ObjectName::read("apps/v1/Deployment/shop/web").map(|name| name.kind), Some(Kind::Deployment));
        for other in ["", "web", "shop/web", "batch/Job/shop/web"] {
            assert_eq!(ObjectName::read(other), None, "{other}");
        }
    }
}
