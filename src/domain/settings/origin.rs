//! Where the value of a setting comes from.

use super::Forced;
use crate::domain::workload::Workload;

/// Who says what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, for all workloads.
    Operator,
    /// The annotation of the container.
    Container,
    /// The annotation of the workload.
    Workload,
    /// Nobody.
    Default,
}

impl Origin {
    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Container => "container",
            Self::Workload => "workload",
            Self::Default => "default",
        }
    }

    /// Who says the mode of a container.
    #[must_use]
    pub fn of_mode(workload: &Workload, container: &str, forced: Forced) -> Self {
        Self::of("mode", workload, container, forced.mode.is_some())
    }

    /// Who says its strategy.
    #[must_use]
    pub fn of_strategy(workload: &Workload, container: &str, forced: Forced) -> Self {
        Self::of("strategy", workload, container, forced.strategy.is_some())
    }

    fn of(name: &str, workload: &Workload, container: &str, is_forced: bool) -> Self {
        if is_forced {
            Self::Operator
        } else if workload.annotation(&format!("{name}.{container}")).is_some() {
            Self::Container
        } else if workload.annotation(name).is_some() {
            Self::Workload
        } else {
            Self::Default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Mode;
    use crate::domain::workload::tests::workload;

    #[test]
    fn who_says_the_mode_is_who_overrides_the_others() {
        let of = |annotations: &[(&str, &str)], forced: Option<Mode>| {
            let workload = workload(&[("web", "a.example/web:1.0.0")], annotations);
            Origin::of_mode(&workload, "web", Forced { mode: forced, strategy: None })
        };
        let (all, own) = (("mode", "AUTO_UPDATE"), ("mode.web", "NOTIFICATION"));
        assert_eq!(of(&[all, own], Some(Mode::Disabled)), Origin::Operator);
        assert_eq!(of(&[all, own], None), Origin::Container);
        assert_eq!(of(&[all, ("mode.log", "DISABLED")], None), Origin::Workload);
        assert_eq!(of(&[("strategy", "ALL")], None), Origin::Default);
    }
}
