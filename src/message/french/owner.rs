//! Who else writes a workload, and what to do about it, in French.

use super::phrases::quoted;
use crate::domain::owner::{Keep, Owner, OwnerTold, OwnerView, Tool};

pub(super) fn owner(view: &OwnerView) -> String {
    match view {
        OwnerView::Known(told) => known(told),
        OwnerView::Words(words) => quoted(words),
    }
}

fn known(OwnerTold { owner, keep, asks_first }: &OwnerTold) -> String {
    let keep = keep.as_ref().map(|keep| format!("\u{a0}; pour garder {}, {}", keep.tag, change(owner, keep)));
    let asks_first =
        if *asks_first { ". AUTO_UPDATE demande d’abord, sauf si image-watcher/patch-owned vaut true" } else { "" };
    format!("{}\u{a0}: {}{}{asks_first}", name(owner), consequence(owner.tool()), keep.unwrap_or_default())
}

fn name(owner: &Owner) -> String {
    let tool = match owner.tool() {
        Tool::Controller => "le contrôleur de",
        Tool::FluxKustomization => "la Kustomization Flux",
        Tool::FluxHelmRelease => "la HelmRelease Flux",
        Tool::ArgoCd => "l’application Argo CD",
        Tool::Helm | Tool::HelmByApply => "la release Helm",
    };
    format!("{tool} {}", owner.name())
}

/// What would undo an update of the image.
fn consequence(tool: Tool) -> &'static str {
    match tool {
        Tool::Controller => "son contrôleur remet l’ancienne image, sauf si cet objet nomme la nouvelle",
        Tool::Helm => "un prochain helm upgrade remet l’ancienne image, sauf si ses values nomment la nouvelle",
        Tool::HelmByApply => {
            "un prochain helm upgrade remet l’ancienne image, sauf si ses values nomment la nouvelle\u{a0}; s’il échoue sur un conflit à propos de l’image, --force-conflicts le résout une fois pour toutes"
        }
        Tool::ArgoCd => "une synchronisation remet l’ancienne image, sauf si Git nomme la nouvelle",
        Tool::FluxKustomization | Tool::FluxHelmRelease => {
            "la prochaine réconciliation remet l’ancienne image, sauf si Git nomme la nouvelle"
        }
    }
}

/// What to change so that a version stays.
fn change(owner: &Owner, Keep { repository, tag }: &Keep) -> String {
    match owner.tool() {
        Tool::Helm | Tool::HelmByApply => {
            format!("mettez image.tag: {tag:?} dans ses values (ou le nom que son chart lui donne)")
        }
        Tool::FluxHelmRelease => format!(
            "mettez spec.values.image.tag: {tag:?} dans la HelmRelease, dans Git (ou le nom que son chart lui donne)"
        ),
        Tool::FluxKustomization => format!(
            "écrivez image: {repository}:{tag} dans son manifeste, dans Git, ou newTag: {tag:?} sous images: dans son kustomization.yaml"
        ),
        Tool::ArgoCd => format!(
            "écrivez image: {repository}:{tag} dans son manifeste, dans Git\u{a0}; si l’application est un chart, image.tag: {tag:?} dans ses values\u{a0}; si c’est une kustomization, newTag: {tag:?} sous images:"
        ),
        Tool::Controller => format!("écrivez {repository}:{tag} dans l’objet {}", owner.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of them, so that what is said can be read as a whole.
    #[test]
    fn all_owners() {
        let tools =
            ["controller", "fluxKustomization", "fluxHelmRelease", "argoCd", "helm", "helmByApply"].map(|tool| {
                let name = if tool == "controller" { "Prometheus k8s" } else { "shop" };
                serde_json::from_value::<Owner>(serde_json::json!({"tool": tool, "name": name})).unwrap()
            });
        let keep = Keep { repository: "registry.example.com/shop/web".into(), tag: "1.3.0".into() };
        let said = |owner| {
            let told = OwnerTold { owner, keep: Some(keep.clone()), asks_first: true };
            super::owner(&OwnerView::Known(told))
        };
        insta::assert_snapshot!(tools.map(said).join("\n"));
    }
}
