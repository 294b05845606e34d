use http::Request;
use proptest::prelude::*;

use super::*;
use crate::authz::{all_of, any_of, authenticated, check, check_async, not, role, scope};
use crate::principal::PrincipalKind;

fn ada() -> Principal {
    Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer").scope("held").build()
}

/// Evaluates a policy to its end.
fn evaluated(policy: &Policy) -> Outcome {
    answered(policy, &ada()).outcome
}

fn answered(policy: &Policy, principal: &Principal) -> Answer {
    let (head, ()) = Request::new(()).into_parts();
    let mut paths = matchit::Router::new();
    paths.insert("/", ()).unwrap();
    let params = paths.at("/").unwrap().params;
    match policy.evaluate(principal, &RequestFacts::new(&head, "/", &params)) {
        Step::Known(answer) => answer,
        Step::Waiting(waiting) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(waiting.resolve())
        }
    }
}

/// Panics without the panic hook's output.
fn failing() -> Policy {
    check("broken", |_, _| std::panic::resume_unwind(Box::new("broken")))
}

fn failing_later() -> Policy {
    check_async("broken later", |_, _| async { Err(PolicyError::new("broken")) })
}

fn denying() -> Policy {
    check("no", |_, _| false)
}

#[test]
fn z9_a_failed_part_never_turns_into_an_allowance() {
    for policy in [
        failing(),
        not(failing()),
        not(not(failing())),
        all_of([authenticated(), failing()]),
        any_of([denying(), failing()]),
        not(any_of([denying(), failing()])),
        not(all_of([authenticated(), failing()])),
    ] {
        assert!(matches!(evaluated(&policy), Outcome::Failed(_)), "{policy}");
    }
}

#[test]
fn z9_a_denial_is_told_before_a_failure_in_either_order() {
    for policy in [
        all_of([denying(), failing()]),
        all_of([failing(), denying()]),
        all_of([failing_later(), denying()]),
        not(any_of([failing(), authenticated()])),
    ] {
        assert!(matches!(evaluated(&policy), Outcome::Deny(_)), "{policy}");
    }
}

#[test]
fn z9_another_branch_may_allow_what_a_failed_one_did_not() {
    for policy in [
        any_of([failing(), authenticated()]),
        any_of([authenticated(), failing()]),
        any_of([failing_later(), authenticated()]),
    ] {
        assert!(matches!(evaluated(&policy), Outcome::Allow), "{policy}");
    }
}

#[test]
fn z1_joining_nothing_allows_nothing() {
    assert!(matches!(evaluated(&all_of([])), Outcome::Deny(_)));
    assert!(matches!(evaluated(&any_of([])), Outcome::Deny(_)));
}

#[test]
fn b8_a_missing_scope_is_told_before_other_denials_of_alternatives() {
    for (policy, denial) in [
        (any_of([role("r"), scope("s")]), Denial::ScopeMissing),
        (any_of([scope("s"), role("r")]), Denial::ScopeMissing),
        (any_of([role("r"), denying()]), Denial::RoleMissing),
        (all_of([role("r"), scope("s")]), Denial::RoleMissing),
        (not(scope("held")), Denial::Policy),
    ] {
        let outcome = evaluated(&policy);
        assert!(
            matches!(&outcome, Outcome::Deny(told) if *told == denial),
            "{policy}: {outcome:?}"
        );
    }
}

