//! What a policy demands: of its declaration, checked at start-up, and of a caller, told when a scope is missing.

use std::sync::Arc;

use super::Policy;
use super::policy::Node;
use crate::principal::is_scope_token;

impl Policy {
    /// Tells what is wrong with the policy on a route with these path parameters.
    pub(super) fn find_problems(&self, parameters: &[&str], tell: &mut dyn FnMut(String)) {
        let mut demand = |holds: bool, problem: &str| {
            if !holds {
                tell(format!("`{self}` {problem}"));
            }
        };
        match self.node() {
            Node::AllOf(policies) | Node::AnyOf(policies) => {
                if policies.is_empty() {
                    tell("`all_of` or `any_of` without a policy inside".into());
                }
                policies.iter().for_each(|policy| policy.find_problems(parameters, tell));
            }
            Node::AsyncCheck(check) => {
                demand(!check.name().trim().is_empty(), "has no name");
                demand(!check.time_limit().is_zero(), "has no time to answer");
            }
            Node::Authenticated => {}
            Node::Check(check) => demand(!check.name().trim().is_empty(), "has no name"),
            Node::Named(name, policy) => {
                demand(is_word(name), "is no name of one word");
                policy.find_problems(parameters, tell);
            }
            Node::Not(policy) => {
                demand(
                    !policy.asks_to_step_up(),
                    "would let in who does not say how it was authenticated: name what is accepted",
                );
                policy.find_problems(parameters, tell);
            }
            Node::Role(role) => demand(!role.trim().is_empty(), "names no role"),
            Node::Scope(scope) => {
                demand(is_scope_token(scope), "is not a scope token (RFC 6749 3.3)");
            }
            Node::StepUp(step_up) => step_up.find_problems(&mut demand),
            Node::TenantInPath(parameter) => demand(
                parameters.contains(&parameter.as_ref()),
                "names no parameter of the pattern",
            ),
        }
    }

    /// The scopes to name when one is missing (RFC 6750 3.1), as a space-separated list; `None` if scopes play no part.
    pub(super) fn scopes_to_ask_for(&self) -> Option<Arc<str>> {
        let mut scopes = Vec::new();
        self.collect_scopes(&mut scopes);
        (!scopes.is_empty()).then(|| scopes.join(" ").into())
    }

    /// All scopes of parts that are needed together; of alternatives, one that scopes alone fulfil if there is one.
    fn collect_scopes<'p>(&'p self, scopes: &mut Vec<&'p str>) {
        match self.node() {
            Node::Scope(scope) if !scopes.contains(&scope.as_ref()) => scopes.push(scope),
            Node::AllOf(policies) => {
                policies.iter().for_each(|policy| policy.collect_scopes(scopes));
            }
            Node::AnyOf(policies) => {
                let by_scope_alone = policies.iter().find(|policy| policy.asks_scopes_alone());
                if let Some(policy) =
                    by_scope_alone.or_else(|| policies.iter().find(|p| p.asks_scopes()))
                {
                    policy.collect_scopes(scopes);
                }
            }
            Node::Named(_, policy) => policy.collect_scopes(scopes),
            // A scope under `not` is one to give up, not one to ask for.
            _ => {}
        }
    }

    fn asks_to_step_up(&self) -> bool {
        match self.node() {
            Node::StepUp(_) => true,
            Node::AllOf(policies) | Node::AnyOf(policies) => {
                policies.iter().any(Self::asks_to_step_up)
            }
            Node::Named(_, policy) | Node::Not(policy) => policy.asks_to_step_up(),
            _ => false,
        }
    }

    fn asks_scopes(&self) -> bool {
        match self.node() {
            Node::Scope(_) => true,
            Node::AllOf(policies) | Node::AnyOf(policies) => policies.iter().any(Self::asks_scopes),
            Node::Named(_, policy) => policy.asks_scopes(),
            _ => false,
        }
    }

    fn asks_scopes_alone(&self) -> bool {
        match self.node() {
            Node::Scope(_) => true,
            Node::AllOf(policies) => policies.iter().all(Self::asks_scopes_alone),
            Node::AnyOf(policies) => policies.iter().any(Self::asks_scopes_alone),
            Node::Named(_, policy) => policy.asks_scopes_alone(),
            _ => false,
        }
    }
}

/// So that a name cannot be read as a policy of another meaning.
fn is_word(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !name.is_empty() && name.bytes().all(fits) && !["and", "or", "not"].contains(&name)
}

#[cfg(test)]
mod tests {
    use crate::authz::{all_of, any_of, authenticated, not, role, scope};

    #[test]
    fn b8_the_scopes_to_ask_for_are_those_that_would_be_enough() {
        for (policy, expected) in [
            (authenticated(), None),
            (scope("a"), Some("a")),
            (all_of([scope("a"), role("r"), all_of([scope("b"), scope("a")])]), Some("a b")),
            (any_of([role("r"), scope("a"), scope("b")]), Some("a")),
            (any_of([all_of([scope("a"), role("r")]), scope("b")]), Some("b")),
            (any_of([role("r"), all_of([scope("a"), role("s")])]), Some("a")),
            (all_of([scope("a"), not(scope("b"))]), Some("a")),
            (not(scope("b")), None),
            (any_of([role("r"), scope("a").named("reader")]), Some("a")),
            (all_of([role("r"), all_of([scope("a"), scope("b")]).named("both")]), Some("a b")),
        ] {
            assert_eq!(policy.scopes_to_ask_for().as_deref(), expected, "{policy}");
        }
    }
}
