//! Why a message was not taken, as far as we say it: a closed set, which has words in each language.
//!
//! What is kept of it is a line of text that programs read, too: ours, and behind a colon what the other side said. It is read again
//! from that.

use std::fmt;

/// What can be done about a connection that did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// That is not known.
    None,
    /// Nobody speaks TLS there.
    PlainHttp,
    /// A certificate of ours is asked for.
    ClientCert,
    /// An authority of one's own has to be named.
    Authority,
    /// A certificate that signed itself as an authority has to be named.
    Itself,
}

impl Remedy {
    const ALL: [Self; 5] = [Self::PlainHttp, Self::ClientCert, Self::Authority, Self::Itself, Self::None];

    /// To stand behind a sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::PlainHttp => {
                ": it speaks no TLS there; if it is a registry that speaks plain http, plainHttp of its entry in registries has to say so, or IMAGE_WATCHER_PLAIN_HTTP"
            }
            Self::ClientCert => {
                ": it asks for a certificate of ours; of a registry, clientCert of its entry in registries names it"
            }
            Self::Authority => {
                "; if an authority of your own signed it, SSL_CERT_FILE has to name the file with that authority, or ca of the registry's entry in registries"
            }
            Self::Itself => {
                "; it signed itself and says that it is an authority: ca of the registry's entry in registries, or SSL_CERT_FILE, has to name exactly this certificate, or the authority that signs it"
            }
        }
    }
}

/// What a kind of channel says by more than a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A page for people.
    Page,
    /// Somebody else's answer.
    Foreign,
    /// There is no address to send it to.
    NoUrl,
    /// Whom it is for is taken out of the configuration.
    NoRecipient,
    /// An answer that Slack's API does not give.
    SlackForeign,
    /// Slack takes nothing for a while.
    SlackBusy,
    /// Slack does not take this message.
    SlackMessage,
    /// Slack fails.
    SlackFailed,
    /// Slack has no such person any more.
    SlackUnknown,
    /// The workflow in Teams is gone.
    TeamsOff,
    /// The key of `PagerDuty` is none.
    PagerDutyKey,
    /// The topic of ntfy is none.
    NtfyTopic,
    /// Apprise has nothing to send to.
    AppriseNothing,
    /// Apprise could not send to all.
    AppriseSome,
    /// The key of Google Chat is none.
    GoogleKey,
    /// Discord has no place for it.
    DiscordPlace,
    /// The webhook of Mattermost is gone.
    MattermostGone,
    /// Mattermost takes no webhooks.
    MattermostOff,
    /// The bot of Telegram is not in its chat.
    TelegramChat,
    /// The mail server can't be reached.
    MailUnreached,
    /// The mail server has no TLS.
    MailNoTls,
    /// The mail server takes no login of ours.
    MailNoLogin,
    /// The mail server knows no addresses beyond ASCII.
    MailNotAscii,
    /// Whoever sent it died of it.
    EndedWorker,
}

impl Said {
    const ALL: [Self; 24] = [
        Self::Page,
        Self::Foreign,
        Self::NoUrl,
        Self::NoRecipient,
        Self::SlackForeign,
        Self::SlackBusy,
        Self::SlackMessage,
        Self::SlackFailed,
        Self::SlackUnknown,
        Self::TeamsOff,
        Self::PagerDutyKey,
        Self::NtfyTopic,
        Self::AppriseNothing,
        Self::AppriseSome,
        Self::GoogleKey,
        Self::DiscordPlace,
        Self::MattermostGone,
        Self::MattermostOff,
        Self::TelegramChat,
        Self::MailUnreached,
        Self::MailNoTls,
        Self::MailNoLogin,
        Self::MailNotAscii,
        Self::EndedWorker,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Page => "its answer is a page for people, as to sign in at: somebody else answers at this address",
            Self::Foreign => {
                "its answer is none that this service gives: somebody else answers at this address, as a proxy"
            }
            Self::NoUrl => "its address is no URL",
            Self::NoRecipient => "the recipient is no longer configured",
            Self::SlackForeign => "status 200, and no answer of Slack's API",
            Self::SlackBusy => "Slack is busy",
            Self::SlackMessage => "Slack refuses the message",
            Self::SlackFailed => "Slack failed",
            Self::SlackUnknown => "Slack does not know whom the webhook writes to",
            Self::TeamsOff => "its workflow was turned off, or deleted",
            Self::PagerDutyKey => "the key of the integration is none that PagerDuty knows",
            Self::NtfyTopic => "the server takes no such topic",
            Self::AppriseNothing => "status 204: Apprise has nothing configured under this key or tag",
            Self::AppriseSome => "status 424: at least one service behind Apprise did not take it",
            Self::GoogleKey => "Google takes no such key: copy the address of the webhook anew",
            Self::DiscordPlace => "Discord takes no message of a webhook there",
            Self::MattermostGone => "the server has no such webhook, or it may not post",
            Self::MattermostOff => "webhooks are turned off in the server",
            Self::TelegramChat => "the bot does not reach its chat",
            Self::MailUnreached => "the mail server can't be reached",
            Self::MailNoTls => {
                "the mail server offers no STARTTLS; only ?tls=none in SMTP_URL lets mail and password go in the clear"
            }
            Self::MailNoLogin => {
                "the mail server offers no login by PLAIN or LOGIN; if it wants none, leave user and password out of SMTP_URL"
            }
            Self::MailNotAscii => {
                "the mail server takes no address with letters beyond ASCII (it has no SMTPUTF8): write it in ASCII"
            }
            Self::EndedWorker => "it ended its worker",
        }
    }
}

