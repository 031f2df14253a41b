//! The text format that Prometheus reads where nobody asks for `OpenMetrics`, made from the latter: there, a counter is called as
//! its series are, and nothing says where the text ends.

use std::fmt::Write as _;

/// The same metrics in the older format.
pub(super) fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().filter(|line| *line != "# EOF").peekable();
    while let Some(line) = lines.next() {
        let described = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        let kind = lines.peek().and_then(|next| next.strip_prefix("# TYPE ")?.split_once(' '));
        let _ = match (described, kind) {
            (Some((name, help)), Some((_, "counter"))) => {
                lines.next();
                writeln!(text, "# HELP {name}_total {help}\n# TYPE {name}_total counter")
            }
            _ => writeln!(text, "{line}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_called_as_their_series() {
        let open = "# HELP a_looks Looks.\n# TYPE a_looks counter\na_looks_total{x=\"# EOF\"} 1\n# HELP b Age.\n# TYPE b gauge\nb 2\n# EOF\n";
        let expected = "# HELP a_looks_total Looks.\n# TYPE a_looks_total counter\na_looks_total{x=\"# EOF\"} 1\n# HELP b Age.\n# TYPE b gauge\nb 2\n";
        assert_eq!(classic(open), expected);
    }
}
