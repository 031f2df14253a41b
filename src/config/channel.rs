//! Channels: one of a kind by variables, any number by the file's list `channels`.

mod entry;
mod services;

use std::sync::Arc;

use chrono_tz::Tz;

use super::Mail;
use super::entry::{AllWrong, Wrong, named, none_of, secret_file, window};
use super::namespaces;
use super::parse::Reader;
use crate::domain::event::NoticeKind;
use crate::domain::release::Language;
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::domain::window::Windows;
use crate::notify::email::{EmailChannel, EmailError};
use crate::notify::{Channel, DeskOf, Scope, Service, Transport};
use crate::outbound::{Outbound, OutboundError, Reach};
pub(super) use entry::ChannelEntry;

/// A channel, and what it is for.
#[derive(Debug)]
pub struct ChannelConfig {
    /// Its name, as `image-watcher/notify` has it.
    pub name: String,
    /// What it is for.
    pub scope: Scope,
    /// Where its messages go.
    pub destination: Destination,
    /// The files in which its secrets stand.
    pub files: Vec<String>,
}

/// Where messages go.
#[derive(Debug)]
pub enum Destination {
    /// To mail addresses.
    Email(Mail),
    /// To a service that takes HTTP requests.
    Service(Arc<dyn Service>),
}

/// A channel can't be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// One that sends mail.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// One that posts.
    #[error(transparent)]
    Client(#[from] OutboundError),
}

impl ChannelConfig {
    /// Who may press the buttons of its messages, where they have any.
    #[must_use]
    pub fn desk(&self) -> Option<DeskOf<'_>> {
        match &self.destination {
            Destination::Service(service) => service.answered()?.desk(),
            Destination::Email(_) => None,
        }
    }

    /// Whether its secrets can be changed while the service runs: all but the token of a bot whose buttons people press, as Telegram
    /// is told at the start where presses come in, and by which secret of ours.
    #[must_use]
    pub(super) fn can_be_renewed(&self) -> bool {
        !matches!(self.desk(), Some(DeskOf::Telegram(_)))
    }

    /// The channel, ready to send.
    ///
    /// # Errors
    /// [`ChannelError`] when TLS or the templates can't be set up.
    pub fn open(&self, outbound: &Outbound) -> Result<Channel, ChannelError> {
        let transport = match &self.destination {
            Destination::Email(mail) => {
                let email = EmailChannel::new(&mail.smtp, mail.from.clone(), mail.to.clone(), outbound)?;
                Transport::Email(Box::new(email.written_by(mail.templates.clone())))
            }
            Destination::Service(service) => {
                Transport::Service(Box::new(outbound.client(Reach::Named)?), Arc::clone(service))
            }
        };
        Ok(Channel::new(self.name.clone(), self.scope.clone(), transport))
    }
}

