//! Rules declared together: under a shared prefix and policy, or for one host or one version alone.

use std::sync::Arc;

use super::builder::Draft;
use super::host::Host;
use super::{Policy, RulesBuilder, VersionBy};
use crate::config::Problems;

impl RulesBuilder {
    /// Rules that share a prefix and a policy, which each of them demands beside its own. Groups nest.
    ///
    /// The prefix is joined as axum's `nest` joins it: `/admin` and `/` make `/admin`. The prefix `/` adds nothing, for
    /// rules that share a policy alone; gRPC rules can stand in no other group, for their paths are fixed. A public rule
    /// inside is refused by [`build`](Self::build): what is open to everybody is no part of a guarded group.
    ///
    /// ```
    /// use tower_warden::authz::{Rules, role, scope};
    ///
    /// # fn main() -> Result<(), tower_warden::ConfigError> {
    /// let rules = Rules::builder()
    ///     .group("/admin", role("admin"), |admin| {
    ///         admin
    ///             .get("/users", scope("users:read"))
    ///             .group("/audit", role("auditor"), |audit| audit.get("/", scope("audit:read")))
    ///     })
    ///     .build()?;
    /// let listed: Vec<_> = rules.iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     listed,
    ///     [
    ///         "GET /admin/users: role(admin) and scope(users:read)",
    ///         "GET /admin/audit: role(admin) and (role(auditor) and scope(audit:read))",
    ///     ]
    /// );
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "as all other methods take policies")]
    pub fn group(self, prefix: &str, policy: Policy, rules: impl FnOnce(Self) -> Self) -> Self {
        self.take(rules(Self::default()), |draft| {
            if draft.grpc && prefix != "/" {
                draft.problems.push("is a gRPC method, whose path has no prefix");
            } else if !draft.pattern.starts_with('/') {
                draft.problems.push("is in a group and does not start with `/`");
            } else if !draft.grpc {
                draft.pattern = joined(prefix, &draft.pattern);
            }
            match draft.access.within(&policy) {
                Some(access) => draft.access = access,
                None => draft.problems.push("is public inside of a group with a policy"),
            }
        })
    }

    /// Rules for requests to one host. They alone decide on them; the rest of the table is for all other hosts.
    ///
    /// Hosts are compared without letter case, port and final dot. Where a table has a host, a request that names none, or
    /// several (a second `Host` field, one that differs from `:authority` or from the target in absolute form), is refused
    /// with 400, reason `ambiguous_host`. `X-Forwarded-Host` and `Forwarded` have no say: a proxy in front has to hand on
    /// `Host`.
    ///
    /// # Deployment caveat
    ///
    /// The service has to choose by the same host: one that answers alike for all hosts answers `/users/me` where a section
    /// has `/users/{id}` alone, under that rule. With axum, `Warden::guard` and `guard_routes` refuse that. axum-extra's extractor `Host` believes `Forwarded` and
    /// `X-Forwarded-Host` first, which every caller can send.
    ///
    /// ```
    /// use http::Request;
    /// use tower_warden::authz::{Rule, Rules, authenticated, role};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = Rules::builder()
    ///     .get("/users", authenticated())
    ///     .host("admin.example.com", |rules| rules.get("/users", role("admin")))
    ///     .build()?;
    /// let rule = |host, path| {
    ///     let (head, ()) = Request::get(path).header("host", host).body(()).unwrap().into_parts();
    ///     rules.rule_for_request(&head).map(ToString::to_string)
    /// };
    /// assert_eq!(rule("www.example.com", "/users").as_deref(), Some("GET /users: authenticated"));
    /// assert_eq!(
    ///     rule("Admin.Example.COM:443", "/users").as_deref(),
    ///     Some("GET admin.example.com/users: role(admin)")
    /// );
    /// # Ok(()) }
    /// ```
    pub fn host(mut self, name: &str, rules: impl FnOnce(Self) -> Self) -> Self {
        let host = match Host::declared(name) {
            Ok(host) => host.as_str().into(),
            Err(problem) => {
                self.problems.add(format!("host {name}"), problem);
                name.into()
            }
        };
        let section = rules(Self::default());
        find_problems_of_section(&format!("host {name}"), &section, &mut self.problems);
        self.take(section, |draft| {
            if draft.host.replace(Arc::clone(&host)).is_some() {
                draft.problems.push("stands in the sections of two hosts");
            }
        })
    }

    /// Where requests name the version that they are for. Once for the whole table, beside [`version`](Self::version).
    pub fn version_by(mut self, by: VersionBy) -> Self {
        if self.version_by.as_ref().is_some_and(|before| *before != by) {
            self.problems.add("version", "is named in two ways");
        }
        self.version_by = Some(by);
        self
    }

    /// Rules for requests that name this version, as [`version_by`](Self::version_by) says. They alone decide on them.
    ///
    /// The rest of the table is for requests that name no version. One that names a version without a section is refused
    /// with 403, reason `version_not_declared`; within the section of a host, the versions of that host count.
    ///
    /// # Deployment caveat
    ///
    /// The service has to read the version from the same place, and may not fall back to another one. One that answers alike
    /// for all versions is in the same case as one that does so for all [hosts](Self::host).
    ///
    /// ```
    /// use http::Request;
    /// use tower_warden::authz::{Rules, VersionBy, role, scope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = Rules::builder()
    ///     .version_by(VersionBy::header("api-version"))
    ///     .version("1", |rules| rules.get("/orders", scope("orders:read")))
    ///     .version("2", |rules| rules.get("/orders", role("clerk")))
    ///     .build()?;
    /// let rule = |version| {
    ///     let (head, ()) = Request::get("/orders").header("api-version", version).body(()).unwrap().into_parts();
    ///     rules.rule_for_request(&head).map(ToString::to_string)
    /// };
    /// assert_eq!(rule("2").as_deref(), Some("GET /orders (version 2): role(clerk)"));
    /// assert_eq!(rule("3"), None);
    /// # Ok(()) }
    /// ```
    pub fn version(mut self, name: &str, rules: impl FnOnce(Self) -> Self) -> Self {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.problems
                .add(format!("version {name}"), "is no visible ASCII, which no field can hold");
        }
        let section = rules(Self::default());
        find_problems_of_section(&format!("version {name}"), &section, &mut self.problems);
        let version: Arc<str> = name.into();
        self.take(section, |draft| {
            if draft.version.replace(Arc::clone(&version)).is_some() {
                draft.problems.push("stands in the sections of two versions");
            }
        })
    }

    /// Takes over what was declared together.
    fn take(mut self, other: Self, mut change: impl FnMut(&mut Draft)) -> Self {
        let Self { drafts, version_by, objects, demands_objects, problems } = other;
        self.take_policies(objects);
        self.demands_objects |= demands_objects;
        self.problems.extend(problems);
        self.drafts.extend(drafts.into_iter().map(|mut draft| {
            change(&mut draft);
            draft
        }));
        match version_by {
            Some(by) => self.version_by(by),
            None => self,
        }
    }

    pub(super) fn find_problems_of_versions(&self, problems: &mut Problems) {
        let versions = self.drafts.iter().any(|draft| draft.version.is_some());
        match &self.version_by {
            Some(by) => {
                if let Some(problem) = by.problem() {
                    problems.add("version", problem);
                } else if !versions {
                    problems.add("version", "can be named, and no rule is for one");
                }
            }
            None if versions => {
                problems.add(
                    "version",
                    "has rules, and `version_by` does not say where requests name one",
                );
            }
            None => {}
        }
    }
}

