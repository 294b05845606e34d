//! Parts of a table for one host or one version alone.

use std::collections::HashMap;
use std::sync::Arc;

use http::request;

use super::VersionBy;
use super::host::Host;
use super::rules::{Route, Rule};
use crate::rejection::{Rejection, RejectionKind};

/// What can be matched within one section: the paths, and the patterns by name.
#[derive(Default)]
pub(super) struct Paths {
    pub(super) by_path: matchit::Router<Arc<Route>>,
    pub(super) by_pattern: HashMap<Arc<str>, Arc<Route>>,
}

impl Paths {
    /// The route that a screened path leads to, and its parameters.
    pub(super) fn at<'t, 'p>(
        &'t self,
        path: &'p str,
    ) -> Result<matchit::Match<'t, 'p, &'t Arc<Route>>, matchit::MatchError> {
        self.by_path.at(path)
    }
}

/// The rules of one host: those for requests that name no version, and those of each version.
#[derive(Default)]
pub(super) struct Versions {
    pub(super) unnamed: Paths,
    named: HashMap<Arc<str>, Paths>,
}

/// What divides a table.
#[derive(Default)]
pub(super) struct Sections {
    hosts: HashMap<Arc<str>, Versions>,
    version_by: Option<VersionBy>,
}

/// A whole table: the rules of hosts that have no section, and what divides it, if anything does.
#[derive(Default)]
pub(super) struct Division {
    others: Versions,
    sections: Option<Box<Sections>>,
}

impl Division {
    pub(super) fn new(version_by: Option<VersionBy>) -> Self {
        let sections =
            version_by.map(|by| Box::new(Sections { version_by: Some(by), ..Sections::default() }));
        Self { others: Versions::default(), sections }
    }

    /// The part that rules like this one are in, made where there is none.
    pub(super) fn part_of(&mut self, rule: &Rule) -> &mut Paths {
        let versions = match &rule.host {
            None => &mut self.others,
            Some(host) => {
                let sections = self.sections.get_or_insert_default();
                sections.hosts.entry(Arc::clone(host)).or_default()
            }
        };
        match &rule.version {
            None => &mut versions.unnamed,
            Some(version) => versions.named.entry(Arc::clone(version)).or_default(),
        }
    }

    /// The part that decides on a request, alone.
    pub(super) fn part_for(&self, head: &request::Parts) -> Result<&Paths, Rejection> {
        match &self.sections {
            None => Ok(&self.others.unnamed),
            Some(sections) => sections.part_for(&self.others, head),
        }
    }

    /// The part of requests to no host of a section that name no version.
    pub(super) const fn undivided(&self) -> &Paths {
        &self.others.unnamed
    }

    #[cfg(feature = "axum")]
    pub(super) const fn is_divided(&self) -> bool {
        self.sections.is_some()
    }

    /// The pattern which decides on the path that is written as this one, in a part that does not have it.
    pub(super) fn decided_by_another(&self, pattern: &str) -> Option<&str> {
        let mut without = self.parts().filter(|part| !part.by_pattern.contains_key(pattern));
        without.find_map(|part| Some(part.at(pattern).ok()?.value.pattern()))
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &Paths> {
        let hosts = self.sections.iter().flat_map(|sections| sections.hosts.values());
        std::iter::once(&self.others)
            .chain(hosts)
            .flat_map(|versions| std::iter::once(&versions.unnamed).chain(versions.named.values()))
    }
}

impl Sections {
    #[inline(never)] // what most tables do without stays out of their way
    fn part_for<'t>(
        &'t self,
        others: &'t Versions,
        head: &request::Parts,
    ) -> Result<&'t Paths, Rejection> {
        let versions = if self.hosts.is_empty() {
            others
        } else {
            self.hosts.get(Host::of(head)?.as_str()).unwrap_or(others)
        };
        let Some(version_by) = self.version_by.as_ref().filter(|_| !versions.named.is_empty())
        else {
            return Ok(&versions.unnamed);
        };
        match version_by.of(head)? {
            None => Ok(&versions.unnamed),
            Some(version) => versions
                .named
                .get(version)
                .ok_or_else(|| Rejection::new(RejectionKind::Forbidden, "version_not_declared")),
        }
    }
}
