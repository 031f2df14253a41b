//! What stands on buttons in a chat, and what is said to who presses them, in French.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::French;
use super::rollout::waits;
use crate::message::chat::{Buttons, ChatWords, Nothing, Pressed};
use crate::message::phrases::Phrases as _;

impl ChatWords for French {
    fn buttons(&self) -> Buttons {
        Buttons {
            approve: "Approuver",
            skip: "Ignorer cette version",
            snooze: "Redemander dans 7 jours",
            sure: "Approuver cette mise à jour\u{a0}?",
            cancel: "Annuler",
        }
    }

    fn pressed(&self, pressed: &Pressed, zone: Tz) -> String {
        let moment = |at: DateTime<Utc>| self.moment(at, zone);
        let then = |at: &Option<DateTime<Utc>>| at.map(|at| format!(" le {}", moment(at))).unwrap_or_default();
        match pressed {
            Pressed::Approved(at, None) => format!("Approuvé{}", then(at)),
            Pressed::Approved(at, Some(for_what)) => {
                format!("Approuvé{} (son déploiement n’avance pas\u{a0}: {})", then(at), waits(*for_what))
            }
            Pressed::Skipped(at) => format!("Version ignorée{}", then(at)),
            Pressed::PutOff(until) => format!("Reporté au {}", moment(*until)),
            Pressed::Voted(count, needed) => format!("Approuvé\u{a0}: {count} sur {needed}"),
        }
    }

    fn done_by(&self, what: &str, who: &str) -> String {
        format!("{what}, par {who}")
    }

    fn replaced(&self, by: &str) -> String {
        format!("Il n’y a plus rien à décider ici\u{a0}: {by} a pris sa place.")
    }

    fn nothing(&self, why: Nothing) -> &'static str {
        match why {
            Nothing::MayNot => {
                "Vous ne pouvez pas répondre ici\u{a0}: seules les personnes nommées dans la configuration de ce canal le peuvent. Rien n’a été fait."
            }
            Nothing::UnderWay => "Votre réponse est en cours de traitement. Le résultat sera dit ici.",
            Nothing::OneMoreStep => {
                "Cette mise à jour demande une étape de plus\u{a0}: ouvrez le lien du message. Rien n’a été fait."
            }
            Nothing::Unknown => {
                "Ce bouton n’est pas connu ici\u{a0}: il est peut-être trop ancien, ou d’un autre image-watcher qui partage cette application. Rien n’a été fait\u{a0}; le lien en dit plus."
            }
            Nothing::Again => {
                "Vous avez déjà approuvé. La mise à jour est appliquée dès qu’assez d’autres personnes approuvent."
            }
            Nothing::Expired => {
                "Le délai est écoulé. Rien n’a été fait\u{a0}; le lien du message permet d’en demander un nouveau."
            }
            Nothing::Superseded => "Une version plus récente a pris sa place. Rien n’a été fait.",
            Nothing::Moved => {
                "Le tag désigne maintenant une autre image. Rien n’a été fait\u{a0}; une nouvelle question sera posée."
            }
            Nothing::Changed => "La charge n’est plus ce qu’elle était lors de la question. Rien n’a été fait.",
            Nothing::Over => "Il n’y a plus rien à décider à ce sujet. Rien n’a été fait.",
            Nothing::Later => {
                "Le registre ou le cluster ne répond pas. Rien n’a été fait, rien n’est perdu\u{a0}: réessayez dans une minute."
            }
        }
    }
}
