//! What there is to say of each state of a link, in French.

use super::refusal::refused;
use super::votes;
use crate::approvals::words::{Reader, command};
use crate::domain::approval::Allows;
use crate::domain::history::{Entry, Outcome};
use crate::domain::record::Closed;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::rollout::Refusal as Refused;
use crate::domain::view::Stands;
use crate::message::{stuck_in_french, waits_in_french};
use crate::reconcile::{About, Answer, Answerable, Applied, Asked, Resuming, Successor};

pub(super) fn title(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "Lien inconnu",
        Answer::Open(asked) if asked.approval.allows == Allows::Held => "Version bloquée",
        Answer::Open(_) => "En attente d’une décision",
        Answer::Snoozed(..) => "Décision reportée",
        Answer::Approved(applied) if applied.outcome() == Outcome::Failed => "Échec du déploiement",
        Answer::Approved(_) => "Mise à jour approuvée",
        Answer::Skipped(_) => "Version ignorée",
        Answer::Resumed(_) => "De nouveau permise",
        Answer::WentBack(_) => "Retour en arrière",
        Answer::Voted { is_again: true, .. } => "Vous avez déjà donné votre accord",
        Answer::Voted { is_again: false, .. } => "Votre accord compte",
        Answer::Unconfirmed(_) => "Encore une chose",
        Answer::Forbidden(_) => "Vous n’avez pas le droit de modifier cette charge de travail",
        Answer::Expired(_) => "Ce lien a expiré",
        Answer::Renewed(_) => "Un nouveau lien est en route",
        Answer::RenewedLately(_) => "Un nouveau lien vient d’être envoyé",
        Answer::Superseded { by, .. } => taken(*by),
        Answer::Refused(_, Refusal::OutsideWindow(_)) => "Sa fenêtre est fermée",
        Answer::Refused(_, Refusal::DryRun) => "Rien n’est décidé pour l’instant",
        Answer::Refused(..) => "Cela ne serait plus demandé aujourd’hui",
        Answer::Moved(_) => "Le tag a été déplacé",
        Answer::Changed(_) => "La charge de travail a changé",
        Answer::Over(_, Closed::Withdrawn) => "Cette version a été retirée",
        Answer::Over(..) => "Cette question est close",
        Answer::NotAllowed(_) => "Pas avec ce lien",
        Answer::NotWritten(..) => "Le cluster le refuse",
        Answer::Unread | Answer::Later(_) | Answer::Busy(_) => "Pas maintenant",
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => "En attente d’une décision",
            Resuming::DryRun(_) => "Rien n’est décidé pour l’instant",
            Resuming::Expired(_) => "Ce lien a expiré",
            Resuming::Done(_) => "Mises à jour reprises",
        },
    }
}

pub(super) fn message(answer: &Answer, to: Reader) -> String {
    match answer {
        Answer::Open(asked) => open(asked, to),
        Answer::Snoozed(asked, until) => format!(
            "La décision sur {} est reportée au {}. Elle vous sera demandée plus tôt si une version plus récente paraît.",
            asked.approval.to_tag,
            to.moment(*until)
        ),
        Answer::Approved(applied) => approved(applied),
        Answer::Skipped(entry) => {
            format!("{} n’est plus proposée. Les versions plus récentes le sont.", entry.version)
        }
        Answer::Resumed(entry) => format!(
            "{} n’est plus bloquée. Le prochain contrôle en décide comme de toute autre version.",
            entry.version
        ),
        Answer::WentBack(applied) => went_back(applied),
        Answer::Voted { asked, is_again } => voted(asked, *is_again),
        Answer::Expired(asked) => expired(asked, to),
        Answer::Renewed(asked) => to.words().is_sent(true, &to.sent_to(&asked.holder)),
        Answer::RenewedLately(asked) => to.words().is_sent(false, &to.sent_to(&asked.holder)),
        Answer::Resuming(resuming) => resuming_of(resuming, to),
        Answer::Unknown
        | Answer::Unconfirmed(_)
        | Answer::Forbidden(_)
        | Answer::Superseded { .. }
        | Answer::Refused(..)
        | Answer::Moved(_)
        | Answer::Changed(_)
        | Answer::Over(..)
        | Answer::NotAllowed(_)
        | Answer::NotWritten(..)
        | Answer::Unread
        | Answer::Later(_)
        | Answer::Busy(_) => nothing_done(answer, to),
    }
}

