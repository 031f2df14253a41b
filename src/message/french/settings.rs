//! What is wrong with the settings of a workload, in French.

use super::phrases::quoted;
use crate::domain::group::{GroupError, LONGEST};
use crate::domain::policy::{LONGEST_PATTERN, PatternError};
use crate::domain::release_url::{self, ReleaseUrlError};
use crate::domain::remembered::{MOST_OF_A_SETTING, MOST_OF_A_WORKLOAD};
use crate::domain::settings::{Problem, Problems, ValueError};
use crate::domain::votes;
use crate::domain::window::{self, WindowError};
use crate::domain::workload::{MOST_CONTAINERS, Origin};

/// All of them, as many as are told in English.
pub(super) fn problems(all: &Problems) -> String {
    let told: Vec<String> = all.iter().take(Problems::MOST_TOLD).map(problem).collect();
    let more = match all.iter().count().saturating_sub(Problems::MOST_TOLD) {
        0 => String::new(),
        more => format!("\u{a0}; et {more} de plus"),
    };
    format!("{}{more}", told.join("\u{a0}; "))
}

fn hint(prefix: &str, nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("\u{a0}; vouliez-vous dire {prefix}{nearest}\u{a0}?")).unwrap_or_default()
}

fn from(origin: Origin) -> &'static str {
    match origin {
        Origin::Namespace => "sur le Namespace\u{a0}: ",
        Origin::Rule => "par une règle du fichier de configuration\u{a0}: ",
        Origin::Operator | Origin::Container | Origin::Workload | Origin::Default => "",
    }
}

fn problem(of: &Problem) -> String {
    match of {
        Problem::UnknownName { name, nearest } => {
            format!("image-watcher/{name} n’est pas un réglage{}", hint("image-watcher/", nearest.as_deref()))
        }
        Problem::UnknownContainer { name, container, nearest } => format!(
            "image-watcher/{name}\u{a0}: cette charge de travail n’a pas de conteneur {container:?}{}",
            hint("", nearest.as_deref())
        ),
        Problem::UnknownChannel { name, channel, known, left_out } => {
            let known = match left_out {
                _ if known.is_empty() => "aucun n’est configuré".to_owned(),
                0 => format!("choisissez parmi {}", known.join(", ")),
                1 => format!("choisissez parmi {}, et un autre", known.join(", ")),
                more => format!("choisissez parmi {}, et {more} autres", known.join(", ")),
            };
            format!("image-watcher/{name}\u{a0}: il n’y a pas de canal {channel:?}\u{a0}; {known}")
        }
        Problem::OnPodTemplate { name } => format!(
            "image-watcher/{name} est sur le modèle de pod\u{a0}; ce réglage n’est lu que dans les métadonnées de la charge de travail"
        ),
        Problem::TooManyContainers => {
            format!("{MOST_CONTAINERS} conteneurs au plus sont suivis par charge de travail, et celle-ci en a plus")
        }
        Problem::TooMuch => format!(
            "les annotations image-watcher/... de cette charge de travail prennent ensemble plus de {MOST_OF_A_WORKLOAD} octets\u{a0}; retirez les anciennes, comme image-watcher/proposal des conteneurs à jour"
        ),
        Problem::OfAContainer { name } => {
            format!("image-watcher/{name} ne vaut que pour un conteneur\u{a0}; un Namespace a des réglages pour tous")
        }
        Problem::Inherited { origin, problem: of } => format!("{}{}", from(*origin), problem(of)),
        Problem::Value { name, value: of } => format!("image-watcher/{name}\u{a0}: {}", value(of)),
    }
}

