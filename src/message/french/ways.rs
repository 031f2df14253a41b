//! What comes of it and what can be done, in French.

use crate::domain::event::{NoLink, Notice, NoticeKind, WayBack};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};
use crate::domain::wording::sentence;
use crate::message::catalogue::Names;
use crate::message::clean;

/// How a version that is held can be applied again, and what becomes of an update that failed, or how it can be undone.
pub(super) fn way_on(notice: &Notice, names: &Names) -> Option<String> {
    let Names { from, to, asks, .. } = names;
    let button = button(*asks);
    match notice.kind {
        NoticeKind::Held | NoticeKind::RolledBack => Some(format!(
            "{}Une version plus récente est traitée comme d’habitude. Pour que {to} soit de nouveau appliquée, {button}mettez vous-même l’image à cette version.",
            removed(notice)
        )),
        NoticeKind::Stalled if notice.way_back.is_some() => notice.way_back.map(|way| way_back(way, notice, names)),
        NoticeKind::Failed => notice.way_back.map(|way| way_back(way, notice, names)),
        NoticeKind::Stalled => Some(format!(
            "Regardez les pods de la charge de travail. Vous serez prévenu si le déploiement devient sain malgré tout. Pour revenir à {from}, remettez vous-même l’image à cette version."
        )),
        NoticeKind::Stopped => Some(format!(
            "Ce qui serait appliqué automatiquement vous est demandé en attendant. Pour reprendre, {button}lancez image-watcher brake --resume là où le service tourne."
        )),
        NoticeKind::Applied if *asks => {
            Some(format!("Pour revenir à {from}, appuyez sur le bouton de la page derrière le lien."))
        }
        NoticeKind::Applied | NoticeKind::Available | NoticeKind::Granted | NoticeKind::Skipped | NoticeKind::Gone => {
            None
        }
    }
}

fn button(has_link: bool) -> &'static str {
    if has_link { "appuyez sur le bouton de la page derrière le lien, ou " } else { "" }
}

fn way_back(way: WayBack, notice: &Notice, Names { from, to, asks, .. }: &Names) -> String {
    let by_hand = format!("Pour revenir à {from}, {}remettez vous-même l’image à cette version.", button(*asks));
    match way {
        WayBack::Goes => {
            let group = if notice.group.is_some() {
                "Tous les membres du groupe déjà mis à jour reviennent\u{a0}: "
            } else {
                ""
            };
            let start = if group.is_empty() { "La version" } else { "la version" };
            let blocked = in_the_way(notice);
            format!(
                "{group}{start} {from} est rétablie telle qu’elle tournait\u{a0}; un message vous préviendra quand elle sera en service.{blocked}"
            )
        }
        WayBack::Further => format!(
            "{from} n’a jamais bien fonctionné ici\u{a0}; c’est donc ce qui fonctionnait bien avant elle qui est rétabli, et un message vous préviendra quand ce sera en service.{}",
            in_the_way(notice)
        ),
        WayBack::Before => format!(
            "Des pods de la version précédente ont le même problème\u{a0}: revenir en arrière ne réparerait rien, et rien n’est annulé. {by_hand}"
        ),
        WayBack::Gone => format!(
            "Ce qui tournait avant n’est plus dans son registre, donc rien n’est annulé\u{a0}: un pod ne pourrait pas démarrer avec. Publiez-le de nouveau et remettez vous-même l’image à {from}, ou à une autre version."
        ),
        WayBack::Refused => {
            format!("Le serveur d’API refuse d’écrire ce qui tournait avant, donc rien n’est annulé. {by_hand}")
        }
        WayBack::Off => {
            format!(
                "image-watcher/rollback ou image-watcher/mode laisse à une personne le soin de revenir en arrière. {by_hand}"
            )
        }
        WayBack::Migration => format!(
            "Rien n’est annulé automatiquement, car ses auteurs annoncent que {to} modifie les données enregistrées, que {from} pourrait ne plus lire. {by_hand}"
        ),
        WayBack::Unread => format!(
            "Rien n’est annulé automatiquement, car on n’a pas pu lire si {to} modifie les données enregistrées, que {from} pourrait ne plus lire. {by_hand}"
        ),
        WayBack::Unknown => format!(
            "Le digest de ce qui tournait avant n’est pas connu, ou quelqu’un a modifié l’image depuis, donc rien n’est annulé. {by_hand}"
        ),
        WayBack::PutBack => format!(
            "C’est le choix de quelqu’un, donc rien n’est annulé\u{a0}; un message vous préviendra si le déploiement devient sain. {by_hand}"
        ),
        WayBack::StandsStill => format!(
            "En attendant, moins de pods tournent que voulu, ou aucun\u{a0}: regardez les pods de la charge de travail et, s’il n’y en a pas, ses événements. Vous serez prévenu quand {to} sera en service."
        ),
        WayBack::Failed => {
            let again = format!(
                " Pour que {from} soit tout de même appliquée de nouveau, appuyez sur le bouton de la page derrière le lien."
            );
            let again = if *asks { again } else { String::new() };
            format!("Plus rien n’est fait automatiquement\u{a0}: regardez les pods de la charge de travail.{again}")
        }
    }
}

