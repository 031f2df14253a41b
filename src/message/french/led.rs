//! Pourquoi un conteneur a été changé.

use super::phrases::how_far;
use crate::domain::tag::Level;
use crate::domain::view::Led;

pub(super) fn led(why: &Led) -> String {
    match why {
        Led::Strategy { level } => {
            let level = Level::ALL.into_iter().find(|known| known.as_str() == *level).map(how_far);
            let level = level.map(|level| format!(" ({level})")).unwrap_or_default();
            format!("comme la stratégie le permet{level}")
        }
        Led::Answer => "en réponse à une question".to_owned(),
        Led::Request => "demandé sans qu’une question soit posée".to_owned(),
        Led::Failure { version } => format!("parce que {version} a échoué"),
        Led::Chosen { version } => format!("pour quitter {version}, par choix"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_led_to_a_change_is_said() {
        let version = || "1.2.0".to_owned();
        let all = [
            (Led::Strategy { level: "minor" }, "comme la stratégie le permet (mineure)"),
            (Led::Strategy { level: "" }, "comme la stratégie le permet"),
            (Led::Answer, "en réponse à une question"),
            (Led::Request, "demandé sans qu’une question soit posée"),
            (Led::Failure { version: version() }, "parce que 1.2.0 a échoué"),
            (Led::Chosen { version: version() }, "pour quitter 1.2.0, par choix"),
        ];
        for (why, expected) in all {
            assert_eq!(led(&why), expected);
        }
    }
}
