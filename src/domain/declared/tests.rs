//! Each kind of rule, one by one; whole notes are in `tests/notes`.

use proptest::prelude::*;

use super::words::steps;
use super::*;

/// The kinds that a text of 2.0.0 declares for who comes from 1.9.0, in a word.
fn kinds(text: &str) -> String {
    let all = read(text, "2.0.0");
    Declared::between("1.9.0", "2.0.0", &all).kinds.names().join(" ")
}

/// That each of these texts declares this.
pub(super) fn declare(expected: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(kinds(text), expected, "{text}");
    }
}

#[test]
fn what_is_taken_away() {
    declare(
        "breaking",
        &[
            "- The flag `--old` is gone",
            "- Remove the `/v1` endpoint",
            "### Removed\n- Gravatar pictures",
            "[REMOVED] basic auth",
            "- Die Option `alt` entfällt",
            "- L'option `ancien` est supprimée",
            "- 移除 `old` 参数",
            "- The image no longer contains a shell",
            "- MySQL 5.7 wird nicht mehr unterstützt",
            "- Le conteneur ne tourne plus en root",
        ],
    );
    declare(
        "",
        &[
            "### Removed\n- Dead code\n- Nothing",
            "- Remove unused imports",
            "- Labels can be removed",
            "- The setting `theme` is no longer ignored",
            "- 支持删除标签",
        ],
    );
}

/// A link to the whole of it, which most who write `release notes` mean by that.
#[test]
fn what_is_folded_away_with_the_name_of_another_project_is_not_read_and_all_else_is() {
    let then = "\n\n## Breaking changes\n\n- The flag `--old` is gone\n";
    for first in [
        "**Release notes: https://docs.acme.dev/2.0**",
        "Release notes: https://docs.acme.dev/2.0\n- Faster",
        "**acme/relay release notes**",
        "<details>\n<summary>acme/relay release notes</summary>",
        "<details>\n<summary>acme/relay release notes</summary>\n- Faster\n</details>",
        "<details>\n<summary>https://acme.dev/relay release notes</summary>",
        "<details><summary>acme/relay 1.0 release notes</summary>Faster</details>",
        "<details>\n<summary>Upgrade/Release notes</summary>",
    ] {
        declare("breaking", &[&format!("{first}{then}")]);
    }
    for title in ["acme/relay release notes", "Release notes of 2 parts", "acme/relay v1.2.0 (release notes)"] {
        let folded = format!("<details>\n<summary>{title}</summary>{then}\n</details>\n- Faster\n");
        declare(if title.contains('/') { "" } else { "breaking" }, &[&folded]);
    }
    let last = "<details>\n<summary>acme/relay release notes</summary>\n- `A` is gone</p></details>";
    declare("breaking", &[&format!("{last}{then}")]);
}

#[test]
fn what_is_called_or_set_otherwise() {
    declare(
        "breaking",
        &[
            "- `a.b` was renamed to `c.d`",
            "- `A` heißt jetzt `B`",
            "- `A` est renommé en `B`",
            "- `a` 更名为 `b`",
            "- It listens on port 8080 instead of 80",
            "- `auth` now defaults to `on`",
            "- Default level: `warn` (previously `info`)",
            "- 默认端口由 80 改为 8080",
            "| Old name | New name |\n|---|---|\n| `A` | `B` |",
        ],
    );
    declare(
        "",
        &[
            "- `A` is called `B` now; the old name still works",
            "- Albums can be renamed",
            "- The default is 100, as before",
        ],
    );
}

#[test]
fn what_is_required() {
    declare(
        "breaking",
        &[
            "- Requires Kubernetes 1.30 or later",
            "- Redis is now required",
            "- Redis is not optional any more",
            "- Mindestens PostgreSQL 15 ist erforderlich",
            "- PHP 8.2 est désormais la version minimale requise",
            "- 最低要求 MySQL 8.0",
        ],
    );
    declare("", &["- Building from source requires Rust 1.90", "- Support for PostgreSQL 18"]);
}

#[test]
fn what_people_are_asked_to_do() {
    declare(
        "manual",
        &[
            "After the update run `app fix` once.",
            "## Upgrading\n\n1. Stop the workers.",
            "> [!IMPORTANT]\n> Set `KEY` before you start this version, or nobody can sign in.",
            "Vor dem Update muss die Erweiterung angelegt werden.",
            "Exécutez `outil` après la mise à jour.",
            "升级前请手动执行 `tool`。",
        ],
    );
    declare(
        "",
        &[
            "## Upgrading\n\nAs always, back up your database.",
            "Keine manuellen Schritte nötig.",
            "Aucune action n'est requise.",
            "- To use passkeys, set `ORIGIN`",
            "- Run jobs in parallel",
        ],
    );
}

