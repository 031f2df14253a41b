//! One conversation with a mail server, stage by stage: what a refusal is about depends on when it comes.

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::{SmtpTls, SmtpUrl};
use crate::outbound::{Outbound, OutboundError, Stream, trust};

/// The whole conversation.
const DEADLINE: Duration = Duration::from_secs(60);
/// The same where a person waits for it.
const TRIED_WITHIN: Duration = Duration::from_secs(15);

/// Why a mail was not handed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// There is no connection.
    #[error("the mail server can't be reached")]
    Connect(#[from] OutboundError),
    /// It does not greet us, or not by the name that we have.
    #[error(
        "the mail server does not talk to «{name}»{}; a name that it takes is set by ?helo=name in SMTP_URL",
        code(source)
    )]
    Hello {
        /// The name.
        name: String,
        /// What it says.
        #[source]
        source: SmtpError,
    },
    /// It has no TLS.
    #[error("the mail server offers no STARTTLS; only ?tls=none in SMTP_URL lets mail and password go in the clear")]
    NoTls,
    /// Its certificate is not trusted.
    #[error("the certificate of the mail server can't be trusted{remedy}")]
    Certificate {
        /// What can be done about it.
        remedy: &'static str,
        /// What is wrong with it.
        #[source]
        source: SmtpError,
    },
    /// STARTTLS fails.
    #[error("TLS with the mail server fails{}", code(.0))]
    Tls(#[source] SmtpError),
    /// It asks for no login, or for one that we can't give.
    #[error(
        "the mail server offers no login by PLAIN or LOGIN; if it wants none, leave user and password out of SMTP_URL"
    )]
    NoLogin,
    /// It does not take user and password.
    #[error("the mail server refuses the user and password of SMTP_URL{}", code(.0))]
    Login(#[source] SmtpError),
    /// It does not take our sender.
    #[error("the mail server refuses the sender of MAIL_FROM{}", code(.0))]
    Sender(#[source] SmtpError),
    /// It knows no addresses beyond ASCII.
    #[error("the mail server takes no address with letters beyond ASCII (it has no SMTPUTF8): write it in ASCII")]
    NotAscii,
    /// It does not take this message.
    #[error("the mail server {}", answer(.0))]
    Message(#[source] SmtpError),
    /// It took too long.
    #[error("the mail server took longer than {} s", DEADLINE.as_secs())]
    Slow,
}

/// The code of a refusal: a number of the protocol, which stays whatever becomes of its words.
fn code(refusal: &SmtpError) -> String {
    refusal.status().map(|code| format!(" ({code})")).unwrap_or_default()
}

fn answer(refusal: &SmtpError) -> String {
    refusal.status().map_or_else(|| "broke off".to_owned(), |code| format!("answers {code}"))
}

impl SessionError {
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

impl AsyncTokioStream for Stream {
    /// Behind a proxy there is none, and nothing asks.
    fn peer_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        Err(std::io::ErrorKind::Unsupported.into())
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

    /// Hands one message in.
    pub(super) async fn send(&self, message: &Message) -> Result<(), SessionError> {
        let said = tokio::time::timeout(DEADLINE, self.converse(message)).await;
        said.unwrap_or(Err(SessionError::Slow))
    }

    /// Goes as far as the login, and hands nothing in. Says whether there was one.
    pub(super) async fn try_login(&self) -> Result<bool, SessionError> {
        let tried = async {
            self.login().await?.abort().await;
            Ok(self.smtp.login.is_some())
        };
        tokio::time::timeout(TRIED_WITHIN, tried).await.unwrap_or(Err(SessionError::Slow))
    }

    fn unheard(&self, source: SmtpError) -> SessionError {
        SessionError::Hello { name: self.hello.clone(), source }
    }

    async fn login(&self) -> Result<AsyncSmtpConnection, SessionError> {
        let SmtpUrl { host, port, tls, .. } = &self.smtp;
        let name = ClientId::Domain(self.hello.clone());
        let stream = self.outbound.connect(host, *port, *tls == SmtpTls::Implicit).await?;
        let connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name).await;
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
            if connection.server_info().get_auth_mechanism(&ways).is_none() {
                return Err(SessionError::NoLogin);
            }
            connection.auth(&ways, &credentials).await.map_err(SessionError::Login)?;
        }
        Ok(connection)
    }

    async fn converse(&self, message: &Message) -> Result<(), SessionError> {
        let mut connection = self.login().await?;
        let handed_in = hand_in(&mut connection, message).await;
        connection.abort().await;
        match handed_in {
            Err(SessionError::Sender(source) | SessionError::Message(source)) if is_about_our_name(&source) => {
                Err(self.unheard(source))
            }
            handed_in => handed_in,
        }
    }
}

/// Sender, recipient, message: a refusal of the sender is about us, of the others about this message.
async fn hand_in(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), SessionError> {
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
        connection.command(recipient).await.map_err(SessionError::Message)?;
    }
    connection.command(commands::Data).await.map_err(SessionError::Message)?;
    connection.message(&bytes).await.map_err(SessionError::Message)?;
    Ok(())
}

