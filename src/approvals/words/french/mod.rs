//! The words of pages in French.
//!
//! A space before `:`, `;`, `!`, `?` and inside « » does not break, and is written `\u{a0}` here, as nobody sees it otherwise.

mod refusal;
mod state;

use super::{Care, Count, Fixed, PageWords, Reader};
use crate::access::Refused;
use crate::approvals::wrong::Wrong;
use crate::domain::actor::Actor;
use crate::domain::approval::Allows;
use crate::domain::history::Outcome;
use crate::domain::record::Held;
use crate::message::{French, Phrases as _, counted_in_french};
use crate::reconcile::Answer;

const FIXED: Fixed = Fixed {
    to: "vers",
    image: "Image",
    digest: "Digest",
    group: "Groupe",
    why: "Pourquoi",
    declared: "Annoncé",
    asked_as: "Motif",
    changes: "Changements dans l’image",
    looked_at: "Vérifié",
    owner: "Géré par",
    notes: "Notes",
    set_back_by: "Ramenée par",
    failure: "Échec",
    set_back: "Ramenée",
    asked: "Demandé",
    valid_until: "Valable jusqu’au",
    approvals: "Accords",
    state: "État",
    window: "Fenêtre",
    alerts: "Ce que personne ne devrait ignorer",
    in_version: "dans",
    rest: "La suite",
    original: "L’original",
    allow: "Permettre de l’appliquer de nouveau",
    back_to: "Revenir à",
    ran_before: "ce qui tournait avant",
    roll_back: "Revenir en arrière",
    outside_window: "L’appliquer maintenant, hors de la fenêtre",
    approve: "Approuver",
    skip: "Ignorer cette version",
    snooze: "Reporter",
    how_long: "Pour combien de temps",
    one_day: "1\u{a0}jour",
    seven_days: "7\u{a0}jours",
    thirty_days: "30\u{a0}jours",
    means: "Une version ignorée n’est plus proposée\u{a0}; les suivantes le sont. Une version reportée revient après ce délai, ou avant si une plus récente paraît.",
    renew: "M’envoyer un nouveau lien",
    resume_title: "Reprendre les mises à jour automatiques\u{a0}?",
    resume_lead: "Elles sont suspendues partout, car deux des cinq dernières ont échoué. Ce qui serait appliqué automatiquement vous est demandé en attendant.",
    failed: "En échec",
    resume: "Reprendre les mises à jour automatiques",
    list_lead: "Chaque ligne a sa propre page, où la décision se prend. Cette liste montre l’état actuel\u{a0}; rechargez-la pour voir ce que d’autres ont décidé.",
    list_lead_over: "Chaque ligne a sa propre page, où la décision se prend. Tout ce que ce lien concernait est décidé, ou n’est plus demandé.",
    asked_once_more: "Une confirmation vous est demandée, avec la liste exacte de ce qui serait fait.",
    never_among: "Les mises à jour majeures, les retours en arrière, et ce qui est bloqué, reporté ou hors de sa fenêtre n’en font jamais partie.",
    all_lead: "Voici tout ce qui sera fait, et rien d’autre\u{a0}: une mise à jour après l’autre, chacune comme si elle était approuvée sur sa propre page.",
    all_read: "J’ai lu quelles charges de travail changent",
    report_lead: "Ce qu’il est advenu de chaque ligne. Sa propre page dit comment cela continue.",
    did_not_work: "Cela n’a pas marché",
    list_over_title: "Ce lien a expiré",
    list_sent_title: "Un nouveau lien est en route",
    list_sent_lately_title: "Un nouveau lien vient d’être envoyé",
    whoever_reads: "une personne qui lit le canal où ce lien a été envoyé",
    not_ticked: "Rien n’a été fait\u{a0}: cochez d’abord la case.",
    nothing_together: "Rien n’a été fait\u{a0}: il n’y a rien ici qui puisse être approuvé ensemble. Ouvrez les lignes une par une.",
    not_shown: "Cette page ne peut pas être affichée maintenant.",
};

/// Other containers that go with one.
fn and_with(with: &[Box<str>]) -> String {
    let all: Vec<&str> = with.iter().map(|name| &**name).collect();
    if all.is_empty() { String::new() } else { format!(", et avec lui {}", French.all_of(&all)) }
}

/// How many people have approved, of how many who have to.
fn votes(given: usize, needed: usize) -> String {
    format!("{} sur {needed}", counted_in_french(given, "accord", "accords"))
}

