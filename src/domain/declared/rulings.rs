//! Rules of structure and of what governs what, one by one: each beside what it must leave as it is.

use super::tests::declare;

#[test]
fn a_sentence_above_a_list_is_no_title_of_it() {
    declare(
        "breaking",
        &[
            "The flag `--x` is gone\n\n- New icons",
            "* feat: lists\n\n  BREAKING CHANGE: answers hold fifty entries\n\n* fix: buttons",
            "Removed features\n\n- Gravatar pictures",
        ],
    );
    declare("", &["Bug fixes\n\n- New icons", "What is new\n\n- New icons"]);
}

#[test]
fn a_title_is_as_loud_as_its_loudest_part() {
    declare(
        "breaking",
        &[
            "### Changes and fixes\n- The default port is 9000 instead of 80",
            "### Bug fixes and improvements\n- The flag `--old` is gone",
        ],
    );
    declare("", &["### Tests and documentation\n- The flag `--old` is gone"]);
}

#[test]
fn what_only_names_the_list_silences_nothing_and_a_mark_is_heard_in_silence() {
    declare(
        "breaking",
        &[
            "## Commits\n- **Breaking change:** sessions end",
            "## Documentation\n- **Breaking change:** sessions end",
            "- (SEMVER-MAJOR) sessions end",
        ],
    );
    declare("", &["## Unreleased\n- **Breaking change:** sessions end"]);
}

#[test]
fn what_is_denied_through_a_chain_of_verbs_does_not_happen() {
    declare(
        "",
        &[
            "The `v1` API is not removed.",
            "The `v1` API has not yet been removed.",
            "No settings were renamed or removed.",
            "We decided against removing `foo`",
            "`a.b` won't be removed.",
            "Es wurde keine Einstellung entfernt",
            "Aucune option n'a été supprimée.",
            "没有删除任何配置项",
        ],
    );
    declare(
        "breaking",
        &[
            "- The option `x` is not only deprecated but removed",
            "- Options that are not documented were removed",
            "- `a` was not renamed, `b` was removed",
        ],
    );
}

#[test]
fn the_makers_workshop_is_what_changes_or_only_stands_beside() {
    declare(
        "breaking",
        &[
            "- The runner flag `--shell` was removed.",
            "- **Runner:** drop support for Docker 20",
            "### Pipelines\n- The flag `--old` is gone",
        ],
    );
    declare("", &["- Remove the import helper", "- Remove unused imports", "- The internal pipeline was removed"]);
}

#[test]
fn a_migration_told_as_news_is_one() {
    declare("migration", &["- Adds a database migration", "- New migration: `0042`", "### Added\n- A new migration"]);
    declare("breaking migration", &["- Drop table `jobs`"]);
    declare(
        "",
        &["- Add a migration page", "- Faster migrations", "- Add tests for migrations", "- Add a migration guide"],
    );
}

#[test]
fn a_plus_is_a_minimum_right_behind_its_number() {
    declare("breaking", &["- Requires Kubernetes 1.30+", "- MySQL 8.0+"]);
    declare("", &["Thu, 05 Feb 2026 10:12:00 +0100", "- MySQL 8 + 2 replicas"]);
}

#[test]
fn what_is_only_deprecated_may_be_gone_already() {
    declare("breaking", &["### Deprecations\n- `--old` was removed"]);
    declare("", &["### Deprecations\n- `--old` will be removed", "### Deprecations\n- `--old`"]);
}

#[test]
fn two_columns_make_a_pair_and_the_first_may_say_whom_it_concerns() {
    declare("breaking", &["| Old name | New name |\n|---|---|\n| `A` | `B` |"]);
    declare("manual", &["| Upgrading from earlier than | Do |\n|---|---|\n| 1.95 | Run `x` |"]);
    declare(
        "",
        &[
            "| Field (old or new) | Meaning |\n|---|---|\n| `a` | size |",
            "| Upgrading from earlier than | Do |\n|---|---|\n| 1.5 | Run `x` |",
        ],
    );
}

#[test]
fn what_the_reader_must_do_is_heard_among_news() {
    declare("manual", &["### Improvements\n- You need to run `bin/x` after the upgrade."]);
    declare(
        "",
        &["### Improvements\n- You can run `bin/x` after the upgrade.", "Please report if a page is not updated"],
    );
}

#[test]
fn what_can_be_done_and_what_was_are_looked_for_in_their_clause() {
    declare(
        "",
        &[
            "- Administrators can now rename fields, change the default view and remove statuses",
            "- Old entries are hidden (off by default)",
        ],
    );
    declare("breaking", &["- Default level: `warn` (previously `info`)"]);
}

