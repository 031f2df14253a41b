//! `config`: what is configured, where it comes from, and whether a file can be used.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::table::Table;
use super::{Output, configured, misconfigured, printed};
use crate::cli::document;
use crate::cluster::{ClusterError, KubeCluster};
use crate::config::{Config, Row, SCHEMA};

/// What `config` is given.
#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    /// A file to check in the place of the one that `IMAGE_WATCHER_CONFIG` names
    #[arg(long, value_name = "FILE", conflicts_with = "schema")]
    check: Option<PathBuf>,
    /// Print the JSON Schema of the file
    #[arg(long)]
    schema: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// What is printed for programs.
#[derive(Serialize)]
struct Report<'r> {
    schema: &'static str,
    settings: Vec<Setting<'r>>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Setting<'r> {
    name: &'r str,
    value: &'r str,
    origin: &'r str,
}

/// Does something with a configuration that can be used.
fn understood(variables: impl Iterator<Item = (String, String)>, then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match configured(variables) {
        (config, None) => then(config),
        (_, Some(error)) => misconfigured(&error),
    }
}

/// Runs the command.
pub(super) fn run(arguments: &ConfigArguments, variables: impl Iterator<Item = (String, String)>) -> ExitCode {
    if arguments.schema {
        return printed(SCHEMA, ExitCode::SUCCESS);
    }
    let Some(file) = &arguments.check else {
        return understood(variables, |config| printed(&report(&config, arguments.output), ExitCode::SUCCESS));
    };
    let variables = variables.filter(|(name, _)| name != "IMAGE_WATCHER_CONFIG");
    let checked = ("IMAGE_WATCHER_CONFIG".to_owned(), file.to_string_lossy().into_owned());
    understood(variables.chain([checked]), |config| {
        for warning in &config.warnings {
            eprintln!("{}: {}", warning.variable, warning.problem);
        }
        printed(&format!("{} can be used\n", file.display()), ExitCode::SUCCESS)
    })
}

/// The configuration in force, without its secrets.
fn report(config: &Config, output: Output) -> String {
    let rows = config.origins.rows();
    let settings = |row: &'_ Row| (row.setting.clone(), row.value.clone(), row.origin.clone());
    match output {
        Output::Table | Output::Wide => {
            let mut table = Table::new(&["SETTING", "VALUE", "ORIGIN"]);
            let shown =
                rows.iter().filter(|row| output == Output::Wide || row.value != "none" || row.origin != "default");
            for (setting, value, origin) in shown.map(settings) {
                table.row([setting, value, origin]);
            }
            format!("{table}\n{ORDER}\n")
        }
        Output::Name => rows.iter().map(|row| format!("{}\n", row.setting)).collect::<Vec<_>>().concat(),
        Output::Json | Output::Yaml => {
            let settings =
                rows.iter().map(|row| Setting { name: &row.setting, value: &row.value, origin: &row.origin });
            let warnings = config.warnings.iter().map(|it| format!("{}: {}", it.variable, it.problem)).collect();
            let report = Report { schema: "image-watcher/config/v1", settings: settings.collect(), warnings };
            if output == Output::Json { document::json(&report) } else { document::yaml(&report) }
        }
    }
}

/// The one order in which settings of workloads count.
const ORDER: &str = "Of a workload counts what is said first: IMAGE_WATCHER_MODE and IMAGE_WATCHER_STRATEGY, the container's annotation, \
the workload's, the Namespace's, a rule of the file, the built-in value. --output wide shows what is not set.";

/// Has a command know what workloads inherit, of one namespace or of all that are watched. Answers why Namespaces can't be
/// read, and whether a selector needs them.
pub(super) async fn inherit(
    kube: &KubeCluster,
    config: &Config,
    namespace: Option<&str>,
) -> Option<(ClusterError, bool)> {
    kube.index().inherit(|defaults| config.inherit(defaults));
    let named = namespace.map(|name| vec![name.to_owned()]).or_else(|| config.watched.named());
    let error = kube.read_namespaces(named.as_deref()).await?;
    Some((error, kube.index().defaults().reads_labels()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)], yaml: &str) -> Config {
        let file = |path: &str| match path {
            "/etc/iw/config.yaml" => Ok(yaml.to_owned()),
            "/etc/iw/smtp" => Ok("smtps://iw:hunter2@mail.example.com\n".to_owned()),
            "/etc/iw/url" => Ok("https://hooks.example.com/hunter2".to_owned()),
            "/etc/iw/hub" => Ok("hunter2".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(variables, &file, chrono::DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn every_value_is_shown_with_its_origin_and_no_secret() {
        let yaml = "port: 8080\nlogLevel: DEBUG\nsmtpUrlFile: /etc/iw/smtp\nmailFrom: iw@example.com\nmailTo:\n  - a@example.com\n  - b@example.com\n\
            namespaces: { except: [kube-*] }\nrollouts: { total: 5 }\nchannels:\n  - { name: oncall, kind: slack, urlFile: /etc/iw/url }\n\
            sources:\n  - name: hub\n    kind: dockerhub\n    auth: { secretFiles: [/etc/iw/hub] }\nrules:\n  - namespaces: [shop]\n    strategy: MINOR\n";
        let variables = [
            ("IMAGE_WATCHER_CONFIG", "/etc/iw/config.yaml"),
            ("LOG_LEVEL", "WARN"),
            ("GITHUB_TOKEN", "hunter2"),
            ("WEBHOOK_URL_FILE", "/etc/iw/url"),
            ("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ];
        let config = config(&variables, yaml);
        let all = [Output::Table, Output::Json].map(|output| report(&config, output)).concat();
        assert!(!all.contains("hunter2") && !all.contains("MDEy"), "{all}");
        insta::assert_snapshot!(report(&config, Output::Table));
    }

    /// Each default that is shown is the one that counts.
    #[test]
    fn what_is_shown_as_default_is() {
        let nothing = config(&[], "");
        let rows = nothing.origins.rows();
        let said = ["no bound", "all addresses", "all", "none"];
        let set: Vec<(&str, &str)> = rows
            .iter()
            .filter(|row| !said.contains(&row.value.as_str()))
            .map(|row| (row.setting.as_str(), row.value.as_str()))
            .collect();
        assert!(set.len() > 10);
        assert_eq!(format!("{:?}", config(&set, "")), format!("{nothing:?}"));
    }
}
