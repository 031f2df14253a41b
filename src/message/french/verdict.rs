//! What was found about one tag of a list, in French.

use chrono_tz::Tz;

use super::moment::moment;
use super::phrases::{how_far, quoted};
use super::preflight::flaw;
use crate::domain::policy::{Counts, Refused, Verdict};
use crate::domain::preflight::Flaw;
use crate::domain::standing::Standing;
use crate::domain::tag::Difference;

/// In a few words.
pub(super) fn verdict(verdict: &Verdict<'_>, zone: Tz) -> String {
    let text = match verdict {
        Verdict::Taken(level) => how_far(*level),
        Verdict::AboveStrategy(level) => return format!("{}, au-delà de la stratégie", how_far(*level)),
        Verdict::Cooldown { until, counts } => {
            let counts = match counts {
                Counts::FirstSeen => "depuis qu’elle est connue",
                Counts::Pushed => "depuis le push, selon le registre",
            };
            return format!("délai d’attente jusqu’au {}, compté {counts}", moment(*until, zone));
        }
        Verdict::OtherFamily(difference) => return family(*difference),
        Verdict::BehindStep { first } => return format!("après une étape\u{a0}: d’abord {first}"),
        Verdict::Withheld(refused) => return withheld(refused),
        Verdict::Unfit(Flaw::Admission(said)) => {
            return format!("le serveur d’API refuse de l’écrire\u{a0}: {}", quoted(said));
        }
        Verdict::Unfit(of) => return format!("elle ne démarrerait pas\u{a0}: {}", flaw(of)),
        Verdict::Unreleased(Standing::Released) => "publiée par son projet",
        Verdict::Unreleased(Standing::Prerelease) => "son projet la marque comme préversion",
        Verdict::Unreleased(Standing::Withdrawn) => "son projet a retiré sa publication",
        Verdict::Lower(_) => "plus basse que celle qui est prise",
        Verdict::Running => "en service",
        Verdict::NotNewer => "pas plus récente que celle en service",
        Verdict::Artifact => "une signature, une attestation ou une nomenclature",
        Verdict::Commit => "nomme un commit",
        Verdict::Named => "pas une version",
        Verdict::TooLarge => "compte au-delà de 10^18",
        Verdict::CountedYear => "une année à deux chiffres parmi des versions",
        Verdict::CountedOtherwise => "une date ou un numéro de build là où la version en service n’en a pas",
        Verdict::OtherRuntime => "le nombre derrière la version nomme un autre environnement d’exécution",
        Verdict::MaybeSame => "peut-être l’image en service sous un autre nom",
        Verdict::OtherCount => "les versions d’autant de composants que celle en service passent avant",
        Verdict::NotIncluded => "pas dans image-watcher/include",
        Verdict::Excluded => "dans image-watcher/exclude",
        Verdict::Prerelease => "préversion, et image-watcher/prerelease est à false",
        Verdict::BehindRelease => "préversion, et une version publiée peut être prise",
        Verdict::BehindSecond => "sa seconde version va au-delà de la stratégie, et pas celle d’une autre",
        Verdict::WithoutLevel => "pas une version\u{a0}: la stratégie imposée ne peut pas être tenue",
        Verdict::Missing => "listée, et sans manifeste",
        Verdict::Skipped => "dans image-watcher/skip",
        Verdict::OutsidePattern => "hors de image-watcher/tag-policy",
        Verdict::WithoutOrder => "sans place dans image-watcher/tag-order",
        Verdict::NothingToCompare => "le tag en service n’a pas d’ordre",
    };
    text.to_owned()
}

fn withheld(Refused { status, said }: &Refused) -> String {
    let said = said.as_ref().map(|said| format!(", {}", quoted(said))).unwrap_or_default();
    format!("son registre la refuse (statut {status}{said})")
}

fn family(difference: Difference<'_>) -> String {
    let text = match difference {
        Difference::Prefix("") => "sans le préfixe du tag en service",
        Difference::Prefix(prefix) => return format!("autre préfixe {prefix}"),
        Difference::Variant("") => "sans la variante du tag en service",
        Difference::Variant(part) => return format!("autre variante {part}"),
        Difference::MaybeVariant(part) => {
            return format!(
                "{part} est peut-être une autre variante\u{a0}: un seul commit ne dit pas ce qui est compté"
            );
        }
        Difference::Scheme => "autre façon de numéroter",
        Difference::Precision => "autre nombre de composants",
        Difference::Year => "une année et un petit nombre ne se comparent pas",
        Difference::Commit => "autre commit",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::verdict_tests::all;

    /// Each of them beside the English words, so that what is said can be read as a whole, also by way of what outlives a list.
    #[test]
    fn what_is_found_of_tags_is_said_in_french() {
        let said = |found: Verdict<'_>| {
            let ruling = crate::domain::policy::Ruling::from(found);
            assert_eq!(ruling.verdict(), found);
            format!("{found}\n  {}\n", verdict(&ruling.verdict(), Tz::UTC))
        };
        let said: String = all(said).concat();
        insta::assert_snapshot!(said);
    }
}
