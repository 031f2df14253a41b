//! Why a message was not taken, in French.

use crate::domain::undelivered::{Kept, Mail, Remedy, Said, Undelivered};

/// Nothing where it is in no language.
pub(super) fn undelivered(kept: &Kept) -> Option<String> {
    let of_age = if kept.is_too_old { "trop ancien pour un nouvel essai\u{a0}; dernier échec\u{a0}: " } else { "" };
    Some(format!("{of_age}{}", why(&kept.why)?))
}

fn why(why: &Undelivered) -> Option<String> {
    Some(match why {
        Undelivered::Status(status) => format!("statut {status}"),
        Undelivered::Said(said) => self::said(*said).to_owned(),
        Undelivered::Header(name) => {
            format!("son {name} ne peut être envoyé\u{a0}: il a des caractères qu’aucun en-tête n’admet")
        }
        Undelivered::NoChannel(name) => format!("le canal {name} n’est plus configuré"),
        Undelivered::Blocked(host) => format!(
            "{} n’a pas d’adresse que l’on puisse joindre\u{a0}: les adresses privées ne le sont que là où l’opérateur nomme l’hôte",
            behind(host)
        ),
        Undelivered::NoAnswer(host, remedy) => format!("pas de réponse de {}{}", behind(host), self::remedy(*remedy)),
        Undelivered::Untrusted(host, remedy) => {
            let whose =
                host.as_deref().map_or_else(|| "du serveur de courrier".to_owned(), |it| format!("de {}", behind(it)));
            format!("le certificat {whose} n’est pas digne de confiance{}", self::remedy(*remedy))
        }
        Undelivered::Slow(host, seconds) => {
            let who = host.as_deref().map_or_else(|| "le serveur de courrier".to_owned(), behind);
            format!("{who} a mis plus de {seconds}\u{a0}s")
        }
        Undelivered::SlackApp(error) => format!("Slack refuse l’application\u{a0}: {error}"),
        Undelivered::TelegramMoved(number, is_tried) => {
            let tried = if *is_tried { ", qui est essayé" } else { "" };
            format!("la discussion a un autre numéro{tried}\u{a0}: configurez {number}")
        }
        Undelivered::Mail(mail, of) => self::mail(*mail, &code(*of)),
        Undelivered::MailName(name, of) => format!(
            "le serveur de courrier ne parle pas à «\u{a0}{name}\u{a0}»{}\u{a0}; ?helo=nom dans SMTP_URL donne un nom qu’il accepte",
            code(*of)
        ),
        Undelivered::MailAnswers(of, is_text) => {
            let answers = of.map_or_else(|| "a coupé".to_owned(), |code| format!("répond {code}"));
            format!("le serveur de courrier {answers}{}", if *is_text { " au texte du message" } else { "" })
        }
        Undelivered::Other(_) => return None,
    })
}

/// A host, and the proxy that stands before it.
fn behind(host: &str) -> String {
    host.replace(crate::domain::undelivered::THROUGH, " (par le proxy ")
}

fn code(code: Option<u16>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::None => "",
        Remedy::PlainHttp => "\u{a0}: il n’y parle pas TLS",
        Remedy::ClientCert => "\u{a0}: il demande un certificat de notre part",
        Remedy::Authority => {
            "\u{a0}; si une autorité à vous l’a signé, SSL_CERT_FILE doit nommer le fichier de cette autorité"
        }
        Remedy::Itself => {
            "\u{a0}; il s’est signé lui-même et se dit autorité\u{a0}: SSL_CERT_FILE doit nommer ce certificat, ou l’autorité qui le signe"
        }
    }
}

fn mail(mail: Mail, code: &str) -> String {
    match mail {
        Mail::Tls => format!("TLS échoue avec le serveur de courrier{code}"),
        Mail::Login => {
            format!("le serveur de courrier refuse l’utilisateur et le mot de passe de SMTP_URL{code}")
        }
        Mail::Sender => format!("le serveur de courrier refuse l’expéditeur de MAIL_FROM{code}"),
        Mail::Relay => format!(
            "le serveur de courrier ne relaie rien pour image-watcher{code}\u{a0}: il veut une identification, ou qu’on lui dise d’accepter cette adresse"
        ),
        Mail::ShutOut => format!(
            "le serveur de courrier n’accepte rien de l’adresse d’où image-watcher écrit{code}\u{a0}: sa liste de blocage, ou lui-même, doit la laisser passer"
        ),
    }
}

fn said(said: Said) -> &'static str {
    match said {
        Said::Page => {
            "sa réponse est une page pour des personnes, comme pour s’identifier\u{a0}: quelqu’un d’autre répond à cette adresse"
        }
        Said::Foreign => {
            "sa réponse n’est pas de ce service\u{a0}: quelqu’un d’autre répond à cette adresse, comme un proxy"
        }
        Said::NoUrl => "son adresse n’est pas une URL",
        Said::NoRecipient => "le destinataire n’est plus configuré",
        Said::SlackForeign => "statut 200, mais pas de réponse de l’API de Slack",
        Said::SlackBusy => "Slack est occupé",
        Said::SlackMessage => "Slack refuse le message",
        Said::SlackFailed => "Slack est en panne",
        Said::SlackUnknown => "Slack ne connaît pas le destinataire du webhook",
        Said::TeamsOff => "son flux de travail est arrêté, ou supprimé",
        Said::PagerDutyKey => "PagerDuty ne connaît pas la clé de l’intégration",
        Said::NtfyTopic => "le serveur n’accepte pas ce sujet",
        Said::AppriseNothing => "statut 204\u{a0}: Apprise n’a rien de configuré sous cette clé ou ce tag",
        Said::AppriseSome => "statut 424\u{a0}: un service au moins derrière Apprise ne l’a pas pris",
        Said::GoogleKey => "Google n’accepte pas cette clé\u{a0}: copiez de nouveau l’adresse du webhook",
        Said::DiscordPlace => "Discord n’y accepte aucun message d’un webhook",
        Said::MattermostGone => "le serveur n’a pas ce webhook, ou il ne peut pas publier",
        Said::MattermostOff => "les webhooks sont désactivés sur le serveur",
        Said::TelegramChat => "le bot n’atteint pas sa discussion",
        Said::MailUnreached => "le serveur de courrier est injoignable",
        Said::MailNoTls => {
            "le serveur de courrier n’offre pas STARTTLS\u{a0}; seul ?tls=none dans SMTP_URL laisse passer courrier et mot de passe en clair"
        }
        Said::MailNoLogin => {
            "le serveur de courrier n’offre pas d’identification par PLAIN ou LOGIN\u{a0}; s’il n’en veut pas, ôtez utilisateur et mot de passe de SMTP_URL"
        }
        Said::MailNotAscii => {
            "le serveur de courrier n’accepte pas d’adresse hors de l’ASCII (il n’a pas SMTPUTF8)\u{a0}: écrivez-la en ASCII"
        }
        Said::EndedWorker => "l’envoi a fait tomber ce qui l’envoyait",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::undelivered::tests::all;

    #[test]
    fn why_a_message_was_not_taken_is_said_in_french() {
        let said = |why: Undelivered| {
            let english = why.to_string();
            let french = undelivered(&Kept { is_too_old: false, why, theirs: String::new() }).unwrap();
            format!("{english}\n  {french}\n")
        };
        insta::assert_snapshot!(all().into_iter().map(said).collect::<String>());
        let other = Kept::read("a template is broken");
        assert_eq!(undelivered(&other), None);
    }
}
