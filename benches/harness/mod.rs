//! Measures one request at a time through a ready service: median time, heap allocations, and instructions where
//! valgrind is at hand.
//!
//! A [`Case`] prepares something that can run `n` requests; a [`Group`] is a table of cases, given over its bare case
//! when it has one. Cases of a group take turns, so that a machine that slows down slows them all.
//!
//! Arguments: words that select groups and cases by name. `--no-instructions` leaves valgrind out.

pub(crate) mod floors;
mod heap;
mod measure;
mod services;
pub(crate) mod tokens;

use std::env;

use measure::Figures;
#[allow(unused_imports, reason = "not every program reports memory")]
pub(crate) use measure::live_bytes;
pub(crate) use services::{Bare, function, get, service};

/// What runs `n` requests.
pub(crate) type Run = Box<dyn FnMut(u64)>;

/// One line of a table.
pub(crate) struct Case {
    name: &'static str,
    prepare: Box<dyn Fn() -> Run>,
}

/// A case named `name`; `prepare` is called once for each measurement, so that expensive set-ups cost only who runs them.
pub(crate) fn case<R: FnMut(u64) + 'static>(
    name: &'static str,
    prepare: impl Fn() -> R + 'static,
) -> Case {
    Case { name, prepare: Box::new(move || Box::new(prepare())) }
}

/// One table.
pub(crate) struct Group {
    title: &'static str,
    bare: Option<Case>,
    cases: Vec<Case>,
}

impl Group {
    /// Figures of `cases` as they are.
    pub(crate) fn absolute(title: &'static str, cases: Vec<Case>) -> Self {
        Self { title, bare: None, cases }
    }

    /// Figures of `cases` minus those of `bare`: the same call without the control.
    pub(crate) fn over(bare: Case, title: &'static str, cases: Vec<Case>) -> Self {
        Self { title, bare: Some(bare), cases }
    }

    fn all(&self) -> impl Iterator<Item = &Case> {
        self.bare.iter().chain(&self.cases)
    }
}

/// Measures what the arguments select and prints a table for each group.
pub(crate) fn run(mut groups: Vec<Group>) {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, title, name, requests, blocks] = arguments.as_slice()
        && flag == measure::REPEAT
    {
        let case = groups.iter().filter(|group| group.title == title).flat_map(Group::all);
        let mut chosen = case.filter(|case| case.name == name);
        let case = chosen.next().expect("the parent names a case of this program");
        let number = |text: &String| text.parse().expect("the parent gives numbers");
        return measure::repeat(case, number(requests) as u64, number(blocks));
    }
    let instructions =
        !arguments.iter().any(|word| word == "--no-instructions") && measure::has_valgrind();
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    for group in &mut groups {
        let selected =
            |name: &str| words.is_empty() || words.iter().any(|word| name.contains(*word));
        if !selected(group.title) {
            group.cases.retain(|case| selected(case.name));
        }
        if !group.cases.is_empty() {
            table(group, instructions);
        }
    }
}

/// So many, or few where only instructions are counted: under valgrind a large set-up takes minutes. For set-ups whose
/// size makes no difference to the instructions of a request.
pub(crate) fn few_under_valgrind(many: usize) -> usize {
    if env::args().nth(1).is_some_and(|word| word == measure::REPEAT) { many / 100 } else { many }
}

fn table(group: &Group, instructions: bool) {
    eprintln!("measuring: {}", group.title);
    let mut figures = measure::all(group.title, &group.all().collect::<Vec<_>>(), instructions);
    println!("\n### {}\n", group.title);
    println!("| case | instructions | ns | allocations |");
    println!("|---|--:|--:|--:|");
    let mut names = group.cases.iter().map(|case| case.name.to_owned()).collect::<Vec<_>>();
    if let Some(bare) = &group.bare {
        let of_bare = figures[0];
        names.insert(0, format!("{} alone; the rest is over it", bare.name));
        figures.iter_mut().skip(1).for_each(|figures| *figures = figures.over(&of_bare));
    }
    for (name, Figures { instructions, nanoseconds, allocations }) in names.iter().zip(&figures) {
        let instructions = instructions.map_or(String::new(), |count| format!("{count:.0}"));
        println!("| {name} | {instructions} | {nanoseconds:.0} | {allocations:.0} |");
    }
}
