//! One table of tokens that nobody may get in with, each with the check that has to catch it: at the validator, whether
//! or not the issuer marks its access tokens, and through the whole stack, where a caller must not be able to tell one
//! from another.

mod answers;
mod claims;
mod form;
mod header;
mod kinds;
mod signature;
mod victim;

use std::sync::LazyLock;

use tower_warden::authn::jwt::TokenError;

use self::victim::Victims;
pub(crate) use self::victim::{Mode, Victim};

/// A token, whom it is meant for, and why it is refused there.
pub(crate) struct Hostile {
    /// Begins with the id of the requirement that it violates.
    name: String,
    victim: &'static str,
    token: String,
    /// `None` where only the mode [`Mode::AccessTokensOnly`] refuses it.
    in_any_mode: bool,
    error: TokenError,
}

/// The tokens of one chapter of the table.
struct Chapter<'v> {
    victims: &'v Victims,
    rows: Vec<Hostile>,
}

impl Chapter<'_> {
    /// A token for the service that trusts an ES256 key.
    fn add(&mut self, name: impl Into<String>, token: impl Into<String>, error: TokenError) {
        self.against("ES256", name, token, error);
    }

    /// A token for the service that trusts the key of that name.
    fn against(
        &mut self,
        victim: &'static str,
        name: impl Into<String>,
        token: impl Into<String>,
        error: TokenError,
    ) {
        let (name, token) = (name.into(), token.into());
        self.rows.push(Hostile { name, victim, token, in_any_mode: true, error });
    }

    /// A token that is good enough for an issuer that does not mark its access tokens.
    fn add_unmarked(&mut self, name: impl Into<String>, token: String, error: TokenError) {
        self.add(name, token, error);
        if let Some(row) = self.rows.last_mut() {
            row.in_any_mode = false;
        }
    }
}

/// The services and the tokens. Made once: RSA keys take a while.
pub(crate) struct Lab {
    victims: Victims,
    rows: Vec<Hostile>,
}

pub(crate) static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let victims = Victims::new();
    let mut chapter = Chapter { victims: &victims, rows: Vec::new() };
    form::write(&mut chapter);
    header::write(&mut chapter);
    signature::write(&mut chapter);
    kinds::write(&mut chapter);
    claims::write(&mut chapter);
    let rows = chapter.rows;
    Lab { victims, rows }
});

impl Lab {
    /// All rows, with the service that each is meant for.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Hostile, &Victim)> {
        self.rows.iter().map(|row| (row, self.victims.of(row.victim)))
    }
}

/// Checks the rows of one requirement at the validator, and that the service they are meant for admits anybody at all.
fn refuses(id: &str) {
    let mut count = 0;
    for (row, victim) in LAB.rows().filter(|(row, _)| row.name.split(' ').next() == Some(id)) {
        let strict = victim.validator(Mode::AccessTokensOnly);
        let lenient = victim.validator(Mode::AnyToken);
        assert_eq!(strict.validate(&row.token), Err(row.error), "{}", row.name);
        if row.in_any_mode {
            assert_eq!(lenient.validate(&row.token), Err(row.error), "any token, {}", row.name);
        } else {
            assert!(lenient.validate(&row.token).is_ok(), "any token, {}", row.name);
        }
        assert!(
            strict.validate(&victim.good()).is_ok() && lenient.validate(&victim.good()).is_ok()
        );
        count += 1;
    }
    assert!(count > 2, "{count} rows of {id}");
}

/// One test for each requirement that has rows.
macro_rules! refused {
    ($($test:ident: $id:literal,)*) => {
        $(#[test]
        fn $test() {
            refuses($id);
        })*

        #[test]
        fn every_row_belongs_to_a_test_and_has_a_name_of_its_own() {
            let ids = [$($id),*];
            let mut names = std::collections::HashSet::new();
            for row in &LAB.rows {
                assert!(ids.iter().any(|id| row.name.split(' ').next() == Some(id)), "{}", row.name);
                assert!(names.insert((&row.name, row.victim)), "{} twice", row.name);
            }
            assert!(LAB.rows.len() >= 1_000, "{}", LAB.rows.len());
        }
    };
}