#[test]
fn what_is_open_is_known_by_its_form() {
    declare(
        "breaking",
        &[
            "- Old apps can't sync with this server",
            "- Disable anonymous access by default",
            "- The unit of the sensor changed from kWh to Wh",
            "- Single sign-on is part of the paid edition now",
            "- All users will be logged out",
        ],
    );
    declare("", &["## What's next\n- The `v1` API is removed", "- Fixed: the colour changed from red to blue"]);
}

#[test]
fn a_clause_governs_itself_and_no_other() {
    declare(
        "breaking",
        &[
            "- The API stays compatible, but the default port is now 9090.",
            "- The default port is now 9090, but the API stays compatible.",
            "- Ports are not changed, but the user is changed from root to 65532.",
            "- Die API bleibt kompatibel, aber der Standardport ist jetzt 8081.",
            "- L'API reste compatible, mais le port par défaut est désormais 8081.",
            "- 接口保持不变，但默认端口改为 9000",
            "- Although the old file is still read, the flag `--old` is gone.",
            "- While the `v2` API is unchanged, the `v1` API was removed.",
            "- Fixed a leak in the scheduler, and the `threads` setting is gone.",
            "- Fix double delivery; `retries` now defaults to 0.",
            "- We decided against keeping `--x`; it is removed.",
        ],
    );
    declare(
        "",
        &[
            "- `--x` is called `--y` now, but the old name still works.",
            "- `--x` is called `--y` now, but `--x` is still read.",
            "- The timeout option was renamed to `net.timeout`, but the setting still works.",
            "- `--x` heißt jetzt `--y`, aber der alte Name funktioniert weiterhin.",
            "- The menu was rebuilt, but this is not a breaking change.",
            "- You can now sign commits, but a key is required first.",
            "- Exports contain not only pages but also attachments.",
            "- Fixed the login, but only behind proxies.",
            "- Fixed a crash when a label was removed, and a wrong count.",
            "- Fix double delivery; a hook is now sent once.",
            "If you use LDAP, but your server is old, the flag `--x` can be set.",
        ],
    );
}

#[test]
fn why_it_is_so_says_nothing_of_what_is_so() {
    declare(
        "breaking",
        &[
            "- To fix CVE-2026-1234, the option `--insecure` was removed.",
            "- Because of a bug in a library, support for MySQL 5.7 has been dropped.",
            "- Um einen Fehler zu beheben, wurde die Option `alt` entfernt.",
            "- Pour corriger une fuite, l'option `ancien` a été supprimée.",
            "- 为修复安全漏洞，移除 `--unsafe` 参数",
        ],
    );
    declare(
        "",
        &[
            "- To fix a crash on start, the pool is created later.",
            "- Due to a bug, the default port was ignored.",
            "- To fix this, remove the flag `--x`.",
            "- To use passkeys, the option `origin` can be set.",
        ],
    );
}

#[test]
fn who_is_excepted_from_what_nobody_has_to_do_is_spoken_to() {
    declare("manual", &["No action is needed unless you use MySQL: then run `app upgrade-db`."]);
    declare("breaking", &["Apart from the removal of the `ftp` backend, nothing changes."]);
    let two = "Nothing changes for users of Helm, but Compose users must set `APP_KEY`.";
    let all = super::read(two, "2.0.0");
    assert!(super::Declared::between("1.9.0", "2.0.0", &all).kinds.any(), "{two}");
    declare("", &["No action is needed, whatever you run.", "Apart from new icons, nothing changes."]);
}

#[test]
fn support_that_is_gone_is_nothing_that_can_be_done() {
    declare("breaking", &["- Support for XML has been removed.", "- Support for LDAP was dropped"]);
    declare("", &["- Support for removing labels", "- Support for XML", "- No new migrations"]);
}

#[test]
fn what_cannot_be_reverted_has_no_way_back_and_what_is_reverted_is_repaired() {
    declare(
        "migration",
        &[
            "- The migration cannot be reverted.",
            "- The upgrade can not be reverted.",
            "- The upgrade cannot easily be reverted.",
            "- Once upgraded, it cannot be reverted to 1.x.",
            "- The conversion can't be reversed.",
            "- The changes can't be reverted.",
            "- It is not possible to revert the upgrade.",
            "- Reverting to 1.9 is not possible.",
            "- Reverting to 1.9 is not supported after the upgrade.",
            "- La migration ne peut pas être annulée.",
            "- feat: migrate sessions to a new schema (this cannot be reverted)",
            "- Fixed slow lists by another table in the database, which cannot be reverted.",
        ],
    );
    declare(
        "",
        &[
            "- Reverted the new menu",
            "- Fixed an error where a change could not be reverted",
            "- Approved invoices cannot be reverted to drafts",
            "- A setting is no longer reverted when the page is left",
            "### Fixed\n- A migration cannot be reverted on SQLite",
            "### Fixed\n- Reverting a page to an older version no longer fails",
        ],
    );
}
