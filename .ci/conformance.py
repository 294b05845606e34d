#!/usr/bin/env python3
"""Checks that docs/conformance.md says no more than the last test run showed.

    .ci/conformance.py [--page PAGE] [--root ROOT] TEST-OUTPUT

TEST-OUTPUT is what `cargo test` printed, stderr included (its "Running" lines tell the test binaries apart).
Exit code 1 when anything is wrong; every problem is printed, not the first. `--suggest` prints, for each id, the
tests that carry it in their names, ready to be pasted into the table.

A row may also name a program that must not compile. Of that it is looked whether the compiler's message is kept beside
it; tests/compile_fail/run.py compares the two.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

# Every id that the page must have, once: letter and number of the last one.
COUNTED = {"B": 13, "J": 17, "K": 9, "I": 7, "P": 18, "R": 2, "O": 12, "L": 8, "A": 11, "Z": 13, "Q": 14, "H": 6,
           "C": 3, "E": 5, "G": 3, "U": 4, "T": 2, "N": 5, "V": 4, "X": 4}
REGRESSIONS = """
    CVE-2021-32701 CVE-2022-29226 CVE-2025-41232 CVE-2025-41248 CVE-2026-26205 CVE-2026-33494 CVE-2026-33496
    CVE-2026-39999 CVE-2026-44087 CVE-2026-44699 CVE-2026-76835 GHSA-3q34-rx83-r6mq GHSA-3x2w-63fp-3qvw
    GHSA-8fcc-w5hv-4gxv GHSA-8pvw-jcv7-9cmj GHSA-9ggr-2464-2j32 express-rate-limit