refused! {
    b11_a_token_over_the_cap_is_refused_before_it_is_decoded: "B11",
    j1_none_and_every_algorithm_that_is_not_of_the_key_are_refused: "J1",
    j2_no_public_key_is_a_secret_and_no_other_key_id_will_do: "J2",
    j3_keys_that_a_token_brings_along_verify_nothing: "J3",
    j4_any_critical_header_of_any_type_is_refused: "J4",
    j5_three_parts_of_strict_base64url_and_nothing_else: "J5",
    j6_one_json_object_of_unique_members_in_utf_8_and_of_bounded_depth: "J6",
    j7_an_issuer_that_is_not_ours_to_the_byte_is_refused: "J7",
    j8_an_audience_that_is_not_ours_is_refused: "J8",
    j9_a_token_out_of_its_time_or_without_an_end_is_refused: "J9",
    j10_a_date_that_is_no_number_in_range_is_refused: "J10",
    j11_a_token_without_the_claims_of_an_access_token_is_refused: "J11",
    j12_other_kinds_of_token_are_refused: "J12",
    j14_signatures_that_are_not_of_the_key_are_refused: "J14",
    j15_a_token_without_a_subject_that_is_text_is_refused: "J15",
    j16_scopes_roles_and_tenants_of_the_wrong_type_are_refused: "J16",
    j17_a_client_that_is_not_text_is_refused: "J17",
    p18_a_token_that_demands_a_proof_is_no_bearer_token: "P18",
}

/// With several issuers the unverified claims choose whose keys count: only among those that are configured.
#[test]
fn k8_no_hostile_token_finds_a_second_issuer_that_believes_it() {
    for (row, victim) in LAB.rows() {
        let validator = victim.beside("https://evil.example", &LAB.victims.stranger);
        assert!(validator.validate(&victim.good()).is_ok(), "{}", row.name);
        assert!(validator.validate(&row.token).is_err(), "{}", row.name);
    }
}

/// The other half of what the table says about keys that a token brings along: they do not disturb either.
#[test]
fn j3_a_good_token_may_name_keys_that_nobody_looks_at() {
    let victims = &LAB.victims;
    let validator = victims.of("ES256").validator(Mode::AccessTokensOnly);
    let jwk = victims.stranger.public_jwk();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/cert.pem".into()),
        ("x5c", serde_json::json!(["no certificate"])),
        ("x5t#S256", "AAAA".into()),
        ("cty", "JWT".into()),
    ] {
        assert!(validator.validate(&victims.good().header(name, value).sign()).is_ok(), "{name}");
    }
}

/// RFC 6749 3.3: scopes are separated by spaces, and by nothing that looks like one.
#[test]
fn j16_no_other_separator_makes_a_scope_and_no_spelling_makes_another() {
    let validator = LAB.victims.of("ES256").validator(Mode::AccessTokensOnly);
    for scope in [
        "",
        " ",
        "admin\tx",
        "admin\nx",
        "admin,x",
        "admin;x",
        "admin+x",
        "admin%20x",
        "admin\u{a0}x",
        "admin\u{2003}x",
        "admin\u{0}",
        "admin\u{200b}",
        "ADMIN",
        "Admin",
        "adm",
        "administrator",
        "admin:read",
        "\u{430}dmin",
        "\"admin\"",
        "[\"admin\"]",
        "*",
    ] {
        let scoped = |claim: &str| {
            let token = LAB.victims.good().without_claim("scope").claim(claim, scope).sign();
            validator.validate(&token).unwrap()
        };
        for claim in ["scope", "scp"] {
            assert!(!scoped(claim).scopes().contains("admin"), "{claim} {scope:?}");
        }
        // What is elsewhere is not a scope.
        for claim in ["scopes", "permissions", "authorities", "SCOPE"] {
            let token = LAB.victims.good().claim(claim, "admin").sign();
            assert!(!validator.validate(&token).unwrap().scopes().contains("admin"), "{claim}");
        }
    }
}

/// CVE-2022-23540 and its like: what is called admin elsewhere in a token does not make one.
#[test]
fn j15_no_other_claim_changes_who_somebody_is() {
    let validator = LAB.victims.of("ES256").validator(Mode::AccessTokensOnly);
    for claim in
        ["email", "preferred_username", "name", "username", "act", "may_act", "user", "isAdmin"]
    {
        let token = LAB.victims.good().claim(claim, "root").sign();
        let principal = validator.validate(&token).unwrap();
        assert_eq!(principal.identity(), ("https://issuer.example", "ada"), "{claim}");
        assert_eq!(principal.roles().count(), 0, "{claim}");
    }
}

/// RFC 9700 4.15: only the very same text makes a client a machine, and a machine is none of the users.
#[test]
fn j17_a_client_registered_under_the_name_of_a_user_is_a_machine_and_no_user() {
    use tower_warden::principal::PrincipalKind::{Machine, User};
    let validator = LAB.victims.of("ES256").validator(Mode::AccessTokensOnly);
    for (client, kind) in
        [("ada", Machine), ("Ada", User), ("ada ", User), ("ad", User), ("", User)]
    {
        let token = LAB.victims.good().claim("client_id", client).sign();
        assert_eq!(validator.validate(&token).unwrap().kind(), kind, "{client:?}");
    }
}
