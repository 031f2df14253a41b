//! What was looked at of a version, what it changes, and why it would not start, in French.

use super::phrases::quoted;
use crate::domain::preflight::{Changes, DryRun, Flaw, FromTo, Names, PlatformsOf, Preflight, Unfit, WrongUser};

/// What was looked at.
pub(super) fn looked_at(preflight: &Preflight) -> String {
    let platforms = match preflight.platforms {
        Some(PlatformsOf::Nodes) => "plateformes des nœuds",
        Some(PlatformsOf::Running) => "plateformes de l’image en service",
        None => "plateformes non connues",
    };
    let blobs = match preflight.blobs {
        Some(1) => "son unique blob présent".to_owned(),
        Some(blobs) => format!("les {blobs} blobs présents"),
        None => "blobs non connus".to_owned(),
    };
    let fits = if preflight.configuration {
        "utilisateur et commande compatibles"
    } else {
        "utilisateur et commande non connus"
    };
    let dry_run = preflight.dry_run.as_ref().map(|dry_run| match dry_run {
        DryRun::Passed => "une simulation de l’écriture passe (elle ne voit pas les quotas)",
        DryRun::Warned(_) => "une simulation de l’écriture passe avec des avertissements (elle ne voit pas les quotas)",
        DryRun::Unknown => "admission non connue, car une simulation est restée sans réponse",
    });
    let parts = [Some(platforms.to_owned()), Some(blobs), Some(fits.to_owned()), dry_run.map(str::to_owned)];
    let warnings = preflight.warnings().iter().map(|said| format!("avertissement\u{a0}: {}", quoted(said)));
    parts.into_iter().flatten().chain(warnings).collect::<Vec<_>>().join("\u{a0}; ")
}

/// What an update changes in the image.
pub(super) fn changes(changes: &Changes) -> String {
    let Changes { user, entrypoint, command, environment, ports, volumes, size } = changes;
    let size = size.map(|(from, to)| (bytes(from), bytes(to))).filter(|(from, to)| from != to);
    let parts = [
        step("utilisateur", user.as_ref()),
        step("point d’entrée", entrypoint.as_ref()),
        step("commande", command.as_ref()),
        names("environnement", environment),
        names("ports", ports),
        names("volumes", volumes),
        size.map(|(from, to)| format!("taille {from} → {to}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\u{a0}; ")
}

fn step(what: &str, of: Option<&FromTo>) -> Option<String> {
    let shown = |text: &str| if text.is_empty() { "rien".to_owned() } else { text.to_owned() };
    of.map(|FromTo { from, to }| format!("{what} {} → {}", shown(from), shown(to)))
}

fn names(what: &str, Names { added, removed }: &Names) -> Option<String> {
    let of = |sign: char, names: &[String]| names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>();
    let all = [of('+', added), of('−', removed)].concat();
    (!all.is_empty()).then(|| format!("{what} {}", all.join(" ")))
}

/// A size for people: `12,3 Mo`.
fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count}\u{a0}o"),
        1_000..1_000_000 => format!("{}\u{a0}ko", count / 1_000),
        _ => {
            let tenths = count.saturating_add(50_000) / 100_000;
            format!("{},{}\u{a0}Mo", tenths / 10, tenths % 10)
        }
    }
}

/// A version that is passed over, and why.
pub(super) fn unfit(Unfit { tag, flaw: of, .. }: &Unfit) -> String {
    match of {
        Flaw::Admission(said) => format!("le serveur d’API refuse d’écrire {tag}{}", as_said(said)),
        of => format!("{tag} ne démarrerait pas\u{a0}: {}", flaw(of)),
    }
}

fn as_said(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("\u{a0}: {}", quoted(said)) }
}

