//! French.

mod causes;
mod group;
mod labels;
mod no_ground;
mod others;
mod phrases;

use chrono::{DateTime, Utc};

use super::{
    Button, Care, Check, Did, FactName, FilterName, Labels, Said, Span, Sure, Tick, Titled, Unseen, Words, beside,
    unread, who_gave,
};
use crate::access::Role;
use crate::api::view::{
    ApprovalsView, ChangeView, ClosedChannelView, ContainerView, QuestionView, RegistryHealth, SourceHealth,
    StoppedView, WorkloadView,
};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::policy::Mode;
use crate::domain::record::AsksOnly;
use crate::domain::release::Language;
use crate::domain::view::{Attention, Gist};
use crate::message::{counted_in_french, untaken_in_line};

/// French.
pub(super) struct French;

impl Words for French {
    fn language(&self) -> Language {
        Language::French
    }

    fn labels(&self) -> &'static Labels {
        &labels::LABELS
    }

    fn span(&self, span: Span) -> String {
        span.short("j").unwrap_or_else(|| "à l’instant".to_owned())
    }

    fn ago(&self, span: Span) -> String {
        span.short("j").map_or_else(|| "à l’instant".to_owned(), |span| format!("il y a {span}"))
    }

    fn within(&self, span: Span) -> String {
        span.short("j").map_or_else(|| "à l’instant".to_owned(), |span| format!("dans {span}"))
    }

    fn state(&self, state: Attention) -> &'static str {
        match state {
            Attention::NeedsYou => "À vous",
            Attention::Failed => "En échec",
            Attention::CannotTell => "Indécis",
            Attention::Waiting => "En attente",
            Attention::UpToDate => "À jour",
            Attention::Off => "Ignoré",
        }
    }

    fn why(&self, container: &ContainerView, now: DateTime<Utc>) -> Said {
        causes::why(container, now)
    }

    fn in_the_way(&self, gist: &Gist, now: DateTime<Utc>) -> Vec<Said> {
        causes::in_the_way(gist, now)
    }

    fn unanswered(&self, host: &str, checked: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
        match checked {
            Some(at) => format!("vu {}, {host} ne répond pas", beside(at, now, self)),
            None => format!("{host} ne répond pas"),
        }
    }

    fn answered_at(&self, member: &str) -> String {
        format!("Répondre sur {member}")
    }

    fn no_right(&self, resource: &str, namespace: &str) -> Said {
        Said::new(
            "Personne ne peut l’approuver",
            format!("image-watcher n’a pas le droit de modifier (patch) {resource} dans {namespace}"),
        )
    }

    fn go(&self, state: Attention) -> Option<&'static str> {
        match state {
            Attention::NeedsYou => Some("Examiner"),
            Attention::Failed => Some("Historique"),
            Attention::CannotTell => Some("Pourquoi"),
            Attention::Waiting | Attention::UpToDate | Attention::Off => None,
        }
    }

    fn mode(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::AutoUpdate => "Auto",
            Mode::Notification => "Demande",
            Mode::Disabled => "Arrêté",
        }
    }

    fn changed(&self, change: &ChangeView) -> String {
        let by = self.named(&Actor::from(change.by.as_str()));
        match change.outcome {
            Outcome::Failed => format!("échec de {}", change.version),
            Outcome::Skipped => format!("{} ignorée, {by}", change.version),
            Outcome::Resumed => format!("{} libérée, {by}", change.version),
            Outcome::RollingOut | Outcome::Healthy | Outcome::Replaced => format!("depuis {}, {by}", change.previous),
        }
    }

    fn asks_only(&self, why: AsksOnly) -> String {
        causes::asks_only(why).to_owned()
    }

    fn told(&self, change: &ChangeView) -> (&'static str, &'static str) {
        phrases::told(change)
    }

    fn fleet_title(&self, needs: usize, failed: usize) -> String {
        match (needs, failed) {
            (0, 0) => "Parc".to_owned(),
            (0, failed) => format!("{failed} en échec"),
            (needs, 0) => format!("{needs} à vous"),
            (needs, failed) => format!("{needs} à vous, {failed} en échec"),
        }
    }

    fn tile(&self, state: Attention, at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
        let Some(at) = at else { return String::new() };
        let when = beside(at, now, self);
        match state {
            Attention::NeedsYou => format!("fin {when}"),
            Attention::Failed => format!("dernier {when}"),
            Attention::Waiting => format!("suite {when}"),
            Attention::UpToDate => format!("vu {when}"),
            Attention::CannotTell | Attention::Off => String::new(),
        }
    }

    fn chosen(&self, namespaces: usize) -> String {
        if namespaces == 1 { "1 choisi".to_owned() } else { format!("{namespaces} choisis") }
    }

    fn any(&self) -> &'static str {
        "tout"
    }

    fn filter(&self, filter: FilterName) -> &'static str {
        match filter {
            FilterName::State => "État",
            FilterName::Namespace => "Espace de noms",
            FilterName::Level => "Niveau",
            FilterName::Registry => "Registre",
            FilterName::Mode => "Mode",
            FilterName::Text => "Recherche",
        }
    }

    fn select(&self, workload: &WorkloadView, container: &ContainerView) -> String {
        let to = container.available.as_ref().map(|it| it.tag.as_str()).unwrap_or_default();
        format!("Sélectionner {}/{}, {}\u{a0}: vers {to}", workload.namespace, workload.name, container.name)
    }

    fn rows(&self, first: usize, last: usize, all: usize) -> String {
        if all == 0 {
            "Aucun conteneur".to_owned()
        } else {
            format!("{first}–{last} sur {}", counted_in_french(all, "conteneur", "conteneurs"))
        }
    }

    fn batch(&self, updates: usize, namespaces: usize, may_decide: bool) -> Titled {
        phrases::batch(updates, namespaces, may_decide)
    }

    fn list(&self, is_ticked: bool, may_decide: bool) -> Titled {
        phrases::list(is_ticked, may_decide)
    }

    fn ticked(&self, of: usize) -> String {
        format!("sur {}", counted_in_french(of, "cochée", "cochées"))
    }

    fn care(&self, care: &Care) -> String {
        phrases::care(care)
    }

    fn acting_as(&self, name: &str) -> String {
        format!("Vous agissez en tant que {name}. Rien ne se passe avant que vous n’appuyiez sur un bouton.")
    }

    fn report(&self, done: usize, of: usize) -> Titled {
        phrases::report(done, of)
    }

    fn outcome(&self, is_done: bool) -> &'static str {
        if is_done { "Pris en compte" } else { "Non fait" }
    }

    fn question(&self, question: &QuestionView, now: DateTime<Utc>) -> Titled {
        phrases::question(question, now)
    }

    fn button(&self, button: Button, version: &str) -> String {
        match button {
            Button::Approve => format!("Approuver {version}"),
            Button::Skip => format!("Ignorer {version}"),
            Button::Resume => format!("Autoriser de nouveau {version}"),
            Button::RollBack => format!("Revenir à {version}"),
        }
    }

    fn tick(&self, tick: Tick, version: &str) -> String {
        match tick {
            Tick::Read => format!("J’ai lu ce qui change avec {version}."),
            Tick::ReadBack => "J’ai lu ce à quoi on revient, et ce qui peut s’y perdre.".to_owned(),
            Tick::OutsideWindow => "L’appliquer maintenant, hors de la fenêtre.".to_owned(),
        }
    }

    fn approvals(&self, approvals: &ApprovalsView) -> String {
        let colon = if approvals.given.is_empty() { "" } else { "\u{a0}: " };
        let given = counted_in_french(approvals.given.len(), "approbation", "approbations");
        format!("{given} sur {}{colon}{}", approvals.needed, who_gave(approvals, self))
    }

    fn fact(&self, fact: FactName) -> &'static str {
        phrases::fact(fact)
    }

    fn together(&self, members: usize) -> String {
        format!("{members} vont ensemble, dans cet ordre, ou aucun")
    }

    fn ran(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Healthy => "a bien fonctionné",
            Outcome::Failed => "a échoué ici",
            Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => "issue inconnue",
        }
    }

    fn check(&self, check: Check) -> String {
        phrases::check(check)
    }

    fn more(&self, more: usize) -> String {
        format!("{more} de plus")
    }

    fn stale(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Titled {
        let (span, at) = (super::since(since, now, self), self.moment(since));
        Titled::new(
            format!("Le cluster ne répond plus depuis {span}"),
            format!(
                "Ce que vous voyez date du {at} et a pu changer\u{a0}; ce qui a été approuvé est gardé, et suivra."
            ),
        )
    }

    fn unseen(&self, unseen: &[Unseen]) -> Titled {
        Titled::new(
            "Certains workloads ne sont pas vus",
            format!(
                "Ceux-ci ne peuvent pas être lus\u{a0}; ils manquent ici et rien n’est décidé à leur sujet\u{a0}: {}. Pour voir quels droits donner, lancez\u{a0}: image-watcher doctor",
                unread(self, unseen)
            ),
        )
    }

    fn coming(&self) -> Titled {
        Titled::new(
            "Les workloads sont en cours de lecture",
            "La première liste n’est pas encore complète\u{a0}; certains peuvent manquer ici.",
        )
    }

    fn refused_files(&self, why: &str) -> Titled {
        Titled::new(
            "La configuration a changé et n’est pas utilisable",
            format!("Ce qui était en vigueur le reste, jusqu’à ce que ceci soit corrigé\u{a0}: {why}."),
        )
    }

    fn after_restart(&self, what: &str) -> Titled {
        Titled::new(
            "Un changement de configuration attend un redémarrage",
            format!("Ce qui tourne n’est pas ce que disent ses fichiers. Un redémarrage applique\u{a0}: {what}."),
        )
    }

    fn stopped(&self, stopped: &StoppedView) -> String {
        let failed = stopped.failed.len();
        let have = if failed < 2 { "a" } else { "ont" };
        let since = self.moment(stopped.since.0);
        format!("Depuis le {since}, car {failed} des 5 dernières mises à jour automatiques {have} échoué\u{a0}:")
    }

    fn source(&self, health: SourceHealth) -> &'static str {
        match health {
            SourceHealth::Heard => "Entendue",
            SourceHealth::Refusing => "Refusée",
            SourceHealth::Silent => "Muette",
            SourceHealth::New => "Rien encore",
        }
    }

    fn registry(&self, health: RegistryHealth) -> &'static str {
        match health {
            RegistryHealth::Fine => "Répond",
            RegistryHealth::Sparing => "Ménagé",
            RegistryHealth::Failing => "En panne",
            RegistryHealth::New => "Rien encore",
        }
    }

    fn answered(&self, word: &str) -> String {
        phrases::answered(word).to_owned()
    }

    fn spares(&self, word: &str) -> String {
        phrases::spares(word).to_owned()
    }

    fn budget(&self, left: u64, limit: u64, seconds: u64) -> String {
        let span = self.span(Span::of(chrono::TimeDelta::seconds(seconds.cast_signed())));
        format!("reste {left} sur {limit} en {span}")
    }

    fn other_event<'w>(&self, event: &'w str) -> &'w str {
        match event {
            "digest.summary" => "Plusieurs mises à jour",
            "watcher.error" => "Canal en panne",
            "endpoint.test" => "Essai d’un canal",
            other => other,
        }
    }

    fn rule(&self, rule: &str) -> Option<&'static str> {
        match rule.split('.').next()? {
            "S2" => Some("ce que sont les tags"),
            "S3" => Some("le numéro"),
            "S4" => Some("le suffixe"),
            "S5" => Some("les préversions"),
            "S6" => Some("la stratégie"),
            "S8" => Some("le plus haut"),
            "S9" => Some("son propre motif"),
            _ => None,
        }
    }

    fn others_need_you(&self, others: usize) -> String {
        match others {
            1 => "1 autre conteneur vous attend, sans rien à approuver. Ce qui l’aide est dit dans\u{a0}:".to_owned(),
            many => format!(
                "{many} autres conteneurs vous attendent, sans rien à approuver. Ce qui les aide est dit dans\u{a0}:"
            ),
        }
    }

    fn refused_as(&self, word: &str) -> Option<&'static str> {
        phrases::refused_as(word)
    }

    fn refused(&self, word: &str, many: u64) -> String {
        phrases::refused(word, many)
    }

    fn sending(&self, state: &str) -> &'static str {
        match state {
            "dead" => "Abandonné",
            "retried" => "Retenté",
            "waiting" => "En attente",
            "delivered" => "Arrivé",
            _ => "Jeté",
        }
    }

    fn closed(&self, channel: &ClosedChannelView, now: DateTime<Utc>) -> String {
        let ClosedChannelView { name, said, until, .. } = channel;
        let said = untaken_in_line(said, self.of_messages());
        match until {
            Some(at) if at.0 > now => {
                let when = beside(at.0, now, self);
                let at = self.moment(at.0);
                format!(
                    "{name} ne prend aucun message ({said})\u{a0}: ils attendent, et aucun n’est essayé avant le {at}, {when}."
                )
            }
            Some(_) => format!("{name} ne prend aucun message ({said})\u{a0}: ils attendent, et le prochain l’essaie."),
            None => format!("{name} n’existe plus ({said})\u{a0}: ses messages attendent une nouvelle configuration."),
        }
    }

    fn retry_all(&self, channel: &str) -> String {
        format!("Renvoyer tout {channel}")
    }

    fn did(&self, did: Did) -> &'static str {
        match did {
            Did::Retried => "Il repart.",
            Did::Discarded => "Il est jeté.",
        }
    }

    fn sure(&self, sure: Sure<'_>) -> Titled {
        phrases::sure(sure)
    }

    fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Viewer => "Lecture\u{a0}: vous voyez tout, et ne décidez rien.",
            Role::Approver => "Décision\u{a0}: vous pouvez approuver.",
        }
    }

    fn problem(&self, status: u16) -> &'static str {
        match status {
            403 => "Vous n’y êtes pas autorisé",
            404 => "Il n’y a rien ici",
            409 => "Rien n’a été fait",
            503 => "Pas maintenant",
            _ => "Cela n’a pas marché",
        }
    }

    fn after(&self, time: &str) -> String {
        format!(" après {time}")
    }

    fn by(&self, who: &str) -> String {
        format!("par {who}")
    }

    fn origin(&self, word: &str) -> &'static str {
        match word {
            "operator" => "l’opérateur, pour tous",
            "container" => "annotation du conteneur",
            "workload" => "annotation",
            "namespace" => "annotation du Namespace",
            "rule" => "une règle de l’opérateur",
            _ => "par défaut",
        }
    }

    fn decimal(&self, number: &str) -> String {
        number.replace('.', ",")
    }

    fn moved_on(&self, left: usize) -> String {
        match left {
            1 => "1 a changé depuis qu’elle a été cochée, et est laissée de côté.".to_owned(),
            many => format!("{many} ont changé depuis qu’elles ont été cochées, et sont laissées de côté."),
        }
    }

    fn rest(&self, more: usize) -> String {
        let they = if more == 1 { "autre attend" } else { "autres attendent" };
        format!(
            "{more} {they} une décision. La suite est listée ici une fois une partie de celles-ci décidée\u{a0}; toutes sont dans\u{a0}:"
        )
    }

    fn empty(&self) -> &'static str {
        "Aucun workload de ce cluster ne demande à être surveillé. Une annotation suffit\u{a0}:"
    }

    fn none_seen(&self) -> &'static str {
        "Aucun workload n’est connu, et tous n’ont pas pu être lus\u{a0}: voyez d’abord ce qui est dit plus haut."
    }
}
