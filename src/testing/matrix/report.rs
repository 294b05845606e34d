use std::fmt;

use super::expected::{Expected, Got};

/// What came of a matrix. Prints itself as a table of what came back.
#[derive(Clone, Debug)]
#[must_use = "a report says nothing until it is asked: `assert_as_expected`"]
pub struct MatrixReport {
    pub(super) actors: Vec<String>,
    pub(super) rows: Vec<(String, Vec<(Expected, Got)>)>,
    pub(super) problems: Vec<String>,
}

/// One cell that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Who asked.
    pub actor: String,
    /// For what.
    pub call: String,
    /// What the matrix says.
    pub expected: Expected,
    /// What came back: a status such as `200`, a gRPC code such as `gRPC 7`, or why nothing did.
    pub got: String,
}

impl MatrixReport {
    /// Every cell that is not as it should be, in the order of the rows.
    #[must_use]
    pub fn mismatches(&self) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        for (call, cells) in &self.rows {
            for (actor, (expected, got)) in self.actors.iter().zip(cells) {
                if !expected.is_met_by(got) {
                    mismatches.push(Mismatch {
                        actor: actor.clone(),
                        call: call.clone(),
                        expected: *expected,
                        got: got.to_string(),
                    });
                }
            }
        }
        mismatches
    }

    /// What is wrong with the matrix itself: names that nobody has, rows of the wrong length, rules that no row asks for.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Lets a test go on when every cell is as expected.
    ///
    /// # Panics
    ///
    /// If a cell is not as expected, or the matrix has a problem. The message lists all of them, and the table.
    #[track_caller]
    pub fn assert_as_expected(&self) {
        let mismatches = self.mismatches();
        if mismatches.is_empty() && self.problems.is_empty() {
            return;
        }
        let mut told = "the authorization matrix does not hold\n".to_owned();
        for problem in &self.problems {
            told += &format!("  {problem}\n");
        }
        for mismatch in &mismatches {
            told += &format!("  {mismatch}\n");
        }
        panic!("{told}\n{self}");
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actor, call, expected, got } = self;
        write!(f, "{actor}: {call}: expected {expected}, got {got}")
    }
}

/// A Markdown table: what came back, and what should have where that is something else.
impl fmt::Display for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(expected, got): &(Expected, Got)| {
            if expected.is_met_by(got) {
                got.to_string()
            } else {
                format!("**{got}, not {expected}**")
            }
        };
        let rows =
            self.rows.iter().map(|(call, cells)| (&**call, cells.iter().map(shown).collect()));
        super::table::write(f, &self.actors, rows)
    }
}
