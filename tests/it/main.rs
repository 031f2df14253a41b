//! Tests of the whole program against real peers. One binary, so that one control plane, one registry and one
//! mail server serve all of them; see `harness`.
//!
//! ```text
//! cargo test --test it                      all
//! cargo test --test it -- harness_itself    a part of the name selects
//! IMAGE_WATCHER_TEST_PEERS=<folder>         takes the peers from there instead of building them
//! IMAGE_WATCHER_TEST_BINARY=<path>          tests that program, as the static one of the image, in the place of this build's
//! IMAGE_WATCHER_TEST_KEEP=1                 keeps logs and state, and says where
//! IMAGE_WATCHER_TEST_KILLS=100             kills so often where the program is killed at random moments
//! IMAGE_WATCHER_TEST_DELIVERIES=10000      sends so many messages while it is killed ten times
//! IMAGE_WATCHER_TEST_PUSHES=10000          sends so many pushes to three replicas, which are killed thirty times
//! ```

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and the harness is a program of its own: it reads the clock and starts tasks"
)]

mod access;
mod answers;
mod api;
mod asked_little;
mod blocked;
mod chart;
mod chats;
mod cluster;
mod command_line;
mod commands;
mod credentials;
mod decisions;
mod doctor;
mod examples;
mod faults;
mod files;
mod fleet;
mod followed;
mod gitea;
mod groups;
#[expect(dead_code, reason = "not every test exists yet that the harness is made for")]
mod harness;
mod harness_itself;
mod install;
mod intake;
mod kills;
mod kinds;
mod links;
mod lists;
mod logs;
mod messages;
mod metrics;
mod oidc;
mod on_nats;
mod outages;
mod owned;
mod owners;
mod page;
mod pages;
mod people;
mod preflight;
mod queue;
mod races;
mod real_registries;
mod receivers;
mod records;
mod registries;
mod registries_asked;
mod release_calls;
mod release_faults;
mod release_notes;
mod reload;
mod replicas;
mod rights;
mod rollouts;
mod scopes;
mod settings;
mod shared;
mod slack;
mod strangers;
mod telegram;
mod the_loop;
mod traces;
mod void_links;
mod ways_out;
mod withdrawn;

fn main() -> std::process::ExitCode {
    let tests = [
        harness_itself::tests(),
        the_loop::tests(),
        traces::tests(),
        decisions::tests(),
        answers::tests(),
        access::tests(),
        oidc::tests(),
        on_nats::tests(),
        preflight::tests(),
        settings::tests(),
        reload::tests(),
        slack::tests(),
        telegram::tests(),
        cluster::tests(),
        command_line::tests(),
        commands::tests(),
        faults::tests(),
        files::tests(),
        fleet::tests(),
        followed::tests(),
        links::tests(),
        lists::tests(),
        messages::tests(),
        logs::tests(),
        metrics::tests(),
        intake::tests(),
        strangers::tests(),
        credentials::tests(),
        real_registries::tests(),
        api::tests(),
        asked_little::tests(),
        doctor::tests(),
        registries::tests(),
        registries_asked::tests(),
        gitea::tests(),
        outages::tests(),
        owned::tests(),
        owners::tests(),
        page::tests(),
        pages::tests(),
        people::tests(),
        receivers::tests(),
        replicas::tests(),
        shared::tests(),
        void_links::tests(),
        rights::tests(),
        examples::tests(),
        install::tests(),
        chart::tests(),
        scopes::tests(),
        groups::tests(),
        rollouts::tests(),
        blocked::tests(),
        kinds::tests(),
        release_notes::tests(),
        release_calls::tests(),
        release_faults::tests(),
        kills::tests(),
        queue::tests(),
        races::tests(),
        records::tests(),
        ways_out::tests(),
        withdrawn::tests(),
    ];
    harness::run::run(tests.into_iter().flatten())
}
