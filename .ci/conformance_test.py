#!/usr/bin/env python3
"""Tests of conformance.py: a small project, changed in one way each time."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conformance

UNIT, SUITE = "src/principal/scopes.rs", "tests/suite/tokens.rs"
OUTPUT = """\
\x1b[1m     Running\x1b[0m unittests src/lib.rs (target/debug/deps/tower_warden-0a)
test principal::scopes::tests::j16_empty_grants_nothing ... ok
     Running tests/suite/main.rs (target/debug/deps/suite-0b)
test tokens::j1_none_is_refused ... ok
test tokens::k1_panics - should panic ... ok
"""


class Conformance(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.output = OUTPUT
        self.rows = {row: ["a requirement", "", "planned"] for row in conformance.EXPECTED}
        self.write(UNIT, "fn j16_empty_grants_nothing() {}")
        self.write(SUITE, "fn j1_none_is_refused() {} fn k1_panics() {}")
        self.rows["J16"][1:] = [f"`{UNIT}::j16_empty_grants_nothing`", "tested"]
        self.rows["J1"][1:] = [f"`{SUITE}::j1_none_is_refused`<br>`{SUITE}::k1_panics`", "partial"]

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self):
        lines = [f"| {row} | {' | '.join(cells)} |" for row, cells in self.rows.items()]
        head = ["| column | meaning |", "|---|---|", "| id | no row |", "", "| id | requirement | tests | status |", "|---|---|---|---|"]
        self.write("docs/conformance.md", "\n".join(head + lines))
        self.write("output.txt", self.output)
        checker = Path(__file__).parent / "conformance.py"
        command = [sys.executable, str(checker), "--root", str(self.root), str(self.root / "output.txt")]
        return subprocess.run(command, capture_output=True, text=True)

    def assert_refused(self, problem):
        ran = self.check()
        self.assertEqual(ran.returncode, 1, ran.stdout)
        self.assertIn(problem, ran.stderr)

    def test_a_page_that_tells_the_truth_passes(self):
        ran = self.check()
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertIn(f"1 partial, {len(self.rows) - 2} planned, 1 tested", ran.stdout)

    def test_a_test_that_failed(self):
        self.output = OUTPUT.replace("refused ... ok", "refused ... FAILED")
        self.assert_refused(f"J1: {SUITE}::j1_none_is_refused failed")

    def test_a_test_that_was_ignored(self):
        self.output = OUTPUT.replace("refused ... ok", "refused ... ignored, needs grpcurl")
        self.assert_refused("j1_none_is_refused did not run")

    def test_a_test_that_ran_in_another_binary_only(self):
        self.output = OUTPUT.replace("Running tests/suite/main.rs", "Running tests/other.rs")
        self.assert_refused("j1_none_is_refused did not run")

    def test_a_test_of_the_same_name_in_another_module(self):
        self.output = OUTPUT.replace("tokens::j1", "rules::j1")
        self.assert_refused("j1_none_is_refused did not run")

    def test_a_test_whose_name_only_starts_like_it(self):
        self.output = OUTPUT.replace("j1_none_is_refused", "j1_none_is_refused_twice")
        self.assert_refused("j1_none_is_refused did not run")

    def test_a_test_that_is_not_defined_there(self):
        self.write(SUITE, "fn j1_none_is_refused_not() {} fn k1_panics() {}")
        self.assert_refused(f"{SUITE} has no test j1_none_is_refused")

    def test_a_test_that_a_macro_makes(self):
        self.write(SUITE, 'refused! {\n    j1_none_is_refused: "J1",\n}\nfn k1_panics() {}')
        self.assertEqual(self.check().returncode, 0)

    def test_a_file_that_is_not_there(self):
        (self.root / SUITE).unlink()
        self.assert_refused(f"{SUITE} does not exist")

    def test_a_tested_row_without_tests(self):
        self.rows["B1"][2] = "tested"
        self.assert_refused("B1: is tested and names no test")

    def test_a_planned_row_with_tests(self):
        self.rows["J1"][2] = "planned"
        self.assert_refused("J1: is planned and names tests")

    def test_not_applicable_without_a_reason(self):
        self.rows["B1"][2] = "n/a"
        self.assert_refused("'n/a' is none of")
        self.rows["B1"][2] = "n/a: no such thing here"
        self.assertEqual(self.check().returncode, 0)

    def test_an_unknown_status(self):
        self.rows["B1"][2] = "done"
        self.assert_refused("'done' is none of")

    def test_tests_in_another_form(self):
        self.rows["J1"][1] += "<br>tokens::j1_other"
        self.assert_refused("J1: cannot read the tests")

    def test_a_program_that_must_not_compile_has_a_message_beside_it(self):
        program = "tests/compile_fail/examples/permit_cloned"
        self.rows["Z5"][1:] = [f"`{program}.rs`", "tested"]
        self.assert_refused(f"Z5: {program}.rs does not exist")
        self.write(f"{program}.rs", "fn main() {}")
        self.assert_refused(f"Z5: {program}.rs has no message kept beside it")
        self.write(f"{program}.stderr", "error[E0599]")
        self.assertEqual(self.check().returncode, 0)

    def test_a_missing_a_strange_and_a_repeated_id(self):
        self.rows["B99"] = self.rows.pop("B2")
        self.rows["B3 "] = self.rows["B3"]
        ran = self.check()
        for problem in ("B2: missing", "B99: not a known id", "B3: stands here 2 times"):
            self.assertIn(problem, ran.stderr)

    def test_a_row_with_a_cell_too_many(self):
        self.rows["B1"].append("more")
        self.assert_refused("5 cells instead of 4")

    def test_a_run_without_tests(self):
        self.output = "error: could not compile"
        self.assert_refused("no test ran")


if __name__ == "__main__":
    unittest.main()
