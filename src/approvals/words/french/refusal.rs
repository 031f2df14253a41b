//! Why a question would not be asked today, in French.

use crate::approvals::words::Reader;
use crate::domain::policy::{Doubt, Track};
use crate::domain::preflight::Flaw;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::standing::Standing;
use crate::domain::workload::WorkloadId;
use crate::message::{French, Phrases as _};

pub(super) fn refused(version: &Tag, workload: &WorkloadId, refusal: &Refusal, to: Reader) -> String {
    match refusal {
        Refusal::Settings(_)
        | Refusal::Disabled { .. }
        | Refusal::OtherTrack(_)
        | Refusal::AboveStrategy { .. }
        | Refusal::BehindStep(_)
        | Refusal::WithoutLevel
        | Refusal::NotIncluded
        | Refusal::Excluded
        | Refusal::Prerelease
        | Refusal::Skipped
        | Refusal::OutsidePattern
        | Refusal::Untimed
        | Refusal::NoPerson
        | Refusal::DryRun => by_setting(version, workload, refusal),
        Refusal::Cooldown(until) | Refusal::OutsideWindow(until) => {
            in_time(version, workload, refusal, &to.moment(*until))
        }
        Refusal::Member(of) => {
            let (member, version, why) = &**of;
            format!("{} Tous les membres du groupe avancent ensemble, ou aucun.", refused(version, member, why, to))
        }
        Refusal::MemberGone(member)
        | Refusal::MemberChanged(member)
        | Refusal::MemberMoved(member)
        | Refusal::MemberJoined(member)
        | Refusal::MemberPaused(member)
        | Refusal::MemberUnderWay(member)
        | Refusal::MemberHolds(member)
        | Refusal::MemberNotWritable(member) => of_group(member, refusal),
        Refusal::NotNewer
        | Refusal::OtherKind
        | Refusal::NeverRan
        | Refusal::Withdrawn
        | Refusal::Unreleased(_)
        | Refusal::Unfit(_)
        | Refusal::List(_) => of_version(version, workload, refusal),
    }
}

/// What settings say.
fn by_setting(version: &Tag, workload: &WorkloadId, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Settings(problems) => {
            format!("Les réglages de {workload} ne sont pas compris\u{a0}: {}.", French.problems(problems))
        }
        Refusal::Disabled { forced: true } => {
            "L’exploitant laisse toutes les charges de travail telles quelles\u{a0}: IMAGE_WATCHER_MODE vaut DISABLED."
                .to_owned()
        }
        Refusal::Disabled { forced: false } => {
            format!("{workload} doit rester telle quelle\u{a0}: son image-watcher/mode vaut DISABLED.")
        }
        Refusal::OtherTrack(Track::Digest) => format!(
            "{workload} reste maintenant à son tag et suit ce qu’il désigne\u{a0}: image-watcher/track vaut digest."
        ),
        Refusal::OtherTrack(Track::Version) => format!(
            "{workload} suit maintenant des versions, et non ce que son tag désigne\u{a0}: image-watcher/track ne vaut pas digest."
        ),
        Refusal::AboveStrategy { level, strategy, forced } => {
            let by = if *forced { "IMAGE_WATCHER_STRATEGY" } else { "image-watcher/strategy" };
            let level = French.level(level.as_str());
            format!(
                "{version} va plus loin que ce qui est permis maintenant\u{a0}: c’est une mise à jour de niveau «\u{a0}{level}\u{a0}», et {by} vaut {strategy}."
            )
        }
        Refusal::BehindStep(first) => {
            format!("image-watcher/steps de {workload} n’en saute aucune\u{a0}: {first} passe avant {version}.")
        }
        Refusal::WithoutLevel => {
            format!("L’exploitant impose IMAGE_WATCHER_STRATEGY, et on ne peut pas dire jusqu’où va {version}.")
        }
        Refusal::NotIncluded => format!("image-watcher/include de {workload} n’accepte plus {version}."),
        Refusal::Excluded => format!("image-watcher/exclude de {workload} écarte {version}."),
        Refusal::Prerelease => {
            format!("{version} est une préversion, et image-watcher/prerelease de {workload} ne vaut pas true.")
        }
        Refusal::Skipped => format!("image-watcher/skip de {workload} nomme {version}."),
        Refusal::OutsidePattern => {
            format!("image-watcher/tag-policy de {workload} n’accepte pas à la fois {version} et ce qui tourne.")
        }
        Refusal::Untimed => format!(
            "Le registre ne dit pas de tous les tags quand ils ont été publiés, et image-watcher/tag-order de {workload} vaut newest."
        ),
        Refusal::NoPerson => format!(
            "Plusieurs personnes doivent approuver {version} sur {workload}, et un programme n’en est pas une\u{a0}: son approbation ne compte pas."
        ),
        _ => "image-watcher tourne en simulation (IMAGE_WATCHER_DRY_RUN)\u{a0}: il n’écrit rien dans le cluster, on ne peut donc répondre à rien. Le lien reste valable pour quand il le fera.".to_owned(),
    }
}

