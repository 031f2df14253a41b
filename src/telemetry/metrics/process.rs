//! What the kernel says of this process, under the names that every Prometheus client uses.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks of a second in `/proc`, which Linux has on every machine.
const TICKS: f64 = 100.0;

/// Reads `/proc` when the metrics are read. What is not there is left out.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut put = |name: &str, help: &str, metric: &dyn DynMetric| metric.put(&mut encoder, name, help);
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (stat, status, limits) = (read("/proc/self/stat"), read("/proc/self/status"), read("/proc/self/limits"));
        if let Some(seconds) = cpu(&stat) {
            put(
                "process_cpu_seconds",
                "Time on processors, of user and system; no label",
                &ConstCounter::new(seconds),
            )?;
        }
        if let Some(at) = started(&stat, &read("/proc/stat")) {
            put("process_start_time_seconds", "When the process was started; no label", &ConstGauge::new(at))?;
        }
        if let Some(bytes) = kilobytes(&status, "VmRSS:") {
            put("process_resident_memory_bytes", "Memory that is resident; no label", &ConstGauge::new(bytes))?;
        }
        if let Some(bytes) = kilobytes(&status, "VmSize:") {
            put("process_virtual_memory_bytes", "Memory that is mapped; no label", &ConstGauge::new(bytes))?;
        }
        if let Some(most) = most_files(&limits) {
            put("process_max_fds", "The most files that may be open; no label", &ConstGauge::new(most))?;
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(files.count()).unwrap_or(i64::MAX);
            put("process_open_fds", "Files that are open; no label", &ConstGauge::new(open))?;
        }
        Ok(())
    }
}

/// Counters and gauges alike.
trait DynMetric {
    fn put(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> Result<(), Error>;
}

impl<M: EncodeMetric> DynMetric for M {
    fn put(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> Result<(), Error> {
        self.encode(encoder.encode_descriptor(name, help, None, self.metric_type())?)
    }
}

/// Field `number` of proc(5), counted from 1, behind the name, in which anything may stand.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS)
}

fn started(stat: &str, machine: &str) -> Option<f64> {
    let booted: f64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + field(stat, 22)? / TICKS)
}

fn kilobytes(status: &str, what: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

fn most_files(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read_whatever_the_process_is_called() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4 0 0 0 0 250 50 0 0 20 0 4 0 12300 9 9";
        assert_eq!((cpu(stat), started(stat, "cpu 1 2\nbtime 1000\n")), (Some(3.0), Some(1123.0)));
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!((kilobytes(status, "VmRSS:"), kilobytes(status, "VmSize:")), (Some(1 << 20), Some(2 << 20)));
        assert_eq!(most_files("Max open files            1024                 4096  files\n"), Some(1024));
        assert_eq!(
            (cpu(""), started("", ""), kilobytes("", "VmRSS:"), most_files("Max open files unlimited")),
            (None, None, None, None)
        );
    }
}
