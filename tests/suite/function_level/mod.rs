//! The function level complete: groups, hosts, versions, routers whose routes are all proved to have a rule, and the paths
//! that made others' rules and routers disagree.

mod advisories;
mod coverage;
mod groups;
mod sections;
mod streams;
