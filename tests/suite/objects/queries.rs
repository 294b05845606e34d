//! Constraints for queries: demanded by the repository, compared with the policy.

use tower_warden::Principal;
use tower_warden::authz::Rules;
use tower_warden::authz::object::{
    ActionKind, Bounds, Delete, Guard, ObjectPolicy, QueryPolicy, Read, Ruling,
};
use tower_warden::testing::check_constraint;

use super::shop::{ORDERS, Order, OwnedBy, ShopPolicy, ids, repository};
use super::{caller, guard, told};

#[tokio::test]
async fn z10_a_query_is_constrained_to_what_the_policy_allows() {
    let guard = guard(ShopPolicy::default());
    let scope = guard.constraint(Read).await.unwrap();
    assert_eq!(ids(repository::list(&scope)), [1, 5]);
    assert_eq!(ids(scope.verify(repository::list(&scope)).await.unwrap()), [1, 5]);
    assert!(scope.verify([]).await.unwrap().is_empty());
}

#[tokio::test]
async fn z10_what_a_query_found_beyond_the_policy_answers_nothing() {
    let guard = guard(ShopPolicy::default());
    let scope = guard.constraint::<OwnedBy, _>(Read).await.unwrap();
    for found in [&ORDERS[..], &ORDERS[..2], &ORDERS[2..3]] {
        let denied = scope.verify(found.to_vec()).await.unwrap_err();
        assert_eq!(told(&denied), (500, "constraint_and_policy_disagree"));
    }
}

#[tokio::test]
async fn a_caller_without_a_tenant_may_not_list_and_a_constraint_of_another_type_is_500() {
    let rules = Rules::builder().query_policy(ShopPolicy::default()).build().unwrap();
    let job = Principal::builder("i", "job", tower_warden::principal::PrincipalKind::Machine, "-");
    let job = Guard::<Order>::from_rules(&rules, job.build()).unwrap();
    let denied = job.constraint::<OwnedBy, _>(Read).await.unwrap_err();
    assert_eq!(told(&denied), (403, "query_forbidden"));
    let denied = job.constraint::<String, _>(Read).await.unwrap_err();
    assert_eq!(told(&denied), (500, "query_policy_missing"));
    let plain = Guard::new(caller("ada", "acme"), ShopPolicy::default());
    let denied = plain.constraint::<OwnedBy, _>(Read).await.unwrap_err();
    assert_eq!(told(&denied), (500, "query_policy_missing"), "given as an object policy alone");
    let denied = Guard::<String>::from_rules(&rules, caller("ada", "acme")).unwrap_err();
    assert_eq!(denied.reason(), "object_policy_missing");
}

#[test]
fn one_type_has_one_policy_whether_it_constrains_queries_or_not() {
    let twice =
        Rules::builder().object_policy(ShopPolicy::default()).query_policy(ShopPolicy::default());
    let error = twice.build().unwrap_err().to_string();
    assert!(
        error.contains("object policy for suite::objects::shop::Order: is given twice"),
        "{error}"
    );
}

fn everybody() -> [Principal; 4] {
    [caller("ada", "acme"), caller("ben", "acme"), caller("ada", "bolt"), caller("eve", "bolt")]
}

#[tokio::test]
async fn z10_policy_and_constraint_are_proved_to_agree() {
    let (policy, callers) = (ShopPolicy::default(), everybody());
    let agrees = check_constraint(policy, Read, &callers, ORDERS, OwnedBy::lets_through);
    assert_eq!(agrees.await, Ok(()));
}

/// A constraint that forgets the tenant, and a policy that cannot tell about order 5.
struct Forgetful;

impl ObjectPolicy<Order> for Forgetful {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        assert_ne!(order.id, 5);
        (caller.tenant() == Some(order.tenant)).into()
    }
}

impl QueryPolicy<Order> for Forgetful {
    type Constraint = String;

    fn constrain<'a>(&'a self, caller: &'a Principal, action: ActionKind) -> Bounds<'a, String> {
        match caller.tenant() {
            _ if action.is::<Delete>() => Bounds::forbid(),
            Some("acme") => Bounds::within(caller.subject().to_owned()),
            _ => Bounds::failed(tower_warden::authz::PolicyError::new("no such tenant")),
        }
    }
}

#[tokio::test]
async fn z10_every_disagreement_is_told() {
    let by_owner = |owner: &String, order: &Order| order.owner == owner;
    let told =
        check_constraint(Forgetful, Read, &everybody()[..3], ORDERS, by_owner).await.unwrap_err();
    assert_eq!(
        told.to_string(),
        "ada, object 1: the policy denies, the constraint lets it through\n\
         ada, object 2: the policy allows, the constraint leaves it out\n\
         ada, object 4: forbidden: policy_panicked\n\
         ben, object 0: the policy allows, the constraint leaves it out\n\
         ben, object 4: forbidden: policy_panicked\n\
         ada, constraint: forbidden: policy_failed"
    );
    // Who may list nothing is let through to nothing.
    let told =
        check_constraint(Forgetful, Delete, &everybody()[..1], ORDERS[..1].to_vec(), by_owner)
            .await;
    assert_eq!(
        told.unwrap_err().to_string(),
        "ada, object 0: the policy allows, the constraint leaves it out"
    );
}
