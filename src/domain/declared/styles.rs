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

#[test]
fn the_update_itself_is_no_news() {
    declare(
        "breaking",
        &[
            "- The new image does not run cron jobs any more",
            "- The new version listens on port 9000 instead of 80",
            "- Das neue Image lauscht auf Port 9000 statt 80",
        ],
    );
    declare("", &["- New image viewer: it listens to gestures", "- A new version of the editor"]);
}

#[test]
fn who_takes_the_image_need_not_care() {
    declare(
        "",
        &[
            "- Requires Node.js 22 now. Docker users need to do nothing.",
            "- Requires Node.js 22 (the Docker image has it)",
            "### Minimum Python version\n\nPython 3.8 is required now.\n\nIf you use the Docker image, no action is required.",
            "The minimum version of Node.js is now 14.\n\nThe Docker image already includes it.",
        ],
    );
    declare(
        "breaking",
        &[
            "- Requires Node.js 22 now. The Docker image has it.\n- The flag `--old` is gone",
            "The flag `--old` is gone.\n\n## Node.js 22\n\nIt is required now, the Docker image has it.",
            "Redis 7 is required now. The image has it only in the variant `full`.",
        ],
    );
    declare("migration", &["The database schema is migrated at the first start. Docker users need to do nothing."]);
}

#[test]
fn what_is_new_and_has_to_be_there_is_a_demand() {
    declare(
        "breaking",
        &[
            "- New required environment variable `SECRET_KEY`",
            "### Added\n\n- Added mandatory setting `secret`",
            "- A new service `worker` is required",
            "- Neue Pflichtvariable `A`",
        ],
    );
    declare(
        "",
        &[
            "- New flag `--x`, required by `--y`",
            "- New required fields marker",
            "- New mode `a`, the option `b` is required only if it is on",
        ],
    );
}

#[test]
fn what_must_be_done_once_more_is_a_step() {
    declare("manual", &["- Requires a full re-sync", "- A re-scan of the library is required"]);
    declare("", &["- No re-scan is required", "- No longer requires a re-scan", "- A re-scan can be started"]);
}

#[test]
fn what_is_asked_with_please_is_heard_among_what_is_new() {
    declare(
        "manual",
        &[
            "## New endpoints\n\nPlease update your reverse proxy configuration.",
            "### New features\n\n- Workers take `/v1/media`. Please adapt your reverse proxy.",
            "- Vérifiez vos permissions après la mise à jour.",
        ],
    );
    declare("", &["### New features\n\n- To try it, please update your settings if you like."]);
}

#[test]
fn the_title_of_a_change_asks_nobody() {
    declare(
        "",
        &[
            "- Set the initial status to Success otherwise it will be pending (#10317) (#10318)",
            "- Run CORS handler first for /api routes (#7967)",
            "- Only offer certificates if they exist (#123)",
        ],
    );
    declare("manual", &["- Run `app fix` before you start this version (#12)"]);
}

#[test]
fn a_word_of_time_is_no_word_of_what_was() {
    declare(
        "",
        &[
            "- flag `a` that takes `B` away before a request is passed on",
            "- The old check `/health` is soft-deprecated in favour of `/ready`",
            "- Add migration for the option of zookeeper",
            "- Automatically refresh connected browsers if the server is upgraded",
        ],
    );
    declare(
        "breaking",
        &[
            "- The limit is 10 (before: `5`)",
            "Since 1.7 it comes in the header. The `token` parameter was removed.",
            "- The paths `*_import` are now `*_bulk_import`",
        ],
    );
}

#[test]
fn what_something_becomes_is_another_value() {
    declare(
        "breaking",
        &[
            "- Changed event type to a string in the API",
            "- Switch database flag to `--database`",
            "- The webhook payload has a new structure",
            "- Anonymous access has been turned off by default",
            "- Renommage de la variable `A` en `B`",
        ],
    );
    declare("migration", &["- This version bumps the database schema to 42", "- Database schema bumped to version 42"]);
    declare("", &["- Switch to `esbuild`", "- Change the colour of badges to blue", "- The page has a new layout"]);
}