#[test]
fn what_happens_to_data() {
    declare(
        "migration",
        &[
            "This release includes a database migration.",
            "At the first start all files are moved.",
            "It cannot be downgraded.",
            "Die Tabellen werden beim Start umgebaut.",
            "Le schéma est migré au premier démarrage.",
            "首次启动时会自动迁移数据库",
        ],
    );
    declare(
        "",
        &[
            "No database migration.",
            "- Fix a migration that failed on SQLite",
            "- Importer: migrate your data from Trello",
            "The database schema did not change.",
            "- [ ] This needs a migration",
        ],
    );
}

#[test]
fn marks_of_commits_and_titles_say_what_stands_below() {
    declare(
        "breaking",
        &[
            "* 1a2b3c4d5e: feat(api)!: tokens of v1 end",
            "BREAKING CHANGE: all sessions end",
            "## ⚠ Breaking changes\n\n- sessions end",
            "* BREAKING\n  * sessions end\n* FIXES\n  * colours",
            "**Incompatible**\n- sessions end",
            "Incompatible changes\n---\n- sessions end",
            "<details><summary>Breaking</summary>\n\n- sessions end\n</details>",
        ],
    );
    declare(
        "",
        &[
            "## Breaking changes\n\nNone.",
            "BREAKING CHANGES: none\nFIXES: colours",
            "```\nfeat!: an example\n```",
            "<!-- BREAKING: a comment -->",
            "[Breaking changes](https://example.com) · [Migration](https://example.com)",
            "### Tests\n- breaking input",
        ],
    );
}

#[test]
fn what_is_for_others_or_for_later_is_not_declared() {
    declare(
        "",
        &[
            "- New installations use port 9000 by default",
            "- `--v1` is deprecated and will be removed in 3.0",
            "In the next major version we will remove the XML API.",
            "- Experimental: with `STORE=3` data are converted, there is no way back",
            "## Debian package\n\nThe init script was removed.",
            "Wer von einer Version vor 1.8 kommt, muss zuerst `umbau` ausführen.",
            "## Upgrading from 0.x\n\nRename `a.toml` to `b.toml`.",
            "## 1.8.0\n\n- BREAKING: of an older version",
        ],
    );
    let older = read("If you come from before 1.8, run `convert` first.", "2.0.0");
    assert!(Declared::between("1.7.0", "2.0.0", &older).kinds.manual);
    assert!(Declared::between("1.8.0", "2.0.0", &older).is_none());
}

#[test]
fn code_in_a_line_hides_nothing_that_follows() {
    declare(
        "breaking",
        &[
            "```a.b``` is a setting.\n\n- The flag `--old` is gone",
            "````\n```\n````\n\n- The flag `--old` is gone",
            "~~~\n```\n~~~\n- The flag `--old` is gone",
            "> ```\n> x\n\n- The flag `--old` is gone",
            "```yaml\na: b\n\n- The flag `--old` is gone",
        ],
    );
    declare("", &["````\n```\n- The flag `--old` is gone\n````", "```\n> ```\n- The flag `--old` is gone\n```"]);
}

#[test]
fn kinds_are_known_of_what_is_quoted_no_more() {
    let mut many: Vec<String> = (0..100).map(|n| format!("- BREAKING: {n}")).collect();
    many.push("- It cannot be downgraded.".into());
    let all = read(&many.join("\n"), "2.0.0");
    assert_eq!(all.len(), 24);
    assert!(Declared::between("1.9.0", "2.0.0", &all).kinds.migration);
    many.push("If you come from before 1.8, run `convert` first.".into());
    assert!(Declared::between("1.9.0", "2.0.0", &read(&many.join("\n"), "2.0.0")).kinds.manual, "rather too often");
}

#[test]
fn addresses_and_names_of_others_say_nothing() {
    declare(
        "",
        &[
            "* Bump actions/checkout from 4 to 5 by @dependabot in https://github.com/acme/web/pull/12",
            "* Bump breaking-change-detector from 2.1.0 to 3.0.0 by @bot in https://github.com/acme/web/pull/13",
            "* Update dependency old-removed to v3 (#14)",
            "* Remove double scrollbars by @kim in https://github.com/acme/web/pull/15",
            "* Tidy the page by @kim in https://example.com/breaking-changes/removed/8080",
        ],
    );
    declare(
        "breaking",
        &[
            "* feat!: bump node from 20 to 22 by @bot in https://github.com/acme/web/pull/16",
            "* Bump the minimum PostgreSQL version from 13 to 15",
            "* [CHANGE] Remove flag `--old`. #123",
            "* Scheduler: Remove the `/old` endpoint (#124)",
            "* **[k8s]** Remove support for Ingress v1beta1",
            "* (#1234) Remove the `old` option",
        ],
    );
}

