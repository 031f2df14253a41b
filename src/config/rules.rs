//! The file's list `rules`: settings of workloads that no annotation names.

#![expect(
    clippy::doc_markdown,
    reason = "what is said of the fields is the schema's text, which is read without Markdown"
)]

use std::collections::BTreeSet;

use serde::Deserialize;

use super::namespaces::{NamespacesEntry, SelectorEntry};
use super::parse::Reader;
use super::scalar::{Flag, Number, Text, Texts};
use crate::domain::defaults::{Rule, Wildcard};
use crate::domain::settings;

/// So many rules are read.
const MOST: usize = 500;

macro_rules! rule_entry {
    ($($(#[$about:meta])* $key:literal $field:ident: $type:ty = $setting:literal,)+) => {
        /// An entry of the list.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
        pub(super) struct RuleEntry {
            /// What it is called.
            name: Option<String>,
            /// The namespaces that it is for; all, where none are said.
            namespaces: Option<NamespacesEntry>,
            /// The labels of the workloads that it is for; all, where none are said.
            selector: SelectorEntry,
            /// The images of the containers that it is for, without tag; * stands for any letters. All, where none are said.
            images: Vec<String>,
            $($(#[$about])* $field: Option<$type>,)+
        }

        impl RuleEntry {
            /// What it sets: the key, the name of the setting, and its value.
            fn settings(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
                let all = [$(($key, $setting, self.$field.as_ref().map(ToString::to_string)),)+];
                all.into_iter().filter_map(|(key, name, value)| Some((key, name, value?)))
            }
        }

        #[cfg(test)]
        const SETTINGS: &[&str] = &[$($setting,)+];
    };
}

rule_entry! {
    /// AUTO_UPDATE, NOTIFICATION or DISABLED.
    "mode" mode: Text = "mode",
    /// ALL, MAJOR, MINOR or PATCH.
    "strategy" strategy: Text = "strategy",
    /// Where release notes are, with ${tag} or ${version}.
    "releaseUrl" release_url: Text = "release-url",
    /// A regular expression that tags have to fit.
    "include" include: Text = "include",
    /// A regular expression of tags that are left out.
    "exclude" exclude: Text = "exclude",
    /// Whether prereleases are taken.
    "prerelease" prerelease: Flag = "prerelease",
    /// version or digest.
    "track" track: Text = "track",
    /// semver:, glob: or regex: and a pattern in the place of the rules.
    "tagPolicy" tag_policy: Text = "tag-policy",
    /// alphabetical, numeric, semver or newest.
    "tagOrder" tag_order: Text = "tag-order",
    /// major or minor: never over one.
    "steps" steps: Text = "steps",
    /// When updates may be applied.
    "window" window: Text = "window",
    /// Whether updates are applied although a tool owns the workload.
    "patchOwned" patch_owned: Flag = "patch-owned",
    /// Tags that are never proposed.
    "skip" skip: Texts = "skip",
    /// Names of channels.
    "notify" notify: Texts = "notify",
    /// How long a version has to be known first, as 24h.
    "cooldown" cooldown: Text = "cooldown",
    /// Whether an update whose rollout failed goes back by itself.
    "rollback" rollback: Flag = "rollback",
    /// The group that goes to one version together.
    "group" group: Text = "group",
    /// How many different people have to approve.
    "approvals" approvals: Number = "approvals",
}

impl Reader<'_> {
    /// The rules of the file, under the names of all channels.
    pub(super) fn rules(&mut self, entries: &[RuleEntry], channels: &[String]) -> Vec<Rule> {
        if entries.len() > MOST {
            self.file_problem("rules", format!("has more than {MOST} entries"));
        }
        let (mut rules, mut names) = (Vec::new(), BTreeSet::new());
        for (at, entry) in entries.iter().take(MOST).enumerate() {
            if let Some(name) = entry.name.as_deref().filter(|name| !names.insert(*name)) {
                self.file_problem(&format!("rules[{at}].name"), format!("{name:?} is there twice"));
            }
            let (rule, problems) = entry.read(channels);
            for (key, problem) in problems {
                self.file_problem(&format!("rules[{at}]{key}"), problem);
            }
            rules.push(rule);
        }
        rules
    }
}

impl RuleEntry {
    /// What it means, and what is wrong, by the key below its own.
    fn read(&self, channels: &[String]) -> (Rule, Vec<(String, String)>) {
        let mut problems = Vec::new();
        let mut rule = Rule { name: self.name.as_deref().map(Box::from), ..Rule::default() };
        match self.namespaces.as_ref().map(NamespacesEntry::read) {
            Some(Ok(filter)) => rule.namespaces = filter,
            Some(Err((key, told))) => problems.push((format!(".namespaces{key}"), told)),
            None => {}
        }
        match self.selector.read() {
            Ok(selector) => rule.selector = selector,
            Err((key, told)) => problems.push((format!(".selector{key}"), told)),
        }
        let is_image = |image: &String| !image.is_empty() && image.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
        if !self.images.iter().all(is_image) {
            problems.push((
                ".images".to_owned(),
                "images without tag and digest are expected, as registry.example.com/shop/*".to_owned(),
            ));
        }
        rule.images = self.images.iter().map(|image| Wildcard::new(image)).collect();
        let mut settings = Vec::new();
        for (key, name, value) in self.settings() {
            if let Err(problem) = settings::tried(name, &value, Some(channels)) {
                let told = problem.to_string();
                let told = told.split_once(": ").map_or(told.as_str(), |(_, told)| told);
                problems.push((format!(".{key}"), told.to_owned()));
            }
            settings.push((name.into(), value.into()));
        }
        if settings.is_empty() {
            problems.push((String::new(), "sets nothing; write mode, strategy or another setting".to_owned()));
        }
        rule.settings = settings.into();
        (rule, problems)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use super::*;
    use crate::domain::defaults::Defaults;
    use crate::domain::defaults::tests::labels;

    fn read(yaml: &str) -> Result<Config, ConfigError> {
        let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("SLACK_URL", "https://hooks.example.com/x")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::read(variables, &|_| Ok(yaml.to_owned()), chrono::DateTime::UNIX_EPOCH)
    }

    fn problems(yaml: &str) -> Vec<String> {
        let error = read(yaml).unwrap_err();
        error.problems.iter().map(|it| format!("{}: {}", it.variable, it.problem)).collect()
    }

    #[test]
    fn every_setting_can_be_set_by_a_rule() {
        let mut names: Vec<String> = settings::names("web").filter(|name| !name.contains('.')).collect();
        let mut here = SETTINGS.to_vec();
        names.sort();
        here.sort_unstable();
        assert_eq!(here, names);
    }

    #[test]
    fn a_rule_is_for_namespaces_labels_and_images() {
        let yaml = "rules:\n- namespaces: [shop]\n  selector: { matchLabels: { tier: web } }\n  strategy: MINOR\n\
            - name: prod\n  namespaces: { except: [kube-*], selector: { matchLabels: { env: prod } } }\n  cooldown: 24h\n  skip: [1.2.3, 1.2.4]\n\
            - images: [a.example/*]\n  selector: { matchExpressions: [{ key: tier, operator: NotIn, values: [db] }] }\n  prerelease: true\n  approvals: 2\n";
        let rules = read(yaml).unwrap().rules;
        assert_eq!(rules[1].name.as_deref(), Some("prod"));
        let mut defaults = Defaults { rules: rules.into(), ..Defaults::default() };
        let all = |defaults: &Defaults, namespace: &str, tier: &str| {
            let containers = [("web", "a.example/web:1.0.0")].into_iter();
            let inherited = defaults.inherited(namespace, &labels(&[("tier", tier)]), &containers);
            let rules = inherited.map(|it| it.rules).unwrap_or_default();
            rules.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(all(&defaults, "shop", "web"), "strategy=MINOR prerelease.web=true approvals.web=2");
        assert_eq!(all(&defaults, "shop", "db"), "");
        let prod = crate::domain::defaults::Namespace { labels: labels(&[("env", "prod")]), ..Default::default() };
        defaults.namespaces.insert("blog".into(), prod);
        assert_eq!(all(&defaults, "blog", "db"), "skip=1.2.3,1.2.4 cooldown=24h");
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_told_where_it_stands() {
        let yaml = "rules:\n- strategy: PACTH\n  namespaces: [Shop]\n  notify: [slakc]\n  images: ['a@b']\n\
            - selector: { matchExpressions: [{ key: a, operator: In }, { key: b, operator: Is }] }\n- stategy: MINOR\n";
        let expected = [
            "/c.yaml:6:80: rules[1].selector.matchExpressions[1].operator: is none of In, NotIn, Exists, DoesNotExist; did you mean In?",
            "/c.yaml:7:3: rules[2].stategy: unknown key; did you mean strategy?",
            "/c.yaml:3:3: rules[0].namespaces: names of namespaces are expected; * stands for any letters, and ! before one leaves it out",
            "/c.yaml:5:3: rules[0].images: images without tag and digest are expected, as registry.example.com/shop/*",
            "/c.yaml:2:13: rules[0].strategy: \"PACTH\" is none of ALL, MAJOR, MINOR, PATCH",
            "/c.yaml:4:3: rules[0].notify: there is no channel \"slakc\"; choose from slack",
        ];
        let told = problems(yaml);
        for line in expected {
            assert!(told.iter().any(|told| told == line), "{line}\n{told:#?}");
        }
        assert!(told.iter().any(|told| told.contains("matchExpressions[0].values: is missing")), "{told:#?}");
        let lines = told.iter().map(|told| told.split(':').nth(1).and_then(|line| line.parse::<usize>().ok()).unwrap());
        assert!(lines.is_sorted(), "in the order of the lines: {told:#?}");
        let twice =
            problems("rules:\n- {name: web, mode: DISABLED}\n- {mode: DISABLED}\n- {name: web, mode: DISABLED}\n");
        assert_eq!(twice, ["/c.yaml:4:10: rules[2].name: \"web\" is there twice"]);
    }
}
