//! What happened, in French.

use super::French;
use super::phrases::actor;
use crate::domain::event::{Approvals, MOST_REMINDERS, NoLink, Notice, NoticeKind, WayBack};
use crate::message::catalogue::{Names, is_pushed_again, is_taken_back, stays};
use crate::message::clean;
use crate::message::phrases::Phrases as _;

pub(super) fn heading(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Failed if notice.is_passed_over() => "Version écartée",
        NoticeKind::Failed if stays(notice) => "Pas ramenée avec son groupe",
        NoticeKind::Available if notice.reminder > 0 => "Rappel\u{a0}: mise à jour disponible",
        NoticeKind::Available => "Mise à jour disponible",
        NoticeKind::Granted => "Mise à jour approuvée",
        NoticeKind::Skipped => "Version ignorée",
        NoticeKind::Applied => "Mise à jour appliquée",
        NoticeKind::Failed if notice.way_back == Some(WayBack::PutBack) => "Version en échec remise",
        NoticeKind::Failed => "Échec de la mise à jour",
        NoticeKind::Stalled if notice.way_back == Some(WayBack::StandsStill) => "Le retour n’avance plus",
        NoticeKind::Stalled => "Le déploiement n’avance plus",
        NoticeKind::RolledBack => "Mise à jour annulée",
        NoticeKind::Held if notice.reminder > 0 => "Rappel\u{a0}: version ramenée et bloquée",
        NoticeKind::Held => "Version ramenée et bloquée",
        NoticeKind::Gone if is_taken_back(notice) => "Version retirée par son projet",
        NoticeKind::Gone if is_pushed_again(notice) => "Version publiée de nouveau",
        NoticeKind::Gone => "Version disparue de son registre",
        NoticeKind::Stopped => "Mises à jour automatiques suspendues",
    }
}

/// From which version to which, and how far that is.
fn update(notice: &Notice, Names { from, to, .. }: &Names) -> String {
    let level = French.level(&notice.level);
    let level = if level.is_empty() { level } else { format!(" ({level})") };
    format!("la mise à jour {from} → {to}{level}")
}

/// That its reader was told before, and how often that still happens.
pub(super) fn reminder(notice: &Notice) -> String {
    match notice.reminder {
        0 => String::new(),
        MOST_REMINDERS.. => format!(" Rappel {MOST_REMINDERS} sur {MOST_REMINDERS}\u{a0}: c’est le dernier."),
        number => format!(" Rappel {number} sur {MOST_REMINDERS}."),
    }
}

pub(super) fn sentence(notice: &Notice, names: &Names) -> String {
    let Names { workload, from, to, .. } = names;
    let what = match &notice.group {
        Some(plan) => format!("Groupe {} ({workload})", plan.name),
        None => workload.clone(),
    };
    let update = update(notice, names);
    match notice.kind {
        NoticeKind::Available => {
            let approvals = notice.approvals.filter(|_| names.asks).map(|Approvals { needed, given }| {
                format!(" ({given} {} sur {needed})", if given < 2 { "accord" } else { "accords" })
            });
            let approvals = approvals.unwrap_or_default();
            format!("{what}\u{a0}: {update} {}{approvals}.", available(notice, names))
        }
        NoticeKind::Granted => format!("{what}\u{a0}: {update} est approuvée et en cours de déploiement."),
        NoticeKind::Skipped => format!("{what}\u{a0}: la version {to} est ignorée\u{a0}; {from} reste en service."),
        NoticeKind::Applied => format!("{what}\u{a0}: {update} est appliquée, et le déploiement est sain."),
        NoticeKind::Failed => failed(notice, &what, &update, names),
        NoticeKind::Stalled if notice.way_back == Some(WayBack::StandsStill) => {
            format!("{what}\u{a0}: le retour de {from} à {to} n’avance plus, et rien n’y mettra fin automatiquement.")
        }
        NoticeKind::Stalled => {
            format!("{what}\u{a0}: {update} n’avance plus, et rien n’y mettra fin automatiquement.")
        }
        NoticeKind::RolledBack => format!(
            "{what}\u{a0}: {from} est de nouveau en service, et le déploiement est sain. {to} est bloquée\u{a0}: elle n’est plus appliquée automatiquement."
        ),
        NoticeKind::Gone if is_taken_back(notice) => {
            format!("{what}\u{a0}: {from} est en service, et son projet ne la publie plus.")
        }
        NoticeKind::Gone if is_pushed_again(notice) => format!(
            "{what}\u{a0}: {from} est en service. Ce tag a été publié de nouveau, et désigne désormais autre chose."
        ),
        NoticeKind::Gone => format!("{what}\u{a0}: {from} est en service, et a disparu de son registre."),
        NoticeKind::Stopped => format!(
            "Les mises à jour automatiques sont suspendues partout\u{a0}: deux des cinq dernières ont échoué, la dernière sur {workload} ({to})."
        ),
        NoticeKind::Held => {
            let by = notice.by.as_ref().map(|by| format!(" par {}", clean(&actor(by)))).unwrap_or_default();
            format!(
                "{what}\u{a0}: {to} a été ramenée à {from}{by}. {to} est bloquée\u{a0}: elle n’est plus appliquée automatiquement."
            )
        }
    }
}

fn available(notice: &Notice, names: &Names) -> &'static str {
    match notice.no_link {
        _ if names.asks => "est disponible et attend votre accord",
        Some(NoLink::WouldApply) => "serait appliquée maintenant (simulation\u{a0}: rien n’est écrit)",
        Some(NoLink::WouldAsk) => "attendrait votre accord (simulation\u{a0}: rien n’est écrit)",
        Some(
            NoLink::MayNotPatch
            | NoLink::MayNotApply
            | NoLink::WriteRefused
            | NoLink::NoBaseUrl
            | NoLink::NotAllNamespaces,
        )
        | None => "est disponible",
    }
}

fn failed(notice: &Notice, what: &str, update: &str, Names { from, to, .. }: &Names) -> String {
    if notice.way_back == Some(WayBack::Failed) {
        format!("{what}\u{a0}: le retour de {from} à {to} a échoué.")
    } else if notice.way_back == Some(WayBack::PutBack) {
        let by = notice.by.as_ref().map(|by| format!(" par {}", clean(&actor(by)))).unwrap_or_default();
        format!("{what}\u{a0}: {to}, qui a échoué ici, a été remise à la place de {from}{by}.")
    } else if notice.is_passed_over() {
        format!("{what}\u{a0}: la version {to} est écartée, car elle ne peut pas remplacer {from}.")
    } else if stays(notice) {
        format!("{what}\u{a0}: les autres membres du groupe reviennent à {from}, et celui-ci reste à {to}.")
    } else {
        format!("{what}\u{a0}: {update} a échoué.")
    }
}
