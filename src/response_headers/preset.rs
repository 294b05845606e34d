//! The two presets: OWASP's sheets, with `base-uri 'none'` as ASVS 3.4.3 asks. `X-Content-Type-Options` and
//! `Strict-Transport-Security` are not in the lists, for they are part of every plan.

pub(super) type Preset = &'static [(&'static str, &'static str)];

/// For services that answer programs (OWASP REST Security Cheat Sheet; ASVS 3.4).
pub(super) const API: Preset = &[
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// For services that answer browsers with pages (OWASP Secure Headers Project).
pub(super) const WEB: Preset = &[
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; \
         script-src 'self'; script-src-attr 'none'; img-src 'self' data:; upgrade-insecure-requests",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), \
         geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), \
         xr-spatial-tracking=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "DENY"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];
