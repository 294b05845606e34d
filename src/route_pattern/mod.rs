//! Patterns of routes, read as axum reads them: for rules, and for limits that are about some routes only.

mod path;
mod pattern;
mod table;

pub(crate) use self::path::screen;
pub(crate) use self::pattern::{parameters, problem_with, shape};
pub(crate) use self::table::{Place, RouteTable, matched_pattern};