/// What is so, and what to do.
pub(super) fn flaw(flaw: &Flaw) -> String {
    match flaw {
        Flaw::NoManifest => again("son registre n’a pas de manifeste pour son digest"),
        Flaw::NoImage => again("son registre n’a pas une image que son index nomme"),
        Flaw::AnotherDigest => again("son registre donne autre chose que ce que dit son digest"),
        Flaw::NoBlob(digest) => again(&format!("il manque à son registre le blob {}", digest.short())),
        Flaw::NoPlatform { lacks, of } => {
            let lacks = lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let but = match of {
                PlatformsOf::Nodes => "qu’ont des nœuds de ce cluster",
                PlatformsOf::Running => "contrairement à l’image en service",
            };
            format!("elle n’est pas construite pour {lacks}, {but}")
        }
        Flaw::Schema1 => again("elle est au premier format de manifeste de Docker, que containerd n’accepte plus"),
        Flaw::TooLarge(bytes) => format!("son manifeste fait {bytes} octets, plus que containerd n’en accepte"),
        Flaw::User(wrong) => user(wrong),
        Flaw::NoCommand => {
            "il n’y a rien à exécuter\u{a0}: l’image n’a ni point d’entrée ni commande, et le pod ni command ni args"
                .to_owned()
        }
        Flaw::Admission(said) => format!("le serveur d’API refuse de l’écrire{}", as_said(said)),
    }
}

fn again(what: &str) -> String {
    format!("{what}\u{a0}; publiez-la de nouveau")
}

fn user(wrong: &WrongUser) -> String {
    match wrong {
        WrongUser::RootByPod => "le pod définit runAsNonRoot et runAsUser: 0, qui s’excluent".to_owned(),
        WrongUser::Root => {
            "le pod définit runAsNonRoot, et l’image tourne en root\u{a0}; définissez runAsUser, ou prenez une autre image".to_owned()
        }
        WrongUser::Named(user) => format!(
            "le pod définit runAsNonRoot, et l’image tourne en tant que {user:?}, un nom que le kubelet ne peut pas distinguer de root\u{a0}; mettez son numéro dans runAsUser"
        ),
        WrongUser::Invalid(user) => {
            format!("le pod définit runAsNonRoot, et l’image tourne en tant que {user}, qui n’est pas un utilisateur")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preflight::Platform;
    use crate::domain::reference::{Digest, Tag};

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn all_flaws() {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let lacks = || vec![Platform::of("linux", "arm64", "").unwrap(), Platform::of("linux", "arm", "v7").unwrap()];
        let all = [
            Flaw::NoManifest,
            Flaw::NoImage,
            Flaw::AnotherDigest,
            Flaw::NoBlob(digest.clone()),
            Flaw::NoPlatform { lacks: lacks(), of: PlatformsOf::Nodes },
            Flaw::NoPlatform { lacks: lacks(), of: PlatformsOf::Running },
            Flaw::Schema1,
            Flaw::TooLarge(5_000_000),
            Flaw::User(WrongUser::RootByPod),
            Flaw::User(WrongUser::Root),
            Flaw::User(WrongUser::Named("node".into())),
            Flaw::User(WrongUser::Invalid("-1".into())),
            Flaw::NoCommand,
            Flaw::Admission(String::new()),
            Flaw::Admission("denied: no quota".into()),
        ];
        let of = |flaw| unfit(&Unfit { tag: Tag::parse("1.3.0").unwrap(), digest: digest.clone(), flaw });
        insta::assert_snapshot!(all.map(of).join("\n"));
    }

    #[test]
    fn what_was_looked_at_and_what_changes() {
        let nothing = Preflight::default();
        assert_eq!(
            looked_at(&nothing).replace('\u{a0}', " "),
            "plateformes non connues ; blobs non connus ; utilisateur et commande non connus"
        );
        let one = Preflight { blobs: Some(1), dry_run: Some(DryRun::Warned(vec!["old API".into()])), ..nothing };
        let said = looked_at(&one).replace('\u{a0}', " ");
        assert!(said.contains("son unique blob présent") && said.ends_with("avertissement : « old API »"), "{said}");
        let user = Some(FromTo { from: "root".into(), to: String::new() });
        let environment = Names { added: vec!["C".into()], removed: vec!["A".into()] };
        let some = Changes { user, environment, size: Some((12_345_678, 900)), ..Changes::default() };
        let said = changes(&some).replace('\u{a0}', " ");
        assert_eq!(said, "utilisateur root → rien ; environnement +C −A ; taille 12,3 Mo → 900 o");
        assert_eq!(changes(&Changes { size: Some((5_000, 5_001)), ..Changes::default() }), "");
        let sizes =
            [0, 999, 1_000, 999_999, 1_000_000, 99_960_000, u64::MAX].map(|size| bytes(size).replace('\u{a0}', " "));
        assert_eq!(sizes[..6], ["0 o", "999 o", "1 ko", "999 ko", "1,0 Mo", "100,0 Mo"]);
        assert!(sizes[6].ends_with(" Mo"));
    }
}
