//! Why a change of a container was made.

use crate::domain::view::Led;

pub(super) fn led(why: &Led) -> String {
    match why {
        Led::Strategy { level: "" } => "as the strategy allows it".to_owned(),
        Led::Strategy { level } => format!("as the strategy allows it ({level})"),
        Led::Answer => "in answer to a question".to_owned(),
        Led::Request => "asked for without a question".to_owned(),
        Led::Failure { version } => format!("because {version} failed"),
        Led::Chosen { version } => format!("away from {version}, as was chosen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_led_to_a_change_is_said() {
        let version = || "1.2.0".to_owned();
        let all = [
            (Led::Strategy { level: "minor" }, "as the strategy allows it (minor)"),
            (Led::Strategy { level: "" }, "as the strategy allows it"),
            (Led::Answer, "in answer to a question"),
            (Led::Request, "asked for without a question"),
            (Led::Failure { version: version() }, "because 1.2.0 failed"),
            (Led::Chosen { version: version() }, "away from 1.2.0, as was chosen"),
        ];
        for (why, expected) in all {
            assert_eq!(led(&why), expected);
        }
    }
}
