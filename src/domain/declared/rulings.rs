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
