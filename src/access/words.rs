//! What the page of the sign-in says, in the language that a browser asks for. A language that lacks a word does not compile.

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

use super::Role;
use crate::domain::accepted::accepted;
use crate::domain::release::Language;

/// What a browser asks for, or English.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|header| accepted(header.to_str().ok()?));
    asked.unwrap_or_default()
}

/// What stands above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Title {
    /// Somebody may sign in.
    SignIn,
    /// Nobody did.
    NotSignedIn,
    /// They are not let in.
    Refused,
    /// They are.
    In,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'m> {
    /// Nothing.
    None,
    /// They are out.
    SignedOut,
    /// Who they are.
    In(&'m str, Role),
    /// The form lacks something.
    Incomplete,
    /// Name and password do not go together.
    Wrong,
    /// There is no such page.
    Nothing,
    /// The form is not that of the page.
    NoForm,
    /// Who signs in by a proxy signs out there.
    OutByProxy,
    /// The proxy says nothing.
    NobodyByProxy,
    /// They are known, and have no role.
    NoRole(&'m str),
    /// What says who they are is no name.
    NoName,
    /// Another site's page sent it.
    Elsewhere,
    /// They have to wait.
    TooMany,
    /// It can't be said now.
    Later,
    /// The provider was not asked by this browser, or long ago.
    NotBegun,
    /// The provider let nobody in.
    NotLetIn,
    /// What the provider says is not understood.
    Unclear,
    /// The provider does not answer.
    NoAnswer,
    /// The provider does not take us.
    NotUs,
    /// We do not take what the provider says.
    NotTaken,
    /// What is the same in all languages.
    Other(&'m str),
}

/// What fields and buttons are called.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Labels {
    lang: &'static str,
    name: &'static str,
    password: &'static str,
    sign_in: &'static str,
    sign_out: &'static str,
}

impl Labels {
    pub(super) fn of(language: Language) -> Self {
        match language {
            Language::English => {
                Self { lang: "en", name: "Name", password: "Password", sign_in: "Sign in", sign_out: "Sign out" }
            }
            Language::French => Self {
                lang: "fr",
                name: "Nom",
                password: "Mot de passe",
                sign_in: "Se connecter",
                sign_out: "Se déconnecter",
            },
        }
    }
}

impl Title {
    pub(super) fn words(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::SignIn, Language::English) => "Sign in",
            (Self::SignIn, Language::French) => "Se connecter",
            (Self::NotSignedIn, Language::English) => "You are not signed in",
            (Self::NotSignedIn, Language::French) => "Vous n’êtes pas connecté",
            (Self::Refused, Language::English) => "You can't go on",
            (Self::Refused, Language::French) => "Vous ne pouvez pas continuer",
            (Self::In, _) => "Image Watcher",
        }
    }
}

impl Message<'_> {
    pub(super) fn words(self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::French => self.french(),
        }
    }

    fn english(self) -> String {
        match self {
            Self::None => "",
            Self::SignedOut => "You are signed out.",
            Self::In(name, role) => return format!("You are signed in as {name}, {}.", role.as_str()),
            Self::Incomplete => "Write your name and your password.",
            Self::Wrong => "That name and that password do not go together.",
            Self::Nothing => "There is nothing here.",
            Self::NoForm => "Send the form of the page.",
            Self::OutByProxy => "The proxy in front of this service signed you in, and signs you out as well.",
            Self::NobodyByProxy => {
                "The proxy in front of this service does not say who you are. Sign in there, and open the page by way of it."
            }
            Self::NoRole(name) => {
                return format!(
                    "You are signed in as {name} and have no role here. Whoever runs image-watcher can give you one (auth.roles)."
                );
            }
            Self::NoName => "What says who signed in is no name, or is there twice.",
            Self::Elsewhere => {
                "This was not sent by a page of ours, as far as the browser says (Sec-Fetch-Site, Origin): open the page and do it there."
            }
            Self::TooMany => "Too much was wrong from this address, or under this name: wait a moment.",
            Self::Later => "It can't be said now who you are: try again in a moment.",
            Self::NotBegun => "This is of no sign-in that this browser began, or it took too long. Begin again.",
            Self::NotLetIn => "The provider let nobody in.",
            Self::Unclear => "What the provider says does not tell who you are; the log of image-watcher says why.",
            Self::NoAnswer => "The provider gives no answer that can be used now. Try again in a moment.",
            Self::NotUs => {
                "The provider does not take image-watcher itself, so nobody can sign in: whoever runs it has to mend that, and its log says how."
            }
            Self::NotTaken => {
                "What the provider says is not taken here, and a new try changes nothing: whoever runs image-watcher has to mend that, and its log says why."
            }
            Self::Other(words) => words,
        }
        .to_owned()
    }

    fn french(self) -> String {
        match self {
            Self::None => "",
            Self::SignedOut => "Vous êtes déconnecté.",
            Self::In(name, Role::Approver) => return format!("Vous êtes connecté en tant que {name}, et pouvez approuver."),
            Self::In(name, Role::Viewer) => return format!("Vous êtes connecté en tant que {name}, en lecture."),
            Self::Incomplete => "Indiquez votre nom et votre mot de passe.",
            Self::Wrong => "Ce nom et ce mot de passe ne vont pas ensemble.",
            Self::Nothing => "Il n’y a rien ici.",
            Self::NoForm => "Envoyez le formulaire de la page.",
            Self::OutByProxy => "Le proxy devant ce service vous a connecté, et vous déconnecte aussi.",
            Self::NobodyByProxy => {
                "Le proxy devant ce service ne dit pas qui vous êtes. Connectez-vous là, et ouvrez la page en passant par lui."
            }
            Self::NoRole(name) => {
                return format!(
                    "Vous êtes connecté en tant que {name}, sans rôle ici. Qui exploite image-watcher peut vous en donner un (auth.roles)."
                );
            }
            Self::NoName => "Ce qui dit qui s’est connecté n’est pas un nom, ou y est deux fois.",
            Self::Elsewhere => {
                "Ceci ne vient pas d’une page d’ici, selon le navigateur (Sec-Fetch-Site, Origin)\u{a0}: ouvrez la page et faites-le là."
            }
            Self::TooMany => "Trop d’erreurs depuis cette adresse, ou sous ce nom\u{a0}: attendez un moment.",
            Self::Later => "On ne peut pas savoir maintenant qui vous êtes\u{a0}: réessayez dans un moment.",
            Self::NotBegun => "Ce navigateur n’a pas commencé cette connexion, ou elle a trop duré. Recommencez.",
            Self::NotLetIn => "Le fournisseur n’a laissé entrer personne.",
            Self::Unclear => "Ce que dit le fournisseur n’indique pas qui vous êtes\u{a0}; le journal d’image-watcher dit pourquoi.",
            Self::NoAnswer => "Le fournisseur ne donne pas de réponse utilisable. Réessayez dans un moment.",
            Self::NotUs => {
                "Le fournisseur n’accepte pas image-watcher lui-même, et personne ne peut se connecter\u{a0}: à qui l’exploite d’y remédier, son journal dit comment."
            }
            Self::NotTaken => {
                "Ce que dit le fournisseur n’est pas accepté ici, et un nouvel essai n’y change rien\u{a0}: à qui exploite image-watcher d’y remédier, son journal dit pourquoi."
            }
            Self::Other(words) => words,
        }
        .to_owned()
    }
}
