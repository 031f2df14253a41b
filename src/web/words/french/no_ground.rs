//! Why a registry gives no ground to decide on.

use chrono::{DateTime, Utc};

use super::French;
use crate::api::view::ContainerView;
use crate::domain::grounds::Grounds;
use crate::domain::policy::{Doubt, Unmatched};
use crate::domain::preflight::Unfit;
use crate::domain::view::{NoGround, NotLetIn, Refusing, Ungrounded};
use crate::web::words::{Said, Words};

/// What a registry said itself stays as it said it.
pub(super) fn no_ground(why: &NoGround, container: &ContainerView, now: DateTime<Utc>) -> Said {
    let words: &dyn Words = &French;
    match &why.reason {
        Ungrounded::List(doubt) => Said::new(list(doubt), "rien n’est décidé avant qu’elle soit de nouveau complète"),
        Ungrounded::NoManifest(tags) => Said::new(
            format!("Le registre liste {} sans aucun manifeste", tags.join(", ")),
            "rien n’est décidé avant qu’il y en ait un, ou que ces tags aient disparu",
        ),
        Ungrounded::Unreleased(tags) => Said::new(
            format!("{}\u{a0}: préversions, ou versions retirées par leur projet", tags.join(", ")),
            "rien n’est décidé avant que l’une soit publiée, ou que image-watcher/exclude les écarte",
        ),
        Ungrounded::Unfit(unfit) => {
            let one = |Unfit { tag, flaw, .. }: &Unfit| format!("{tag}\u{a0}: {}", words.of_messages().flaw(flaw));
            let all: Vec<String> = unfit.iter().map(one).collect();
            Said::new("Les versions les plus récentes ne démarreraient pas", all.join("\u{a0}; "))
        }
        Ungrounded::Gone(gone) => Said::new(words.of_messages().grounds(&Grounds::Gone(gone.as_ref().clone())), ""),
        Ungrounded::Untimed => Said::new(
            "Le registre ne dit pas de tous les tags quand ils ont été poussés",
            "image-watcher/tag-order: newest n’a donc rien à comparer\u{a0}; choisissez un autre ordre, ou un motif qui prend moins de tags",
        ),
        Ungrounded::Unmatched(Unmatched::Pattern) => Said::new(
            "image-watcher/tag-policy ne prend pas le tag en service",
            "rien n’est donc plus récent\u{a0}; corrigez le motif, ou choisissez un tag qu’il prend",
        ),
        Ungrounded::Unmatched(Unmatched::Order) => Said::new(
            "Le tag en service n’a pas de place dans image-watcher/tag-order",
            "rien n’est donc plus récent\u{a0}; choisissez un ordre qui en a une, ou nommez ce qui se compare",
        ),
        Ungrounded::NoTag => Said::new("Son image ne nomme pas de tag", ""),
        Ungrounded::UnknownRepository(repository) => {
            Said::new(format!("{repository} n’est pas dans son registre, ou n’y est pas lisible pour nous"), "")
        }
        Ungrounded::NotLetIn(refused) => not_let_in(refused),
        Ungrounded::TooManyTags(repository) => Said::new(
            format!("{repository} a plus de tags à comparer que ce qui est gardé d’une liste"),
            "resserrez image-watcher/tag-policy",
        ),
        Ungrounded::Blocked(host) => Said::new(
            format!("{host} n’a aucune adresse autorisée"),
            "une adresse privée l’est par private: true dans registries du fichier, ou par IMAGE_WATCHER_PLAIN_HTTP",
        ),
        Ungrounded::Unanswered => {
            let host = container.running.as_ref().map(|running| running.host.as_str()).unwrap_or_default();
            Said::new(words.unanswered(host, container.checked.map(|at| at.0), now), "").quoting(Some(&why.words))
        }
        Ungrounded::Recorded(error) => {
            let detail = if error.is_some() { "image-watcher/error dit" } else { "" };
            Said::new("Rien n’a pu être décidé au dernier passage connu", detail).quoting(error.as_deref())
        }
        Ungrounded::Unknown => Said::foreign(&why.words),
    }
}

fn list(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Empty => "La liste des tags est vide".to_owned(),
        Doubt::RunningMissing(tag) => {
            format!(
                "{tag}, en service, manque dans la liste des tags (s’il a disparu pour de bon, choisissez un tag qui existe)"
            )
        }
        Doubt::Shrunk { now, before } => {
            format!("La liste n’a plus que {now} des {before} tags du genre de celui en service")
        }
    }
}

fn not_let_in(NotLetIn { host, refusal, secret, said }: &NotLetIn) -> Said {
    let (fact, next) = match refusal {
        Refusing::NoCredential => (format!("{host} veut un identifiant, et n’en reçoit aucun"), None),
        Refusing::Credential => (format!("{host} refuse l’identifiant"), None),
        Refusing::Forbidden => (format!("{host} n’autorise pas cela à l’identifiant"), None),
        Refusing::ByTokenService => (format!("Le service de jetons de {host} refuse l’identifiant"), None),
        Refusing::TooLong => (
            format!("L’identifiant n’est pas montré à {host}"),
            Some("le nom et le mot de passe sont plus longs que ce que les serveurs acceptent".to_owned()),
        ),
        Refusing::BrokenSecret => (
            format!("{host} n’est pas interrogé"),
            Some(
                "un secret est illisible, donc aucun nœud ne peut tirer avec ceux du workload\u{a0}; corrigez-le"
                    .to_owned(),
            ),
        ),
        Refusing::UnknownWay => (format!("{host} demande un identifiant d’une façon inconnue"), None),
        Refusing::Stranger(other) => (
            format!("{host} renvoie au service de jetons {other}, à qui l’identifiant n’est pas confié"),
            Some(format!("s’il est à ce registre, ajoutez tokenServices: [\"{other}\"] à son entrée dans registries")),
        ),
        Refusing::TokenService => (format!("Le service de jetons de {host} ne peut pas être interrogé"), None),
    };
    let secret = secret.as_ref().map(|secret| format!("secret {secret}"));
    let detail: Vec<String> = secret.into_iter().chain(next).collect();
    Said::new(fact, detail.join(" · ")).quoting(said.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_said_in_french_and_what_the_registry_said_stands_apart() {
        let of = |refusal| NotLetIn {
            host: "registry.example.com".into(),
            refusal,
            secret: Some("shop/regcred".into()),
            said: Some("token expired".into()),
        };
        let all = [
            Refusing::NoCredential,
            Refusing::Credential,
            Refusing::Forbidden,
            Refusing::ByTokenService,
            Refusing::TooLong,
            Refusing::BrokenSecret,
            Refusing::UnknownWay,
            Refusing::Stranger("auth.example.net".into()),
            Refusing::TokenService,
        ];
        let said: Vec<String> = all
            .into_iter()
            .map(|refusal| {
                let Said { fact, detail, quote, is_foreign } = not_let_in(&of(refusal));
                assert!(quote.as_deref() == Some("token expired") && !is_foreign);
                format!("{fact} · {}", detail.unwrap_or_default())
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
