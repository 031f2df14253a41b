//! What a list is asked for: filters, how many, and after which.

use actix_web::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::view::Filter;
use crate::domain::near::did_you_mean;
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::domain::view::Attention;
use crate::domain::workload::{Kind, Workload};
use crate::listener::Problem;

/// The most that are listed at once, and as many as are listed where nothing is said.
pub const MOST_LISTED: usize = 500;
/// The most values of one filter.
const MOST_VALUES: usize = 50;
/// The longest value, in bytes.
const LONGEST: usize = 253;

/// Where a page ends, so that the next begins after it: what is deleted or added meanwhile moves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct After {
    namespace: String,
    kind: Kind,
    name: String,
    container: String,
}

/// What a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) filter: Filter,
    pub(super) most: usize,
    pub(super) after: Option<After>,
}

impl After {
    /// That of a workload, and of a container of it where those are listed.
    pub(super) fn of(workload: &Workload, container: &str) -> Self {
        Self {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind,
            name: workload.id.name.to_string(),
            container: container.to_owned(),
        }
    }

    /// The cursor.
    pub(super) fn cursor(&self) -> String {
        let Self { namespace, kind, name, container } = self;
        URL_SAFE_NO_PAD.encode(format!("{namespace}/{}/{name}/{container}", kind.short()))
    }

    fn parse(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.splitn(4, '/').map(str::to_owned);
        let (namespace, kind, name, container) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { namespace, kind: Kind::named(&kind)?, name, container })
    }
}

fn wrong(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The same of a word, with the one that may have been meant.
fn wrong_word<'w>(detail: &'static str, known: impl Iterator<Item = &'w str>, word: &str) -> Problem {
    Problem { detail: format!("{detail}{}", did_you_mean(known, word)).into(), ..wrong(detail) }
}

/// What lists, and counts, can be asked for.
const NAMES: [&str; 8] = ["namespace", "state", "level", "registry", "mode", "text", "limit", "cursor"];
const OF_COUNTS: [&str; 5] = ["namespace", "level", "registry", "mode", "text"];

impl Listed {
    /// Reads a query.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut listed = Self { filter: Filter::default(), most: MOST_LISTED, after: None };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => {
                    let most = value.parse().ok().filter(|most| (1..=MOST_LISTED).contains(most));
                    listed.most = most.ok_or(wrong("limit is from 1 to 500"))?;
                }
                // The first page.
                "cursor" if value.is_empty() => {}
                "cursor" => {
                    let after = After::parse(&value);
                    let detail = "cursor is what «next» of the page before says, as it stands";
                    listed.after = Some(after.ok_or(wrong(detail))?);
                }
                name if listed.filter.take(name, &value)? => {}
                name => {
                    let detail = "namespace, state, level, registry, mode, text, limit and cursor can be asked for";
                    return Err(wrong_word(detail, NAMES.into_iter(), name));
                }
            }
        }
        Ok(listed)
    }
}

