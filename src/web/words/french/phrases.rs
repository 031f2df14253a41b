//! What takes more than a few words.

use chrono::{DateTime, Utc};

use super::French;
use crate::api::view::{ChangeView, QuestionView};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::message::counted_in_french;
use crate::web::words::{Care, Check, FactName, Sure, Titled, Words, beside};

pub(super) fn told(change: &ChangeView) -> (&'static str, &'static str) {
    let is_policy = Actor::from(change.by.as_str()) == Actor::Policy;
    let done = match change.outcome {
        Outcome::Skipped => return ("Ignorée", ""),
        Outcome::Resumed => return ("Libérée", "elle peut être appliquée de nouveau"),
        _ if change.is_back => "Retour",
        _ if is_policy => "Mise à jour",
        _ => "Approuvée",
    };
    let outcome = match change.outcome {
        Outcome::RollingOut => "déploiement en cours",
        Outcome::Healthy => "saine",
        Outcome::Failed => "échec",
        Outcome::Replaced => "autre chose a été écrit depuis",
        Outcome::Skipped | Outcome::Resumed => "",
    };
    (done, outcome)
}

pub(super) fn batch(updates: usize, namespaces: usize, may_decide: bool) -> Titled {
    let all = counted_in_french(updates, "mise à jour", "mises à jour");
    let spaces = counted_in_french(namespaces, "espace de noms", "espaces de noms");
    let they = if updates < 2 { "Elle est" } else { "Elles sont" };
    if !may_decide {
        let wait = if updates < 2 { "attend" } else { "attendent" };
        return Titled::new(format!("{all} {wait} une décision"), format!("{they} dans {spaces}."));
    }
    let each = if updates < 2 { "Elle" } else { "Chacune" };
    Titled::new(
        format!("Examiner {all}"),
        format!(
            "{they} dans {spaces}. {each} est vérifiée encore une fois quand le bouton est pressé\u{a0}: ce qui a bougé depuis est laissé de côté, et dit."
        ),
    )
}

pub(super) fn list(is_ticked: bool, may_decide: bool) -> Titled {
    let title = match (is_ticked, may_decide) {
        (true, true) => "Cochées d’avance",
        (true, false) => "Les plus simples",
        (false, true) => "Chacune de celles-ci veut sa coche",
        (false, false) => "Chacune de celles-ci est à regarder de près",
    };
    let note = if is_ticked {
        "pas de saut majeur, et rien de connu ne s’y oppose"
    } else {
        "versions majeures, ruptures annoncées, autres propriétaires, échecs ailleurs, fenêtres fermées"
    };
    Titled::new(title, note)
}

pub(super) fn care(care: &Care) -> String {
    match care {
        Care::Major => "Une version majeure".to_owned(),
        Care::Said(words) => words.clone(),
        Care::OutsideWindow(when) => {
            format!("Hors de sa fenêtre, qui s’ouvre {when}\u{a0}; pour l’avoir avant, décidez sur sa propre page")
        }
        Care::Together(members) => format!("{members} de son groupe vont ensemble"),
    }
}

pub(super) fn report(done: usize, of: usize) -> Titled {
    let title = match (done, of) {
        (0, _) => "Rien n’a été fait".to_owned(),
        (1, 1) => "Votre réponse compte".to_owned(),
        (done, of) if done == of => format!("Les {of} réponses comptent"),
        (1, of) => format!("1 réponse sur {of} compte"),
        (done, of) => format!("{done} réponses sur {of} comptent"),
    };
    let lead = if of == 1 {
        "Ce qu’il en est\u{a0}; sa page dit comment cela continue."
    } else {
        "Ligne par ligne, ce qu’il en est. Sa page dit comment chacune continue."
    };
    Titled::new(title, lead)
}

pub(super) fn question(question: &QuestionView, now: DateTime<Utc>) -> Titled {
    let version = &question.tag;
    let title = match question.actions {
        ["resume", ..] => format!("Autoriser de nouveau {version}\u{a0}?"),
        ["rollback", ..] => format!("Revenir à {version}\u{a0}?"),
        _ => format!("Prendre {version}\u{a0}?"),
    };
    let words: &dyn Words = &French;
    let (asked, ends) = (words.moment(question.asked.0), words.moment(question.expires.0));
    let left = beside(question.expires.0, now, words);
    Titled::new(
        title,
        match question.actions {
            ["rollback", ..] => format!("Possible sur cette page jusqu’au {ends}, {left}."),
            _ => match question.put_off() {
                Some((until, true)) => format!(
                    "Demandé le {asked}. Reportée jusqu’au {}\u{a0}: la question sera reposée alors. D’ici là, réponse possible ici jusqu’au {ends}, {left}.",
                    words.moment(until)
                ),
                Some((until, false)) => format!(
                    "Demandé le {asked}. Reportée jusqu’au {}\u{a0}; réponse possible à tout moment jusqu’au {ends}, {left}.",
                    words.moment(until)
                ),
                None => format!("Demandé le {asked}. Réponse possible jusqu’au {ends}, {left}."),
            },
        },
    )
}

