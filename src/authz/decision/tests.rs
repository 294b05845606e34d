use futures_util::FutureExt;
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
    let (head, ()) = Request::new(()).into_parts();
    let mut paths = matchit::Router::new();
    paths.insert("/", ()).unwrap();
    let params = paths.at("/").unwrap().params;
    match policy.evaluate(&ada(), &RequestFacts::new(&head, "/", &params)) {
        Step::Known(outcome) => outcome,
        Step::Waiting(waiting) => waiting.resolve().now_or_never().unwrap(),
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
            Self::Denying => false,
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
    let any_leaf = prop_oneof![leaf(), leaf().prop_map(|leaf| Tree::Later(Box::new(leaf)))];
    any_leaf.prop_recursive(3, 20, 4, |inner| {
        let several = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            several().prop_map(Tree::All),
            several().prop_map(Tree::Any),
        ]
    })
}

proptest! {
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
