//! The fleet: which container needs what, and why the others wait.

use minijinja::{Value, context};
use serde::Serialize;

use super::asked::{Asked, MODES, SIZES};
use super::pages::value;
use super::row::{Row, Shown, class};
use super::words::FilterName;
use crate::api::view::{Counts, Fleet, FleetRow};
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::domain::view::Attention;

/// So many registries are offered as a filter.
const MOST_REGISTRIES: usize = 100;
/// So many namespaces are.
const MOST_NAMESPACES: usize = 500;

/// A tile: a filter by state, and how many there are.
#[derive(Serialize)]
struct Tile {
    class: &'static str,
    shape: &'static str,
    url: String,
    current: bool,
    count: usize,
    word: &'static str,
    note: String,
}

/// A choice of a filter.
#[derive(Serialize)]
struct Choice {
    value: String,
    word: String,
    on: bool,
}

/// A filter that offers choices.
#[derive(Serialize)]
struct Select {
    name: &'static str,
    word: &'static str,
    options: Vec<Choice>,
}

/// A filter that is in force, and the address without it.
#[derive(Serialize)]
struct Chip {
    words: String,
    url: String,
}

/// What the template of the fleet is given.
pub(super) fn values(fleet: &Fleet, asked: &Asked, shown: Shown<'_>) -> Value {
    let root = format!("{}/", shown.base);
    let mut groups: Vec<Group> = Vec::new();
    for (workload, container) in fleet.rows.iter().filter_map(FleetRow::both) {
        let row = Row::of(workload, container, shown);
        match groups.last_mut().filter(|group| group.state == container.state) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { state: container.state, rows: vec![row] }),
        }
    }
    context! {
        title => shown.words.fleet_title(fleet.of_all.needs_you, fleet.of_all.failed),
        tiles => value(tiles(fleet, asked, &root, shown)),
        mix => value(mix(&fleet.counts)),
        filter => filters(fleet, asked, &root, shown),
        groups => value(&groups),
        paging => paging(asked, fleet, &root, shown),
    }
}

/// Rows of one state.
#[derive(Serialize)]
struct Group {
    #[serde(skip)]
    state: Attention,
    rows: Vec<Row>,
}

fn tiles(fleet: &Fleet, asked: &Asked, root: &str, shown: Shown<'_>) -> Vec<Tile> {
    let (words, counts) = (shown.words, &fleet.counts);
    let first = Tile {
        class: "",
        shape: "all",
        url: asked.with(|filter| filter.states.clear()).url(root),
        current: asked.filter.states.is_empty(),
        count: counts.all(),
        word: words.labels().all(),
        note: String::new(),
    };
    let tile = |state: Attention| Tile {
        class: class(state),
        shape: class(state),
        url: asked.with(|filter| filter.states = vec![state]).url(root),
        current: asked.filter.states == [state],
        count: counts.of(state),
        word: words.state(state),
        note: words.tile(state, moment(fleet, state), shown.now),
    };
    let is_there = |state: &Attention| *state != Attention::Off || counts.off > 0;
    std::iter::once(first).chain(Attention::ALL.into_iter().filter(is_there).map(tile)).collect()
}

/// The moment that a tile tells.
fn moment(fleet: &Fleet, state: Attention) -> Option<chrono::DateTime<chrono::Utc>> {
    let moments = &fleet.moments;
    match state {
        Attention::NeedsYou => moments.first_ends,
        Attention::Failed => moments.failed_last,
        Attention::Waiting => moments.goes_on,
        Attention::UpToDate => moments.looked_last,
        Attention::CannotTell | Attention::Off => None,
    }
}

/// The whole fleet as one line.
#[derive(Serialize)]
struct Mix {
    total: usize,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    class: &'static str,
    x: usize,
    width: usize,
}

fn mix(counts: &Counts) -> Mix {
    let (mut parts, mut x) = (Vec::new(), 0);
    for state in Attention::ALL {
        let width = counts.of(state);
        if width > 0 {
            parts.push(Part { class: class(state), x, width });
        }
        x += width;
    }
    Mix { total: x.max(1), parts }
}

fn filters(fleet: &Fleet, asked: &Asked, root: &str, shown: Shown<'_>) -> Value {
    let words = shown.words;
    let filter = &asked.filter;
    let chosen = filter.namespaces.len();
    let offered = fleet.namespaces.iter().chain(&filter.namespaces).map(String::as_str);
    let offered: std::collections::BTreeSet<&str> = offered.take(MOST_NAMESPACES + chosen).collect();
    let namespaces = offered.into_iter().map(|name| {
        context! { name => name, on => filter.namespaces.iter().any(|it| it == name) }
    });
    context! {
        q => filter.text.as_deref().unwrap_or_default(),
        state => filter.states.first().map(|state| state.as_str()),
        rows => asked.asked_size(),
        namespaces => namespaces.collect::<Vec<_>>(),
        namespacesWord => match chosen {
            0 => words.any().to_owned(),
            1 => filter.namespaces.concat(),
            many => words.chosen(many),
        },
        selects => value(selects(fleet, asked, shown)),
        chips => value(chips(asked, root, shown)),
    }
}

