//! `image-watcher queue move`: takes all that a stopped service's queue holds to where it stands next.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::Output;
use super::table::Table;
use crate::ambient::Ambient;
use crate::cli::document;
use crate::config::Config;
use crate::queue::StoreHandle;
use crate::queue::moving::{Again, Counted, Patience, Place, abandon, count, move_all};
use crate::queue::nats::{ExaminedBucket, NatsError, NatsSettings, examine, is_in_use};
use crate::queue::sqlite::OpenError;

#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Move all that the queue holds from the file to NATS, or back
    ///
    /// With the service stopped, and the configuration that names NATS: the file is that of `IMAGE_WATCHER_DATA`. What is moved
    /// stays where it was and is marked as moved, so that no service uses it by mistake. What is interrupted goes on by the same
    /// command, and nothing is doubled. Exit status: 0 when all is moved, or counted; 1 when it is not, as a service runs, the
    /// target holds a queue of its own, or a store does not answer.
    #[command(
        after_help = "Examples:\n  image-watcher queue move --to nats --dry-run\n  image-watcher queue move --to nats\n  image-watcher queue move --to sqlite -o json"
    )]
    Move(MoveArguments),
}

#[derive(Clone, Debug, Args)]
struct MoveArguments {
    /// Where the queue is to stand
    #[arg(long, value_enum, value_name = "STORE")]
    to: Store,
    /// Count what there is, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Have the source count again as it is: it is moved no longer, and what was done at the target is not known there
    #[arg(long, conflicts_with = "dry_run")]
    abandon: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    /// The file in `IMAGE_WATCHER_DATA`
    Sqlite,
    /// The buckets that `IMAGE_WATCHER_QUEUE` names
    Nats,
}

/// What was moved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema: &'static str,
    from: String,
    to: String,
    dry_run: bool,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    what: &'static str,
    found: u64,
    moved: u64,
    there: u64,
    left: u64,
}

/// What goes to standard output, and what to standard error.
///
/// # Errors
/// When it is not moved; done again, it goes on where it ended.
pub(super) async fn queue(config: &Config, arguments: &QueueArguments) -> anyhow::Result<(String, String)> {
    let Action::Move(arguments) = &arguments.action;
    let settings = config.queue.nats(|| config.outbound())?.context(
        "IMAGE_WATCHER_QUEUE names no NATS: set it to nats://… with what belongs to it, also to move from there; the file is \
         that of IMAGE_WATCHER_DATA",
    )?;
    let ambient = Ambient::system();
    let tell = |again: &Again<'_>| eprintln!("image-watcher: {again}");
    let patience = Patience::new(&ambient, &tell);
    let name_of_file = format!("the file in {}", config.data.display());
    let name_of_nats = name_of_nats(&settings);
    let in_file = || open_file(config, arguments, &ambient);
    let on_nats = || open_nats(&settings, arguments, patience, &ambient);
    // What is moved from is looked for first: without it nothing is made.
    let (source, target) = match arguments.to {
        Store::Nats => (
            in_file()?.with_context(|| {
                format!("there is no queue in {}: look at IMAGE_WATCHER_DATA", config.data.display())
            })?,
            on_nats().await?,
        ),
        Store::Sqlite => (
            on_nats()
                .await?
                .with_context(|| format!("there is no queue in {name_of_nats}: look at IMAGE_WATCHER_NATS_BUCKET"))?,
            in_file()?,
        ),
    };
    let (name_of_source, name_of_target) = match arguments.to {
        Store::Nats => (&name_of_file, &name_of_nats),
        Store::Sqlite => (&name_of_nats, &name_of_file),
    };
    let source = Place { queue: &source, name: name_of_source, patience };
    let target = target.as_ref().map(|queue| Place { queue, name: name_of_target, patience });
    if arguments.abandon {
        abandon(source).await?;
        return Ok((String::new(), format!("image-watcher: {} counts again as it is\n", source.name)));
    }
    let counted = match target {
        Some(target) if !arguments.dry_run => move_all(source, target, &ambient).await?,
        target => count(source, target).await?,
    };
    let report = Report::of((source.name, name_of_target), arguments.dry_run, &counted);
    Ok((report.print(arguments.output), report.summary(arguments.to)))
}

