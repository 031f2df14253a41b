//! Asks the running service which messages wait, failed or were given up, and has those sent again or thrown away, where it
//! listens for this machine.

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Output;
use super::api::ask_for;
use super::table::Table;
use crate::cli::document;
use crate::config::Config;
use crate::domain::event::NoticeKind;
use crate::outbound::Response;

/// As many as the service gives at once.
const PAGE: usize = 200;
/// The most letters of an error in a table.
const MOST_LETTERS: usize = 60;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct DeliveriesArguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only messages in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only messages for this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// No more than these
    #[arg(long, value_name = "NUMBER", default_value_t = PAGE)]
    limit: usize,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Send what was given up again
    #[command(
        after_help = "Examples:\n  image-watcher deliveries retry msg_2ZJPZBSXQ03X7DCJQRASK0M01Z\n  image-watcher deliveries retry --channel email"
    )]
    Retry {
        /// The message, by its id
        #[arg(value_name = "ID", required_unless_present = "channel", conflicts_with = "channel")]
        id: Option<String>,
        /// All that was given up of this channel
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
    },
    /// Throw away what was given up
    #[command(
        after_help = "Examples:\n  image-watcher deliveries discard msg_2ZJPZBSXQ03X7DCJQRASK0M01Z\n  image-watcher deliveries --state dead -o name | xargs -n1 image-watcher deliveries discard"
    )]
    Discard {
        /// The message, by its id
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// It did not fail yet
    Waiting,
    /// It failed, and is tried again
    Retried,
    /// It was given up
    Dead,
    /// It arrived, within the last week
    Delivered,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Delivered => "delivered",
        }
    }
}

/// What the service says: a page, a message, a number, or why not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    items: Vec<Value>,
    next: Option<String>,
    retried: u64,
    hastened: u64,
    #[serde(rename = "wasClosed")]
    was_closed: bool,
    detail: String,
}

/// A message, as far as a table shows it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Message {
    id: String,
    channel: String,
    recipient: Option<String>,
    state: String,
    event: Option<String>,
    about: Vec<About>,
    more: usize,
    attempts: u32,
    last_error: Option<String>,
    next_attempt: Option<DateTime<Utc>>,
    changed: DateTime<Utc>,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    event: String,
    workload: String,
    #[serde(default)]
    from: String,
    to: String,
}

impl About {
    /// Where it went: back, where that is what is told, and nowhere where what runs is gone.
    fn end(&self) -> &str {
        match NoticeKind::of(&self.event) {
            Some(NoticeKind::RolledBack | NoticeKind::Held | NoticeKind::Gone) => &self.from,
            _ => &self.to,
        }
    }
}

/// Messages as they are printed.
#[derive(Serialize)]
struct List {
    schema: &'static str,
    items: Vec<Value>,
}

/// What goes to standard output.
///
/// # Errors
/// When the service does not run here, or does not do it.
pub(super) async fn deliveries(config: &Config, arguments: &DeliveriesArguments) -> anyhow::Result<String> {
    match &arguments.action {
        None => print(list(config, arguments).await?, arguments.output),
        Some(Action::Retry { id: Some(id), .. }) => {
            read(&ask_for(config, &["deliveries", id, "retry"], &[], true).await?)?;
            Ok(format!("{id} is sent again\n"))
        }
        Some(Action::Retry { id: None, channel }) => {
            let channel = channel.as_deref().unwrap_or_default();
            let answer = ask_for(config, &["deliveries", "retry"], &[("channel", channel)], true).await?;
            Ok(sent_again(channel, &read(&answer)?))
        }
        Some(Action::Discard { id }) => {
            read(&ask_for(config, &["deliveries", id, "discard"], &[], true).await?)?;
            Ok(format!("{id} is thrown away\n"))
        }
    }
}

/// What came of a channel of which somebody says that it works.
fn sent_again(channel: &str, answer: &Answer) -> String {
    let are = |count: u64| if count == 1 { "is" } else { "are" };
    let messages = |count: u64| if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
    let Answer { retried, hastened, was_closed, .. } = *answer;
    let hasten = format!("that failed {} tried at once", are(hastened));
    let told = match (retried, hastened) {
        (0, 0) if was_closed => format!("the channel {channel} was closed, and is tried at once: what waits follows"),
        (0, 0) => format!("nothing was given up of the channel {channel}, and nothing that failed there waits"),
        (0, _) => format!("nothing was given up of the channel {channel}; {} {hasten}", messages(hastened)),
        (_, 0) => format!("{} of the channel {channel} {} sent again", messages(retried), are(retried)),
        (_, _) => {
            let again = messages(retried);
            format!("{again} of the channel {channel} {} sent again, and {hastened} {hasten}", are(retried))
        }
    };
    format!("{told}\n")
}