impl PageWords for French {
    fn fixed(&self) -> &'static Fixed {
        &FIXED
    }

    fn question(&self, allows: Allows) -> &'static str {
        match allows {
            Allows::Update => "Approuver une mise à jour\u{a0}?",
            Allows::Held => "Permettre d’appliquer de nouveau cette version\u{a0}?",
            Allows::Back => "Revenir à la version précédente\u{a0}?",
        }
    }

    fn title(&self, answer: &Answer) -> &'static str {
        state::title(answer)
    }

    fn message(&self, answer: &Answer, to: Reader) -> String {
        state::message(answer, to)
    }

    fn decided_by(&self, who: &Actor, at: &str) -> String {
        format!("Décidé par {}, le {at}.", self.actor(who))
    }

    fn approved_by(&self, who: &Actor, at: &str) -> String {
        format!("Approuvé par {}, le {at}.", self.actor(who))
    }

    fn held_since(&self, Held { back_to, since, by, failure, .. }: &Held, to: Reader) -> String {
        let since = to.moment(*since);
        match failure {
            Some(failure) => format!("Retour à {back_to}, le {since}\u{a0}: {}", self.broken(failure)),
            None => format!("Ramenée à {back_to} par {}, le {since}.", self.somebody(by)),
        }
    }

    fn somebody(&self, by: &[String]) -> String {
        if by.is_empty() { "quelqu’un".to_owned() } else { by.join(", ") }
    }

    fn channel(&self, name: &str) -> String {
        format!("le canal {name}")
    }

    fn to_read(&self, allows: Allows, version: &str) -> String {
        match allows {
            Allows::Back => "J’ai lu à quoi cela revient, et ce qui peut se perdre".to_owned(),
            Allows::Update | Allows::Held => {
                format!("J’ai lu ce qui change avec {version}\u{a0}: c’est une mise à jour majeure")
            }
        }
    }

    fn have_approved(&self, votes: &str) -> String {
        format!(
            "Vous avez déjà donné votre accord ({votes}). La mise à jour est appliquée quand assez d’autres personnes l’approuvent aussi."
        )
    }

    fn place(&self, workload: &str, container: &str, with: &[Box<str>]) -> String {
        format!("{workload}, conteneur {container}{}", and_with(with))
    }

    fn group_of(&self, name: &str) -> String {
        format!("{name}\u{a0}: tous ensemble, dans cet ordre, ou aucun")
    }

    fn step_with(&self, from: &str, to: &str, with: &[Box<str>]) -> String {
        format!("{from} → {to}{}", and_with(with))
    }

    fn put_off(&self, until: &str) -> String {
        format!("reporté au {until}\u{a0}; vous pouvez encore décider")
    }

    fn window_opens(&self, at: &str) -> String {
        format!("fermée\u{a0}; elle s’ouvre le {at}")
    }

    fn written(&self, at: &str) -> String {
        format!("écrite le {at}")
    }

    fn ran(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Healthy => "a bien fonctionné",
            Outcome::Failed => "a échoué",
            Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => {
                "on ne sait pas comment elle a fonctionné"
            }
        }
    }

    fn changes_data(&self, from: &str, to: &str) -> String {
        format!(
            "Ses auteurs annoncent que {from} modifie les données enregistrées\u{a0}; {to} pourrait ne plus les lire"
        )
    }

    fn nothing_happens(&self, holder: &str) -> String {
        format!("Vous agissez en tant que\u{a0}: {holder}. Rien ne se passe avant que vous n’appuyiez sur un bouton.")
    }

    fn nothing_happens_until(&self, holder: &str, until: &str) -> String {
        format!("{} Lien valable jusqu’au {until}.", self.nothing_happens(holder))
    }

    fn acted_as(&self, holder: &str) -> String {
        format!("Vous avez agi en tant que\u{a0}: {holder}.")
    }

    fn count(&self, count: Count) -> String {
        match count {
            Count::Listed(0) => "Rien n’est en attente".to_owned(),
            Count::Listed(1) => "Une mise à jour à décider".to_owned(),
            Count::Listed(count) => format!("{count} mises à jour à décider"),
            Count::Questions(1) => "Une question à décider".to_owned(),
            Count::Questions(count) => format!("{count} questions à décider"),
            Count::Together(1) => "Approuver cette mise à jour\u{a0}?".to_owned(),
            Count::Together(count) => format!("Approuver ces {count} mises à jour\u{a0}?"),
            Count::Approved(count, all) => {
                format!("{count} sur {all} {}", if count < 2 { "approuvée" } else { "approuvées" })
            }
            Count::LeftOut(1) => "… et 1 autre, qui apparaîtra quand une de celles-ci sera décidée.".to_owned(),
            Count::LeftOut(more) => {
                format!("… et {more} autres, qui apparaîtront quand certaines de celles-ci seront décidées.")
            }
            Count::Alone(1) => "1 autre n’en fait pas partie\u{a0}: elle se décide sur sa propre page.".to_owned(),
            Count::Alone(more) => {
                format!("{more} autres n’en font pas partie\u{a0}: chacune se décide sur sa propre page.")
            }
            Count::NotComeTo(1) => "1 autre n’a pas pu être traitée à temps, ou ne peut pas être lue maintenant\u{a0}; rien n’a été fait pour elle. Ouvrez de nouveau la liste.".to_owned(),
            Count::NotComeTo(more) => format!(
                "{more} autres n’ont pas pu être traitées à temps, ou ne peuvent pas être lues maintenant\u{a0}; rien n’a été fait pour elles. Ouvrez de nouveau la liste."
            ),
            Count::ButtonOfList(count, all) if count == all => "Tout approuver".to_owned(),
            Count::ButtonOfList(count, _) => format!("En approuver {count}"),
            Count::ButtonOfAll(1) => "L’approuver".to_owned(),
            Count::ButtonOfAll(count) => format!("Approuver les {count}"),
        }
    }

    fn care(&self, care: Care<'_>, to: Reader) -> String {
        match care {
            Care::Held => "Une version bloquée\u{a0}: décidez sur sa propre page.".to_owned(),
            Care::Back => "Un retour en arrière\u{a0}: décidez sur sa propre page.".to_owned(),
            Care::Major => "Une mise à jour majeure\u{a0}: lisez-la sur sa propre page.".to_owned(),
            Care::PutOff(until) => format!("Reporté au {}.", to.moment(until)),
            Care::Declared(kinds) => self.kinds(kinds).unwrap_or_default(),
            Care::YouApproved(given, needed) => {
                format!("Vous avez déjà donné votre accord ({}).", self.votes(given, needed))
            }
            Care::Votes(given, needed) => format!("{}.", votes(given, needed)),
            Care::Group(name) => format!("Avec tout le groupe {name}."),
            Care::With(with) => {
                let all: Vec<&str> = with.iter().map(|name| &**name).collect();
                format!("Et avec lui {}.", self.all_of(&all))
            }
            Care::Window(until) => {
                format!("Sa fenêtre est fermée jusqu’au {}\u{a0}: décidez sur sa propre page.", to.moment(until))
            }
        }
    }

    fn before(&self, title: &str) -> String {
        format!("{title} (déjà avant)")
    }

    fn list_is_over(&self, until: &str, sent_to: Option<&str>) -> String {
        let next = match sent_to {
            Some(to) => format!(
                "Une décision est toujours demandée\u{a0}: un nouveau lien peut être envoyé au même destinataire que celui-ci, {to}."
            ),
            None => "Ce qui est encore demandé a des liens dans des messages plus récents.".to_owned(),
        };
        format!("Il était valable jusqu’au {until}. Rien n’a été fait. {next}")
    }

    fn is_sent(&self, is_now: bool, to: &str) -> String {
        if is_now {
            format!("Il est envoyé à un seul destinataire\u{a0}: {to}.")
        } else {
            format!("Destinataire\u{a0}: {to}. S’il n’arrive pas, réessayez dans dix minutes.")
        }
    }

    fn wrong(&self, wrong: &Wrong) -> String {
        match wrong {
            Wrong::NoForm => "envoyez le formulaire de la page",
            Wrong::NoButton => "choisissez un des boutons de la page\u{a0}; rien n’a été fait",
            Wrong::NotShown => "dites ce qui a été montré, comme le fait la page\u{a0}; rien n’a été fait",
            Wrong::NoVersion => "choisissez une des versions de la page\u{a0}; rien n’a été fait",
            Wrong::NoLength => "choisissez une des durées de la page\u{a0}; rien n’a été fait",
            Wrong::ForPeople => "ouvrez ce lien dans un navigateur\u{a0}; rien n’a été fait",
            Wrong::Later => {
                "certaines charges de travail ne peuvent pas être lues maintenant, et ce lien en concerne peut-être une\u{a0}: réessayez dans un instant"
            }
            Wrong::TooMany => {
                "trop de liens erronés depuis cette adresse\u{a0}; un lien juste fonctionne, sinon tout de suite, du moins dans un instant"
            }
            Wrong::Person(Refused::NobodySignedIn) => {
                "identifiez-vous d’abord\u{a0}: les liens s’ouvrent ici pour les personnes que le proxy a identifiées\u{a0}; rien n’a été fait"
            }
            Wrong::Person(Refused::NoName) => {
                "le proxy ne dit pas qui vous êtes de façon lisible\u{a0}; rien n’a été fait"
            }
            Wrong::Person(Refused::Elsewhere) => {
                "cela ne vient pas de la page de ce lien\u{a0}: ouvrez-le de nouveau et appuyez sur son bouton\u{a0}; rien n’a été fait"
            }
            Wrong::Body(problem) => match problem.status.as_u16() {
                408 => "la requête n’est pas arrivée à temps",
                413 => "la requête est trop longue",
                415 => "envoyez la requête sans Content-Encoding",
                503 => "trop de requêtes sont en cours\u{a0}; envoyez-la de nouveau",
                _ => "la requête s’est interrompue",
            },
        }
        .to_owned()
    }
}