const STOP: &str =
    "stop it first, as by «kubectl scale deployment image-watcher --replicas=0», and wait until its pods are gone";

/// Whether a store that is missing is made. One that is moved from has to be there.
fn is_made(arguments: &MoveArguments, store: Store) -> bool {
    arguments.to == store && !arguments.dry_run && !arguments.abandon
}

fn name_of_nats(settings: &NatsSettings) -> String {
    let servers = settings.servers.iter().map(url::Url::as_str).collect::<Vec<_>>().join(", ");
    format!("the buckets {}-… of NATS at {servers}", settings.buckets)
}

/// The file, where no service uses it; nothing where there is none and none is made.
fn open_file(config: &Config, arguments: &MoveArguments, ambient: &Ambient) -> anyhow::Result<Option<StoreHandle>> {
    if !is_made(arguments, Store::Sqlite) && !config.data.join("queue.db").exists() {
        return Ok(None);
    }
    match StoreHandle::open(&config.data, ambient) {
        Ok(file) => Ok(Some(file)),
        Err(error @ OpenError::InUse(_)) => Err(error).context(format!("a service runs on the file: {STOP}")),
        Err(error) => Err(error.into()),
    }
}

/// The buckets, where no service uses them; nothing where there are none and none are made.
async fn open_nats(
    settings: &NatsSettings,
    arguments: &MoveArguments,
    patience: Patience<'_>,
    ambient: &Ambient,
) -> anyhow::Result<Option<StoreHandle>> {
    if is_in_use(settings, ambient).await? {
        bail!("a service says that it uses the buckets {}-… of NATS: {STOP}", settings.buckets);
    }
    let name = name_of_nats(settings);
    if !is_made(arguments, Store::Nats) {
        let examined = patience.asks(&name, NatsError::passes, async || examine(settings, ambient).await).await?;
        if examined.buckets?.iter().all(|bucket| matches!(bucket, ExaminedBucket::Missing { .. })) {
            return Ok(None);
        }
    }
    let open = async || {
        if arguments.dry_run {
            StoreHandle::nats_as_it_is(settings.clone(), ambient).await
        } else {
            StoreHandle::nats(settings.clone(), ambient).await
        }
    };
    Ok(Some(patience.asks(&name, NatsError::passes, open).await?))
}

impl Report {
    fn of((from, to): (&str, &str), dry_run: bool, counted: &[Counted]) -> Self {
        let item = |&Counted { what, found, moved, there, left }: &Counted| Item {
            what: what.as_str(),
            found,
            moved,
            there,
            left,
        };
        let items = counted.iter().map(item).collect();
        Self { schema: "image-watcher/queue-move/v1", from: from.to_owned(), to: to.to_owned(), dry_run, items }
    }

    fn print(&self, output: Output) -> String {
        match output {
            Output::Json => document::json(self),
            Output::Yaml => document::yaml(self),
            Output::Name => self.items.iter().flat_map(|item| [item.what, "\n"]).collect(),
            Output::Table | Output::Wide => {
                let mut table = Table::new(&["WHAT", "FOUND", "MOVED", "WAS THERE", "STAYS"]);
                for Item { what, found, moved, there, left } in &self.items {
                    let numbers = [found, moved, there, left].map(ToString::to_string);
                    table.row([(*what).to_owned()].into_iter().chain(numbers));
                }
                table.to_string()
            }
        }
    }