/// The newest messages, page by page.
async fn list(config: &Config, arguments: &DeliveriesArguments) -> anyhow::Result<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    while items.len() < arguments.limit {
        let limit = (arguments.limit - items.len()).min(PAGE).to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(arguments.state.map(|state| ("state", state.as_str())));
        query.extend(arguments.channel.as_deref().map(|channel| ("channel", channel)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = read(&ask_for(config, &["deliveries"], &query, false).await?)?;
        items.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(items)
}

fn read(answer: &Response) -> anyhow::Result<Answer> {
    let read: Answer = serde_json::from_slice(&answer.body).context("what answers is no image-watcher")?;
    if !answer.status.is_success() {
        bail!("{}", read.detail);
    }
    Ok(read)
}

fn print(items: Vec<Value>, output: Output) -> anyhow::Result<String> {
    let schema = "image-watcher/deliveries/v1";
    match output {
        Output::Json => Ok(format!("{:#}\n", serde_json::to_value(List { schema, items })?)),
        Output::Yaml => Ok(document::yaml(&List { schema, items })),
        Output::Name => {
            let messages = messages(items)?;
            Ok(messages.iter().flat_map(|message| [message.id.as_str(), "\n"]).collect())
        }
        Output::Table => table(items, MOST_LETTERS),
        Output::Wide => table(items, usize::MAX),
    }
}

fn messages(items: Vec<Value>) -> anyhow::Result<Vec<Message>> {
    let read: Result<_, _> = items.into_iter().map(serde_json::from_value).collect();
    read.context("the service says it in a form that this version does not know")
}

fn table(items: Vec<Value>, most: usize) -> anyhow::Result<String> {
    let headings = ["ID", "CHANNEL", "TO", "STATE", "EVENT", "ABOUT", "TRIED", "LAST", "NEXT", "ERROR"];
    let mut table = Table::new(&headings);
    let moment = |at: DateTime<Utc>| at.format("%F %T").to_string();
    let dash = || "-".to_owned();
    // Of those that wait, only what is for a channel that is gone has no next try.
    let never =
        |state: &str| if matches!(state, "waiting" | "retried") { "at the next start".to_owned() } else { dash() };
    for message in messages(items)? {
        let about = match &*message.about {
            [] => dash(),
            [only] => format!("{} {}", only.workload, only.end()),
            [first, rest @ ..] => format!("{} {} and {} more", first.workload, first.end(), rest.len() + message.more),
        };
        let error = message.last_error.map(|error| shortened(&error, most));
        let next = message.next_attempt.map_or_else(|| never(&message.state), moment);
        table.row([
            message.id,
            message.channel,
            message.recipient.unwrap_or_else(dash),
            message.state,
            message.event.unwrap_or_else(dash),
            about,
            message.attempts.to_string(),
            moment(message.changed),
            next,
            error.unwrap_or_else(dash),
        ]);
    }
    Ok(table.to_string())
}

/// The first line, and no more of it than so many letters.
fn shortened(text: &str, most: usize) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_control()).collect();
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items() -> Vec<Value> {
        let about =
            |name: &str| json!({"workload": format!("shop/deploy/{name}"), "to": "1.3.0", "event": "update.available"});
        vec![
            json!({"id": "msg_1", "channel": "email", "recipient": "o…@example.com", "state": "dead",
                "event": "update.available", "about": [about("web")], "more": 0, "attempts": 3,
                "lastError": format!("550 {}\u{1b}[31m\nsecond line", "x".repeat(100)), "nextAttempt": null,
                "created": "2026-11-18T11:06:40Z", "changed": "2026-11-18T12:06:40Z", "trace": "t"}),
            json!({"id": "itm_2", "channel": "hook", "recipient": null, "state": "waiting", "event": "digest.summary",
                "about": [about("a"), about("b")], "more": 3, "attempts": 0, "lastError": null,
                "nextAttempt": "2026-11-18T13:06:40Z", "created": "2026-11-18T11:06:40Z",
                "changed": "2026-11-18T11:06:40Z", "trace": "t"}),
        ]
    }

    #[test]
    fn what_comes_of_a_channel_that_works_again_is_said() {
        let told = |retried, hastened, was_closed| {
            sent_again("email", &Answer { retried, hastened, was_closed, ..Answer::default() })
        };
        for (retried, hastened, was_closed, expected) in [
            (0, 0, true, "the channel email was closed, and is tried at once: what waits follows\n"),
            (0, 0, false, "nothing was given up of the channel email, and nothing that failed there waits\n"),
            (0, 1, true, "nothing was given up of the channel email; 1 message that failed is tried at once\n"),
            (0, 3, false, "nothing was given up of the channel email; 3 messages that failed are tried at once\n"),
            (1, 0, false, "1 message of the channel email is sent again\n"),
            (2, 1, true, "2 messages of the channel email are sent again, and 1 that failed is tried at once\n"),
        ] {
            assert_eq!(told(retried, hastened, was_closed), expected);
        }
    }

    #[test]
    fn messages_are_shown_as_a_table_and_for_programs() {
        let table = print(items(), Output::Table).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("ID     CHANNEL  TO              STATE    EVENT"), "{table}");
        assert!(lines[1].contains("shop/deploy/web 1.3.0") && lines[1].ends_with("xxx…"), "{table}");
        assert!(!table.contains("second line") && !table.contains('\u{1b}'), "{table}");
        assert!(
            lines[2].contains("shop/deploy/a 1.3.0 and 4 more  0      2026-11-18 11:06:40  2026-11-18 13:06:40  -")
        );
        assert_eq!(print(items(), Output::Name).unwrap(), "msg_1\nitm_2\n");
        crate::cli::schemas::conforms(&print(items(), Output::Json).unwrap());
        let document: Value = serde_json::from_str(&print(items(), Output::Json).unwrap()).unwrap();
        assert_eq!((&document["schema"], &document["items"][1]), (&json!("image-watcher/deliveries/v1"), &items()[1]));
        assert!(print(items(), Output::Wide).unwrap().contains(&"x".repeat(100)));
        assert!(print(items(), Output::Yaml).unwrap().contains("schema: image-watcher/deliveries/v1"));
    }
}
