//! One conversation with a mail server, stage by stage: what a refusal is about depends on when it comes.

mod clear;

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use self::clear::Guarded;
use super::{SmtpTls, SmtpUrl};
use crate::domain::undelivered::{Mail, Remedy, Said, Undelivered};
use crate::outbound::{Outbound, OutboundError, trust};

/// The whole conversation.
const DEADLINE: Duration = Duration::from_secs(60);
/// The same where a person waits for it.
const TRIED_WITHIN: Duration = Duration::from_secs(15);
/// How long an answer to QUIT is waited for, which decides nothing.
const LEFT_WITHIN: Duration = Duration::from_secs(2);
/// How often a server may ask for a part of user and password.
const MOST_CHALLENGES: usize = 10;

/// Why a mail was not handed in.
#[derive(Debug)]
pub(super) enum SessionError {
    /// There is no connection.
    Connect(OutboundError),
    /// It does not greet us, or not by the name that we have.
    Hello {
        /// The name.
        name: String,
        /// What it says.
        source: SmtpError,
    },
    /// It has no TLS.
    NoTls,
    /// Its certificate is not trusted.
    Certificate {
        /// What can be done about it.
        remedy: Remedy,
        /// What is wrong with it.
        source: SmtpError,
    },
    /// STARTTLS fails.
    Tls(SmtpError),
    /// It asks for no login, or for one that we can't give.
    NoLogin,
    /// It does not take user and password.
    Login(SmtpError),
    /// It does not take our sender.
    Sender(SmtpError),
    /// It takes nothing from us that is for somebody else, whoever that is.
    Relay(SmtpError),
    /// It takes nothing that comes from our address, whoever it is for: a block list names it, or its owner shut it out.
    ShutOut(SmtpError),
    /// It does not take this recipient, or relays nothing to them: only those know who has got others.
    Recipient(SmtpError),
    /// It knows no addresses beyond ASCII.
    NotAscii,
    /// It does not take this message.
    Message(SmtpError),
    /// It does not take what is written in it.
    Text(SmtpError),
    /// It took too long.
    Slow(Duration),
}

/// The code of a refusal: a number of the protocol, which stays whatever becomes of its words.
fn code(refusal: &SmtpError) -> Option<u16> {
    refusal.status().map(u16::from)
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.why().fmt(f)
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(source) => Some(source),
            Self::Hello { source, .. }
            | Self::Certificate { source, .. }
            | Self::Tls(source)
            | Self::Login(source)
            | Self::Sender(source)
            | Self::Relay(source)
            | Self::ShutOut(source)
            | Self::Recipient(source)
            | Self::Message(source)
            | Self::Text(source) => Some(source),
            Self::NoTls | Self::NoLogin | Self::NotAscii | Self::Slow(_) => None,
        }
    }
}

impl From<OutboundError> for SessionError {
    fn from(error: OutboundError) -> Self {
        Self::Connect(error)
    }
}

impl SessionError {
    /// The same for people.
    pub(super) fn why(&self) -> Undelivered {
        match self {
            Self::Connect(_) => Said::MailUnreached.into(),
            Self::Hello { name, source } => Undelivered::MailName(name.clone(), code(source)),
            Self::NoTls => Said::MailNoTls.into(),
            Self::Certificate { remedy, .. } => Undelivered::Untrusted(None, *remedy),
            Self::Tls(source) => Undelivered::Mail(Mail::Tls, code(source)),
            Self::NoLogin => Said::MailNoLogin.into(),
            Self::Login(source) => Undelivered::Mail(Mail::Login, code(source)),
            Self::Sender(source) => Undelivered::Mail(Mail::Sender, code(source)),
            Self::Relay(source) => Undelivered::Mail(Mail::Relay, code(source)),
            Self::ShutOut(source) => Undelivered::Mail(Mail::ShutOut, code(source)),
            Self::Recipient(source) | Self::Message(source) => Undelivered::MailAnswers(code(source), false),
            Self::NotAscii => Said::MailNotAscii.into(),
            Self::Text(source) => Undelivered::MailAnswers(code(source), true),
            Self::Slow(deadline) => Undelivered::Slow(None, deadline.as_secs()),
        }
    }

    /// Why there is no TLS after STARTTLS.
    fn of_start_tls(source: SmtpError) -> Self {
        match trust::refused_certificate(&source).map(trust::remedy) {
            Some(remedy) => Self::Certificate { remedy, source },
            None => Self::Tls(source),
        }
    }
}

/// Whether a text is a name that EHLO can carry (RFC 5321, 4.1.2).
#[must_use]
pub fn is_host_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(fits);
    text.len() <= 253 && text.split('.').all(is_label)
}

impl SmtpUrl {
    /// The same, introduced by this name where the URL names none.
    #[must_use]
    pub fn or_introduced_as(self, name: Option<String>) -> Self {
        Self { helo: self.helo.or(name), ..self }
    }

