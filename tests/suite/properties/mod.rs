//! Property-level authorization: which fields of an object a caller sees and may write.

mod declarations;
mod hostile;
mod layers;
mod random;
mod reading;
mod served;
mod writing;

use tower_warden::authz::property::{Field, Mask, Owner, Properties, PropertiesBuilder, Who};
use tower_warden::principal::{Principal, PrincipalBuilder, PrincipalKind};

const ISSUER: &str = "https://issuer.example";

fn user(subject: &str) -> PrincipalBuilder {
    Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer").tenant("acme")
}

fn ada() -> Principal {
    user("ada").build()
}

/// Lines of an order: what they cost is for its owner and for those who may see margins.
fn lines() -> Properties {
    Properties::builder("Line")
        .part_of_the_object_around()
        .field(Field::new("sku").read(Who::everybody()).write(Who::authenticated()))
        .field(
            Field::new("cost")
                .read(Who::any_of([Who::owner(), Who::scope("margins:read")]))
                .change(Who::owner()),
        )
        .build()
        .unwrap()
}

fn order_builder() -> PropertiesBuilder {
    let (owner, admin) = (Who::owner, || Who::role("admin"));
    Properties::builder("Order")
        .owner(Owner::identity("owner_issuer", "owner"))
        .tenant("tenant")
        .field(Field::new("id").read(Who::everybody()))
        .field(
            Field::new("item")
                .read(Who::authenticated())
                .create(Who::authenticated())
                .change(owner()),
        )
        .field(
            Field::new("email")
                .read(owner())
                .masked(Mask::Email, Who::same_tenant())
                .create(Who::authenticated()),
        )
        .field(Field::new("card").read(Who::nobody()).masked(Mask::LastFour, owner()))
        .field(
            Field::new("note")
                .read(Who::scope("notes:read"))
                .masked(Mask::Whole, Who::authenticated()),
        )
        .field(Field::new("is_admin").read(admin()).write(admin()))
        .field(
            Field::new("lines").read(Who::everybody()).write(Who::authenticated()).object(&lines()),
        )
        .field(Field::new("owner_issuer").read(admin()))
        .field(Field::new("owner").read(admin()))
        .field(Field::new("tenant").read(admin()))
}

fn order() -> Properties {
    order_builder().build().unwrap()
}

/// One of everything, and a field that nobody declared. Whose it is stands last.
const ORDER: &str = r#"{"id": 7, "item": "a loom", "email": "jane@example.com", "card": "4111 1111 1111 1234", "note": null,
 "is_admin": false, "lines": [{"sku": "x", "cost": 1.50}, null], "margin": 0.4, "owner_issuer": "https://issuer.example",
 "owner": "ada", "tenant": "acme"}"#;
