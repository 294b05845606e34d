//! The stack, its rules, and the callers of the demonstration.

use std::error::Error;

use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};
use tower_warden::authz::{Rules, RulesBuilder, authenticated, public, role};
use tower_warden::clock::Clock;
use tower_warden::frameworks::axum::GuardedRouter;
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
use tower_warden::rate_limit::flow::FlowLayer;
use tower_warden::warden::{Warden, WardenBuilder};

use crate::{limits, routes};

pub(crate) struct Demo {
    warden: Warden,
    feeds: ConcurrencyLimitLayer,
    downloads: BandwidthLimitLayer,
    checkout: FlowLayer,
    free: String,
    pro: String,
    operator: String,
}

fn rules() -> RulesBuilder {
    Rules::builder()
        .post("/login", public("how callers begin"))
        .get("/quotes", authenticated())
        .get("/export", authenticated())
        .get("/search", authenticated())
        .get("/feed", authenticated())
        .get("/download", authenticated())
        .group("/checkout", authenticated(), |checkout| {
            checkout
                .post("/cart", authenticated())
                .post("/address", authenticated())
                .post("/pay", authenticated())
        })
        .group("/admin", role("operator"), |admin| {
            admin
                .get("/peek/{policy}/{subject}", authenticated())
                .get("/top/{policy}", authenticated())
                .get("/usage", authenticated())
                .put("/quota/{policy}/{plan}/{per_day}", authenticated())
        })
}

impl Demo {
    pub(crate) fn new(clock: &(impl Clock + Clone)) -> Result<Self, Box<dyn Error>> {
        let keys = MemoryApiKeyStore::new();
        let issue = |holder: Holder| {
            let issued = IssuedKey::generate(&KeyPrefix::new("quotes")?)?;
            keys.insert(ApiKeyRecord::builder(issued.id, issued.hash, holder).build()?);
            Ok::<_, Box<dyn Error>>(issued.key.expose().to_owned())
        };
        let free = issue(Holder::new("fay"))?; // no plan
        let pro = issue(Holder::new("pam").plan("pro"))?;
        let operator = issue(Holder::new("oz").role("operator"))?;
        let warden = Warden::builder()
            .authenticate(ApiKeyAuthenticator::new(keys))
            .rules(rules())
            .clock(clock.clone());
        Ok(Self {
            warden: limits::of_requests().into_iter().fold(warden, WardenBuilder::limit).build()?,
            feeds: limits::of_feeds()?,
            downloads: limits::of_downloads(clock.clone())?,
            checkout: limits::of_checkout(clock.clone())?,
            free,
            pro,
            operator,
        })
    }

    /// The routes behind the warden, each with its rule.
    pub(crate) fn service(&self) -> Result<GuardedRouter, Box<dyn Error>> {
        let Self { warden, feeds, downloads, checkout, .. } = self;
        Ok(warden.guard_routes(routes::routes(warden, feeds, downloads, checkout))?)
    }

    pub(crate) const fn warden(&self) -> &Warden {
        &self.warden
    }

    /// The key of fay, who has no plan.
    pub(crate) fn free(&self) -> &str {
        &self.free
    }

    /// The key of pam, who pays.
    pub(crate) fn pro(&self) -> &str {
        &self.pro
    }

    /// The key of oz, who looks after the service.
    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }
}
