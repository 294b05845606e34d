//! What is refused at start-up, and how a declaration reads.

use tower_warden::authz::property::{
    AcceptLayer, DiscloseLayer, Field, Mask, Owner, Properties, Who,
};
use tower_warden::config::ConfigError;

use super::{ISSUER, lines, order};

fn told<T>(result: Result<T, ConfigError>) -> Vec<String> {
    let error = result.err().expect("problems");
    error.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn z11_z12_every_problem_of_a_declaration_is_told() {
    let line_of_its_own = Properties::builder("Line")
        .owner(Owner::subject(ISSUER, "owner"))
        .field(Field::new("owner"))
        .field(Field::new("cost").change(Who::owner()))
        .build()
        .unwrap();
    let bad = Properties::builder("Order")
        .owner(Owner::identity("issuer", "owner"))
        .tenant("tenant")
        .body_limit(0)
        .field(Field::new("").read(Who::everybody()))
        .field(Field::new("id").read(Who::scope("two words")))
        .field(Field::new("id").read(Who::any_of([])))
        .field(Field::new("item").create(Who::any_of([Who::role(" "), Who::owner()])))
        .field(Field::new("email").masked(Mask::Email, Who::nobody()))
        .field(Field::new("card").read(Who::everybody()).masked(Mask::LastFour, Who::everybody()))
        .field(Field::new("note").read(Who::role("a")).masked(Mask::Whole, Who::role("a")))
        .field(
            Field::new("lines").masked(Mask::Email, Who::authenticated()).object(&line_of_its_own),
        )
        .field(Field::new("owner").change(Who::owner()))
        .field(
            Field::new("tenant")
                .write(Who::any_of([Who::role("admin"), Who::authenticated()]))
                .anything(),
        );
    assert_eq!(
        told(bad.build()),
        [
            "Order: a body limit of 0 bytes refuses everything",
            "Order.: a field without a name",
            "Order.id: `scope(two words)` is not a scope token (RFC 6749 3.3)",
            "Order.id: declared twice",
            "Order.id: `all_of` or `any_of` without a part inside",
            "Order.item: `role( )` names no role",
            "Order.item: `role( ) or owner` decides on a new object, which belongs to nobody yet",
            "Order.email: is masked for nobody",
            "Order.card: is masked, and everybody sees it as it is",
            "Order.note: is masked for those alone who see it as it is",
            "Order.lines: holds objects, and the mask `email` is for texts",
            "Order.lines: holds Line, whose write rules ask whose that is, and only a body would say",
            "Order.issuer: decides whose it is, and is not declared",
            "Order.tenant: decides whose it is, so to create it takes a scope or a role, not `role(admin) or authenticated`",
            "Order.tenant: decides whose it is, so to change it takes a scope or a role, not `role(admin) or authenticated`",
            "Order.tenant: decides whose it is, and holds no text",
        ]
    );
    let unowned = Properties::builder(" ")
        .field(Field::new("a").read(Who::owner()))
        .field(Field::new("b").read(Who::same_tenant()));
    assert_eq!(
        told(unowned.build()),
        [
            "properties: have no name",
            " .a: `owner` asks for an owner, and no field is said to name one",
            " .b: `same tenant` asks for a tenant, and no field is said to name one",
        ]
    );
    assert_eq!(told(Properties::builder("Empty").build()), ["Empty: declares no field"]);
    let part =
        Properties::builder("Part").part_of_the_object_around().tenant("a").field(Field::new("a"));
    assert_eq!(told(part.build()), ["Part: is a part, and names an owner or a tenant of its own"]);
}

#[test]
fn z12_who_may_write_the_owner_could_become_it() {
    for (who, is_sound) in [
        (Who::nobody(), true),
        (Who::role("admin"), true),
        (Who::all_of([Who::owner(), Who::scope("orders:give")]), true),
        (Who::everybody(), false),
        (Who::authenticated(), false),
        (Who::owner(), false),
    ] {
        let owned = Properties::builder("Owned")
            .owner(Owner::subject(ISSUER, "owner"))
            .field(Field::new("owner").change(who.clone()));
        assert_eq!(owned.build().is_ok(), is_sound, "{who}");
    }
}

#[test]
fn z12_a_layer_that_would_have_to_know_the_object_is_not_built() {
    let expected =
        ["Order: a rule for changes asks whose the object is, which a layer cannot know"];
    assert_eq!(told(AcceptLayer::change(&order())), expected);
    assert_eq!(told(AcceptLayer::by_method(&order())), expected);
    let inside =
        Properties::builder("Basket").field(Field::new("lines").object(&lines())).build().unwrap();
    assert_eq!(told(AcceptLayer::change(&inside)).len(), 1);
    let plain =
        Properties::builder("Plain").field(Field::new("a").write(Who::scope("a"))).build().unwrap();
    assert!(AcceptLayer::change(&plain).is_ok() && AcceptLayer::by_method(&plain).is_ok());
}

#[test]
fn z11_json_cannot_be_let_through_unfiltered() {
    let refused = DiscloseLayer::new(&order()).insecure_pass_unfiltered([
        "text/csv",
        "*/*",
        "csv",
        "Application/JSON",
        "a/b+json",
    ]);
    assert_eq!(
        told(refused),
        [
            "properties: `*/*` is not a media type",
            "properties: `csv` is not a media type",
            "properties: `Application/JSON` is JSON, and would pass unfiltered",
            "properties: `a/b+json` is JSON, and would pass unfiltered",
        ]
    );
}

#[test]
fn z11_z12_a_declaration_reads_as_a_table() {
    assert_eq!(
        order().to_string(),
        "Order (owner: `owner` of `owner_issuer`, tenant: `tenant`)\n\n\
         | field | read | masked | create | change |\n|---|---|---|---|---|\n\
         | id | everybody |  | nobody | nobody |\n\
         | item | authenticated |  | authenticated | owner |\n\
         | email | owner | email for same tenant | authenticated | nobody |\n\
         | card | nobody | last four for owner | nobody | nobody |\n\
         | note | scope(notes:read) | whole for authenticated | nobody | nobody |\n\
         | is_admin | role(admin) |  | role(admin) | role(admin) |\n\
         | lines (Line) | everybody |  | authenticated | authenticated |\n\
         | lines.sku | everybody |  | authenticated | authenticated |\n\
         | lines.cost | owner or scope(margins:read) |  | nobody | owner |\n\
         | owner_issuer | role(admin) |  | nobody | nobody |\n\
         | owner | role(admin) |  | nobody | nobody |\n\
         | tenant | role(admin) |  | nobody | nobody |\n"
    );
}