fn selects(fleet: &Fleet, asked: &Asked, shown: Shown<'_>) -> Vec<Select> {
    let words = shown.words;
    let filter = &asked.filter;
    let any = |on: bool| Choice { value: String::new(), word: words.any().to_owned(), on };
    let levels = Level::ALL.into_iter().rev().map(|level| Choice {
        value: level.as_str().to_owned(),
        word: words.of_messages().level(level.as_str()),
        on: filter.levels == [level],
    });
    let hosts = fleet.registries.iter().chain(&filter.registries).map(String::as_str);
    let hosts: std::collections::BTreeSet<&str> = hosts.take(MOST_REGISTRIES).collect();
    let hosts = hosts.into_iter().map(|host| Choice {
        value: host.to_owned(),
        word: host.to_owned(),
        on: filter.registries.iter().any(|it| it == host),
    });
    let modes = MODES.into_iter().map(|mode: Mode| Choice {
        value: mode.as_str().to_owned(),
        word: words.mode(mode).to_owned(),
        on: filter.modes == [mode],
    });
    let select = |name, of: FilterName, is_any: bool, all: Vec<Choice>| Select {
        name,
        word: words.filter(of),
        options: std::iter::once(any(is_any)).chain(all).collect(),
    };
    vec![
        select("level", FilterName::Level, filter.levels.is_empty(), levels.collect()),
        select("registry", FilterName::Registry, filter.registries.is_empty(), hosts.collect()),
        select("mode", FilterName::Mode, filter.modes.is_empty(), modes.collect()),
    ]
}

fn chips(asked: &Asked, root: &str, shown: Shown<'_>) -> Vec<Chip> {
    let words = shown.words;
    let colon = words.of_messages().colon();
    let filter = &asked.filter;
    let chip = |name: FilterName, value: &str, without: Asked| Chip {
        words: format!("{}{colon} {value}", words.filter(name)),
        url: without.url(root),
    };
    let mut chips = Vec::new();
    for state in &filter.states {
        chips.push(chip(FilterName::State, words.state(*state), asked.with(|filter| filter.states.clear())));
    }
    for name in &filter.namespaces {
        chips.push(chip(FilterName::Namespace, name, asked.with(|filter| filter.namespaces.retain(|it| it != name))));
    }
    for level in &filter.levels {
        let word = words.of_messages().level(level.as_str());
        chips.push(chip(FilterName::Level, &word, asked.with(|filter| filter.levels.clear())));
    }
    for host in &filter.registries {
        chips.push(chip(FilterName::Registry, host, asked.with(|filter| filter.registries.clear())));
    }
    for mode in &filter.modes {
        chips.push(chip(FilterName::Mode, words.mode(*mode), asked.with(|filter| filter.modes.clear())));
    }
    if let Some(text) = &filter.text {
        chips.push(chip(FilterName::Text, text, asked.with(|filter| filter.text = None)));
    }
    chips
}

fn paging(asked: &Asked, fleet: &Fleet, root: &str, shown: Shown<'_>) -> Value {
    let (all, pages) = (fleet.all, asked.paging().pages(fleet.all));
    let page = fleet.first / asked.size() + 1;
    let url = |number: usize| asked.at(number).url(root);
    let sizes = SIZES.into_iter().filter(|size| *size == SIZES[0] || all > SIZES[0] || *size == asked.size());
    let sizes = sizes.map(|size| {
        context! { count => size, url => asked.sized(size).url(root), current => size == asked.size() }
    });
    let numbers = if pages > 1 { around(page, pages) } else { Vec::new() };
    let numbers = numbers.into_iter().map(|number| {
        if let Some(number) = number {
            context! { number => number, url => url(number), current => number == page }
        } else {
            context! { number => 0, url => (), current => false }
        }
    });
    context! {
        words => shown.words.rows(fleet.first + 1, fleet.first + fleet.rows.len(), all),
        sizes => sizes.collect::<Vec<_>>(),
        pages => numbers.collect::<Vec<_>>(),
        previous => (page > 1).then(|| url(page - 1)),
        next => (page < pages).then(|| url(page + 1)),
    }
}

/// The first page, the last, and those around this one; nothing for what is between.
fn around(page: usize, pages: usize) -> Vec<Option<usize>> {
    let mut all = Vec::new();
    let mut last = 0;
    for number in (1..=2).chain(page.saturating_sub(1)..=page + 1).chain(pages.saturating_sub(1)..=pages) {
        if number <= last || number > pages {
            continue;
        }
        if number > last + 1 {
            all.push(None);
        }
        all.push(Some(number));
        last = number;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_pages_those_at_hand_are_offered() {
        let told = |page, pages| {
            let all = around(page, pages).into_iter();
            all.map(|it| it.map_or("…".to_owned(), |number| number.to_string())).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(1, 2), "1 2");
        assert_eq!(told(1, 20), "1 2 … 19 20");
        assert_eq!(told(10, 20), "1 2 … 9 10 11 … 19 20");
        assert_eq!(told(20, 20), "1 2 … 19 20");
        assert_eq!(told(3, 6), "1 2 3 4 5 6");
    }
}