/// A policy as a test grows it; `Failing` leaves are the ones whose answer nobody knows.
#[derive(Clone, Debug)]
enum Tree {
    Allowing,
    Denying,
    Failing,
    Role(u8),
    Scope(u8),
    Later(Box<Self>),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Tree {
    fn policy(&self) -> Policy {
        match self {
            Self::Allowing => authenticated(),
            Self::Denying => scope("not held"),
            Self::Failing => failing(),
            Self::Role(number) => role(&format!("r{number}")),
            Self::Scope(number) => scope(&format!("s{number}")),
            Self::Later(leaf) => match **leaf {
                Self::Allowing => check_async("yes later", |_, _| async { Ok(true) }),
                Self::Denying => check_async("no later", |_, _| async { Ok(false) }),
                _ => failing_later(),
            },
            Self::Not(tree) => not(tree.policy()),
            Self::All(trees) => all_of(trees.iter().map(Self::policy)),
            Self::Any(trees) => any_of(trees.iter().map(Self::policy)),
        }
    }

    /// Whether two-valued logic allows, with the unknown answers taken from the bits of `guess`.
    fn allows(&self, guess: &mut u64) -> bool {
        match self {
            Self::Allowing => true,
            // Ada holds none of those that are numbered.
            Self::Denying | Self::Role(_) | Self::Scope(_) => false,
            Self::Failing => {
                let bit = *guess & 1 == 1;
                *guess >>= 1;
                bit
            }
            Self::Later(leaf) => leaf.allows(guess),
            Self::Not(tree) => !tree.allows(guess),
            // Every part takes its own guesses, so none may be skipped.
            Self::All(trees) => trees.iter().filter(|tree| !tree.allows(guess)).count() == 0,
            Self::Any(trees) => trees.iter().filter(|tree| tree.allows(guess)).count() > 0,
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = || prop_oneof![Just(Tree::Allowing), Just(Tree::Denying), Just(Tree::Failing)];
    let held = prop_oneof![(0..6_u8).prop_map(Tree::Scope), (0..6_u8).prop_map(Tree::Role)];
    let any_leaf = prop_oneof![held, leaf(), leaf().prop_map(|leaf| Tree::Later(Box::new(leaf)))];
    any_leaf.prop_recursive(3, 20, 4, |inner| {
        let several = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            several().prop_map(Tree::All),
            several().prop_map(Tree::Any),
        ]
    })
}

/// A principal with the scopes and roles of these numbers.
fn holder(scopes: u64, roles: u64) -> Principal {
    let numbers = |bits: u64| (0..6).filter(move |number| bits >> number & 1 == 1);
    let empty = Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer");
    let scoped = numbers(scopes).fold(empty, |it, number| it.scope(&format!("s{number}")));
    numbers(roles).fold(scoped, |it, number| it.role(format!("r{number}"))).build()
}

/// A principal that holds what an answer rests on, and nothing else.
fn trimmed(principal: &Principal, grants: Grants) -> Principal {
    let kept = |bits: u64| move |(place, _): &(usize, &str)| bits >> place & 1 == 1;
    let empty = Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer");
    let scopes = principal.scopes().iter().enumerate().filter(kept(grants.scopes));
    let roles = principal.roles().enumerate().filter(kept(grants.roles));
    let scoped = scopes.fold(empty, |it, (_, scope)| it.scope(scope));
    roles.fold(scoped, |it, (_, role)| it.role(role)).build()
}

#[test]
fn an_allowance_rests_on_the_grants_that_it_needed() {
    let all = holder(0b11_1111, 0b11);
    let later = || check_async("yes later", |_, _| async { Ok(true) });
    for (policy, scopes, roles) in [
        (authenticated(), 0, 0),
        (scope("s1"), 0b10, 0),
        (all_of([scope("s0"), role("r1"), scope("s2")]), 0b101, 0b10),
        (any_of([scope("s3"), scope("s0")]), 0b1000, 0),
        (any_of([check("yes", |_, _| true), scope("s0")]), 0, 0),
        (any_of([denying(), all_of([scope("s0"), role("r0")])]), 1, 1),
        (any_of([all_of([scope("s0"), denying()]), scope("s1")]), 0b10, 0),
        (all_of([scope("s0"), later()]), 1, 0),
        // What can be told at once is asked first.
        (any_of([later(), scope("s0")]), 1, 0),
        (any_of([all_of([scope("s0"), later()]), all_of([scope("s1"), later()])]), 1, 0),
        (not(scope("other")), 0, 0),
        (not(not(scope("s0"))), 1, 0),
        (not(all_of([not(scope("s0")), not(scope("s1"))])), 1, 0),
        (not(any_of([not(scope("s0")), not(scope("s1"))])), 0b11, 0),
    ] {
        let answer = answered(&policy, &all);
        assert!(matches!(answer.outcome, Outcome::Allow), "{policy}");
        assert_eq!(answer.grants, Grants { scopes, roles }, "{policy}");
    }
}

proptest! {
    /// What an answer does not rest on can be taken away, and the request is let in as before.
    #[test]
    fn who_holds_no_more_than_was_used_is_still_let_in(
        tree in tree(), scopes in 0..64_u64, roles in 0..64_u64,
    ) {
        let (policy, principal) = (tree.policy(), holder(scopes, roles));
        let answer = answered(&policy, &principal);
        if matches!(answer.outcome, Outcome::Allow) {
            let again = answered(&policy, &trimmed(&principal, answer.grants)).outcome;
            prop_assert!(matches!(again, Outcome::Allow), "{policy} {answer:?} {again:?}");
        }
    }

    /// However the unknown answers would have turned out, the request would have been let in as well.
    #[test]
    fn z9_what_is_allowed_does_not_hang_on_a_failed_part(tree in tree(), mut guess in any::<u64>()) {
        match evaluated(&tree.policy()) {
            Outcome::Allow => prop_assert!(tree.allows(&mut guess)),
            Outcome::Deny(_) => prop_assert!(!tree.allows(&mut guess)),
            Outcome::Failed(_) => {}
        }
    }
}