impl Reader<'_> {
    /// The channels of the variables, then those of the file.
    pub(super) fn channels(
        &mut self,
        of_file: Vec<ChannelEntry>,
        (language, zone): (Language, Tz),
        development: bool,
    ) -> Vec<ChannelConfig> {
        let window = self.window();
        let usually = Scope { language, zone, window, ..Scope::default() };
        let shared = of_file.iter().any(|entry| entry.kind == "email");
        let usual = |name: &str, destination, files| ChannelConfig {
            name: name.into(),
            scope: usually.clone(),
            destination,
            files,
        };
        let mut channels: Vec<ChannelConfig> = Vec::new();
        let mail = self.mail(shared);
        channels.extend(mail.map(|mail| usual("email", Destination::Email(mail), self.files_of("email"))));
        for (name, destination) in self.services(development) {
            channels.push(usual(name, destination, self.files_of(name)));
        }
        for (at, entry) in of_file.into_iter().enumerate() {
            let taken = channels.iter().any(|channel| channel.name == entry.name);
            let mut wrong = AllWrong::default();
            if taken {
                wrong.push(("name", format!("{:?} is the name of another channel", entry.name)));
            }
            let channel = self.channel(entry, &usually, development, &mut wrong);
            match wrong.or(channel) {
                Ok(channel) => channels.push(channel),
                Err(wrong) => {
                    for (field, problem) in wrong {
                        self.file_problem(&format!("channels[{at}].{field}"), problem);
                    }
                }
            }
        }
        channels
    }

    /// What Slack signs presses of buttons with: needed where somebody may press them, and for nothing else.
    pub(super) fn slack_signing_secret(&mut self, channels: &[ChannelConfig]) -> Option<Rotating<Secret>> {
        const NAME: &str = "SLACK_SIGNING_SECRET";
        let secret = self.secret(NAME);
        let may_press = channels.iter().any(|channel| matches!(channel.desk(), Some(DeskOf::Slack(_))));
        if may_press && secret.is_none() {
            self.problem(
                NAME,
                "is missing; the users of a channel of kind slack press buttons that Slack signs with it",
            );
        }
        if !may_press && secret.is_some() {
            self.warning(NAME, "is used for nothing: no channel of the file has users who may press buttons, and SLACK_CHANNEL is not the id of one");
        }
        secret.filter(|_| may_press).map(Into::into)
    }

    fn channel(
        &mut self,
        entry: ChannelEntry,
        usually: &Scope,
        development: bool,
        wrong: &mut AllWrong,
    ) -> Option<ChannelConfig> {
        wrong.unless(named(&entry.name));
        let kind = entry.checked(wrong);
        let scope = scope(&entry, usually, wrong);
        for (key, path) in entry.files() {
            wrong.unless(secret_file(key, path, self.files()));
        }
        let kind = kind?;
        let mut files: Vec<String> = entry.files().map(|(_, path)| path.to_owned()).collect();
        if kind.word == "email" {
            files.extend(self.files_of("email"));
        }
        let destination = match kind.word {
            "email" => wrong.unless(self.mail_to(&entry)).map(Destination::Email),
            word => self.service(word, &entry, development, wrong),
        };
        Some(ChannelConfig { name: entry.name, scope: scope?, destination: destination?, files })
    }

    /// The files that variables name for the secrets of a channel that they open.
    fn files_of(&self, channel: &str) -> Vec<String> {
        let secrets: &[&str] = match channel {
            "email" => &["SMTP_URL"],
            "slack" => &["SLACK_URL", "SLACK_BOT_TOKEN"],
            "webhook" => &["WEBHOOK_URL", "WEBHOOK_SECRET"],
            "discord" => &["DISCORD_URL"],
            "telegram" => &["TELEGRAM_TOKEN"],
            "teams" => &["TEAMS_URL"],
            _ => &[],
        };
        secrets.iter().filter_map(|name| self.text(&format!("{name}_FILE"))).collect()
    }

    fn mail_to(&mut self, entry: &ChannelEntry) -> Result<Mail, Wrong> {
        let to: Vec<_> = entry.to.iter().filter_map(|address| address.parse().ok()).collect();
        if to.is_empty() || to.len() != entry.to.len() {
            return Err(("to", "mail addresses are expected".into()));
        }
        let (smtp, from) = self.mail_server().ok_or(("kind", "email needs SMTP_URL and MAIL_FROM".to_owned()))?;
        Ok(Mail { smtp, from, to, templates: self.mail_templates() })
    }
}

/// The word for what is wrong with image-watcher itself, among events.
const TROUBLES: &str = "watcher.error";

/// Reads when a channel is not to be disturbed.
fn quiet(text: &str, zone: Tz) -> Result<Windows, Wrong> {
    const ALWAYS: &str = "is all of the week, so what is not urgent would never be sent: leave some time out, or name in events what is to be sent";
    let windows = Windows::read_in(text, zone).map_err(|error| ("quiet", error.to_string()))?;
    if windows.never_close() { Err(("quiet", ALWAYS.to_owned())) } else { Ok(windows) }
}

fn scope(entry: &ChannelEntry, usually: &Scope, wrong: &mut AllWrong) -> Option<Scope> {
    let event = |word: &String| {
        let all = NoticeKind::ALL.into_iter().map(NoticeKind::as_str).chain([TROUBLES]);
        NoticeKind::of(word).ok_or_else(|| ("events", format!("{word:?} {}", none_of(all, word))))
    };
    let language = entry.language.as_deref().map(str::parse::<Language>).transpose();
    let language = wrong.unless(language.map_err(|error| ("language", error.to_string())));
    let zone = entry.zone.as_deref().map(str::parse::<Tz>).transpose();
    let zone = wrong.unless(zone.map_err(|_| ("zone", "an IANA zone as Europe/Paris is expected".to_owned())));
    let in_zone = zone.flatten().unwrap_or(usually.zone);
    let quiet = wrong.unless(entry.quiet.as_deref().map(|text| quiet(text, in_zone)).transpose());
    let window = wrong.unless(entry.window.as_deref().map(window).transpose());
    let events = entry.events.iter().filter(|word| *word != TROUBLES).map(event).collect::<Result<_, _>>();
    let events = wrong.unless(events);
    let namespaces = wrong.unless(namespaces::read(&entry.namespaces).map_err(|told| ("namespaces", told)));
    Some(Scope {
        zone: in_zone,
        quiet: quiet?,
        window: window?.or(usually.window),
        events: events.map(|all| (!entry.events.is_empty()).then_some(all))?,
        troubles: entry.events.iter().any(|word| word == TROUBLES),
        namespaces: namespaces?,
        language: language?.unwrap_or(usually.language),
        // Whoever knows the name of a topic without a token reads it, and may not answer.
        without_links: !entry.include_links.unwrap_or(entry.kind != "ntfy" || entry.token_file.is_some()),
    })
}