    /// The name that we introduce ourselves with, if one is known.
    #[must_use]
    pub fn helo(&self) -> Option<&str> {
        self.helo.as_deref()
    }

    /// The server's host and port.
    #[must_use]
    pub fn server(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

/// Where mail is handed in, and all that it takes.
pub(super) struct Relay {
    smtp: SmtpUrl,
    hello: String,
    start_tls: Option<TlsParameters>,
    outbound: Outbound,
}

impl Relay {
    /// `hello` is who we are where `smtp` does not say it.
    pub(super) fn new(smtp: &SmtpUrl, hello: &str, outbound: &Outbound) -> Result<Self, SmtpError> {
        let start_tls = if smtp.tls == SmtpTls::StartTls { Some(parameters(&smtp.host, outbound)?) } else { None };
        let hello = smtp.helo().unwrap_or(hello).to_owned();
        Ok(Self { smtp: smtp.clone(), hello, start_tls, outbound: outbound.clone() })
    }

    /// What must not be logged or stored, whoever repeats it.
    pub(super) fn password(&self) -> Option<&str> {
        self.smtp.login.as_ref().map(|(_, password)| password.expose())
    }

    /// Hands one message in. Gives what the server said when it had all of it, whether or not it says goodbye.
    pub(super) async fn send(&self, message: &Message) -> Result<String, SessionError> {
        let talk = async {
            let mut connection = self.login().await?;
            let handed_in = hand_in(&mut connection, message).await;
            Ok((connection, handed_in))
        };
        let (connection, handed_in) = within(DEADLINE, talk).await?;
        leave(connection).await;
        handed_in.map_err(|error| self.of_us(error))
    }

    /// Goes as far as the login, and hands nothing in. Says whether there was one.
    pub(super) async fn try_login(&self) -> Result<bool, SessionError> {
        let connection = within(TRIED_WITHIN, self.login()).await?;
        leave(connection).await;
        Ok(self.smtp.login.is_some())
    }

    fn unheard(&self, source: SmtpError) -> SessionError {
        SessionError::Hello { name: self.hello.clone(), source }
    }

    async fn login(&self) -> Result<AsyncSmtpConnection, SessionError> {
        let SmtpUrl { host, port, tls, .. } = &self.smtp;
        let name = ClientId::Domain(self.hello.clone());
        let stream = self.outbound.connect(host, *port, *tls == SmtpTls::Implicit).await?;
        let connection = AsyncSmtpConnection::connect_with_transport(Box::new(Guarded::new(stream)), &name).await;
        let mut connection = connection.map_err(|source| self.unheard(source))?;
        if let Some(parameters) = &self.start_tls {
            if !connection.can_starttls() {
                return Err(SessionError::NoTls);
            }
            connection.starttls(parameters.clone(), &name).await.map_err(SessionError::of_start_tls)?;
        }
        if let Some((user, password)) = &self.smtp.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let ways = [Mechanism::Plain, Mechanism::Login];
            let way = connection.server_info().get_auth_mechanism(&ways).ok_or(SessionError::NoLogin)?;
            authenticate(&mut connection, way, &credentials).await?;
        }
        Ok(connection)
    }

    /// The same refusal, where it is about our name or address, whatever it was said of.
    fn of_us(&self, refusal: SessionError) -> SessionError {
        match refusal {
            SessionError::Sender(source)
            | SessionError::Relay(source)
            | SessionError::Recipient(source)
            | SessionError::Message(source)
                if is_about_our_name(&source) =>
            {
                self.unheard(source)
            }
            SessionError::Sender(source)
            | SessionError::Recipient(source)
            | SessionError::Message(source)
            | SessionError::Text(source)
                if is_about_our_address(&source) =>
            {
                SessionError::ShutOut(source)
            }
            refusal => refusal,
        }
    }
}

async fn within<T>(deadline: Duration, talk: impl Future<Output = Result<T, SessionError>>) -> Result<T, SessionError> {
    tokio::time::timeout(deadline, talk).await.unwrap_or(Err(SessionError::Slow(deadline)))
}

/// Says goodbye, and goes after a moment where that is not answered.
async fn leave(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(LEFT_WITHIN, connection.abort()).await;
}

/// Gives user and password, part by part where the server asks for them so. The library would say that they are refused only
/// when QUIT is answered.
async fn authenticate(
    connection: &mut AsyncSmtpConnection,
    way: Mechanism,
    credentials: &Credentials,
) -> Result<(), SessionError> {
    let mut auth = commands::Auth::new(way, credentials.clone(), None).map_err(SessionError::Login)?;
    for _ in 0..=MOST_CHALLENGES {
        let answer = connection.command(auth).await.map_err(SessionError::Login)?;
        if !answer.has_code(334) {
            return Ok(());
        }
        auth = commands::Auth::new_from_response(way, credentials.clone(), &answer).map_err(SessionError::Login)?;
    }
    Err(SessionError::NoLogin)
}

/// Sender, recipient, message: a refusal of the sender is about us, of the others about this message.
async fn hand_in(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<String, SessionError> {
    let (envelope, bytes) = (message.envelope(), message.formatted());
    let mut addresses = envelope.to().iter().chain(envelope.from());
    let mut parameters = Vec::new();
    if !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SessionError::NotAscii);
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let sender = commands::Mail::new(envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(SessionError::Sender)?;
    for to in envelope.to() {
        let recipient = commands::Rcpt::new(to.clone(), Vec::new());
        connection.command(recipient).await.map_err(of_recipient)?;
    }
    connection.command(commands::Data).await.map_err(SessionError::Message)?;
    let taken = connection.message(&bytes).await.map_err(of_text)?;
    Ok(format!("{} {}", taken.code(), taken.message().collect::<Vec<_>>().join(" ")))
}

/// What a refusal of a recipient is about: many servers hear all that is wrong with us before, and say so only then
/// (Postfix by default).
fn of_recipient(refusal: SmtpError) -> SessionError {
    let words = crate::telemetry::chain(&refusal).to_string().to_ascii_lowercase();
    let says = |all: &[&str]| all.iter().any(|one| words.contains(one));
    match enhanced(&words) {
        Some((1, 7 | 8) | (7, 20..=27 | 60)) => SessionError::Sender(refusal),
        _ if says(&["sender address rejected"]) => SessionError::Sender(refusal),
        Some((7, 57)) => SessionError::Relay(refusal),
        _ if says(&["client host rejected"]) => SessionError::Relay(refusal),
        _ => SessionError::Recipient(refusal),
    }
}

/// The subject and the detail of an enhanced status (RFC 3463), as in `5.7.1`.
fn enhanced(words: &str) -> Option<(u16, u16)> {
    words.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (matches!(class, "4" | "5") && parts.next().is_none()).then_some((subject, detail))
    })
}