/// What a mail server says by a code, if it gives one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mail {
    /// TLS fails.
    Tls,
    /// It does not take user and password.
    Login,
    /// It does not take our sender.
    Sender,
    /// It relays nothing.
    Relay,
    /// It takes nothing from our address.
    ShutOut,
}

impl Mail {
    const ALL: [Self; 5] = [Self::Tls, Self::Login, Self::Sender, Self::Relay, Self::ShutOut];

    /// What stands before its code, and behind it.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Tls => ("TLS with the mail server fails", ""),
            Self::Login => ("the mail server refuses the user and password of SMTP_URL", ""),
            Self::Sender => ("the mail server refuses the sender of MAIL_FROM", ""),
            Self::Relay => (
                "the mail server relays nothing for image-watcher",
                ": it wants a login, or to be told to take mail from this address",
            ),
            Self::ShutOut => (
                "the mail server takes nothing from the address that image-watcher sends from",
                ": the block list that it asks, or it itself, has to let that in",
            ),
        }
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// A status of HTTP: `401 Unauthorized`.
    Status(String),
    /// What is more than that.
    Said(Said),
    /// A header of this name can't be sent.
    Header(String),
    /// The channel of this name is taken out of the configuration.
    NoChannel(String),
    /// The host may not be reached.
    Blocked(String),
    /// The host does not answer.
    NoAnswer(String, Remedy),
    /// The host, or the mail server where none is named, shows a certificate that is not trusted.
    Untrusted(Option<String>, Remedy),
    /// The host, or the mail server where none is named, took longer than so many seconds.
    Slow(Option<String>, u64),
    /// Slack refuses its app, for this.
    SlackApp(String),
    /// The chat has another number, which is tried or not.
    TelegramMoved(i64, bool),
    /// What the mail server says by a code.
    Mail(Mail, Option<u16>),
    /// The mail server does not take the name by which we introduce ourselves.
    MailName(String, Option<u16>),
    /// The code by which the mail server refuses the message, or its text; nothing where it broke off.
    MailAnswers(Option<u16>, bool),
    /// What is in no language: a library's words.
    Other(String),
}

const MAIL: &str = "the mail server";
const BLOCKED: &str =
    " has no address that may be reached: private ones are reached only where the operator names the host";
const HEADER: (&str, &str) = ("its ", " can't be sent: it has characters that no header may have");
const NO_CHANNEL: (&str, &str) = ("the channel ", " is no longer configured");
const NO_ANSWER: &str = "no answer from ";
/// What stands between a host and the proxy before it.
pub const THROUGH: &str = " (through the proxy ";
const UNTRUSTED: (&str, &str) = ("the certificate of ", " can't be trusted");
const SLOW: &str = " took longer than ";
const SLACK_APP: &str = "Slack refuses the app: ";
const MOVED: (&str, &str) = ("the chat has another number now", ": set it to ");
const TRIED: &str = ", which is tried";
const NAME: (&str, &str) =
    ("the mail server does not talk to «", "; a name that it takes is set by ?helo=name in SMTP_URL");
const OF_TEXT: &str = " to the text of the message";
/// What stands before the last reason of a message that was given up for its age.
pub const TOO_OLD: &str = "too old to be tried again; last: ";

impl From<Said> for Undelivered {
    fn from(said: Said) -> Self {
        Self::Said(said)
    }
}