fn value(of: &ValueError) -> String {
    match of {
        ValueError::Empty => "c’est vide\u{a0}; écrivez une valeur, ou retirez-le".to_owned(),
        ValueError::Word(word) => format!("{:?} n’est pas l’un de {}", word.given, word.allowed.join(", ")),
        ValueError::Flag(given) => format!("{given:?} n’est ni true ni false"),
        ValueError::Pattern(error) => pattern(error),
        ValueError::Cooldown(error) => format!(
            "{:?} n’est pas une durée\u{a0}; écrivez des nombres avec leurs unités, comme 30m, 24h, 7d ou 1d12h, jusqu’à 365 jours",
            error.given
        ),
        ValueError::Window(error) => window(error),
        ValueError::Approvals(votes::NoQuorum(given)) => format!(
            "{given:?} n’est pas le nombre de personnes dont l’accord est demandé\u{a0}; écrivez-en un de 1 à {}",
            votes::MOST
        ),
        ValueError::Group(error) => group(*error),
        ValueError::GroupOfNoVersions => {
            "il porte sur des versions, et image-watcher/track vaut digest\u{a0}; retirez l’un des deux".to_owned()
        }
        ValueError::ReleaseUrl(error) => release_url(*error),
        ValueError::Skip(given) => format!(
            "{given:?} n’est pas un tag\u{a0}; écrivez des tags, ou tag@digest, séparés par des virgules, sans autre signe"
        ),
        ValueError::SkipOfAnotherForm { entry, running, meant } => format!(
            "{entry:?} n’exclut rien, car les tags s’écrivent ici comme {running:?}\u{a0}; vouliez-vous dire {meant}\u{a0}?"
        ),
        ValueError::TooLong => format!("un réglage a au plus {MOST_OF_A_SETTING} octets"),
        ValueError::OrderOfNothing => {
            "il ordonne ce que trouve image-watcher/tag-policy, qui n’est pas défini".to_owned()
        }
        ValueError::StepsOfNoVersions(order) => format!(
            "il porte sur des versions, et image-watcher/tag-order vaut {order}\u{a0}; utilisez tag-order semver, ou retirez-le"
        ),
    }
}

/// What the libraries say of a pattern stays as they say it.
fn pattern(error: &PatternError) -> String {
    match error {
        PatternError::TooLong(bytes) => {
            format!("un motif a au plus {LONGEST_PATTERN} octets, celui-ci en a {bytes}")
        }
        PatternError::TooLarge => "ce motif est trop grand une fois compilé\u{a0}; réduisez ses répétitions".to_owned(),
        PatternError::Syntax(said) => format!("ce motif ne peut pas être lu\u{a0}: {}", quoted(said)),
        PatternError::Requirement(error) => {
            format!("cette exigence ne peut pas être lue\u{a0}: {}", quoted(&error.to_string()))
        }
        PatternError::Empty => {
            "il n’y a pas de motif\u{a0}; écrivez-en un, comme glob:build-*, ou retirez-le".to_owned()
        }
        PatternError::Uncompared(name) => format!(
            "un groupe s’appelle {name:?}, et seul celui qui s’appelle compare est comparé\u{a0}; écrivez (?P<compare>…)"
        ),
        PatternError::Kind => {
            "écrivez devant semver:, glob: ou regex:, comme semver:>=1.2, <2 ou glob:build-*".to_owned()
        }
    }
}

fn window(error: &WindowError) -> String {
    match error {
        WindowError::Form(given) => format!(
            "{given:?} n’est pas une fenêtre\u{a0}; écrivez des jours, des heures et un fuseau, comme Mon-Fri 08:00-17:00 Europe/Paris, et ; entre deux"
        ),
        WindowError::Day(given) => format!(
            "{given:?} n’est pas un jour\u{a0}; écrivez Mon, Tue, Wed, Thu, Fri, Sat ou Sun, comme Mon-Fri ou Sat,Sun"
        ),
        WindowError::Times(given) => format!(
            "{given:?} ne sont pas des heures\u{a0}; écrivez 08:00-17:00, de 00:00 à 24:00, et 22:00-06:00 pour une nuit"
        ),
        WindowError::Never(given) => format!(
            "{given:?} n’ouvre jamais, car elle ferme quand elle ouvre\u{a0}; écrivez 00:00-24:00 pour une journée entière"
        ),
        WindowError::Zone(given) => format!(
            "{given:?} n’est pas un fuseau horaire\u{a0}; écrivez-en un de la base IANA, comme Europe/Paris, ou UTC"
        ),
        WindowError::TooMany => format!("{} fenêtres au plus sont lues", window::MOST),
    }
}

fn group(error: GroupError) -> String {
    match error {
        GroupError::Empty => {
            "le nom du groupe manque\u{a0}; écrivez shop, ou shop/2 pour le deuxième dans son ordre".to_owned()
        }
        GroupError::TooLong(letters) => {
            format!("le nom d’un groupe a au plus {LONGEST} caractères, celui-ci en a {letters}")
        }
        GroupError::Letter(letter) => format!(
            "le nom d’un groupe n’a pas de {letter:?}\u{a0}: il a des minuscules, des chiffres et -, comme shop, ou shop/2 pour le deuxième dans son ordre"
        ),
        GroupError::Edge => "le nom d’un groupe commence et finit par une minuscule ou un chiffre".to_owned(),
        GroupError::Place => {
            "derrière le / d’un groupe se trouve sa place dans l’ordre, un nombre de 0 à 65535, comme shop/2".to_owned()
        }
    }
}

