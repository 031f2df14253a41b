//! What an address of the fleet asks for. Every filter stands in it, so that a view can be kept and shared. A value that is none
//! is said, as the API says it: who follows an address is not to take all of the fleet for what it asks for.

use actix_web::http::StatusCode;
use url::form_urlencoded;

use crate::api::view::{Filter, Paging};
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::domain::view::Attention;
use crate::listener::Problem;

/// How many rows a page may have; the first is what it has unasked.
pub(super) const SIZES: [usize; 4] = [50, 100, 200, 500];
/// The most namespaces that are chosen at once.
const MOST_NAMESPACES: usize = 100;
/// The longest text that is looked for.
const LONGEST: usize = 100;
/// The longest name of a namespace or a registry.
const LONGEST_NAME: usize = 253;

/// A view of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Which containers.
    pub(super) filter: Filter,
    /// How many rows a page has; zero for as many as it has unasked.
    size: usize,
    /// The page, from one.
    page: usize,
}

impl Asked {
    /// Reads a query. Names that mean nothing here are left out.
    ///
    /// # Errors
    /// 400, for a value that is none.
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if matches!(&*name, "state" | "level" | "mode") {
                Filter::default().take(&name, &value)?;
            }
            asked.take(&name, &value)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let filter = &mut self.filter;
        let is_name = !value.is_empty() && value.len() <= LONGEST_NAME;
        match name {
            "namespace" if is_name && filter.namespaces.iter().any(|known| known == value) => {}
            "namespace" if is_name && filter.namespaces.len() < MOST_NAMESPACES => {
                filter.namespaces.push(value.to_owned());
            }
            "state" => filter.states = Attention::parse(value).into_iter().collect(),
            "level" => filter.levels = Level::ALL.into_iter().filter(|level| level.as_str() == value).collect(),
            "registry" if is_name => filter.registries = vec![value.to_owned()],
            "mode" => filter.modes = MODES.into_iter().filter(|mode| mode.as_str() == value).collect(),
            "q" => {
                let text: String = value.trim().chars().take(LONGEST).collect();
                filter.text = Some(text).filter(|text| !text.is_empty());
            }
            "rows" if value.is_empty() => self.size = 0,
            "rows" => {
                let size = value.parse().ok().filter(|size| SIZES.contains(size));
                self.size = size.ok_or(Problem::new(StatusCode::BAD_REQUEST, "rows is 50, 100, 200 or 500"))?;
            }
            "page" if value.bytes().all(|byte| byte.is_ascii_digit()) => self.page = value.parse().unwrap_or_default(),
            "page" => return Err(Problem::new(StatusCode::BAD_REQUEST, "page is a number")),
            _ => {}
        }
        Ok(())
    }

    /// How many rows a page has.
    pub(super) fn size(&self) -> usize {
        if self.size == 0 { SIZES[0] } else { self.size }
    }

    /// The size, where somebody asked for one.
    pub(super) fn asked_size(&self) -> Option<usize> {
        (self.size != 0).then_some(self.size)
    }

    /// The page that is asked for.
    pub(super) fn paging(&self) -> Paging {
        Paging { size: self.size(), page: self.page }
    }

    /// Whether anything is filtered.
    pub(super) fn is_filtered(&self) -> bool {
        self.filter != Filter::default()
    }

    /// The same, from its first page, changed.
    pub(super) fn with(&self, change: impl FnOnce(&mut Filter)) -> Self {
        let mut asked = Self { page: 0, ..self.clone() };
        change(&mut asked.filter);
        asked
    }

    /// The same, of other pages.
    pub(super) fn sized(&self, size: usize) -> Self {
        Self { size, page: 0, ..self.clone() }
    }

    /// Another page of the same.
    pub(super) fn at(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Its address under a path.
    pub(super) fn url(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let filter = &self.filter;
        query.extend_pairs(filter.states.iter().map(|state| ("state", state.as_str())));
        query.extend_pairs(filter.namespaces.iter().map(|name| ("namespace", name)));
        query.extend_pairs(filter.levels.iter().map(|level| ("level", level.as_str())));
        query.extend_pairs(filter.registries.iter().map(|host| ("registry", host)));
        query.extend_pairs(filter.modes.iter().map(|mode| ("mode", mode.as_str())));
        query.extend_pairs(filter.text.iter().map(|text| ("q", text)));
        query.extend_pairs(self.asked_size().map(|size| ("rows", size.to_string())));
        query.extend_pairs((self.page > 1).then(|| ("page", self.page.to_string())));
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// In the order in which they are offered.
pub(super) const MODES: [Mode; 3] = [Mode::Notification, Mode::AutoUpdate, Mode::Disabled];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Asked {
        Asked::read(query).unwrap()
    }

    #[test]
    fn an_address_says_all_that_is_asked_and_is_read_again() {
        let query = "state=needs-you&namespace=shop&namespace=blog&level=minor&registry=ghcr.io&mode=AUTO_UPDATE\
                     &q=web+%26+co&rows=100&page=3";
        let asked = read(query);
        assert_eq!(asked.url("/iw/"), format!("/iw/?{query}"));
        assert_eq!(read(asked.url("").trim_start_matches('?')), asked);
        assert_eq!(
            asked.with(|filter| filter.states.clear()).url("/"),
            asked.at(1).url("/").replace("state=needs-you&", "")
        );
        assert_eq!((read("").url("/"), read("").is_filtered(), asked.is_filtered()), ("/".into(), false, true));
    }

    #[test]
    fn what_is_no_value_is_said() {
        for (query, told) in [
            ("state=foo", "state is "),
            ("level=huge", "level is "),
            ("mode=auto", "mode is "),
            ("rows=49", "rows is "),
            ("rows=x", "rows is "),
            ("page=x", "page is "),
            ("page=-1", "page is "),
        ] {
            let problem = Asked::read(query).unwrap_err();
            assert!(problem.detail.starts_with(told) && problem.status.as_u16() == 400, "{query}: {problem:?}");
        }
        for query in ["", "state=", "level=&mode=&rows=&page=", "page=0", "q=+++", "utm_source=x"] {
            assert_eq!(Asked::read(query).unwrap(), Asked::default(), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        let long = format!("namespace={}&registry={}", "a".repeat(254), "b".repeat(254));
        for query in ["level=", "page=0", "q=+++", "x=y", &long] {
            assert_eq!(read(query), Asked::default(), "{query}");
        }
        let many: Vec<String> = (0..10_000).map(|number| format!("namespace=n{number}")).collect();
        assert_eq!(read(&many.join("&")).filter.namespaces.len(), MOST_NAMESPACES);
        let text = read(&format!("q={}", "é".repeat(1000))).filter.text.unwrap();
        assert_eq!(text.chars().count(), LONGEST);
    }

    #[test]
    fn a_page_that_is_not_there_is_the_last() {
        let asked = read("page=99999999999999999999");
        let first = |asked: &Asked, all| asked.paging().first(all);
        assert_eq!((first(&asked, 0), first(&read("page=7"), 120), asked.paging().pages(0)), (0, 100, 1));
        assert_eq!(first(&read("page=2"), 120), 50);
    }
}
