//! The words of messages in French.
//!
//! A space before `:`, `;`, `!`, `?` and inside « » does not break, and is written `\u{a0}` here, as nobody sees it otherwise.

mod broken;
mod chat;
mod explained;
mod grounds;
mod led;
mod moment;
mod origin;
mod owner;
mod phrases;
mod preflight;
mod rollout;
mod sentence;
mod settings;
mod undelivered;
mod verdict;
mod ways;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::catalogue::{Catalogue, Ends, Label, Names, TroubleTold, is_pushed_again, is_said_by_step, is_taken_back};
use super::clean;
use super::phrases::Phrases;
use crate::domain::actor::Actor;
use crate::domain::declared::Kinds;
use crate::domain::event::{Approvals, Failure, NoLink, Notice, NoticeKind, Trouble, TroubleKind};
use crate::domain::fleet::{Asks, Failed};
use crate::domain::grounds::Grounds;
use crate::domain::owner::OwnerView;
use crate::domain::policy::Verdict;
use crate::domain::preflight::{Changes, Flaw, Preflight};
use crate::domain::release::{AlertKind, FoundBy, Highlight, ReleaseNotes, Risk, Summary, Topic};
use crate::domain::settings::Problems;
use crate::domain::tag::Level;
use crate::domain::undelivered::Kept;
use crate::domain::view::Led;
use crate::domain::workload::Origin;
use broken::in_words;
pub use broken::stuck;
pub use explained::explained;
use led::led;
use origin::{origin, origin_of_several};
pub use phrases::counted;
use phrases::{charges, declared, group, how_far, of_cluster, policy, quoted};
pub use rollout::waits;
use sentence::{heading, reminder, sentence};
use ways::{no_link, way_on};

/// French.
#[derive(Clone, Copy, Debug)]
pub struct French;

impl Phrases for French {
    fn day(&self, day: &str) -> String {
        day.parse().map_or_else(|_| clean(day), moment::day)
    }

    fn moment(&self, at: DateTime<Utc>, zone: Tz) -> String {
        moment::moment(at, zone)
    }

    fn level(&self, level: &str) -> String {
        let known = Level::ALL.into_iter().find(|one| one.as_str() == level);
        known.map_or_else(|| clean(level), |level| how_far(level).to_owned())
    }

    fn colon(&self) -> &'static str {
        "\u{a0}:"
    }

    fn all_of(&self, all: &[&str]) -> String {
        phrases::all_of(all)
    }

    fn votes(&self, given: usize, needed: usize) -> String {
        format!("{given} sur {needed}")
    }

    fn actor(&self, who: &Actor) -> String {
        phrases::actor(who)
    }

    fn outside_the_window(&self, who: &str) -> String {
        phrases::outside_the_window(who)
    }

    fn grounds(&self, grounds: &Grounds) -> String {
        grounds::grounds(grounds)
    }

    fn verdict(&self, verdict: &Verdict<'_>, zone: Tz) -> String {
        verdict::verdict(verdict, zone)
    }

    fn asks(&self, asks: &Asks, zone: Tz) -> String {
        grounds::asks(asks, zone)
    }

    fn failed(&self, failed: &Failed, zone: Tz) -> String {
        grounds::failed(failed, zone)
    }

    fn kinds(&self, kinds: Kinds) -> Option<String> {
        declared(kinds)
    }

    fn image_changes(&self, changes: &Changes) -> String {
        preflight::changes(changes)
    }

    fn preflight(&self, preflight: &Preflight) -> String {
        preflight::looked_at(preflight)
    }

    fn flaw(&self, flaw: &Flaw) -> String {
        preflight::flaw(flaw)
    }

    fn owned_by(&self, owner: &OwnerView) -> String {
        owner::owner(owner)
    }

    fn problems(&self, problems: &Problems) -> String {
        settings::problems(problems)
    }

    fn broken(&self, failure: &Failure) -> String {
        in_words(failure)
    }
}

