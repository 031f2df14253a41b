//! `image-watcher doctor`: what is needed and what is missing, with the remedy in one line.
//!
//! `ok` is said of what was tried, here or by the running service; of what is only configured, `set`. What does not work is
//! said before what to do about it.

mod channels;
mod clock;
mod cluster;
mod own;
mod queue;
mod registries;
mod service;
mod settings;
mod sign_in;
#[cfg(test)]
mod snapshots;
mod ways_out;
mod webhooks;
mod workloads;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::own::Pod;
use super::Output;
use super::cluster_flags::ClusterFlags;
use super::ending::{NO, blocking, no_answer, printed};
use super::terminal::{Colour, Form, Terminal};
use crate::cli::document;
use crate::cluster::ClusterConfig;
use crate::config::{Config, Problem};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Result {
    /// It was tried, and works.
    Ok,
    /// It is configured; nobody has tried it.
    Set,
    /// It works in part, or may not be meant.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Check {
    /// What is so; or, where something is wrong, with what.
    description: String,
    result: Result,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Category {
    name: &'static str,
    checks: Vec<Check>,
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    success: bool,
    categories: Vec<Category>,
}

impl Check {
    fn ok(description: impl Into<String>) -> Self {
        Self { description: description.into(), result: Result::Ok, error: None, hint: None }
    }

    fn set(description: impl Into<String>) -> Self {
        Self { result: Result::Set, ..Self::ok(description) }
    }

    fn but(description: impl Into<String>, result: Result, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { description: description.into(), result, error: Some(error.into()), hint: Some(hint.into()) }
    }
}

/// What is looked at.
#[derive(Debug)]
pub(super) struct Which<'w> {
    /// These namespaces; none is all of them.
    pub(super) namespaces: &'w [String],
    /// Whether there is no service yet, so that nothing is asked of one.
    pub(super) is_before_install: bool,
}

/// Looks at settings, the running service, cluster, workloads, registries, sources, channels, sign-in and ways out.
/// Of the configuration, what is not understood is among them, and the rest is gone by.
pub(super) async fn doctor(
    (config, wrong): (&Config, &[Problem]),
    cluster: &ClusterConfig,
    which: &Which<'_>,
) -> Report {
    let bounds = super::bounds(config);
    let asked = async { if which.is_before_install { None } else { Some(service::ask(config).await) } };
    let (seen, asked, tried, provider, queue) = tokio::join!(
        cluster::checks(config, cluster, which.namespaces, &bounds),
        asked,
        channels::tried(config),
        sign_in::tried(config),
        queue::checks(config)
    );
    let (pod, workloads) = (Pod::this(), seen.workloads);
    let service_checks = asked.as_ref().map(|asked| service::checks(asked, config, &pod)).unwrap_or_default();
    let service = asked.and_then(std::result::Result::ok);
    // What the service found of them is all that is said, so without one there is nothing to say.
    let of_service = |checks: Vec<Check>| if which.is_before_install { Vec::new() } else { checks };
    let hosts = registries::hosts(&workloads, &bounds);
    let heard = clock::ask(config, cluster, hosts.keys().map(String::as_str)).await;
    let registries = registries::checks(&hosts, service.as_ref(), &pod);
    let categories = vec![
        Category { name: "settings", checks: [settings::checks(config, wrong), queue].concat() },
        Category { name: "service", checks: service_checks },
        Category { name: "cluster", checks: seen.checks },
        Category { name: "workloads", checks: workloads::checks(&workloads, &bounds) },
        Category { name: "registries", checks: of_service(registries) },
        Category { name: "webhooks", checks: of_service(webhooks::checks(config, service.as_ref())) },
        Category { name: "channels", checks: [tried, of_service(channels::checks(config, service.as_ref()))].concat() },
        Category { name: "sign-in", checks: sign_in::checks(config, provider.as_ref(), &seen.sign_in) },
        Category { name: "clock", checks: clock::checks(&heard) },
        Category { name: "ways out", checks: ways_out::ways_out(config, cluster).await },
    ];
    Report::of(categories)
}

impl Report {
    fn of(categories: Vec<Category>) -> Self {
        let success = categories.iter().flat_map(|category| &category.checks).all(|check| check.result != Result::Fail);
        Self { schema: "image-watcher/doctor/v1", success, categories }
    }

    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        self.success
    }

    /// What goes to standard output.
    pub(super) fn print(&self, output: Output, form: Form) -> String {
        match output {
            Output::Json => document::json(self),
            Output::Yaml => document::yaml(self),
            Output::Table | Output::Wide | Output::Name => self.text(form),
        }
    }

    fn text(&self, form: Form) -> String {
        let mut lines = Vec::new();
        for category in &self.categories {
            if category.checks.is_empty() {
                continue;
            }
            lines.push(category.name.to_owned());
            for check in &category.checks {
                let (word, colour) = match check.result {
                    Result::Ok => ("ok  ", Colour::Green),
                    Result::Set => ("set ", Colour::Grey),
                    Result::Warn => ("warn", Colour::Yellow),
                    Result::Fail => ("FAIL", Colour::Red),
                };
                let word = if form.colour { colour.paint(word) } else { word.to_owned() };
                let error = check.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                lines.push(format!("  {word}  {}{error}", check.description));
                lines.extend(check.hint.as_ref().map(|hint| format!("        remedy  {hint}")));
            }
        }
        lines.join("\n") + "\n"
    }
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Look at this namespace alone; without it, at those that the service watches
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    #[arg(short = 'A', long, help = "Look at all namespaces; where IMAGE_WATCHER_NAMESPACES is set, at those")]
    all_namespaces: bool,
    /// Before an install: what needs no running service
    #[arg(long)]
    pre: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Looks at everything, and prints.
pub(super) fn run((config, wrong): (&Config, &[Problem]), terminal: Terminal, arguments: &DoctorArguments) -> ExitCode {
    let cluster = arguments.cluster.config(config);
    let named = arguments.namespace.as_ref().filter(|_| !arguments.all_namespaces);
    let namespaces = named.map_or(config.namespaces.as_slice(), std::slice::from_ref);
    let which = Which { namespaces, is_before_install: arguments.pre };
    match blocking(async { Ok(Box::pin(doctor((config, wrong), &cluster, &which)).await) }) {
        Ok(report) => {
            let code = if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(NO) };
            let text = report.print(arguments.output, terminal.form(false));
            printed(&arguments.output.to(terminal, text), code)
        }
        Err(error) => no_answer(&error),
    }
}