/// Of what came to nothing.
fn nothing_done(answer: &Answer, to: Reader) -> String {
    match answer {
        Answer::Unknown => "Ce lien n’est pas connu ici. Il est peut-être coupé, ou trop ancien\u{a0}; ouvrez-le de nouveau depuis le message.".to_owned(),
        Answer::Unconfirmed(_) => "Rien n’a été fait\u{a0}: cochez d’abord la case au-dessus des boutons.".to_owned(),
        Answer::Forbidden(asked) => format!(
            "D’après le cluster, {} n’a pas le droit de modifier {}\u{a0}: cette réponse ne compte donc pas. Rien n’a été fait, et le lien reste valable pour qui en a le droit.",
            to.words().actor(&asked.by()),
            asked.workload.id
        ),
        Answer::Superseded { version, newer, by } => superseded(version, newer, *by),
        Answer::Refused(asked, refusal) => format!(
            "{} Rien n’a été fait, et le lien reste valable.",
            refused(&asked.approval.to_tag, &asked.workload.id, refusal, to)
        ),
        Answer::Moved(asked) => format!(
            "{} ne désigne plus {}, que ce lien concerne. Rien n’a été fait\u{a0}; une nouvelle question vous sera posée sur ce que le tag désigne maintenant.",
            asked.approval.to_tag, asked.approval.to_digest
        ),
        Answer::Changed(asked) if asked.is_unwatched => format!(
            "image-watcher ne suit plus {}\u{a0}: ses réglages ont été retirés, ou la règle qui la nommait. Rien n’a été fait.",
            asked.workload.id
        ),
        Answer::Changed(asked) if !asked.has_container() => format!(
            "{} n’a plus de conteneur {}\u{a0}: il a été retiré, ou renommé. Rien n’a été fait\u{a0}; ce qu’il y a à demander des autres a ses propres liens.",
            asked.workload.id, asked.approval.container
        ),
        Answer::Changed(asked) => format!(
            "{} n’est plus ce qu’elle était quand la question a été posée\u{a0}: elle fait tourner autre chose, ou a été supprimée depuis, et peut-être recréée. Rien n’a été fait.",
            asked.workload.id
        ),
        Answer::Over(asked, Closed::Withdrawn) => format!(
            "Le registre n’a plus {}, ou son projet l’a retirée ou marquée comme préversion\u{a0}: il n’y a donc rien à décider. Rien n’a été fait\u{a0}; la question vous sera posée de nouveau si elle revient, ou s’il y en a une autre.",
            asked.approval.to_tag
        ),
        Answer::Over(asked, _) => format!(
            "Il n’y a plus rien à décider au sujet de {}\u{a0}: elle a peut-être disparu du registre, ou une autre version a pris sa place. Rien n’a été fait.",
            asked.approval.to_tag
        ),
        Answer::NotAllowed(asked) => {
            let allowed = match asked.approval.allows {
                Allows::Update => "d’approuver, d’ignorer ou de reporter une mise à jour",
                Allows::Held => "d’appliquer de nouveau une version bloquée",
                Allows::Back => "de revenir à ce qui tournait avant une mise à jour",
            };
            format!("Ce lien permet seulement {allowed}. Rien n’a été fait.")
        }
        Answer::NotWritten(asked, reason) => format!(
            "Le serveur d’API refuse d’écrire {} sur {}\u{a0}: «\u{a0}{reason}\u{a0}». Rien n’a été fait, et le lien reste valable.",
            asked.approval.to_tag, asked.workload.id
        ),
        Answer::Unread => "Ce qui est connu de ce lien ne peut pas être lu maintenant. Rien n’a été fait\u{a0}: réessayez dans une minute.".to_owned(),
        Answer::Busy(asked) => format!(
            "{} vient d’être modifié à l’instant, peut-être par d’autres réponses. Rien n’a été fait, et le lien reste valable\u{a0}: appuyez de nouveau.",
            asked.workload.id
        ),
        _ => "Le registre ou le cluster ne répond pas. Rien n’a été fait, et le lien reste valable\u{a0}: réessayez dans une minute.".to_owned(),
    }
}