fn code(code: Option<u16>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |host: &Option<String>| host.clone().unwrap_or_else(|| MAIL.to_owned());
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Said(said) => f.write_str(said.text()),
            Self::Header(name) => write!(f, "{}{name}{}", HEADER.0, HEADER.1),
            Self::NoChannel(name) => write!(f, "{}{name}{}", NO_CHANNEL.0, NO_CHANNEL.1),
            Self::Blocked(host) => write!(f, "{host}{BLOCKED}"),
            Self::NoAnswer(host, remedy) => write!(f, "{NO_ANSWER}{host}{}", remedy.text()),
            Self::Untrusted(host, remedy) => {
                write!(f, "{}{}{}{}", UNTRUSTED.0, whose(host), UNTRUSTED.1, remedy.text())
            }
            Self::Slow(host, seconds) => write!(f, "{}{SLOW}{seconds} s", whose(host)),
            Self::SlackApp(error) => write!(f, "{SLACK_APP}{error}"),
            Self::TelegramMoved(number, is_tried) => {
                write!(f, "{}{}{}{number}", MOVED.0, if *is_tried { TRIED } else { "" }, MOVED.1)
            }
            Self::Mail(mail, of) => write!(f, "{}{}{}", mail.texts().0, code(*of), mail.texts().1),
            Self::MailName(name, of) => write!(f, "{}{name}»{}{}", NAME.0, code(*of), NAME.1),
            Self::MailAnswers(of, is_text) => {
                let answers = of.map_or_else(|| "broke off".to_owned(), |code| format!("answers {code}"));
                write!(f, "{MAIL} {answers}{}", if *is_text { OF_TEXT } else { "" })
            }
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// A line that was kept, as it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whether the message was given up for its age, and this is what went wrong last.
    pub is_too_old: bool,
    /// Ours.
    pub why: Undelivered,
    /// What the other side said.
    pub theirs: String,
}

impl Kept {
    /// Reads a line.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let of_age = line.strip_prefix(TOO_OLD);
        let text = of_age.unwrap_or(line);
        let (why, theirs) = read(text).unwrap_or_else(|| (Undelivered::Other(text.to_owned()), ""));
        Self { is_too_old: of_age.is_some(), why, theirs: theirs.to_owned() }
    }
}

/// What stands behind ours; nothing where ours goes on.
fn theirs(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some("") } else { rest.strip_prefix(": ") }
}

/// What stands between two texts, and what the other side said behind them.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<(&'t str, &'t str)> {
    let inner = text.strip_prefix(before)?;
    if after.is_empty() {
        return Some(inner.split_once(": ").unwrap_or((inner, "")));
    }
    let (word, rest) = inner.split_once(after)?;
    Some((word, theirs(rest)?))
}

fn read(text: &str) -> Option<(Undelivered, &str)> {
    let of_said = |said: Said| Some((Undelivered::Said(said), theirs(text.strip_prefix(said.text())?)?));
    let said = Said::ALL.into_iter().find_map(of_said);
    said.or_else(|| of_mail(text)).or_else(|| of_host(text)).or_else(|| of_service(text))
}

fn of_service(text: &str) -> Option<(Undelivered, &str)> {
    let of = |before, after, make: fn(String) -> Undelivered| {
        between(text, before, after).map(|(word, theirs)| (make(word.to_owned()), theirs))
    };
    let moved = |is_tried: bool| {
        let before = format!("{}{}{}", MOVED.0, if is_tried { TRIED } else { "" }, MOVED.1);
        let (number, theirs) = between(text, &before, "")?;
        Some((Undelivered::TelegramMoved(number.parse().ok()?, is_tried), theirs))
    };
    of("status ", "", Undelivered::Status)
        .or_else(|| of(HEADER.0, HEADER.1, Undelivered::Header))
        .or_else(|| of(NO_CHANNEL.0, NO_CHANNEL.1, Undelivered::NoChannel))
        .or_else(|| of(SLACK_APP, "", Undelivered::SlackApp))
        .or_else(|| moved(true))
        .or_else(|| moved(false))
}

/// Whether it is a host, before which a proxy may stand.
fn is_host(word: &str) -> bool {
    let bare = word.split_once(THROUGH).map_or(word, |(bare, _)| bare);
    !bare.is_empty() && !bare.contains(char::is_whitespace)
}

/// What a host does, or the mail server, where no host is named.
fn named(word: &str, does: impl FnOnce(Option<String>) -> Undelivered) -> Option<Undelivered> {
    if word == MAIL { Some(does(None)) } else { is_host(word).then(|| does(Some(word.to_owned()))) }
}