""".split()
EXPECTED = [f"{letter}{n}" for letter, last in COUNTED.items() for n in range(1, last + 1)] + REGRESSIONS

# A test is a function, or a name that a macro makes one of: `j7_an_issuer_is_refused: "J7",`.
DECLARED = re.compile(r"\bfn (\w+)\s*[(<]|^ *(\w+): \"", re.MULTILINE)
NAMED_TEST = re.compile(r"`((?:src|tests|examples)/[\w/-]+\.rs)::(\w+)`")
NAMED_PROGRAM = re.compile(r"`(tests/compile_fail/examples/\w+)\.rs`")
RUNNING = re.compile(r"^\s*Running (?:unittests )?(\S+\.rs) \(")
RESULT = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def read_rows(page):
    """The rows of all tables with the columns id, requirement, tests, status: (line number, cells)."""
    rows, problems, in_table = [], [], False
    for number, line in enumerate(page.splitlines(), 1):
        if not line.startswith("|"):
            in_table = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if cells == ["id", "requirement", "tests", "status"]:
            in_table = True
        elif in_table and not set(line) <= set("|-: "):
            if len(cells) == 4:
                rows.append((number, cells))
            else:
                problems.append(f"line {number}: {len(cells)} cells instead of 4")
    return rows, problems


def read_results(output):
    """What ran: {(source file of the test binary, path of the test): outcome}."""
    results, binary = {}, None
    for line in COLOUR.sub("", output).splitlines():
        if running := RUNNING.match(line):
            binary = running[1]
        elif result := RESULT.match(line):
            results[binary, result[1]] = result[2]
    return results


def declared_in(source):
    """The functions of a source file, and what a macro may make functions of."""
    return [function or name for function, name in DECLARED.findall(source.read_text(encoding="utf-8"))]


def place_of(file):
    """The source file of the test binary that `file` is part of, and its module path there."""
    parts = file[: -len(".rs")].split("/")
    if parts[0] == "src":
        binary, modules = "src/lib.rs", parts[1:]
        if modules == ["lib"]:
            modules = []
    elif len(parts) > 2:  # tests/suite/tokens.rs and the like are modules of tests/suite/main.rs
        binary, modules = f"{parts[0]}/{parts[1]}/main.rs", parts[2:]
        if modules == ["main"]:
            modules = []
    else:
        binary, modules = file, []
    if modules and modules[-1] == "mod":
        modules = modules[:-1]
    return binary, modules


def outcome_of(file, test, results):
    """How the test ended, or None when it did not run. It may sit in modules within the file, such as `tests`."""
    binary, modules = place_of(file)
    # `mod tests` of memory.rs may lie in memory_tests.rs, beside it.
    module_path = re.sub(r"_tests::$", "(?:_tests)?::", "".join(f"{module}::" for module in modules))
    path = re.compile(rf"{module_path}(?:\w+::)*{test}")
    outcomes = {outcome for (ran_in, ran), outcome in results.items() if ran_in == binary and path.fullmatch(ran)}
    return "ok" if outcomes == {"ok"} else next(iter(outcomes - {"ok"}), None)


def check_row(number, cells, root, results):
    row, _, tests, status = cells
    named, programs = NAMED_TEST.findall(tests), NAMED_PROGRAM.findall(tests)
    where = f"line {number}, {row}"
    written = [cell for cell in tests.split("<br>") if cell.strip()]
    if len(written) != len(named) + len(programs):
        yield f"{where}: cannot read the tests: {tests}"
    if status in ("tested", "partial"):
        if not written:
            yield f"{where}: is {status} and names no test"
    elif status == "planned" or re.fullmatch(r"n/a: .+", status):
        if written:
            yield f"{where}: is {status} and names tests"
    else:
        yield f"{where}: status {status!r} is none of tested, partial, planned, n/a: reason"
    for program in programs:
        if not (root / f"{program}.rs").is_file():
            yield f"{where}: {program}.rs does not exist"
        elif not (root / f"{program}.stderr").is_file():
            yield f"{where}: {program}.rs has no message kept beside it, so it may well compile"
    for file, test in named:
        source = root / file
        if not source.is_file():
            yield f"{where}: {file} does not exist"
        elif test not in declared_in(source):
            yield f"{where}: {file} has no test {test}"
        elif (outcome := outcome_of(file, test, results)) != "ok":
            yield f"{where}: {file}::{test} {'did not run' if outcome in (None, 'ignored') else 'failed'}"


def check_ids(rows):
    found = Counter(cells[0] for _, cells in rows)
    yield from (f"{row}: stands here {count} times" for row, count in found.items() if count > 1)
    yield from (f"{row}: missing" for row in EXPECTED if row not in found)
    yield from (f"{row}: not a known id" for row in found if row not in EXPECTED)


def suggestions(root, results):
    """For each id, the tests that carry it in their names and passed."""
    carrying = defaultdict(list)
    for file in sorted([*root.glob("src/**/*.rs"), *root.glob("tests/**/*.rs")]):
        name = file.relative_to(root).as_posix()
        for test in declared_in(file):
            row = test.split("_")[0].upper()
            if row in EXPECTED and outcome_of(name, test, results) == "ok":
                carrying[row].append(f"`{name}::{test}`")
    return {row: carrying[row] for row in EXPECTED if row in carrying}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("--page", type=Path, default=None)
    arguments.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments.add_argument("--suggest", action="store_true")
    given = arguments.parse_args()
    page = given.page or given.root / "docs/conformance.md"

    results = read_results(given.output.read_text(encoding="utf-8", errors="replace"))
    if given.suggest:
        for row, tests in suggestions(given.root, results).items():
            print(f"{row}: {'<br>'.join(tests)}")
        return 0

    rows, problems = read_rows(page.read_text(encoding="utf-8"))
    problems += check_ids(rows)
    if not results:
        problems.append(f"{given.output}: no test ran")
    for number, cells in rows:
        problems += check_row(number, cells, given.root, results)

    named = {test: cells[0] for _, cells in rows for test in re.findall(r"`([^`]+)`", cells[2])}
    unlisted = [test for tests in suggestions(given.root, results).values() for test in tests if test[1:-1] not in named]
    counts = Counter(cells[3].split(":")[0] for _, cells in rows)
    print("rows:", ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    if unlisted:
        print(f"note: {len(unlisted)} tests carry an id and stand in no row; --suggest lists them")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