/// What took the place of a question, in few words.
fn taken(by: Successor) -> &'static str {
    match by.about {
        About::Newer if by.answerable == Answerable::Now => "Une version plus récente existe",
        About::Newer | About::Held => "Une question plus récente l’a remplacée",
        About::Other => "Une autre version l’a remplacée",
        About::Again => "La question a été posée de nouveau",
        About::Moved => "Le tag a été déplacé",
        About::Elsewhere => "La charge de travail a changé",
        About::Back => "Une autre version a été appliquée",
    }
}

/// What took the place of a question, and what is to be done about that.
fn superseded(version: &Tag, newer: &Tag, by: Successor) -> String {
    let since = match by.about {
        About::Newer | About::Other | About::Again => String::new(),
        About::Moved => " Ce tag désigne autre chose maintenant.".to_owned(),
        About::Elsewhere => {
            " Elle devait remplacer ce qui était alors en service, et autre chose l’est maintenant.".to_owned()
        }
        About::Back => " Une autre version a été appliquée depuis.".to_owned(),
        About::Held => format!(" {newer} est bloquée maintenant."),
    };
    let next = match (by.about, by.answerable) {
        (About::Newer, Answerable::Now) => format!(" {newer} est maintenant disponible et a son propre lien."),
        (About::Other, Answerable::Now) => format!(" {newer} l’a remplacée et a son propre lien."),
        (About::Newer | About::Other, Answerable::ByNewLink) => format!(
            " {newer} l’a remplacée, et la question est toujours posée\u{a0}: ouvrez son propre lien pour en recevoir un nouveau."
        ),
        (About::Newer | About::Other, Answerable::NotNow) => format!(
            " {newer} l’a remplacée, et est refusée pour l’instant\u{a0}: son propre lien dit pourquoi, et reste valable."
        ),
        (About::Newer | About::Other, Answerable::NoMore) => {
            format!(" {newer} l’a remplacée, et n’est plus en attente non plus.")
        }
        (About::Back, _) | (About::Held, Answerable::ByNewLink | Answerable::NoMore) => String::new(),
        (About::Held, Answerable::NotNow) => {
            " Elle a son propre lien, qui dit pourquoi elle est refusée pour l’instant.".to_owned()
        }
        (About::Held, Answerable::Now) => " Elle a son propre lien.".to_owned(),
        (_, Answerable::Now) => " Une nouvelle demande a son propre lien.".to_owned(),
        (_, Answerable::ByNewLink) => {
            " La question est toujours posée\u{a0}: ouvrez le lien plus récent pour en recevoir un nouveau.".to_owned()
        }
        (_, Answerable::NotNow) => {
            " Une nouvelle demande est refusée pour l’instant\u{a0}: son propre lien dit pourquoi, et reste valable."
                .to_owned()
        }
        (_, Answerable::NoMore) => " Rien n’est plus demandé à son sujet.".to_owned(),
    };
    format!("Ce lien concernait {version}.{since}{next} Rien n’a été fait.")
}

fn open(asked: &Asked, to: Reader) -> String {
    let (version, expires) = (&asked.approval.to_tag, to.moment(asked.approval.expires));
    match asked.approval.allows {
        Allows::Update => format!("{version} peut être approuvée jusqu’au {expires}."),
        Allows::Back => format!("{} peut revenir à {version} jusqu’au {expires}.", asked.workload.id),
        Allows::Held => {
            let failed = asked.held.as_ref().is_some_and(|held| held.failure.is_some());
            let why = if failed { "a échoué" } else { "a été ramenée en arrière" };
            format!(
                "{version} {why}, et n’est plus appliquée automatiquement. Ce lien permet de la débloquer jusqu’au {expires}."
            )
        }
    }
}

/// A link whose time is over.
fn expired(asked: &Asked, to: Reader) -> String {
    let version = &asked.approval.to_tag;
    let next = match asked.approval.allows {
        _ if asked.is_renewable => format!(
            "La question est toujours posée\u{a0}: un nouveau lien peut être envoyé au même destinataire que celui-ci, {}.",
            to.sent_to(&asked.holder)
        ),
        Allows::Update => "Si la mise à jour est toujours disponible, le prochain contrôle pose de nouveau la question, avec un nouveau lien.".to_owned(),
        Allows::Held => {
            format!("Une version bloquée peut aussi être débloquée sans lien\u{a0}: {}", command("resume", asked))
        }
        Allows::Back => match asked.from_tag().filter(|_| asked.runs_still()) {
            Some(runs) => format!(
                "{runs} est toujours en service. Pour revenir à {version} sans lien\u{a0}: {}",
                command("rollback", asked)
            ),
            None => "Ce qui devait être quitté n’est plus en service.".to_owned(),
        },
    };
    format!("Il était valable jusqu’au {}. Rien n’a été fait. {next}", to.moment(asked.approval.expires))
}