impl Filter {
    /// Reads what counts are asked for: all filters but the state, as each state is counted.
    ///
    /// # Errors
    /// 400, for another query.
    pub(super) fn of_counts(query: &str) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if name == "state" || !filter.take(&name, &value)? {
                let detail = "namespace, level, registry, mode and text can be asked for; each state is counted";
                return Err(wrong_word(detail, OF_COUNTS.into_iter(), &name));
            }
        }
        Ok(filter)
    }

    /// Takes one value of a query; whether it is one of a filter. An empty one asks for nothing.
    ///
    /// # Errors
    /// 400, where it is no value of that filter, or one too many.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        if value.chars().count() > LONGEST {
            return Err(wrong("a filter has at most 253 characters"));
        }
        match name {
            "namespace" => put(&mut self.namespaces, value, || Ok(value.to_owned()))?,
            "registry" => put(&mut self.registries, value, || Ok(value.to_owned()))?,
            "state" => put(&mut self.states, value, || {
                let detail = "state is needs-you, failed, cannot-tell, waiting, up-to-date or off";
                Attention::parse(value)
                    .ok_or_else(|| wrong_word(detail, Attention::ALL.into_iter().map(Attention::as_str), value))
            })?,
            "level" => put(&mut self.levels, value, || {
                let level = Level::ALL.into_iter().find(|level| level.as_str() == value);
                let detail = "level is build, prerelease, patch, minor, major, digest or pattern";
                let known = Level::ALL.into_iter().map(Level::as_str);
                level.ok_or_else(|| wrong_word(detail, known, value))
            })?,
            "mode" => put(&mut self.modes, value, || {
                let known = [Mode::AutoUpdate, Mode::Notification, Mode::Disabled].into_iter().map(Mode::as_str);
                value.parse().map_err(|_| wrong_word("mode is AUTO_UPDATE, NOTIFICATION or DISABLED", known, value))
            })?,
            "text" => self.text = Some(value.trim().to_lowercase()).filter(|text| !text.is_empty()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn put<T: PartialEq>(all: &mut Vec<T>, text: &str, read: impl Fn() -> Result<T, Problem>) -> Result<(), Problem> {
    if text.is_empty() {
        return Ok(());
    }
    let value = read()?;
    if !all.contains(&value) {
        if all.len() == MOST_VALUES {
            return Err(wrong("a filter has at most 50 values"));
        }
        all.push(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    #[test]
    fn of_a_slip_it_is_said_what_may_have_been_meant() {
        for (query, meant) in [
            ("sate=failed", "; did you mean state?"),
            ("state=fialed", "; did you mean failed?"),
            ("level=mnor", "; did you mean minor?"),
            ("mode=AUTO_UPDAT", "; did you mean AUTO_UPDATE?"),
            ("colour=red", "can be asked for"),
        ] {
            let detail = Listed::parse(query).unwrap_err().detail;
            assert!(detail.ends_with(meant), "{query}: {detail}");
        }
        assert!(Filter::of_counts("namspace=shop").unwrap_err().detail.ends_with("; did you mean namespace?"));
    }

    #[test]
    fn counts_are_asked_for_by_what_counts() {
        assert_eq!(Filter::of_counts("namespace=shop&text=").unwrap().namespaces, ["shop"]);
        for wrong in ["limit=1", "cursor=", "state=failed", "colour=red", "level=huge"] {
            assert_eq!(Filter::of_counts(wrong).unwrap_err().status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    #[test]
    fn a_list_is_asked_for_in_words_that_are_known() {
        let query = "namespace=shop&namespace=ops&namespace=shop&state=needs-you&level=minor&mode=AUTO_UPDATE\
                     &registry=a.example&text=+W%C3%89B+&limit=7&level=";
        let listed = Listed::parse(query).unwrap();
        let filter = Filter {
            namespaces: vec!["shop".into(), "ops".into()],
            states: vec![Attention::NeedsYou],
            levels: vec![Level::Minor],
            registries: vec!["a.example".into()],
            modes: vec![Mode::AutoUpdate],
            text: Some("wéb".into()),
        };
        assert_eq!(listed, Listed { filter, most: 7, after: None });
        let many = (0..=MOST_VALUES).map(|n| format!("namespace=n{n}")).collect::<Vec<_>>().join("&");
        let long = format!("text={}", "x".repeat(LONGEST + 1));
        for wrong in
            ["limit=0", "limit=501", "limit=x", "state=angry", "level=huge", "mode=ON", "colour=red", "cursor=%"]
                .into_iter()
                .chain([many.as_str(), long.as_str(), "cursor=c2hvcA"])
        {
            assert_eq!(Listed::parse(wrong).unwrap_err().status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let after = After::of(&workload(&[("web", "a.example/web:1")], &[]), "web");
        let query = format!("cursor={}", after.cursor());
        assert_eq!(Listed::parse(&query).unwrap().after, Some(after));
    }
}