impl Catalogue for French {
    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Workload => "Charge de travail",
            Label::Container => "Conteneur",
            Label::Group => "Groupe",
            Label::Image => "Image",
            Label::Why => "Pourquoi",
            Label::Declared => "Annoncé",
            Label::AskedAs => "Motif",
            Label::Changes => "Changements",
            Label::LookedAt => "Vérifié",
            Label::Owner => "Géré par",
            Label::Failure => "Échec",
            Label::Note => "Remarque",
            Label::Approvals => "Accords",
            Label::WhatNext => "Ensuite",
            Label::Channel => "Canal",
            Label::Since => "Depuis",
        }
    }

    fn ends(&self, kind: NoticeKind) -> Ends {
        let (from, to, by) = match kind {
            NoticeKind::Applied | NoticeKind::Failed | NoticeKind::Stalled => ("Avant", "Nouvelle", "Décidé"),
            NoticeKind::RolledBack => ("En service", "Bloquée", "Décidé"),
            NoticeKind::Held => ("En service", "Bloquée", "Ramenée"),
            NoticeKind::Gone => ("En service", "Disponible", ""),
            NoticeKind::Stopped => ("En service", "En échec", ""),
            NoticeKind::Available | NoticeKind::Granted | NoticeKind::Skipped => ("En service", "Nouvelle", "Décidé"),
        };
        Ends { from, to, by }
    }

    fn heading(&self, notice: &Notice) -> &'static str {
        heading(notice)
    }

    fn sentence(&self, notice: &Notice, names: &Names) -> String {
        format!("{}{}", sentence(notice, names), reminder(notice))
    }

    fn step(&self, notice: &Notice, Names { from, to, .. }: &Names) -> String {
        match notice.kind {
            NoticeKind::Held => format!("{to} ramenée à {from} et bloquée"),
            NoticeKind::Gone if is_taken_back(notice) => format!("{from} n’est plus une version publiée"),
            NoticeKind::Gone if is_pushed_again(notice) => format!("{from} a été publiée de nouveau"),
            NoticeKind::Gone => format!("{from} a disparu de son registre"),
            NoticeKind::Stopped => "les mises à jour automatiques sont suspendues partout".to_owned(),
            NoticeKind::Available
            | NoticeKind::Granted
            | NoticeKind::Skipped
            | NoticeKind::Applied
            | NoticeKind::Failed
            | NoticeKind::Stalled
            | NoticeKind::RolledBack => format!("{from} → {to}"),
        }
    }

    fn dry_run(&self) -> &'static str {
        "[simulation] "
    }

    fn none_known(&self) -> &'static str {
        "aucune connue"
    }

    fn group(&self, notice: &Notice) -> Option<String> {
        notice.group.as_ref().map(|plan| group(plan))
    }

    fn declared(&self, notice: &Notice, notes: Option<&ReleaseNotes>) -> Option<String> {
        let mut told = declared(notice.declared.kinds)?;
        if notes.is_none_or(|notes| notes.alerts.is_empty()) {
            for quote in &notice.declared.quotes {
                told.push(' ');
                told.push_str(&quoted(quote.as_str()));
            }
        }
        Some(clean(&told))
    }

    fn failure(&self, notice: &Notice) -> Option<String> {
        let failure = notice.failure.as_ref()?;
        let words = match &notice.unfit {
            Some(unfit) => format!("{}\u{a0}: {}", failure.reason, preflight::unfit(unfit)),
            None => self.broken(failure),
        };
        Some(clean(&words))
    }

    fn led(&self, why: &Led) -> String {
        clean(&led(why))
    }

    fn no_link(&self, reason: NoLink, notice: &Notice) -> String {
        no_link(reason, notice, &clean(&notice.workload.namespace))
    }

    fn way_on(&self, notice: &Notice, names: &Names) -> Option<String> {
        way_on(notice, names)
    }

    fn approvals(&self, Approvals { needed, given }: Approvals) -> String {
        format!(
            "{given} sur {needed}\u{a0}: la mise à jour est appliquée quand {needed} personnes différentes l’ont approuvée, chacune avec son propre lien."
        )
    }

    fn decided(&self, notice: &Notice, at: &str) -> Option<String> {
        notice.by.as_ref().map(|by| format!("par {}, le {at}", clean(&self.actor(by))))
    }

    fn reason(&self, notice: &Notice, cluster: Option<&str>) -> String {
        let policy = policy(&clean(&notice.policy));
        let policy = if policy.is_empty() { policy } else { format!(" ({policy})") };
        let cluster = of_cluster(cluster);
        let origin = origin(notice.mode_from, &clean(&notice.container));
        format!("Vous recevez ce message {origin}{policy}{cluster}.")
    }

    fn review(&self, is_way_back: bool) -> &'static str {
        if is_way_back { "Voir, ou revenir en arrière" } else { "Examiner et décider" }
    }

    fn link_hint(&self, until: Option<&str>) -> String {
        let until = until.map(|until| format!("\u{a0}; il est valable jusqu’au {until}")).unwrap_or_default();
        format!(
            "Ce lien ouvre une page\u{a0}; rien ne se passe avant que vous n’y appuyiez sur un bouton. Toute personne qui a ce lien peut décider avec lui{until}."
        )
    }

    fn release_notes(&self) -> &'static str {
        "Notes de version"
    }

    fn alert(&self, kind: AlertKind) -> &'static str {
        match kind {
            AlertKind::Migration => "Migration",
            AlertKind::Breaking => "Incompatible",
            AlertKind::Manual => "À la main",
            AlertKind::Security => "Sécurité",
            AlertKind::Deprecated => "Obsolète",
        }
    }

    fn more_alerts(&self, more: usize) -> String {
        format!("… et {} du même genre", counted(more, "autre", "autres"))
    }

    fn in_short(&self) -> &'static str {
        "En bref"
    }

    fn highlight(&self, highlight: &Highlight) -> String {
        let about = match highlight.kind {
            Topic::Security => "sécurité",
            Topic::Breaking => "incompatible",
            Topic::Feature => "nouveauté",
            Topic::Fix => "correction",
        };
        format!("{about}\u{a0}: {}", highlight.text)
    }

    fn summary_by(&self, summary: &Summary) -> String {
        let risk = match summary.risk {
            Risk::High => " Il conseille d’y regarder de près.",
            Risk::Low | Risk::Unknown => "",
        };
        format!("Résumé de {}, non vérifié.{risk}", summary.model)
    }

    fn what_changes(&self) -> &'static str {
        "Ce qui change"
    }

    fn words_of_makers(&self, found_by: FoundBy) -> &'static str {
        match found_by {
            FoundBy::Guess => "Dans les mots de ses auteurs, trouvés en devinant d’après le nom de l’image.",
            FoundBy::Annotation | FoundBy::Label | FoundBy::Known => "Dans les mots de ses auteurs.",
        }
    }

    fn goes_on(&self) -> &'static str {
        "… la suite est derrière le lien"
    }

    fn more_versions(&self, more: usize) -> String {
        format!("… et {}", counted(more, "autre version", "autres versions"))
    }

    fn several(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        let workloads = charges(count);
        match one_cause {
            // The step says what the heading does.
            Some(notice) if is_said_by_step(notice) => {
                let reminder = if notice.reminder > 0 { "Rappel\u{a0}: " } else { "" };
                format!("{reminder}{}.", self.several_subject(count, one_cause, names))
            }
            Some(notice) => {
                format!("{} sur {workloads}\u{a0}: {}.", heading(notice), self.step(notice, names))
            }
            None => format!("{} sur vos charges de travail.", counted(count, "événement", "événements")),
        }
    }

    fn waiting(&self, waiting: usize, is_all: bool) -> String {
        if is_all {
            "Votre décision est attendue.".to_owned()
        } else {
            format!("Votre décision est attendue pour {waiting} d’entre eux.")
        }
    }

    fn several_subject(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        match one_cause {
            Some(notice) => format!("{} sur {}", self.step(notice, names), charges(count)),
            None => format!("{} en un coup d’œil", counted(count, "mise à jour", "mises à jour")),
        }
    }

    fn section(&self, kind: NoticeKind, count: usize) -> String {
        let (one, several) = match kind {
            NoticeKind::Available => ("disponible", "disponibles"),
            NoticeKind::Granted => ("approuvée", "approuvées"),
            NoticeKind::Skipped => ("ignorée", "ignorées"),
            NoticeKind::Applied => ("appliquée et saine", "appliquées et saines"),
            NoticeKind::Failed => ("écartée", "écartées"),
            NoticeKind::Stalled => ("dont le déploiement n’avance plus", "dont le déploiement n’avance plus"),
            NoticeKind::RolledBack => ("annulée", "annulées"),
            NoticeKind::Held => ("ramenée et bloquée", "ramenées et bloquées"),
            NoticeKind::Gone => ("disparue de son registre", "disparues de leur registre"),
            NoticeKind::Stopped => ("suspendue", "suspendues"),
        };
        counted(count, one, several)
    }

    fn more_items(&self, more: usize, are_listed: bool) -> String {
        let listed =
            if are_listed { "\u{a0}: la page derrière le lien montre tout ce qui est à décider" } else { "" };
        format!("… et {}{listed}", counted(more, "autre", "autres"))
    }

    fn of_some(&self, count: usize, sentence: &str) -> String {
        format!("Pour {count} de ces points\u{a0}: {sentence}")
    }

    fn reason_of_several(&self, mode_from: Option<Origin>, cluster: Option<&str>) -> String {
        format!("Vous recevez ce message {}{}.", origin_of_several(mode_from), of_cluster(cluster))
    }

    fn trouble(&self, trouble: &Trouble) -> TroubleTold {
        let channel = clean(&trouble.channel);
        let (subject, sentence, what_next) = match trouble.kind {
            TroubleKind::ChannelPaused => (
                format!("Le canal {channel} refuse nos messages"),
                format!("Le canal {channel} refuse nos messages\u{a0}: plus aucun ne lui est envoyé pour l’instant."),
                "Ils sont conservés, et un nouvel essai a lieu de temps en temps. Vérifiez son adresse et ses identifiants.".to_owned(),
            ),
            TroubleKind::ChannelFailing => (
                format!("Le canal {channel} n’accepte aucun message"),
                format!("Le canal {channel} n’accepte aucun message depuis une heure ou plus."),
                "Ils sont conservés, et un nouvel essai a lieu de temps en temps. Vérifiez que son serveur fonctionne et qu’il est joignable d’ici.".to_owned(),
            ),
            TroubleKind::ChannelGone => (
                format!("Le canal {channel} n’existe plus"),
                format!("Le canal {channel} répond que son adresse a définitivement disparu\u{a0}: plus rien ne lui est envoyé."),
                format!("Ses messages sont conservés. Donnez-lui une nouvelle adresse, ou retirez-le de la configuration. Un nouvel essai a lieu au démarrage d’image-watcher, ou après\u{a0}: image-watcher deliveries retry --channel {channel}"),
            ),
            TroubleKind::DeadLetters => (
                format!("Des messages au canal {channel} ont été abandonnés"),
                format!("Des messages au canal {channel} n’ont pas pu être remis."),
                format!("Ils sont conservés 30 jours\u{a0}: image-watcher deliveries --state dead --channel {channel} les montre, image-watcher deliveries retry --channel {channel} les renvoie."),
            ),
        };
        TroubleTold { subject, sentence, what_next }
    }

    fn undelivered(&self, kept: &Kept) -> Option<String> {
        undelivered::undelivered(kept)
    }

    fn quoted(&self, words: &str) -> String {
        quoted(words)
    }

    fn trial(&self, channel: &str) -> (String, String) {
        let channel = clean(channel);
        let sentence = format!(
            "TEST\u{a0}: les messages d’image-watcher au canal {channel} arrivent ici. Vous n’avez rien à faire."
        );
        (format!("TEST du canal {channel}"), sentence)
    }

    fn reason_of_service(&self, cluster: Option<&str>) -> String {
        let cluster = of_cluster(cluster);
        format!("Vous recevez ce message parce que ce canal est configuré dans image-watcher{cluster}.")
    }
}