/// An approval that counts, or did before.
fn voted(asked: &Asked, is_again: bool) -> String {
    let (version, given) = (&asked.approval.to_tag, asked.ballot.votes.count());
    let votes = votes(given, asked.ballot.needed.number());
    let more = "elle est appliquée quand assez d’autres personnes l’approuvent aussi";
    if is_again {
        format!("{version} a reçu {votes}, dont le vôtre. Rien de plus n’a été fait\u{a0}: {more}.")
    } else {
        format!("{version} a reçu {votes}\u{a0}: {more}.")
    }
}

fn approved(applied: &Applied) -> String {
    let state = match applied.outcome() {
        Outcome::Healthy => "la nouvelle version est en service, et le déploiement est sain".to_owned(),
        Outcome::Failed => "approuvée et appliquée, mais son déploiement a échoué".to_owned(),
        Outcome::Replaced => "appliquée. Autre chose a été écrit depuis".to_owned(),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => {
            stands_still(applied).map_or_else(|| "en cours de déploiement".to_owned(), |why| format!("écrite{why}"))
        }
    };
    format!("{} → {}\u{a0}: {state}.", applied.entry.previous, applied.entry.version)
}

/// Why a rollout does not go on, behind that its version is written. What clusters say stays as they say it.
fn stands_still(applied: &Applied) -> Option<String> {
    match applied.rollout.as_ref()? {
        Stands::UnderWay | Stands::Failed => None,
        Stands::Refused(Refused { reason, message }) => {
            Some(format!(", mais ses pods sont refusés\u{a0}: «\u{a0}{reason}: {message}\u{a0}»"))
        }
        Stands::StandsStill(stuck) | Stands::Slow(stuck) => {
            Some(format!(", mais son déploiement n’avance pas\u{a0}: {}", stuck_in_french(stuck)))
        }
        Stands::Waits(waits) => Some(format!(", mais son déploiement n’avance pas\u{a0}: {}", waits_in_french(*waits))),
    }
}

/// A workload that went back.
fn went_back(applied: &Applied) -> String {
    let state = match applied.outcome() {
        Outcome::Healthy => "est de nouveau en service, et le déploiement est sain".to_owned(),
        Outcome::Failed => "a été écrite de nouveau, mais son déploiement a échoué".to_owned(),
        Outcome::Replaced => "a été écrite de nouveau. Autre chose a été écrit depuis".to_owned(),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => stands_still(applied)
            .map_or_else(|| "est en cours de déploiement".to_owned(), |why| format!("a été écrite de nouveau{why}")),
    };
    let Entry { previous, version, .. } = &applied.entry;
    format!("Retour de {previous} à {version}. Elle {state}. {previous} est bloquée.")
}

fn resuming_of(resuming: &Resuming, to: Reader) -> String {
    match resuming {
        Resuming::Open(asked) => format!(
            "Les mises à jour automatiques sont suspendues partout\u{a0}; ce lien permet de les reprendre jusqu’au {}.",
            to.moment(asked.expires)
        ),
        Resuming::DryRun(_) => "Les mises à jour automatiques sont suspendues partout, et image-watcher est en simulation (IMAGE_WATCHER_DRY_RUN)\u{a0}: il n’écrit rien dans le cluster, donc elles ne peuvent pas reprendre. Le lien reste valable pour quand il écrira.".to_owned(),
        Resuming::Expired(asked) => format!(
            "Il était valable jusqu’au {}. Les mises à jour automatiques sont toujours suspendues\u{a0}; image-watcher brake --resume, lancé là où le service tourne, les reprend.",
            to.moment(asked.expires)
        ),
        Resuming::Done(_) => {
            "Les mises à jour automatiques ont repris. Ce qui les attendait est examiné maintenant.".to_owned()
        }
    }
}
