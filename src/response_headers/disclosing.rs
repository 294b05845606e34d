//! Header fields that tell which software answered: the list of the OWASP Secure Headers Project
//! (`headers_remove.json`). Where it names all members of a family, the family is here.

/// In order, for the binary search.
const NAMES: [&str; 49] = [
    "$wsep",
    "host-header",
    "k-proxy-request",
    "liferay-portal",
    "oraclecommercecloud-version",
    "pega-host",
    "powered-by",
    "product",
    "server",
    "sourcemap",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-backside-transport",
    "x-beserver",
    "x-calculatedbetarget",
    "x-cf-powered-by",
    "x-cms",
    "x-cocoon-version",
    "x-content-encoded-by",
    "x-diaginfo",
    "x-drupal-cache",
    "x-drupal-dynamic-cache",
    "x-dtagentid",
    "x-dthealthcheck",
    "x-dtinjectedservlet",
    "x-feserver",
    "x-framework",
    "x-generated-by",
    "x-generator",
    "x-jitsi-release",
    "x-joomla-version",
    "x-mod-pagespeed",
    "x-old-content-length",
    "x-oneagent-js-injection",
    "x-owa-version",
    "x-page-speed",
    "x-php-version",
    "x-powered-by",
    "x-powered-by-plesk",
    "x-powered-cms",
    "x-redirect-by",
    "x-runtime",
    "x-ruxit-js-agent",
    "x-server-powered-by",
    "x-sourcefiles",
    "x-sourcemap",
    "x-turbo-charged-by",
    "x-umbraco-version",
    "x-varnish",
];

const FAMILIES: [&str; 7] = [
    "x-atmosphere-",
    "x-b3-",
    "x-envoy-",
    "x-kubernetes-pf-",
    "x-litespeed-",
    "x-nextjs-",
    "x-varnish-",
];

/// Whether a field of this name, in lower case, tells which software answered.
pub(super) fn discloses(name: &str) -> bool {
    // Most fields of most responses begin with another letter, and cost one comparison.
    match name.as_bytes() {
        [b'$' | b'h' | b'k' | b'l' | b'o' | b'p' | b's', ..] => is_listed(name),
        [b'x', b'-', ..] => {
            is_listed(name) || FAMILIES.iter().any(|family| name.starts_with(family))
        }
        _ => false,
    }
}

fn is_listed(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h5_every_listed_name_is_found() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert!(discloses(name), "{name}");
            assert_eq!(name, name.to_lowercase());
        }
        for name in
            ["x-envoy-upstream-service-time", "x-b3-traceid", "x-kubernetes-pf-flowschema-uid"]
        {
            assert!(discloses(name), "{name}");
        }
    }

    #[test]
    fn h5_other_names_are_left_alone() {
        for name in [
            "content-type",
            "set-cookie",
            "strict-transport-security",
            "x-content-type-options",
            "x-frame-options",
            "x-request-id",
            "location",
            "product-id",
            "serve",
            "x-",
            "x",
            "",
        ] {
            assert!(!discloses(name), "{name}");
        }
    }
}
