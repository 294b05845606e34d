use std::alloc::System;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, iter};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use super::heap::HEAPS;
use super::{Case, Run, heap};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now.
#[allow(dead_code, reason = "not every program reports memory")]
pub(crate) fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// How long one batch of requests takes, about, and how many batches the median is taken of.
const BATCH: Duration = Duration::from_millis(10);
const BATCHES: usize = 41;

/// What tells a child of this program, run under valgrind, to repeat one case.
pub(super) const REPEAT: &str = "--repeat";

/// Per request.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) instructions: Option<f64>,
    pub(super) nanoseconds: f64,
    pub(super) allocations: f64,
}

impl Figures {
    pub(super) fn over(&self, bare: &Self) -> Self {
        Self {
            instructions: self.instructions.zip(bare.instructions).map(|(all, bare)| all - bare),
            nanoseconds: self.nanoseconds - bare.nanoseconds,
            allocations: self.allocations - bare.allocations,
        }
    }
}

pub(super) fn all(group: &str, cases: &[&Case], count_instructions: bool) -> Vec<Figures> {
    let mut runs: Vec<Run> = cases.iter().map(|case| (case.prepare)()).collect();
    let warm_up = |(case, run): (&&Case, &mut Run)| {
        eprintln!("  {}", case.name); // so that a case that panics is known
        batch_size(run)
    };
    let batches: Vec<u64> = iter::zip(cases, &mut runs).map(warm_up).collect();
    let nanoseconds = medians(&mut runs, &batches);
    let allocations: Vec<f64> = runs.iter_mut().map(allocations).collect();
    cases
        .iter()
        .zip(iter::zip(nanoseconds, allocations))
        .map(|(case, (nanoseconds, allocations))| {
            let instructions =
                count_instructions.then(|| instructions(group, case.name, nanoseconds)).flatten();
            Figures { instructions, nanoseconds, allocations }
        })
        .collect()
}

/// How many requests fill a batch. Warms up on the way.
fn batch_size(run: &mut Run) -> u64 {
    let mut size = 1;
    loop {
        let started = Instant::now();
        run(size);
        let took = started.elapsed();
        if took >= BATCH / 2 {
            return (size as f64 * BATCH.as_secs_f64() / took.as_secs_f64()).max(1.0) as u64;
        }
        size *= 2;
    }
}

/// The median time of a request, with the cases taking turns.
fn medians(runs: &mut [Run], batches: &[u64]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(BATCHES); runs.len()];
    for _ in 0..BATCHES {
        for ((run, size), times) in runs.iter_mut().zip(batches).zip(&mut times) {
            let started = Instant::now();
            run(*size);
            times.push(started.elapsed().as_secs_f64() * 1e9 / *size as f64);
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times.iter().map(|times| times[BATCHES / 2]).collect()
}

/// Allocations and reallocations of a request, without those of the run around the requests.
fn allocations(run: &mut Run) -> f64 {
    const REQUESTS: u64 = 200;
    let mut count = |requests| {
        let region = Region::new(ALLOCATOR);
        run(requests);
        let change = region.change();
        (change.allocations + change.reallocations) as f64
    };
    (count(2 * REQUESTS) - count(REQUESTS)) / REQUESTS as f64
}

pub(super) fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Instructions of a request, counted by callgrind in children that repeat the case, each with another heap: the middle
/// count. Does not depend on how busy the machine is.
fn instructions(group: &str, case: &str, nanoseconds: f64) -> Option<f64> {
    let requests = (5e6 / nanoseconds).clamp(20.0, 2000.0) as u64;
    let counts = HEAPS.iter().map(|blocks| counted(group, case, requests, *blocks));
    let mut counts: Vec<f64> = counts.collect::<Option<_>>()?;
    counts.sort_by(f64::total_cmp);
    Some(counts[counts.len() / 2])
}

fn counted(group: &str, case: &str, requests: u64, blocks: usize) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*counted_requests*"])
        .arg(env::current_exe().expect("this program has a path"))
        .args([REPEAT, group, case, &requests.to_string(), &blocks.to_string()])
        .output()
        .expect("valgrind was there a moment ago");
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse::<f64>().ok());
    if !output.status.success() || count.is_none_or(|count| count == 0.0) {
        println!("no instructions for {case}:\n{report}");
        return None;
    }
    count.map(|count| count / requests as f64)
}

/// The child's part.
pub(super) fn repeat(case: &Case, requests: u64, blocks: usize) {
    let _used = heap::used(blocks);
    let mut run = (case.prepare)();
    run(requests.min(50)); // warm: caches filled, statics made
    counted_requests(&mut run, requests);
}

/// Callgrind counts while this function runs; it knows it by its name.
#[inline(never)]
fn counted_requests(run: &mut Run, requests: u64) {
    run(black_box(requests));
}
