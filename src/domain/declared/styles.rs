//! How notes of many styles say it, or only seem to: quotes, compounds, defaults in other words, HTML.

use super::tests::declare;

#[test]
fn what_is_only_mentioned_is_not_said() {
    declare(
        "",
        &[
            "- Inbox has a tab «Action required»",
            "- The tab \"Breaking changes\" has a filter",
            "- The breaking change detector understands enums",
            "- A breaking-change report can be exported",
            "- Irreversible actions ask twice",
            "- Mandatory fields have a star",
            "- Reindexing uses all cores",
            "- A page lists deprecated and removed settings",
            "- Mails that are rejected are shown with the reason",
            "- Alert when a service no longer answers",
        ],
    );
    declare(
        "breaking",
        &["- \"Breaking\": the port is 9090", "- The tab «Users» is gone, and the flag `--old` was removed"],
    );
}

#[test]
fn another_default_has_other_words() {
    declare(
        "breaking",
        &[
            "- feat: default to HTTPS for the admin listener",
            "- feat: default `--output` to json",
            "- Compression is now opt-in.",
            "- Telemetry is opt-out from this release on.",
            "- perf: default cache size lowered to 64 MB",
            "- fix: `timeout` is interpreted as seconds rather than milliseconds",
        ],
    );
    declare(
        "",
        &[
            "- feat: default avatar for new users",
            "- Opt-in: `compress: zstd`",
            "- `strict_paths`, default `false`, rejects double slashes",
            "- Metrics for tenants (disabled unless `METRICS=1`)",
            "- New `strict` mode, off by default, rejects unknown keys",
        ],
    );
}

#[test]
fn upkeep_that_takes_away_what_is_used_is_heard() {
    declare(
        "breaking",
        &[
            "- chore: remove deprecated `--insecure` flag",
            "- refactor: drop the `/v1/users` endpoint",
            "- refactor(config): rename `DB_HOST` to `DATABASE_HOST`",
        ],
    );
    declare(
        "",
        &[
            "- chore: remove unused `lodash`",
            "- refactor: rename `getUser` to `findUser`",
            "- chore: remove `.eslintrc`",
            "- release: no longer push `edge` from forks",
        ],
    );
}

#[test]
fn what_one_need_not_do_is_a_relief() {
    declare(
        "",
        &[
            "- You no longer need to restart after changing the configuration",
            "- Setup requires no e-mail address any more",
            "- Removed the beta label from workflows",
            "- The server waits for the database instead of stopping",
        ],
    );
    declare("breaking", &["- You can no longer restart a job with `--force`"]);
}

#[test]
fn what_is_worth_nothing_any_more_breaks() {
    declare(
        "breaking",
        &[
            "- All API tokens created before 1.9 are revoked, create new ones in the settings",
            "- Existing sessions are revoked.",
            "- Viewers don't see secrets any more",
            "- The web page isn't affected, but apps older than 1.3 can't sign in.",
        ],
    );
    declare("", &["- When a member is removed, their tokens are revoked"]);
}

#[test]
fn what_was_otherwise_may_be_told_behind_it() {
    declare("breaking", &["- `?tag=a,b` matches items that have both tags; before, one was enough"]);
    declare("", &["- `?tag=a,b` is faster; before, it failed for long lists"]);
}

#[test]
fn openings_say_nothing_of_what_follows() {
    declare(
        "breaking",
        &[
            "For security reasons the debug endpoint listens on localhost only.",
            "Starting with 2.0, LDAP sign-in is part of the paid edition.",
            "**Does this introduce a breaking change?** Yes, tokens are opaque.",
        ],
    );
    declare(
        "",
        &[
            "**Does this introduce a breaking change?** No, tokens are as they were.",
            "- Heads-up: 7.0 will need PostgreSQL 14",
            "- `app check` tells you what you must change before 6.0",
            "## Breaking changes in the upcoming release\n\n- `foo` will be removed",
        ],
    );
}

#[test]
fn a_line_of_html_has_several_blocks() {
    declare(
        "breaking",
        &[
            "<h3>Breaking changes</h3><ul><li>limit counts from 0</li></ul>",
            "- :boom: Tokens are opaque\n- :bug: typo",
            "- (breaking) limit counts from 0",
        ],
    );
    declare(
        "",
        &[
            "<h3>Fixed</h3><ul><li>limit counts from 0</li></ul>",
            "| Issue | Area | State |\n|---|---|---|\n| Removed users stay in the list | ui | fixed |",
        ],
    );
}