pub(super) fn fact(fact: FactName) -> &'static str {
    match fact {
        FactName::FirstSeen => "Connue depuis",
        FactName::Reason => "Pourquoi celle-ci",
        FactName::Declared => "Annoncé",
        FactName::Size => "Taille",
        FactName::Window => "Fenêtre",
        FactName::Mode => "Mode",
        FactName::Strategy => "Stratégie",
        FactName::User => "Utilisateur",
        FactName::Entrypoint => "Point d’entrée",
        FactName::Command => "Commande",
        FactName::Environment => "Environnement",
        FactName::Ports => "Ports",
        FactName::Volumes => "Volumes",
    }
}

pub(super) fn check(check: Check) -> String {
    match check {
        Check::Blobs(1) => "Son manifeste et son unique blob sont là".to_owned(),
        Check::Blobs(many) => format!("Son manifeste et ses {many} blobs sont là"),
        Check::Nodes => "Ses plateformes conviennent aux nœuds".to_owned(),
        Check::Platforms => "Elle a les plateformes de ce qui tourne".to_owned(),
        Check::Start => "Utilisateur et commande conviennent au pod".to_owned(),
        Check::DryRun => "Le serveur d’API l’accepterait".to_owned(),
        Check::DryRunWarned(1) => "Le serveur d’API l’accepterait, avec un avertissement".to_owned(),
        Check::DryRunWarned(many) => format!("Le serveur d’API l’accepterait, avec {many} avertissements"),
    }
}

pub(super) fn refused(word: &str, many: u64) -> String {
    let why = match word {
        "bad_signature" => "d’identité fausse",
        "bad_payload" => "illisibles",
        "limited" => "de trop à la fois",
        "overloaded" => "impossibles à garder",
        other => other,
    };
    format!("{many} {why}")
}

/// What was wrong with one delivery.
pub(super) fn refused_as(word: &str) -> Option<&'static str> {
    match word {
        "bad_signature" => Some("Identité fausse"),
        "bad_payload" => Some("Illisible"),
        "limited" => Some("De trop à la fois"),
        "overloaded" => Some("Impossible à garder"),
        _ => None,
    }
}

/// How a question to a registry ended.
pub(super) fn answered(word: &str) -> &str {
    match word {
        "ok" => "a répondu",
        "unauthorized" => "veut d’autres identifiants",
        "throttled" => "demande d’être ménagé",
        "unreachable" => "n’a pas répondu",
        "untrusted" => "présente un certificat qui n’est pas valable",
        "blocked" => "ne peut être interrogé",
        "unusable" => "réponse inutilisable",
        "too_many_tags" => "trop de tags",
        "unknown_repository" => "ne l’a pas",
        "passed_over" => "ne l’a pas, ou en partie : un autre est interrogé",
        other => other,
    }
}

/// Why a registry is not asked for a while.
pub(super) fn spares(word: &str) -> &str {
    match word {
        "asked" => "il l’a demandé",
        "unavailable" => "il est indisponible, et l’a demandé",
        "little_left" => "il reste peu de son quota",
        "ceiling" => "plafond propre",
        "no_answer" => "il n’a pas répondu",
        "untrusted" => "son certificat n’est pas valable",
        other => other,
    }
}

pub(super) fn sure(sure: Sure<'_>) -> Titled {
    match sure {
        Sure::Release => Titled::new(
            "Relancer les mises à jour automatiques\u{a0}?",
            "Ce qui peut s’appliquer seul le fera de nouveau, partout. Ceci avait échoué avant l’arrêt\u{a0}:",
        ),
        Sure::Discard => {
            Titled::new("Jeter ce message\u{a0}?", "Personne ne le recevra, et il ne peut pas être récupéré.")
        }
        Sure::Back(from, to) => Titled::new(
            format!("Revenir de {from} à {to}\u{a0}?"),
            format!(
                "{to} est écrite, et suivie jusqu’à ce qu’elle soit saine. {from} est retenue ici jusqu’à ce que quelqu’un la libère."
            ),
        ),
    }
}