/// Whether a server relays nothing to a recipient: to nobody for us, or nothing to where they are.
pub(super) fn is_about_relaying(refusal: &SmtpError) -> bool {
    let words = crate::telemetry::chain(refusal).to_string().to_ascii_lowercase();
    let says = ["relay access denied", "relaying denied", "relay not permitted", "unable to relay", "relay denied"];
    says.iter().any(|one| words.contains(one)) || matches!(enhanced(&words), Some((7, 54 | 64)))
}

/// Whether a server puts off a recipient, as greylisting does, and not everything: the system and the way to it are
/// everybody's (RFC 3463, 3.4 and 3.5).
pub(super) fn is_put_off(refusal: &SmtpError) -> bool {
    let words = crate::telemetry::chain(refusal).to_string();
    refusal.is_transient() && !matches!(enhanced(&words), Some((3 | 4, _)))
}

/// What a refusal after the text is about: too much of it (552), or what a filter does not like (554), is about the text.
fn of_text(refusal: SmtpError) -> SessionError {
    match refusal.status().map(u16::from) {
        Some(552 | 554) => SessionError::Text(refusal),
        _ => SessionError::Message(refusal),
    }
}

/// Postfix judges the name when it hears of a recipient, not before: by 504, 501 or 550, and always in these words.
fn is_about_our_name(error: &SmtpError) -> bool {
    let code = error.status().map(|code| code.to_string());
    let words = crate::telemetry::chain(error).to_string().to_ascii_lowercase();
    code.as_deref() == Some("504") || words.contains("helo command rejected")
}

/// Whether a server would take nothing from where we come from. Most ask a block list, and say so of the recipient or of the
/// text: Postfix and Exim in words of their own, Exchange Online in numbers (5.7.511, 5.7.606 to 649, 5.7.705, 5.7.708, 5.7.750).
fn is_about_our_address(error: &SmtpError) -> bool {
    let words = crate::telemetry::chain(error).to_string().to_ascii_lowercase();
    let says = |all: &[&str]| all.iter().any(|one| words.contains(one));
    let is_listed = says(&["client host ["]) && says(&["blocked", "rejected", "listed"]);
    is_listed
        || says(&["blocked using ", "is in a black list", "banned sending ip", "not authorized to relay"])
        || says(&["is not allowed to send mail", "traffic not accepted from this ip"])
        || matches!(enhanced(&words), Some((7, 511 | 606..=649 | 705 | 708 | 750)))
}

/// TLS as all other clients have it: the library would trust the Mozilla programme alone.
fn parameters(host: &str, outbound: &Outbound) -> Result<TlsParameters, SmtpError> {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut builder = TlsParameters::builder(host).certificate_store(CertificateStore::WebpkiRoots);
    for authority in outbound.authorities() {
        builder = builder.add_root_certificate(Certificate::from_der(authority.to_vec())?);
    }
    builder.build_rustls()
}

#[cfg(test)]
pub(super) mod tests;
