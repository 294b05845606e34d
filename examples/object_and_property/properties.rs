//! Who may read and who may write each field of an order. What does not stand here is hidden, and cannot be set.

use tower_warden::ConfigError;
use tower_warden::authz::property::{Field, Mask, Owner, Properties, Who};

pub(crate) fn of_orders() -> Result<Properties, ConfigError> {
    let everybody = Who::authenticated;
    let owner_or_admin = || Who::any_of([Who::owner(), Who::role("admin")]);
    Properties::builder("Order")
        .owner(Owner::identity("issuer", "owner"))
        .tenant("tenant")
        .field(Field::new("id").read(everybody()))
        .field(Field::new("tenant").read(everybody()))
        .field(Field::new("issuer"))
        .field(Field::new("owner").read(everybody()))
        .field(Field::new("item").read(everybody()).create(everybody()).change(owner_or_admin()))
        .field(
            Field::new("email")
                .read(owner_or_admin())
                .masked(Mask::Email, Who::same_tenant())
                .create(everybody())
                .change(Who::owner()),
        )
        .field(Field::new("status").read(everybody()).change(Who::role("admin")))
        .field(Field::new("margin").read(Who::role("admin")))
        .build()
}
