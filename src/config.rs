//! Start-up errors: every problem found, not the first.

use std::fmt;

/// A stack or layer that would be unsafe or incomplete, refused when it is built.
///
/// Lists every problem found, each with its culprit.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One problem of a [`ConfigError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    culprit: String,
    problem: String,
}

impl ConfigProblem {
    /// What the problem is with, such as a route pattern or the name of an issuer.
    #[must_use]
    pub fn culprit(&self) -> &str {
        &self.culprit
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.culprit, self.problem)
    }
}

impl ConfigError {
    /// One problem with `culprit`.
    #[must_use]
    pub fn new(culprit: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { problems: vec![ConfigProblem { culprit: culprit.into(), problem: problem.into() }] }
    }

    /// All problems, in the order found; never empty.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused to build")?;
        for problem in &self.problems {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

/// The same list: it is what a `main` that returns the error prints.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// An address as it may be printed: without the user information that it should not have.
#[cfg(any(feature = "dpop", feature = "introspection", feature = "jwks"))]
pub(crate) fn without_password(url: &str) -> std::borrow::Cow<'_, str> {
    let Some((before, after)) = url.rsplit_once('@') else { return url.into() };
    let scheme = before.find("://").map_or("", |end| &before[..end + 3]);
    format!("{scheme}..@{after}").into()
}

/// Collects problems while a builder goes on, so that all of them are told at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems(Vec<ConfigProblem>);

impl Problems {
    pub(crate) fn add(&mut self, culprit: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigProblem { culprit: culprit.into(), problem: problem.into() });
    }

    #[cfg(feature = "axum")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over what was found elsewhere.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The value of a good result; notes the problems of a bad one.
    pub(crate) fn note<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.extend(error.problems);
                None
            }
        }
    }

    /// `Ok` when nothing was found.
    pub(crate) fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.0 }) }
    }
}
