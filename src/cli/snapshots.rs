//! What `--help` says of each command, and what a wrong command line is answered.

use clap::Parser as _;

use super::*;

#[test]
fn help() {
    let mut all = Cli::command();
    all.build();
    let whole = all.render_long_help().to_string();
    let each = all.get_subcommands_mut().filter(|command| command.get_name() != "help");
    let each = each.map(|command| {
        let name = command.get_name().to_owned();
        format!("── {name}\n\n{}", command.render_long_help())
    });
    let told = format!("{whole}\n{}", each.collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!(told);
}

#[test]
fn a_wrong_command_line() {
    let lines = [
        &["chekc"][..],
        &["check", "--namespaces", "shop"],
        &["check", "-o", "xml"],
        &["explain"],
        &["explain", "--image", "nginx:1"],
        &["explain", "--image", "nginx:1", "--tags", "-", "--strategy", "PACTH"],
        &["webhook"],
    ];
    let told = lines.map(|line| {
        let words = ["image-watcher"].iter().chain(line);
        let error = Cli::try_parse_from(words).unwrap_err().to_string();
        format!("── {}\n\n{error}\n", line.join(" "))
    });
    let told = told.concat();
    insta::assert_snapshot!(told);
}