#[test]
fn a_denial_reaches_what_it_waives() {
    declare(
        "",
        &[
            "A dump/restore is not required for those running 16.X.",
            "No dump and restore is needed.",
            "**Is this a breaking change?** No.",
            "Does it need a migration? No, nothing of it.",
            "### Bug Fixes\n\n* **migrations:** run in a transaction",
        ],
    );
    declare("manual migration", &["A dump/restore is required for those running 15.X."]);
    declare("breaking", &["## Breaking changes\n\n- Tokens of v1 end, there is no migration path."]);
}

/// What the first declaration of a text is taken for that by.
fn because(text: &str) -> Option<Because> {
    read(text, "2.0.0").first().and_then(|declaration| declaration.because)
}

#[test]
fn what_it_is_seen_by_is_one_of_a_closed_list() {
    let cases = [
        ("## Breaking changes\n\n- sessions end", Because::CalledSo),
        ("- The flag `--old` is gone", Because::Removed),
        ("- Boards can no longer be nested", Because::Lost),
        ("- `a.b` was renamed to `c.d`", Because::Renamed),
        ("- It listens on port 8080 instead of 80", Because::Value),
        ("- Redis is now required", Because::Required),
        ("- Plugins without a signature are refused", Because::Refused),
        ("- Group names are case-sensitive", Because::Restricted),
        ("- Search: MySQL was replaced by PostgreSQL", Because::Replaced),
        ("- The behaviour of `sync` is different", Because::Contract),
        ("### Fixed\n\n- Scripts that relied on it have to be adapted", Because::Reliance),
        ("### Changed\n\n- The `list` output is different", Because::ManySigns),
        ("- Please run `app fix` after the update.", Because::Asked),
        ("- It cannot be downgraded.", Because::Data),
    ];
    for (text, expected) in cases {
        assert_eq!(because(text), Some(expected), "{text}");
    }
}

#[test]
fn what_takes_words_in_does_not_hide_what_they_say_alone() {
    // «in your» says whose it is, and `in` still says since when.
    assert_eq!(kinds("Replace `a` by `b` in your configuration before you update."), "breaking manual");
    assert_eq!(kinds("- `A` has been renamed to `B` as well as its option"), "breaking");
}

#[test]
fn what_is_kept_is_bounded_and_survives() {
    let all = read(&"- BREAKING: one\n- BREAKING: two `x` @y https://example.com\n".repeat(1000), "2.0.0");
    assert_eq!(
        all.iter().map(|it| it.quote.as_str()).collect::<Vec<_>>(),
        ["BREAKING: one", "BREAKING: two `x` y [link]"]
    );
    let many: Vec<String> = (0..1000).map(|n| format!("- BREAKING: {n}")).collect();
    assert_eq!(read(&many.join("\n"), "2.0.0").len(), 24);
    let stored = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Declaration>>(&stored).unwrap(), all);
    let kinds = Kinds { breaking: true, manual: true, migration: true, unread: false };
    assert_eq!(kinds.to_string(), "breaking changes, steps by hand and a migration of data");
    assert_eq!((Kinds::default().sentence(), Kinds::default().is_none()), (None, true));
}

/// The steps that a megabyte takes that is made of a piece again and again, for each byte of it.
fn steps_a_byte(piece: &str) -> usize {
    let text = piece.repeat(1024 * 1024 / piece.len());
    steps();
    let _ = read(&text, "2.0.0");
    steps() / text.len()
}

#[test]
fn a_megabyte_takes_steps_in_line_with_its_length() {
    for piece in [
        "a",
        "x ",
        "(",
        "[a](",
        "`",
        "- no ",
        "|a",
        "> ",
        "# ",
        "不再",
        "BREAKING ",
        "1.2 from ",
        "no longer ",
        "<b",
        "<li",
        "“a” ",
        "* a\n",
        "no a, but b is c, ",
        "it cannot be reverted ",
        "to fix a, ",
    ] {
        let a_byte = steps_a_byte(piece);
        assert!(a_byte <= 256, "{piece:?} takes {a_byte} steps for each byte");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "([#>*|`\\-\\[\\]( )!:.\n]|[a-z]{1,6} |BREAKING |no longer |1\\.2 |不再支持|é|`a`){0,60}", version in "[v0-9.]{0,8}") {
        let all = read(&text, &version);
        prop_assert!(all.len() <= 24 && all.iter().all(|it| it.kinds.any() && it.because.is_some()));
        let _ = Declared::between(&version, "2.0.0", &all);
    }
}