fn named(one: &InTheWay) -> String {
    let kind = match one.kind {
        ObstacleKind::Pod => "le pod",
        ObstacleKind::Job => "le job",
    };
    format!("{kind} {}", one.name)
}

/// What going back has to wait for, and who deletes it.
fn in_the_way(notice: &Notice) -> String {
    let namespace = &notice.workload.namespace;
    let of = |one: &InTheWay| {
        let name = named(one);
        let waits = match one.kind {
            ObstacleKind::Pod => format!("Son contrôleur attend {name}, qui ne démarre pas"),
            ObstacleKind::Job => format!("Aucune autre exécution ne commence tant que {name} est là"),
        };
        if one.is_left {
            let delete = one.command(namespace);
            format!(
                " Rien ne remplace {name}, qui exécute la version en échec, avant que quelqu’un le supprime\u{a0}: {delete}"
            )
        } else if one.is_ours {
            format!(" {waits}\u{a0}: image-watcher le supprime.")
        } else {
            format!(" {waits}, jusqu’à ce que quelqu’un le supprime\u{a0}: {}", one.command(namespace))
        }
    };
    clean(&notice.in_the_way.iter().map(of).collect::<String>())
}

/// What was deleted for it.
fn removed(notice: &Notice) -> String {
    let of =
        |one: &InTheWay| format!("{} ", sentence(&format!("{} a été supprimé, car rien n’avançait sinon", named(one))));
    clean(&notice.in_the_way.iter().map(of).collect::<String>())
}

/// Why nothing comes of it, where nothing is written.
const DRY_RUN: &str = "image-watcher tourne en simulation (IMAGE_WATCHER_DRY_RUN)\u{a0}: il n’écrit rien dans le cluster, il n’y a donc pas de lien pour agir.";

pub(super) fn no_link(reason: NoLink, notice: &Notice, namespace: &str) -> String {
    let effect = match reason {
        NoLink::NoBaseUrl => {
            return "Il n’y a pas de lien pour décider, car BASE_URL n’est pas définie. La personne qui exploite \
                    image-watcher peut y mettre l’adresse à laquelle on l’atteint."
                .to_owned();
        }
        NoLink::NotAllNamespaces => {
            return "Il n’y a pas de lien pour les relancer, car il les relancerait dans tous les espaces de noms, et ce \
                    canal n’est informé que de certains."
                .to_owned();
        }
        NoLink::WriteRefused => {
            return "Il n’y a pas de lien pour décider, car le serveur d’API refuse ce qu’image-watcher doit écrire \
                    pour cela sur la charge de travail. La personne qui exploite le cluster peut l’autoriser\u{a0}; \
                    d’ici là, l’image peut être changée à la main."
                .to_owned();
        }
        NoLink::WouldApply => {
            return format!("La politique appliquerait cette mise à jour automatiquement. {DRY_RUN}");
        }
        NoLink::WouldAsk => return format!("On vous demanderait ici s’il faut l’appliquer. {DRY_RUN}"),
        NoLink::MayNotPatch => "Il n’y a pas de lien pour décider",
        NoLink::MayNotApply => "La politique permet cette mise à jour, mais elle n’est pas appliquée",
    };
    let kind = notice.workload.kind.plural();
    format!(
        "{effect}\u{a0}: image-watcher n’a pas le droit de modifier les {kind} de l’espace de noms {namespace}. La personne \
         qui exploite le cluster peut l’y autoriser\u{a0}: image-watcher doctor donne la commande"
    )
}
