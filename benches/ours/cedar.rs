//! Cedar behind a rule and behind an object policy, beside the engine alone with everything made beforehand.

use std::borrow::Cow;
use std::hint::black_box;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request as CedarRequest, RestrictedExpression, Schema,
};
use tower::Layer;
use tower_warden::authz::cedar::{Attributes, Cedar, Resource};
use tower_warden::authz::object::{ActionKind, ObjectPolicy, Read};
use tower_warden::authz::{Rules, RulesLayer, caller_id};
use tower_warden::principal::{Principal, PrincipalKind};

use crate::harness::{Bare, Case, Run, case, get, service};
use crate::ours::{caller, with};

const SCHEMA: &str = r#"
entity Role;
entity User in [Role] { scopes: Set<String>, tenant?: String };
entity Service;
entity Order { tenant: String, owner: User };
action list appliesTo { principal: [User], resource: [Service], context: { note?: String } };
action read appliesTo { principal: [User], resource: [Order] };"#;

/// Ten policies, as the neighbours are measured with: one permits the list, one the order, the others do not hold.
fn policies() -> String {
    let others = (0..8).map(|number| {
        format!(
            r#"permit (principal in Role::"role{number}", action, resource is Order) when {{ resource.tenant == "t{number}" }};"#
        )
    });
    let mut text: String = others.collect();
    text.push_str(r#"permit (principal, action == Action::"list", resource) when { principal.scopes.contains("orders:read") };"#);
    text.push_str(r#"permit (principal, action == Action::"read", resource is Order) when { resource.owner == principal };"#);
    text
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("cedar alone: list, request and entities prebuilt", || alone("list", Prebuilt::All)),
        case("cedar alone: list, entities prebuilt", || alone("list", Prebuilt::Entities)),
        case("cedar alone: read, request and entities prebuilt", || alone("read", Prebuilt::All)),
        case("cedar alone: read, entities prebuilt", || alone("read", Prebuilt::Entities)),
        case("cedar alone: read, the caller's entity prebuilt", || alone("read", Prebuilt::Caller)),
        case("object policy: read, caller remembered", || object(1024)),
        case("object policy: read, caller new each time", || object(0)),
    ]
}

/// Behind rules, over the same without any.
pub(crate) fn behind_rules() -> Vec<Case> {
    vec![
        case("cedar rule, caller remembered", || rule(1024, false)),
        case("cedar rule with an empty context, caller remembered", || rule(1024, true)),
        case("cedar rule, caller new each time", || rule(0, false)),
    ]
}

struct Order {
    owner: (String, String),
}

impl Resource for Order {
    const TYPE: &'static str = "Order";

    fn id(&self) -> Cow<'_, str> {
        "7".into()
    }

    fn describe(&self, attributes: &mut Attributes<'_>) {
        let (issuer, subject) = &self.owner;
        attributes.string("tenant", "mill").caller("owner", PrincipalKind::User, issuer, subject);
    }
}

fn cedar(remembered: usize) -> Cedar {
    let builder = Cedar::builder().service("Service", "orders").schema(SCHEMA).policies(policies());
    builder.remember_callers(remembered).build().expect("sound policies")
}

fn object(remembered: usize) -> Run {
    let objects =
        cedar(remembered).objects::<Order>().action::<Read>("read").build().expect("declared");
    let (caller, read) = (caller(), ActionKind::of::<Read>());
    let (issuer, subject) = caller.identity();
    let order = Order { owner: (issuer.to_owned(), subject.to_owned()) };
    assert_eq!(format!("{:?}", objects.judge(&caller, read, &order)), "Allow");
    Box::new(move |requests| {
        for _ in 0..requests {
            let _ = black_box(objects.judge(black_box(&caller), read, black_box(&order)));
        }
    })
}

fn rule(remembered: usize, in_context: bool) -> Run {
    let cedar = cedar(remembered);
    let policy = if in_context {
        cedar.policy_in_context("list", |_, _, _| {})
    } else {
        cedar.policy("list")
    };
    let rules = Rules::builder()
        .get("/service4/orders", policy.expect("declared"))
        .build()
        .expect("a sound table");
    let ask = with(caller(), get("/service4/orders", &[("accept", "application/json")]));
    Box::new(service(RulesLayer::new(rules).layer(Bare), ask, 200))
}

#[derive(Clone, Copy, PartialEq)]
enum Prebuilt {
    All,
    Entities,
    Caller,
}

/// The engine as somebody would call it who made beforehand what can be made beforehand.
fn alone(action: &'static str, prebuilt: Prebuilt) -> Run {
    let uid = |name: &str, id: &str| {
        EntityUid::from_type_name_and_id(
            EntityTypeName::from_str(name).expect("a name"),
            EntityId::new(id),
        )
    };
    let schema = Schema::from_str(SCHEMA).expect("a sound schema");
    let policies = PolicySet::from_str(&policies()).expect("sound policies");
    let caller: Principal = caller();
    let (issuer, subject) = caller.identity();
    let principal = uid("User", &caller_id(issuer, subject));
    let scopes =
        caller.scopes().iter().map(|scope| RestrictedExpression::new_string(scope.to_owned()));
    let scopes = [("scopes".to_owned(), RestrictedExpression::new_set(scopes))];
    let user =
        Entity::new(principal.clone(), scopes.into(), Default::default()).expect("an entity");
    let resource = if action == "read" { uid("Order", "7") } else { uid("Service", "orders") };
    let order = {
        let (owner, resource) = (principal.clone(), resource.clone());
        move || {
            let attributes = [
                ("tenant".to_owned(), RestrictedExpression::new_string("mill".to_owned())),
                ("owner".to_owned(), RestrictedExpression::new_entity_uid(owner.clone())),
            ];
            Entity::new(resource.clone(), attributes.into(), Default::default()).expect("an entity")
        }
    };
    let resources = (action == "read" && prebuilt != Prebuilt::Caller).then(&order);
    let entities =
        Entities::from_entities([user].into_iter().chain(resources), None).expect("entities");
    let action = uid("Action", action);
    let authorizer = Authorizer::new();
    let request = {
        let schema = schema.clone();
        move || {
            CedarRequest::new(
                principal.clone(),
                action.clone(),
                resource.clone(),
                Context::empty(),
                Some(&schema),
            )
            .expect("a request of the schema")
        }
    };
    let made = request();
    Box::new(move |requests| {
        for _ in 0..requests {
            let response = match prebuilt {
                Prebuilt::All => authorizer.is_authorized(black_box(&made), &policies, &entities),
                Prebuilt::Entities => authorizer.is_authorized(&request(), &policies, &entities),
                Prebuilt::Caller => {
                    let entities =
                        entities.clone().add_entities([order()], Some(&schema)).expect("entities");
                    authorizer.is_authorized(&request(), &policies, &entities)
                }
            };
            assert_eq!(response.decision(), Decision::Allow);
        }
    })
}