    fn summary(&self, to: Store) -> String {
        let Self { from, to: target, .. } = self;
        if self.dry_run {
            return format!("image-watcher: nothing was written; this is what would go from {from} to {target}\n");
        }
        let mut lines =
            vec![format!("all of it is in {target}; {from} is left as it is, and marked so that no service uses it")];
        if self.items.iter().any(|item| item.left > 0) {
            lines.push("what stays is too large for the target, or can't be read; it is kept in the source".to_owned());
        }
        let key = "the link key is not moved: what link.key of the data folder alone signed is asked anew";
        lines.extend((to == Store::Nats).then(|| key.to_owned()));
        lines.into_iter().flat_map(|line| ["image-watcher: ".to_owned(), line, "\n".to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::moving::What;

    #[test]
    fn what_was_moved_is_shown_as_a_table_and_for_programs() {
        let counted = What::ALL.map(|what| Counted { what, found: 3, moved: 2, there: 1, left: 0 });
        let places = ("the file in /data", "the buckets prod-… of NATS at nats://nats:4222");
        let moved = Report::of(places, false, &counted);
        crate::cli::schemas::conforms(&moved.print(Output::Json));
        let left = [Counted { what: What::Records, found: 1, moved: 0, there: 0, left: 1 }];
        let told = [
            moved.print(Output::Table),
            moved.summary(Store::Nats),
            Report::of(places, true, &counted).summary(Store::Nats),
            Report::of(places, false, &left).summary(Store::Sqlite),
            Report::of(places, false, &left).print(Output::Json),
        ];
        insta::assert_snapshot!(told.join("──\n"));
    }

    /// Whoever counts only has nothing made: no bucket, no file, and what is there stays as it is.
    #[tokio::test]
    async fn a_dry_run_makes_nothing_and_drops_nothing() {
        use crate::queue::nats::tests::peer::Server;
        use crate::queue::{NewJob, Queue as _};

        let Some(server) = Server::start() else { return };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let config = |folder: &tempfile::TempDir| {
            let variables = [
                ("IMAGE_WATCHER_QUEUE", server.url().to_string()),
                ("IMAGE_WATCHER_NATS_BUCKET", "mvx".into()),
                ("IMAGE_WATCHER_LINK_KEY", "a link key of thirty-two bytes or more".into()),
                ("IMAGE_WATCHER_DATA", folder.path().display().to_string()),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value)).into_iter();
            Config::read(variables, &|_| Err(std::io::ErrorKind::NotFound.into()), chrono::DateTime::UNIX_EPOCH)
                .unwrap()
        };
        let asked = |to, dry_run| {
            let action = MoveArguments { to, dry_run, abandon: false, output: Output::Json };
            QueueArguments { action: Action::Move(action) }
        };
        let buckets = async || {
            let mut names = server.context().await.stream_names();
            let mut all: Vec<String> = Vec::new();
            while let Some(Ok(name)) = futures_util::StreamExt::next(&mut names).await {
                all.push(name);
            }
            all.len()
        };
        let (full, empty) = (config(&folders[0]), config(&folders[1]));
        let ambient = Ambient::system();
        let file = StoreHandle::open(&full.data, &ambient).unwrap();
        let job =
            crate::domain::event::Job::Look(crate::domain::reference::Repository::parse("a.example/web").unwrap());
        file.put(vec![NewJob::prompt(job, "", ambient.now())]).await.unwrap();
        drop(file);
        let looks = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["items"][0]["found"].clone();

        // The thread of what was open ends with what it does.
        let (text, told) = loop {
            match Box::pin(queue(&full, &asked(Store::Nats, true))).await {
                Err(error) if error.chain().any(|it| matches!(it.downcast_ref(), Some(OpenError::InUse(_)))) => {
                    tokio::task::yield_now().await;
                }
                moved => break moved.unwrap(),
            }
        };
        assert!(looks(&text) == 1 && told.contains("nothing was written"), "{text} {told}");
        assert_eq!(buckets().await, 0);
        let refused = Box::pin(queue(&empty, &asked(Store::Sqlite, true))).await.unwrap_err();
        assert!(refused.to_string().starts_with("there is no queue in the buckets mvx-…"), "{refused}");
        let refused = Box::pin(queue(&empty, &asked(Store::Sqlite, false))).await.unwrap_err();
        assert!(refused.to_string().starts_with("there is no queue in the buckets mvx-…"), "{refused}");
        assert_eq!(buckets().await, 0, "what is moved from has to be there");

        Box::pin(queue(&full, &asked(Store::Nats, false))).await.unwrap();
        assert_eq!(buckets().await, 3);
        let (text, _) = Box::pin(queue(&empty, &asked(Store::Sqlite, true))).await.unwrap();
        assert_eq!(looks(&text), 1);
        assert!(!empty.data.join("queue.db").exists(), "no file is made either");
        Box::pin(queue(&empty, &asked(Store::Sqlite, false))).await.unwrap();
        assert!(empty.data.join("queue.db").exists());
    }
}
