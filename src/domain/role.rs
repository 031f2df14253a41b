//! What somebody may do, by who they are and by the groups that they are of.

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// To see everything.
    Viewer,
    /// To decide as well.
    Approver,
}

impl Role {
    /// All of them, the one that may least first.
    pub const ALL: [Self; 2] = [Self::Viewer, Self::Approver];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// To whom a role is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Everybody who signed in.
    Everybody,
    /// Who is of this group.
    Group(String),
    /// Who has this name.
    User(String),
}

impl Member {
    /// Reads `*`, `user:NAME`, or the name of a group; nothing is nobody.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match (text, text.strip_prefix("user:")) {
            ("" | "user:", _) => None,
            ("*", _) => Some(Self::Everybody),
            (_, Some(name)) => Some(Self::User(name.to_owned())),
            (group, None) => Some(Self::Group(group.to_owned())),
        }
    }

    fn is(&self, name: &str, groups: &[String]) -> bool {
        match self {
            Self::Everybody => true,
            Self::Group(group) => groups.contains(group),
            Self::User(user) => user == name,
        }
    }
}

/// Who has which role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Who may see.
    pub viewers: Vec<Member>,
    /// Who may decide as well.
    pub approvers: Vec<Member>,
}

impl Roles {
    /// The role of somebody, the one that may most; none is no way in.
    #[must_use]
    pub fn of(&self, name: &str, groups: &[String]) -> Option<Role> {
        let has = |members: &[Member]| members.iter().any(|member| member.is(name, groups));
        match (has(&self.approvers), has(&self.viewers)) {
            (true, _) => Some(Role::Approver),
            (false, true) => Some(Role::Viewer),
            (false, false) => None,
        }
    }

    /// Whether nobody has any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.viewers.is_empty() && self.approvers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_given_by_name_or_group_and_to_nobody_else() {
        let members = |all: &[&str]| all.iter().map(|text| Member::parse(text).unwrap()).collect();
        let roles = Roles { viewers: members(&["dev", "user:zoe"]), approvers: members(&["sre", "user:alice"]) };
        let of = |name: &str, groups: &[&str]| {
            roles.of(name, &groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of("alice", &[]), Some(Role::Approver));
        assert_eq!(of("bob", &["dev", "sre"]), Some(Role::Approver), "the one that may most");
        assert_eq!((of("bob", &["dev"]), of("zoe", &[])), (Some(Role::Viewer), Some(Role::Viewer)));
        for (name, groups) in [("bob", &[][..]), ("sre", &[]), ("bob", &["user:alice"]), ("Alice", &["SRE"])] {
            assert_eq!(of(name, groups), None, "{name} {groups:?}");
        }
        assert!(Roles::default().is_empty() && Roles::default().of("alice", &[]).is_none());
        let open = Roles { viewers: members(&["*"]), ..Roles::default() };
        assert_eq!(open.of("anybody", &[]), Some(Role::Viewer));
        assert_eq!((Member::parse(""), Member::parse("user:")), (None, None));
        assert_eq!(Role::ALL.map(|role| Role::of(role.as_str())), Role::ALL.map(Some));
    }
}
