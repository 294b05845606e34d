//! The orders themselves, without a house around them.

#[path = "../../../examples/shared/orders/book.rs"]
mod book;
#[path = "../../../examples/shared/orders/caller.rs"]
mod caller;

use tower_warden::principal::{Principal, PrincipalKind};

use self::book::{Order, OrderBook, Refused};
use self::caller::{Caller, Reach};

fn caller(issuer: &str, subject: &str, tenant: &str) -> Caller {
    let principal = Principal::builder(issuer, subject, PrincipalKind::User, "Bearer");
    Caller::of(&principal.tenant(tenant).build()).unwrap()
}

fn ids(orders: Vec<Order>) -> Vec<u64> {
    orders.into_iter().map(|order| order.id).collect()
}

#[test]
fn z6_z7_an_owner_is_issuer_subject_and_tenant_together() {
    let ada = caller("https://issuer.example", "ada", "acme");
    let book = OrderBook::with_one_order_each(std::slice::from_ref(&ada));
    assert_eq!(book.change(&Reach::Own(ada.clone()), 1, "two looms").unwrap().item, "two looms");

    for somebody_else in [
        caller("https://issuer.example", "bob", "acme"),
        caller("https://other.example", "ada", "acme"),
        caller("https://issuer.example", "ada", "globex"),
        caller("https://issuer.example", "Ada", "acme"),
    ] {
        let reach = Reach::Own(somebody_else);
        assert_eq!(book.read(&reach, 1).unwrap_err(), Refused::Nothing, "{reach:?}");
        // Not even that the item would be bad: that would tell that there is an order.
        assert_eq!(book.change(&reach, 1, "").unwrap_err(), Refused::Nothing);
        assert_eq!(book.remove(&reach, 1).unwrap_err(), Refused::Nothing);
        assert!(book.list(&reach, 0, 10).is_empty());
    }
    let of_tenant = |tenant| Reach::Tenant(caller("https://issuer.example", "root", tenant));
    assert_eq!(book.remove(&of_tenant("globex"), 1).unwrap_err(), Refused::Nothing);
    assert_eq!(ids(book.list(&of_tenant("acme"), 0, 10)), [1]);
    assert_eq!(book.read(&Reach::Own(ada), 1).unwrap().item, "two looms");
    book.remove(&of_tenant("acme"), 1).unwrap();
    assert!(book.list(&of_tenant("acme"), 0, 10).is_empty());
}

#[test]
fn z7_a_principal_of_no_tenant_is_no_caller() {
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
    assert_eq!(Caller::of(&ada.build()), None);
}

#[test]
fn one_caller_cannot_fill_the_book_for_the_others() {
    let (ada, bob) = (caller("i", "ada", "acme"), caller("i", "bob", "acme"));
    let book = OrderBook::default();
    let placed = (0..2_000).take_while(|_| book.place(ada.clone(), "a loom").is_ok()).count();
    assert_eq!(placed, 1_000);
    assert_eq!(book.place(ada.clone(), "a loom").unwrap_err(), Refused::Full);
    assert_eq!(book.place(bob, "a loom").unwrap().id, 1_001);
    book.remove(&Reach::Own(ada.clone()), 1).unwrap();
    assert!(book.place(ada.clone(), "a loom").is_ok(), "there is room again");
    assert_eq!(ids(book.list(&Reach::Own(ada), 2, 2)), [3, 4]);
}

#[test]
fn an_item_is_one_short_line() {
    let (ada, book) = (caller("i", "ada", "acme"), OrderBook::default());
    for good in ["x", &"\u{e9}".repeat(200), "a loom, used"] {
        assert_eq!(book.place(ada.clone(), good).unwrap().item, good);
    }
    for bad in ["", &"x".repeat(201), "a\nloom", "a\u{0}loom", "\u{1b}[31m"] {
        assert_eq!(book.place(ada.clone(), bad).unwrap_err(), Refused::BadItem, "{bad:?}");
    }
}
