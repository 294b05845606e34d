//! The orders themselves, without a house around them.

use tower_warden::authz::Rules;
use tower_warden::authz::object::{Action, Create, Delete, Denied, Guard, Read, Update};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::testing::check_constraint;

use super::orders::policy::{OrderPolicy, Oversee, Withdraw, Within};
use super::orders::{Caller, Draft, Order, OrderBook, Refused};

fn principal(issuer: &str, subject: &str, tenant: &str) -> Principal {
    Principal::builder(issuer, subject, PrincipalKind::User, "Bearer").tenant(tenant).build()
}

fn administrator(issuer: &str, tenant: &str) -> Principal {
    let root = Principal::builder(issuer, "root", PrincipalKind::User, "Bearer");
    root.tenant(tenant).role("admin").build()
}

fn guard(caller: &Principal) -> Guard<Order> {
    let rules = Rules::builder().query_policy(OrderPolicy).build().unwrap();
    Guard::from_rules(&rules, caller.clone()).unwrap()
}

fn draft(item: &str) -> Draft {
    Draft { item: item.to_owned(), email: None }
}

async fn place(book: &OrderBook, caller: &Principal, draft: Draft) -> Result<Order, Refused> {
    let order = Order::draft(Caller::of(caller).unwrap(), draft)?;
    book.place(guard(caller).permit(Create, order).await.unwrap())
}

/// The ids of the orders that the caller sees when he does this.
async fn list(book: &OrderBook, caller: &Principal, action: impl Action) -> Vec<u64> {
    let guard = guard(caller);
    let scope = guard.constraint::<Within, _>(action).await.unwrap();
    let orders = scope.verify(book.list(&scope, 0, 10)).await.unwrap();
    orders.into_iter().map(|order| order.id).collect()
}

fn reason(denied: &Denied) -> (u16, &'static str) {
    (denied.kind().status().as_u16(), denied.rejection().reason())
}

#[tokio::test]
async fn z6_z7_an_owner_is_issuer_subject_and_tenant_together() {
    let ada = principal("https://issuer.example", "ada", "acme");
    let book = OrderBook::with_one_order_each(&[Caller::of(&ada).unwrap()]);
    let found = || book.find(1);
    let owner = guard(&ada);
    let permit = owner.permit(Update, found()).await.unwrap();
    assert_eq!(book.change(permit, draft("two looms")).unwrap().item, "two looms");

    for somebody_else in [
        principal("https://issuer.example", "bob", "acme"),
        principal("https://other.example", "ada", "acme"),
        principal("https://issuer.example", "ada", "globex"),
        principal("https://issuer.example", "Ada", "acme"),
        administrator("https://issuer.example", "acme"),
    ] {
        let guard = guard(&somebody_else);
        let hidden = (404, "object_hidden");
        assert_eq!(reason(&guard.permit(Read, found()).await.unwrap_err()), hidden);
        assert_eq!(reason(&guard.permit(Update, found()).await.unwrap_err()), hidden);
        assert_eq!(reason(&guard.permit(Delete, found()).await.unwrap_err()), hidden);
        assert_eq!(reason(&guard.permit(Create, found()).await.unwrap_err()), hidden);
        assert!(list(&book, &somebody_else, Read).await.is_empty());
    }
    let [own, other] = ["acme", "globex"].map(|it| administrator("https://issuer.example", it));
    assert!(guard(&other).permit(Withdraw, found()).await.is_err());
    assert!(guard(&ada).permit(Withdraw, found()).await.is_err(), "she is no administrator");
    assert!(list(&book, &other, Oversee).await.is_empty());
    assert_eq!(list(&book, &own, Oversee).await, [1]);
    assert_eq!(list(&book, &ada, Read).await, [1]);
    book.remove(guard(&own).permit(Withdraw, found()).await.unwrap()).unwrap();
    assert!(list(&book, &own, Oversee).await.is_empty());
}

