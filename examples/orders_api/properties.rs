use tower_warden::authz::property::{Field, Mask, Owner, Properties, Who};
use tower_warden::config::ConfigError;

/// Who may read and who may write each field of an order. What is added to an order is not told until it stands here.
pub(crate) fn of_orders() -> Result<Properties, ConfigError> {
    let administrators = || Who::all_of([Who::role("admin"), Who::same_tenant()]);
    let readers = || Who::any_of([Who::owner(), administrators()]);
    Properties::builder("Order")
        .owner(Owner::identity("issuer", "owner"))
        .tenant("tenant")
        .field(Field::new("id").read(readers()))
        .field(Field::new("issuer"))
        .field(Field::new("owner").read(readers()))
        .field(Field::new("tenant").read(readers()))
        .field(Field::new("item").read(readers()).create(Who::authenticated()).change(Who::owner()))
        .field(
            Field::new("email")
                .read(Who::owner())
                .masked(Mask::Email, administrators())
                .create(Who::authenticated())
                .change(Who::owner()),
        )
        .field(Field::new("margin").read(administrators()))
        .body_limit(LARGEST_BODY)
        .build()
}

/// An order is one short text, and an address.
const LARGEST_BODY: usize = 16 * 1024;