fn release_url(error: ReleaseUrlError) -> String {
    match error {
        ReleaseUrlError::Length => format!("elle a au plus {} octets, celle-ci en a plus", release_url::MOST),
        ReleaseUrlError::Missing => {
            "${tag} ou ${version} manque\u{a0}: l’adresse d’une version dépend de celle-ci".to_owned()
        }
        ReleaseUrlError::Placeholder => "seuls ${tag} et ${version} peuvent y être insérés".to_owned(),
        ReleaseUrlError::Form => {
            "écrivez une URL https:// sans utilisateur ni fragment, comme https://github.com/owner/name/releases/tag/v${version}"
                .to_owned()
        }
        ReleaseUrlError::Character => {
            "elle contient une espace, un guillemet ou un chevron\u{a0}; écrivez l’adresse seule".to_owned()
        }
        ReleaseUrlError::Host => "son hôte doit être un nom public".to_owned(),
        ReleaseUrlError::Elsewhere => {
            "${tag} et ${version} ont leur place dans le chemin ou la requête, pas dans l’hôte".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Order, UnknownWord};

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn all_problems() {
        let name = || "group".to_owned();
        let given = || "x y".to_owned();
        let windows = [WindowError::Form, WindowError::Day, WindowError::Times, WindowError::Never, WindowError::Zone];
        let values = [
            ValueError::Word(UnknownWord { given: given(), allowed: &["ALL", "MAJOR"] }),
            ValueError::Flag(given()),
            ValueError::Pattern(PatternError::TooLong(2000)),
            ValueError::Pattern(PatternError::TooLarge),
            ValueError::Pattern(PatternError::Syntax("unclosed group".into())),
            ValueError::Pattern(PatternError::Empty),
            ValueError::Pattern(PatternError::Uncompared("ts".into())),
            ValueError::Pattern(PatternError::Kind),
            ValueError::Cooldown(crate::domain::policy::CooldownError { given: given() }),
            ValueError::Window(WindowError::TooMany),
            ValueError::Approvals(votes::NoQuorum(given())),
            ValueError::Empty,
            ValueError::GroupOfNoVersions,
            ValueError::Skip(given()),
            ValueError::SkipOfAnotherForm { entry: "v1.3".into(), running: "1.2".into(), meant: "1.3".into() },
            ValueError::TooLong,
            ValueError::OrderOfNothing,
            ValueError::StepsOfNoVersions(Order::Newest),
        ];
        let groups =
            [GroupError::Empty, GroupError::TooLong(70), GroupError::Letter('_'), GroupError::Edge, GroupError::Place];
        let urls = [
            ReleaseUrlError::Length,
            ReleaseUrlError::Missing,
            ReleaseUrlError::Placeholder,
            ReleaseUrlError::Form,
            ReleaseUrlError::Host,
            ReleaseUrlError::Elsewhere,
        ];
        let values = values
            .into_iter()
            .chain(windows.map(|of| ValueError::Window(of(given()))))
            .chain(groups.map(ValueError::Group))
            .chain(urls.map(ValueError::ReleaseUrl));
        let all = [
            Problem::UnknownName { name: "mod".into(), nearest: Some("mode".into()) },
            Problem::UnknownContainer { name: "mode.wbe".into(), container: "wbe".into(), nearest: None },
            Problem::UnknownChannel {
                name: "notify".into(),
                channel: "x".into(),
                known: vec!["email".into()],
                left_out: 4,
            },
            Problem::UnknownChannel { name: "notify".into(), channel: "x".into(), known: Vec::new(), left_out: 0 },
            Problem::OnPodTemplate { name: "mode".into() },
            Problem::TooManyContainers,
            Problem::TooMuch,
        ];
        let all = all.into_iter().chain(values.map(|value| Problem::Value { name: name(), value }));
        let both: Vec<_> = all.map(|one| format!("{one}\n{}\n", problem(&one))).collect();
        insta::assert_snapshot!(both.concat());
    }
}
