//! A real mail server that keeps what it gets (mailpit), seen as one mailbox a test.

use std::sync::Arc;

use serde_json::{Value, json};

use super::peers::Peers;
use super::pki::Certificate;
use super::process::Process;
use super::wait::eventually;

/// One a run.
pub(crate) struct MailServer {
    smtp: u16,
    rest: u16,
    options: &'static str,
    _process: Process,
}

/// The mail to one address.
pub(crate) struct Mailbox {
    server: Arc<MailServer>,
    http: reqwest::Client,
    address: String,
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The message as it was sent, with its headers.
    pub(crate) source: String,
}

impl MailServer {
    pub(crate) async fn start(peers: &Peers) -> Self {
        Self::launch(peers, "mailpit", None).await
    }

    /// One that takes mail by STARTTLS only, with this certificate; `name` keeps its files apart.
    pub(crate) async fn secured(peers: &Peers, name: &str, certificate: &Certificate) -> Self {
        Self::launch(peers, name, Some(certificate)).await
    }

    async fn launch(peers: &Peers, name: &str, certificate: Option<&Certificate>) -> Self {
        let data = peers.dir().join(format!("{name}.db"));
        let program = |[smtp, rest]: [u16; 2]| {
            let program = peers.program("mailpit").arg("--database").arg(&data).words(&format!(
                "--smtp 127.0.0.1:{smtp} --listen 127.0.0.1:{rest} --disable-version-check --smtp-disable-rdns \
                 --smtp-auth-accept-any --max 0"
            ));
            match certificate {
                None => program.arg("--smtp-auth-allow-insecure"),
                Some(Certificate { chain, key }) => program
                    .arg("--smtp-require-starttls")
                    .arg("--smtp-tls-cert")
                    .arg(chain)
                    .arg("--smtp-tls-key")
                    .arg(key),
            }
        };
        let http = super::http_client();
        let ready = async |[_, rest]: [u16; 2]| super::answers(&http, &format!("http://127.0.0.1:{rest}/readyz")).await;
        let (process, [smtp, rest]) = peers.start(name, program, ready).await;
        let options = if certificate.is_some() { "" } else { "?tls=none" };
        Self { smtp, rest, options, _process: process }
    }

    /// For `SMTP_URL`.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}{}", self.smtp, self.options)
    }

    /// `host:port` of its SMTP, for a proxy in front of it.
    pub(crate) fn smtp_host(&self) -> String {
        format!("127.0.0.1:{}", self.smtp)
    }
}

impl Mailbox {
    pub(crate) fn new(server: Arc<MailServer>, http: reqwest::Client, address: String) -> Self {
        Self { server, http, address }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where a person looks at the newest mail.
    pub(crate) fn view_url(&self) -> String {
        format!("http://127.0.0.1:{}/view/latest.html", self.server.rest)
    }

    /// For `SMTP_URL`.
    pub(crate) fn smtp_url(&self) -> String {
        self.server.url()
    }

    /// `host:port` of the SMTP server, for a proxy in front of it.
    pub(crate) fn smtp_host(&self) -> String {
        self.server.smtp_host()
    }

    /// The first mail whose subject contains `subject`, once it is there.
    pub(crate) async fn wait_for_mail(&self, subject: &str) -> Mail {
        let what = format!("a mail to {} about {subject:?}", self.address);
        eventually(&what, async || self.list().await.into_iter().find(|mail| mail.subject.contains(subject))).await
    }

    /// The path of the link in the first mail whose subject contains `subject`, once it is there.
    pub(crate) async fn link(&self, subject: &str) -> String {
        self.wait_for_mail(subject).await.link().expect("a link in the mail")
    }

    /// All mail, as soon as there are `count`; oldest first.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let what = format!("{count} mails to {}", self.address);
        eventually(&what, async || Some(self.list().await).filter(|mails| mails.len() >= count)).await
    }

    /// All mail so far, oldest first.
    pub(crate) async fn list(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        for id in self.ids().await {
            mails.push(self.read(id).await);
        }
        mails
    }

    /// Throws all mail of this mailbox away.
    pub(crate) async fn clear(&self) {
        let body = json!({ "IDs": self.ids().await });
        let request = self.http.delete(self.rest("messages")).json(&body);
        let answer = request.send().await.expect("mailpit");
        assert!(answer.status().is_success(), "mailpit answered {}", answer.status());
    }

    async fn ids(&self) -> Vec<String> {
        let query = format!("search?limit=500&query=to%3A%22{}%22", self.address.replace('@', "%40"));
        let found = self.get(&query).await;
        let messages = found["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().rev().map(|message| text(&message["ID"])).collect()
    }

    async fn read(&self, id: String) -> Mail {
        let message = self.get(&format!("message/{id}")).await;
        let to = message["To"].as_array().into_iter().flatten();
        let source = self.http.get(self.rest(&format!("message/{id}/raw"))).send().await.expect("mailpit");
        Mail {
            subject: text(&message["Subject"]),
            from: text(&message["From"]["Address"]),
            to: to.map(|person| text(&person["Address"])).collect(),
            text: text(&message["Text"]),
            html: text(&message["HTML"]),
            source: source.text().await.expect("a message"),
            id,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.rest(path)).send().await.expect("mailpit");
        assert!(answer.status().is_success(), "mailpit answered {} to {path}", answer.status());
        answer.json().await.expect("JSON")
    }

    fn rest(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/v1/{path}", self.server.rest)
    }
}

impl Mail {
    /// A header of the message, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.source.replace("\r\n", "\n").replace("\n\t", " ").replace("\n ", " ");
        let lines = head.lines().take_while(|line| !line.is_empty());
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// The path of the first link of ours.
    pub(crate) fn link(&self) -> Option<String> {
        self.links().iter().find_map(|link| link.find("/a/").map(|start| link[start..].to_owned()))
    }

    /// The links of the text, in order.
    pub(crate) fn links(&self) -> Vec<String> {
        let words = self.text.split(|c: char| c.is_whitespace() || "<>\"()".contains(c));
        words.filter(|word| word.starts_with("http")).map(String::from).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}