#[tokio::test]
async fn z7_the_policy_and_its_constraint_say_the_same() {
    let someone = || Principal::builder("i", "ada", PrincipalKind::User, "Bearer");
    let callers = [
        principal("i", "ada", "acme"),
        principal("j", "ada", "acme"),
        principal("i", "ada", "globex"),
        administrator("i", "acme"),
        administrator("i", "globex"),
        someone().build(),
        someone().role("admin").build(),
    ];
    let orders = || {
        let placed = callers.iter().filter_map(Caller::of);
        placed.map(|owner| Order::draft(owner, draft("a loom")).unwrap())
    };
    let lets_through = |within: &Within, order: &Order| within.lets_through(order);
    check_constraint(OrderPolicy, Read, &callers, orders(), lets_through).await.unwrap();
    check_constraint(OrderPolicy, Oversee, &callers, orders(), lets_through).await.unwrap();
}

#[tokio::test]
async fn z7_a_principal_of_no_tenant_is_no_caller() {
    let ada = Principal::builder("i", "ada", PrincipalKind::User, "Bearer").build();
    assert_eq!(Caller::of(&ada), None);
    let denied = guard(&ada).constraint::<Within, _>(Read).await.unwrap_err();
    assert_eq!(reason(&denied), (403, "query_forbidden"));
}

#[tokio::test]
async fn one_caller_cannot_fill_the_book_for_the_others() {
    let (ada, bob) = (principal("i", "ada", "acme"), principal("i", "bob", "acme"));
    let book = OrderBook::default();
    for id in 1..=1_000 {
        assert_eq!(place(&book, &ada, draft("a loom")).await.unwrap().id, id);
    }
    assert_eq!(place(&book, &ada, draft("a loom")).await.unwrap_err(), Refused::Full);
    assert_eq!(place(&book, &bob, draft("a loom")).await.unwrap().id, 1_001);
    book.remove(guard(&ada).permit(Delete, book.find(1)).await.unwrap()).unwrap();
    assert!(place(&book, &ada, draft("a loom")).await.is_ok(), "there is room again");
    let guard = guard(&ada);
    let scope = guard.constraint(Read).await.unwrap();
    let ids = |orders: Vec<Order>| orders.into_iter().map(|order| order.id).collect::<Vec<_>>();
    assert_eq!(ids(book.list(&scope, 2, 2)), [3, 4]);
}

#[tokio::test]
async fn what_was_removed_since_it_was_looked_at_is_not_brought_back() {
    let ada = principal("i", "ada", "acme");
    let book = OrderBook::with_one_order_each(&[Caller::of(&ada).unwrap()]);
    let guard = guard(&ada);
    let stale = guard.permit(Update, book.find(1)).await.unwrap();
    let twice = guard.permit(Delete, book.find(1)).await.unwrap();
    book.remove(guard.permit(Delete, book.find(1)).await.unwrap()).unwrap();
    assert_eq!(book.change(stale, draft("two looms")).unwrap_err(), Refused::Nothing);
    assert_eq!(book.remove(twice).unwrap_err(), Refused::Nothing);
    assert!(book.find(1).is_none());
}

#[tokio::test]
async fn an_item_is_one_short_line_and_an_address_has_two_sides() {
    let (ada, book) = (principal("i", "ada", "acme"), OrderBook::default());
    for good in ["x", &"\u{e9}".repeat(200), "a loom, used"] {
        assert_eq!(place(&book, &ada, draft(good)).await.unwrap().item, good);
    }
    for bad in ["", &"x".repeat(201), "a\nloom", "a\u{0}loom", "\u{1b}[31m"] {
        assert_eq!(place(&book, &ada, draft(bad)).await.unwrap_err(), Refused::BadDraft, "{bad:?}");
    }
    let with = |email: &str| Draft { email: Some(email.to_owned()), ..draft("a loom") };
    for good in ["a@b", "ada.l+looms@acme.example", &format!("a@{}", "b".repeat(252))] {
        assert_eq!(place(&book, &ada, with(good)).await.unwrap().email.as_deref(), Some(good));
    }
    for bad in
        ["", "ada", "@acme", "ada@", "a@b@c", "a b@c", "a@b\n", &format!("a@{}", "b".repeat(253))]
    {
        assert_eq!(place(&book, &ada, with(bad)).await.unwrap_err(), Refused::BadDraft, "{bad:?}");
    }
}