fn of_host(text: &str) -> Option<(Undelivered, &str)> {
    let unanswered = |remedy: Remedy| {
        let (word, theirs) = between(text, NO_ANSWER, remedy.text())?;
        is_host(word).then(|| (Undelivered::NoAnswer(word.to_owned(), remedy), theirs))
    };
    let untrusted = |remedy: Remedy| {
        let (word, theirs) = between(text, UNTRUSTED.0, &format!("{}{}", UNTRUSTED.1, remedy.text()))?;
        Some((named(word, |host| Undelivered::Untrusted(host, remedy))?, theirs))
    };
    let blocked = || {
        let (word, rest) = text.split_once(BLOCKED)?;
        Some((Undelivered::Blocked(Some(word).filter(|word| is_host(word))?.to_owned()), theirs(rest)?))
    };
    let slow = || {
        let (word, rest) = text.split_once(SLOW)?;
        let (seconds, rest) = rest.split_once(" s")?;
        let seconds = seconds.parse().ok()?;
        Some((named(word, |host| Undelivered::Slow(host, seconds))?, theirs(rest)?))
    };
    let of_remedy = |remedy| unanswered(remedy).or_else(|| untrusted(remedy));
    Remedy::ALL.into_iter().find_map(of_remedy).or_else(blocked).or_else(slow)
}

fn of_mail(text: &str) -> Option<(Undelivered, &str)> {
    // With its code, and without.
    let coded = |before: &str, after: &str| -> Option<(Option<u16>, &str)> {
        if let Some((code, theirs)) = between(text, &format!("{before} ("), &format!("){after}")) {
            return Some((Some(code.parse().ok()?), theirs));
        }
        Some((None, theirs(text.strip_prefix(before)?.strip_prefix(after)?)?))
    };
    let mail = |mail: Mail| {
        let (code, theirs) = coded(mail.texts().0, mail.texts().1)?;
        Some((Undelivered::Mail(mail, code), theirs))
    };
    let name = || {
        let (name, _) = text.strip_prefix(NAME.0)?.split_once('»')?;
        let (code, theirs) = coded(&format!("{}{name}»", NAME.0), NAME.1)?;
        Some((Undelivered::MailName(name.to_owned(), code), theirs))
    };
    let answers = |is_text: bool| {
        let end = if is_text { OF_TEXT } else { "" };
        if let Some(rest) = text.strip_prefix(&format!("{MAIL} broke off{end}")) {
            return Some((Undelivered::MailAnswers(None, is_text), theirs(rest)?));
        }
        let (code, theirs) = between(text, &format!("{MAIL} answers "), end)?;
        Some((Undelivered::MailAnswers(Some(code.parse().ok()?), is_text), theirs))
    };
    Mail::ALL.into_iter().find_map(mail).or_else(name).or_else(|| answers(true)).or_else(|| answers(false))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One of each.
    pub(crate) fn all() -> Vec<Undelivered> {
        let host = || "chat.example.com:8065".to_owned();
        let mut all: Vec<Undelivered> = Said::ALL.into_iter().map(Undelivered::Said).collect();
        for remedy in Remedy::ALL {
            all.push(Undelivered::NoAnswer(host(), remedy));
            all.extend([Some(host()), None].map(|of| Undelivered::Untrusted(of, remedy)));
        }
        for code in [Some(550), None] {
            all.extend(Mail::ALL.map(|mail| Undelivered::Mail(mail, code)));
            all.push(Undelivered::MailName("iw (1).example.com".into(), code));
            all.extend([true, false].map(|is_text| Undelivered::MailAnswers(code, is_text)));
        }
        all.extend([
            Undelivered::Status("401 Unauthorized".into()),
            Undelivered::Header("authorization".into()),
            Undelivered::NoChannel("on call".into()),
            Undelivered::Blocked(host()),
            Undelivered::Slow(Some(host()), 15),
            Undelivered::Slow(None, 60),
            Undelivered::NoAnswer(format!("{}{THROUGH}proxy.example.com:3128)", host()), Remedy::None),
            Undelivered::SlackApp("invalid_auth".into()),
            Undelivered::TelegramMoved(-100_123, true),
            Undelivered::TelegramMoved(-100_123, false),
        ]);
        all
    }

    #[test]
    fn what_is_kept_is_read_again() {
        for why in all() {
            for theirs in ["", "no: such channel", "(550) a: b"] {
                let line = if theirs.is_empty() { why.to_string() } else { format!("{why}: {theirs}") };
                let kept = Kept { is_too_old: false, why: why.clone(), theirs: theirs.to_owned() };
                assert_eq!(Kept::read(&line), kept, "{line}");
                assert_eq!(Kept::read(&format!("{TOO_OLD}{line}")), Kept { is_too_old: true, ..kept }, "{line}");
            }
        }
    }

    #[test]
    fn what_nobody_knows_stays_as_it_is() {
        for line in
            ["", "a template is broken", "the recipient is no longer configured at all", "the mail server answers x"]
        {
            assert_eq!(Kept::read(line).why, Undelivered::Other(line.into()));
        }
    }
}