/// Postfix judges the name when it hears of a recipient, not before: by 504, 501 or 550, and always in these words.
fn is_about_our_name(error: &SmtpError) -> bool {
    let code = error.status().map(|code| code.to_string());
    let words = crate::telemetry::chain(error).to_string().to_ascii_lowercase();
    code.as_deref() == Some("504") || words.contains("helo command rejected")
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
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::super::EmailChannel;
    use super::*;
    use crate::message::Links;
    use crate::notify::Attempt;
    use crate::notify::service::{Sending, Style};
    use crate::notify::tests::{asking, said};

    /// A mail server that answers a command with what is written for it, and everything else kindly. What it heard,
    /// and what became of a mail.
    async fn session(options: &str, written: &[(&str, &str)]) -> (Vec<String>, Attempt) {
        session_at("", options, written).await
    }

    /// The same, for who logs in as `user`.
    async fn session_at(user: &str, options: &str, written: &[(&str, &str)]) -> (Vec<String>, Attempt) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let smtp = SmtpUrl::parse(&format!("smtp://{user}{address}?tls=none{options}")).unwrap();
        let outbound = Outbound::new(None).unwrap();
        let (from, to) = ("iw@sender.example".parse().unwrap(), vec!["oncall@example.com".parse().unwrap()]);
        let channel = EmailChannel::new(&smtp, from, to, &outbound).unwrap();
        let (delivery, links) = (&asking(), &Links::default());
        let (message, now) = (&said(delivery, None, None), chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
        let (heard, attempt) = tokio::join!(serve(listener, written), channel.deliver(&sending));
        (heard, attempt.redacted(&[]))
    }

    async fn serve(listener: TcpListener, written: &[(&str, &str)]) -> Vec<String> {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let answer = |verb: &str, kind: &'static str| {
            let found = written.iter().find(|(known, _)| *known == verb);
            format!("{}\r\n", found.map_or(kind, |(_, answer)| answer))
        };
        stream.write_all(answer("greeting", "220 mail.example.com").as_bytes()).await.unwrap();
        let (mut heard, mut line, mut body) = (Vec::new(), String::new(), false);
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let said = std::mem::take(&mut line).trim_end().to_owned();
            let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply = match (body, verb.as_str()) {
                (true, ".") => answer("end", "250 taken"),
                (true, _) => continue,
                (false, "DATA") => answer("DATA", "354 go on"),
                (false, "QUIT") => answer("QUIT", "221 bye"),
                (false, verb) => answer(verb, "250 fine"),
            };
            body = reply.starts_with("354");
            heard.push(said);
            if stream.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
        }
        heard
    }

    #[tokio::test]
    async fn we_introduce_ourselves_by_a_real_name() {
        for (options, expected) in [("&helo=iw.example.com", "EHLO iw.example.com"), ("", "EHLO sender.example")] {
            let (heard, attempt) = session(options, &[]).await;
            assert_eq!((heard[0].as_str(), attempt), (expected, Attempt::Delivered));
        }
    }

    /// What an attempt is about, and what is reported of it.
    fn of(attempt: Attempt) -> (&'static str, String) {
        match attempt {
            Attempt::Retry { reason, .. } => ("retry", reason),
            Attempt::Busy { reason, .. } => ("busy", reason),
            Attempt::Refused { reason } => ("refused", reason),
            Attempt::GaveUp { reason } => ("gave up", reason),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_a_refusal_of_the_message_is_final() {
        let helo = "504 5.5.2 <sender.example>: Helo command rejected: need fully-qualified hostname";
        let bad_name = "501 5.5.2 <sender.example>: Helo command rejected: Invalid name";
        let by_helo = Some("set by ?helo=name in SMTP_URL");
        for (verb, answer, class, expected) in [
            ("greeting", "554 5.7.1 no service for you", "refused", None),
            ("greeting", "421 later", "busy", None),
            ("EHLO", helo, "refused", by_helo),
            ("EHLO", "550 5.7.1 who?", "refused", by_helo),
            ("MAIL", "530 5.7.0 authentication required", "refused", None),
            ("MAIL", "553 5.7.1 not your address", "refused", Some("MAIL_FROM")),
            ("MAIL", "451 4.7.1 later", "retry", None),
            ("RCPT", helo, "refused", by_helo),
            ("RCPT", bad_name, "refused", by_helo),
            ("RCPT", "450 4.2.1 busy", "retry", None),
            ("RCPT", "421 4.7.0 too many", "busy", None),
            ("RCPT", "550 5.1.1 no such user", "gave up", None),
            ("end", "451 4.3.0 disk full", "retry", None),
            ("end", "552 5.3.4 too big", "gave up", None),
        ] {
            let (found, reason) = of(session("", &[(verb, answer)]).await.1);
            assert_eq!(found, class, "{verb} {answer}: {reason}");
            let expected = expected.unwrap_or_default();
            assert!(reason.contains(expected) && reason.contains("mail server"), "{verb} {answer}: {reason}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_reported_as_a_sentence_with_its_code() {
        let login = [("EHLO", "250-mail.example.com\r\n250 AUTH PLAIN"), ("AUTH", "535 5.7.8 no")];
        for (user, written, expected) in [
            ("", &[("EHLO", "504 5.5.2 who?")][..], "does not talk to «sender.example» (504); a name that it takes"),
            ("", &[("RCPT", "550 5.1.1 no such user")], "the mail server answers 550: "),
            ("user:pw@", &[], "leave user and password out of SMTP_URL"),
            ("user:pw@", &login, "refuses the user and password of SMTP_URL (535): "),
        ] {
            let (_, reason) = of(session_at(user, "", written).await.1);
            assert!(reason.contains(expected), "{reason}");
        }
    }

    /// A private authority that nobody named: the one setting that helps is named.
    #[test]
    fn a_certificate_of_an_unknown_authority_names_its_setting() {
        let unknown = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let held = std::io::Error::other(std::io::Error::other(unknown()));
        let why = trust::refused_certificate(&held).unwrap();
        assert!(trust::remedy(why).contains("SSL_CERT_FILE"));
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert_eq!(trust::refused_certificate(&expired).map(trust::remedy), Some(""));
        assert!(trust::refused_certificate(&std::io::Error::other("else")).is_none());
    }

    #[tokio::test]
    async fn without_the_tls_that_was_asked_for_nothing_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = SmtpUrl::parse(&format!("smtp://{}", listener.local_addr().unwrap())).unwrap();
        let relay = Relay::new(&smtp, "sender.example", &Outbound::new(None).unwrap()).unwrap();
        let message = Message::builder()
            .from("iw@sender.example".parse().unwrap())
            .to("oncall@example.com".parse().unwrap())
            .body(String::new())
            .unwrap();
        let (heard, sent) = tokio::join!(serve(listener, &[]), relay.send(&message));
        assert!(sent.is_err_and(|error| error.to_string().contains("?tls=none in SMTP_URL")));
        assert_eq!(heard, ["EHLO sender.example"]);
    }
}
