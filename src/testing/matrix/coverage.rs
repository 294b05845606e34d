use std::ptr;

use super::{AuthorizationMatrix, Row};
use crate::authz::{Rule, Rules};

impl AuthorizationMatrix {
    /// What the matrix leaves untested of these rules, and of its own actors.
    pub(super) fn gaps(&self, rules: &Rules) -> Vec<String> {
        let mut gaps: Vec<_> =
            rules.iter().filter_map(|rule| self.gap_of_rule(rules, rule)).collect();
        for (column, actor) in self.actors.iter().enumerate() {
            if !self.rows.iter().any(|row| row.named.get(column) == Some(&true)) {
                gaps.push(format!("actor {}: no row names it", actor.name));
            }
        }
        gaps
    }

    fn gap_of_rule(&self, rules: &Rules, rule: &Rule) -> Option<String> {
        let asks = |row: &&Row| {
            let head = row.call.request().ok().map(|request| request.into_parts().0);
            let found = head.as_ref().and_then(|head| rules.rule_for_request(head));
            found.is_some_and(|found| ptr::eq(found, rule))
        };
        let mut rows = self.rows.iter().filter(asks).peekable();
        let gap = if rows.peek().is_none() {
            "no row asks for it"
        } else {
            let cells = || {
                let rows = self.rows.iter().filter(asks);
                rows.flat_map(|row| row.cells.iter().map(|cell| (*cell, row.call.is_grpc())))
            };
            let guarded = rule.access().policy().is_some();
            if !cells().any(|(cell, grpc)| !cell.refuses(grpc)) {
                "no actor is expected to be admitted, so bad credentials would go unnoticed"
            } else if guarded && !cells().any(|(cell, grpc)| cell.refuses(grpc)) {
                "no actor is expected to be refused"
            } else {
                return None;
            }
        };
        Some(format!("{rule}: {gap}"))
    }
}