/// A section without rules would refuse everything by looks, and does not exist by what is built of it.
fn find_problems_of_section(culprit: &str, section: &RulesBuilder, problems: &mut Problems) {
    if section.drafts.is_empty() {
        problems.add(culprit, "has no rule");
    }
}

/// Joins as axum's `nest` does.
pub(crate) fn joined(prefix: &str, pattern: &str) -> String {
    match prefix.strip_suffix('/') {
        Some(prefix) => format!("{prefix}/{}", pattern.trim_start_matches('/')),
        None if pattern == "/" => prefix.to_owned(),
        None => format!("{prefix}{pattern}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::authz::object::{ActionKind, Decision};
    use crate::authz::{Rules, role, scope};
    use crate::principal::Principal;

    struct Order;

    fn nobody(_: &Principal, _: ActionKind, _: &Order) -> Decision {
        Decision::Hide
    }

    #[test]
    fn z3_a_rule_in_a_group_still_serves_its_objects() {
        let rules = Rules::builder()
            .group("/admin", role("admin"), |admin| {
                admin.object_policy(nobody).get("/orders/{id}", scope("a").serving::<Order>())
            })
            .build()
            .unwrap();
        let listed: Vec<_> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["GET /admin/orders/{id}: role(admin) and scope(a) serving Order"]);
    }

    #[test]
    fn z2_objects_without_a_policy_and_with_two_are_told() {
        let none = Rules::builder().get("/{id}", scope("a").serving::<Order>()).build();
        let told = none.unwrap_err().to_string();
        assert!(
            told.contains("serves Order, and no `object_policy` says who may use which"),
            "{told}"
        );
        let two = Rules::builder()
            .object_policy(nobody)
            .group("/", role("r"), |group| group.object_policy(nobody).get("/a", scope("a")));
        let told = two.build().unwrap_err().to_string();
        assert!(told.contains("Order: is given twice"), "{told}");
    }
}
