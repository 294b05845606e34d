use std::error::Error;
use std::fmt;

use crate::authz::object::{Action, Denied, Guard, QueryPolicy};
use crate::principal::Principal;

/// Compares what a [`QueryPolicy`] says of objects with what its constraint lets through, for these callers and objects.
///
/// `lets_through` applies a constraint to an object, as the query would; better, it asks the database itself for that one.
/// A caller who may not list at all is let through to nothing. The more different callers and objects, the more it proves:
/// take some of each role, tenant and state, or let a property test make them.
///
/// # Errors
///
/// Every pair on which the two disagree; and every failure of the policy, which proves nothing.
///
/// # Panics
///
/// Where `lets_through` does.
///
/// ```
/// use tower_warden::authz::object::{ActionKind, Bounds, ObjectPolicy, QueryPolicy, Read, Ruling};
/// use tower_warden::principal::{Principal, PrincipalKind};
/// use tower_warden::testing::check_constraint;
///
/// struct Order(&'static str);
/// struct OwnersOnly;
///
/// impl ObjectPolicy<Order> for OwnersOnly {
///     fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
///         (caller.subject() == order.0).into()
///     }
/// }
///
/// impl QueryPolicy<Order> for OwnersOnly {
///     type Constraint = String;
///
///     fn constrain<'a>(&'a self, caller: &'a Principal, _: ActionKind) -> Bounds<'a, String> {
///         Bounds::within(caller.subject().to_owned())
///     }
/// }
///
/// let caller = |subject| Principal::builder("https://issuer.example", subject, PrincipalKind::User, "Bearer").build();
/// let (callers, orders) = ([caller("ada"), caller("eve")], || [Order("ada"), Order("eve"), Order("Ada")]);
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// check_constraint(OwnersOnly, Read, &callers, orders(), |owner, order| order.0 == owner).await.unwrap();
///
/// // A database that compares without regard to case.
/// let collated = |owner: &String, order: &Order| order.0.eq_ignore_ascii_case(owner);
/// let disagreement = check_constraint(OwnersOnly, Read, &callers, orders(), collated).await.unwrap_err();
/// assert_eq!(
///     disagreement.to_string(),
///     "ada, object 2: the policy denies, the constraint lets it through",
/// );
/// # });
/// ```
pub async fn check_constraint<T, A, P>(
    policy: P,
    action: A,
    callers: &[Principal],
    objects: impl IntoIterator<Item = T>,
    lets_through: impl Fn(&P::Constraint, &T) -> bool,
) -> Result<(), Disagreement>
where
    T: 'static,
    A: Action,
    P: QueryPolicy<T>,
{
    let objects: Vec<T> = objects.into_iter().collect();
    let mut pairs = Vec::new();
    for guard in Guard::for_each(callers, policy) {
        let subject = guard.caller().subject();
        let constraint = match guard.constraint::<P::Constraint, A>(action).await {
            Ok(scope) => Some(scope),
            Err(denied) if denied.rejection().reason() == "query_forbidden" => None,
            Err(denied) => {
                pairs.push(format!("{subject}, constraint: {denied}"));
                continue;
            }
        };
        for (index, object) in objects.iter().enumerate() {
            let allowed = match guard.check(action, object).await {
                Ok(()) => true,
                Err(denied) if is_decision(&denied) => false,
                Err(denied) => {
                    pairs.push(format!("{subject}, object {index}: {denied}"));
                    continue;
                }
            };
            let found =
                constraint.as_ref().is_some_and(|scope| lets_through(scope.constraint(), object));
            let told = match (allowed, found) {
                (true, false) => "the policy allows, the constraint leaves it out",
                (false, true) => "the policy denies, the constraint lets it through",
                (true, true) | (false, false) => continue,
            };
            pairs.push(format!("{subject}, object {index}: {told}"));
        }
    }
    if pairs.is_empty() { Ok(()) } else { Err(Disagreement(pairs)) }
}

/// The policy decided, in contrast to having failed.
fn is_decision(denied: &Denied) -> bool {
    matches!(denied.rejection().reason(), "object_forbidden" | "object_hidden")
}

/// Where a policy and its constraint say different things: one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement(Vec<String>);

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for Disagreement {}
