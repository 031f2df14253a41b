//! The fleet: which container needs what, and why the others wait.

use minijinja::{Value, context};
use serde::Serialize;

use super::asked::{Asked, MODES, SIZES};
use super::pages::value;
use super::row::{Row, Shown, class};
use super::words::FilterName;
use crate::api::view::{ContainerView, Counts, Fleet, WorkloadView};
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

/// The part of the fleet that is on a page.
pub(super) struct Shelf<'f> {
    rows: Vec<(&'f WorkloadView, &'f ContainerView)>,
    first: usize,
    all: usize,
}

/// The rows of a page: those that need a person first.
pub(super) fn shelf<'f>(fleet: &'f Fleet, asked: &Asked) -> Shelf<'f> {
    let mut rows = fleet.rows(&asked.filter);
    let all = rows.len();
    let first = (asked.page(all) - 1) * asked.size();
    let rows = rows.drain(first.min(all)..(first + asked.size()).min(all)).collect();
    Shelf { rows, first, all }
}

/// What the template of the fleet is given.
pub(super) fn values(fleet: &Fleet, asked: &Asked, shown: Shown<'_>) -> Value {
    let shelf = shelf(fleet, asked);
    let root = format!("{}/", shown.base);
    let mut groups: Vec<Group> = Vec::new();
    for (workload, container) in &shelf.rows {
        let row = Row::of(workload, container, shown);
        match groups.last_mut().filter(|group| group.state == container.state) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { state: container.state, rows: vec![row] }),
        }
    }
    let counts = counts(fleet, asked);
    context! {
        title => shown.words.fleet_title(fleet.counts.needs_you, fleet.counts.failed),
        tiles => value(tiles(fleet, &counts, asked, &root, shown)),
        mix => value(mix(&counts)),
        filter => filters(fleet, asked, &root, shown),
        groups => value(&groups),
        paging => paging(asked, &shelf, &root, shown),
    }
}

/// The containers that fit, whatever they want of people.
fn fitting<'f>(fleet: &'f Fleet, asked: &'f Asked) -> impl Iterator<Item = &'f ContainerView> {
    let of = move |workload: &'f WorkloadView| {
        workload.containers.iter().filter(move |container| asked.filter.fits(workload, container))
    };
    fleet.workloads.iter().flat_map(of)
}

fn counts(fleet: &Fleet, asked: &Asked) -> Counts {
    let mut counts = Counts::default();
    fitting(fleet, asked).for_each(|container| counts.add(container.state));
    counts
}

/// Rows of one state.
#[derive(Serialize)]
struct Group {
    #[serde(skip)]
    state: Attention,
    rows: Vec<Row>,
}

fn tiles(fleet: &Fleet, counts: &Counts, asked: &Asked, root: &str, shown: Shown<'_>) -> Vec<Tile> {
    let words = shown.words;
    let all: usize = Attention::ALL.iter().map(|state| counts.of(*state)).sum();
    let first = Tile {
        class: "",
        shape: "all",
        url: asked.with(|filter| filter.states.clear()).url(root),
        current: asked.filter.states.is_empty(),
        count: all,
        word: words.labels().all(),
        note: String::new(),
    };
    let times = times(fleet, asked);
    let tile = |state: Attention| Tile {
        class: class(state),
        shape: class(state),
        url: asked.with(|filter| filter.states = vec![state]).url(root),
        current: asked.filter.states == [state],
        count: counts.of(state),
        word: words.state(state),
        note: words.tile(state, times.iter().find(|(of, _)| *of == state).and_then(|(_, at)| *at), shown.now),
    };
    let is_there = |state: &Attention| *state != Attention::Off || counts.off > 0;
    std::iter::once(first).chain(Attention::ALL.into_iter().filter(is_there).map(tile)).collect()
}

/// The moment that a tile tells: when the first question ends, when something failed last, when something goes on next, when
/// was last looked.
fn times(fleet: &Fleet, asked: &Asked) -> [(Attention, Option<chrono::DateTime<chrono::Utc>>); 4] {
    let of = |state: Attention| fitting(fleet, asked).filter(move |container| container.state == state);
    let soonest = |state| of(state).filter_map(|it| it.until).min().map(|at| at.0);
    let failed = fleet.workloads.iter().filter(|it| it.state == Attention::Failed);
    let failed = failed.filter_map(|it| chrono::DateTime::parse_from_rfc3339(&it.last_change.as_ref()?.time).ok());
    [
        (Attention::NeedsYou, soonest(Attention::NeedsYou)),
        (Attention::Failed, failed.max().map(|at| at.to_utc())),
        (Attention::Waiting, soonest(Attention::Waiting)),
        (Attention::UpToDate, of(Attention::UpToDate).filter_map(|it| it.checked).max().map(|at| at.0)),
    ]
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

fn paging(asked: &Asked, shelf: &Shelf<'_>, root: &str, shown: Shown<'_>) -> Value {
    let (all, pages) = (shelf.all, asked.pages(shelf.all));
    let page = asked.page(all);
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
        words => shown.words.rows(shelf.first + 1, shelf.first + shelf.rows.len(), all),
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