/// What settings put off.
fn in_time(version: &Tag, workload: &WorkloadId, refusal: &Refusal, until: &str) -> String {
    match refusal {
        Refusal::OutsideWindow(_) => format!(
            "image-watcher/window de {workload} est fermée\u{a0}: {version} peut être appliquée à partir du {until}, ou dès maintenant par qui coche qu’elle doit l’être hors de la fenêtre."
        ),
        _ => format!("{version} attend la fin de image-watcher/cooldown de {workload}, le {until}."),
    }
}

/// What speaks against it in a group.
fn of_group(member: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::MemberGone(_) => format!(
            "{member} n’est plus dans le groupe\u{a0}: il a été supprimé, recréé, ou l’a quitté. Une nouvelle question vous sera posée sur les autres."
        ),
        Refusal::MemberChanged(_) => {
            format!("{member}, du groupe, ne fait plus tourner ce qu’il faisait tourner quand la question a été posée.")
        }
        Refusal::MemberMoved(_) => format!(
            "Le tag vers lequel irait {member}, du groupe, désigne autre chose que lorsque la question a été posée."
        ),
        Refusal::MemberJoined(_) => format!(
            "{member} est maintenant dans le groupe, et la question ne portait pas sur lui. Une nouvelle question vous sera posée sur tous."
        ),
        Refusal::MemberPaused(_) => format!(
            "Les déploiements de {member} sont en pause, et tous les membres du groupe avancent ensemble, ou aucun."
        ),
        Refusal::MemberUnderWay(_) => format!("Une mise à jour de {member}, du groupe, est en cours."),
        Refusal::MemberHolds(_) => {
            format!("{member}, du groupe, garde sa version\u{a0}: elle a été ramenée en arrière, ou a échoué.")
        }
        _ => format!("{member}, du groupe, ne peut pas être modifié."),
    }
}

/// What is known of the version itself.
fn of_version(version: &Tag, workload: &WorkloadId, refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotNewer => format!("{version} n’est pas plus récente que ce que fait tourner {workload}."),
        Refusal::NeverRan => format!(
            "L’historique de {workload} n’a plus de {version} avec ce digest, ou elle est bloquée, ou déjà en service\u{a0}: ouvrez de nouveau le lien et choisissez-en une autre."
        ),
        Refusal::Withdrawn => {
            format!("Le registre n’a plus {version}\u{a0}: elle a été retirée, ou son tag a été supprimé.")
        }
        Refusal::Unreleased(standing) => {
            let standing = match standing {
                Standing::Released => "son projet l’a publiée",
                Standing::Prerelease => "son projet la marque comme préversion",
                Standing::Withdrawn => "son projet a retiré sa publication",
            };
            format!("{version} n’est plus ce qu’elle était quand la question a été posée\u{a0}: {standing}.")
        }
        Refusal::Unfit(Flaw::Admission(said)) => {
            format!("Le serveur d’API refuse d’écrire {version} sur {workload}\u{a0}: «\u{a0}{said}\u{a0}».")
        }
        Refusal::Unfit(flaw) => format!("{version} ne démarrerait pas\u{a0}: {}.", French.flaw(flaw)),
        Refusal::List(doubt) => {
            let doubt = match doubt {
                Doubt::Empty => "la liste des tags est vide".to_owned(),
                Doubt::RunningMissing(tag) => format!(
                    "il manque à la liste des tags {tag}, qui est en service (s’il a disparu pour de bon, mettez l’image à un tag qui existe)"
                ),
                Doubt::Shrunk { now, before } => format!(
                    "la liste n’a plus que {now} des {before} tags du même genre que celui en service qu’elle avait avant"
                ),
            };
            format!("La réponse du registre n’est pas crédible\u{a0}: {doubt}.")
        }
        _ => format!(
            "{version} n’est plus considérée comme étant du même genre que ce que fait tourner {workload}\u{a0}; image-watcher explain dit pourquoi."
        ),
    }
}