#[test]
fn what_a_later_clause_adds_takes_nothing_back() {
    declare(
        "breaking",
        &[
            "- The value `A` goes by the name `B`, which holds results as well",
            "- The flag `new_views` has been set to `True` by default, set it to `False` if you like the old look better",
            "- Turning off the choice of languages by default, as most are not complete",
            "### Changed\n\n- A query answers `E205` now instead of an empty list",
            "As of this release, IDs of messages will be 12 characters long (as opposed to 10).",
            "### New features\n\n- Drafts are no longer visible to all members, only to the company that made them",
            "### Fixed\n\n- Fix showing `/config`\n  + It is disabled now unless `admin-config` is `true`",
        ],
    );
    declare("manual", &["- `APP` should be updated to `app:create_app()`"]);
    declare("migration", &["- Adds the column `x` to the `query` table, which locks the table"]);
}

#[test]
fn what_stands_in_a_condition_or_in_the_workshop_is_no_news() {
    declare(
        "",
        &[
            "- The parameter `A` is no longer required, as the server knows when rights have to be updated",
            "- Return a less confusing error to the client when spans are refused due to rates",
            "- Keep escaped table names while migrating",
            "- Skip migration if the table was already renamed",
            "### Technical stuff\n\n- Replace kernel.root_dir by kernel.project_dir",
            "- Change the HTTP framework, moving from tide to actix-web",
            "- `5e134c1` changer le répertoire courant avant de lancer un script",
            "### Bug fixes\n\n- Queues of a node are listed no more",
            "- Show a message instead of an empty page",
            "### What changed?\n\nThe minimum version of Node.js is now 14.\n\n### When is action necessary?\n\nIf you run it by \
             npm. The Docker image is not concerned.",
        ],
    );
    declare("manual", &["- **Migration:** rename them in your environment."]);
}

#[test]
fn references_behind_a_text_say_nothing() {
    declare(
        "",
        &[
            "- downgrade to sentry 0.19 ([243eb17a], closes [#907])",
            "- switch from `regex_contains` to `starts_with` (#805)",
            "- gemspec: Remove deprecated has_rdoc",
            "- remove hardcoded text in clone_panel.tmpl (#34153)",
        ],
    );
    declare("breaking", &["- Removed `--old` (#12), closes [#10]", "- Change `a.b` and `c.d` to lists #2505"]);
    declare("migration", &["- It cannot be downgraded (#12)"]);
}

#[test]
fn what_ends_may_have_been_a_burden() {
    declare(
        "",
        &[
            "- Der Befehl `archiv` verlangt keinen Pfad mehr.",
            "- Le déplacement d'un dossier ne supprime plus ses étiquettes.",
            "- La sauvegarde n'est plus bloquée par un export en cours.",
            "- `--docker_only` to watch only containers",
            "- Fixed the default of `timeout`, which was 0 instead of 30",
            "- When a user is removed, all of their tokens are revoked",
            "- Minor theme changes",
        ],
    );
    declare("breaking", &["- Der Befehl `archiv` kennt `--alt` nicht mehr.", "- Le serveur n'accepte plus TLS 1.1."]);
    declare("manual", &["- The template for nginx has changed: you need to update yours by hand, see the guide"]);
}

#[test]
fn below_removed_what_was_deprecated_is_gone() {
    declare(
        "breaking",
        &[
            "### Removed\n\n- The deprecated `cleanup` option",
            "### Removed\n\n- Version 2 of the API is deprecated and now disabled by default",
            "- `FetchBundles` returns a list of keys instead of null",
        ],
    );
    declare(
        "",
        &[
            "### Removed\n\n- Deprecation warnings\n\n### Deprecated\n\n- The option `cleanup`",
            "- The deprecated `cleanup` option, use `clean`",
            "### Fixed\n\n- `FetchBundles` returns a list of keys instead of null",
            "- Scripts in the source tree are all compatible with Python 3 now.",
        ],
    );
}
