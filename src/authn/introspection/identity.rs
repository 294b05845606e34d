use aws_lc_rs::digest::{Context, SHA256};

/// What a token is known by here: nothing of the token itself is kept.
pub(super) type Digest = [u8; 32];

/// Who asks whom for what. An answer is good for those who asked the same question only: another audience, client or
/// endpoint never sees it (CVE-2021-32701, CVE-2026-33496).
#[derive(Clone, Debug)]
pub(super) struct Identity(Digest);

impl Identity {
    /// Every part with its length before it, so that no two lists of parts look alike.
    pub(super) fn new<'p>(parts: impl IntoIterator<Item = &'p str>) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self(finish(context))
    }

    /// The key of a token's answer.
    pub(super) fn key_of(&self, token: &str) -> Digest {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        context.update(token.as_bytes());
        finish(context)
    }
}

fn finish(context: Context) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i5_each_part_of_the_question_makes_another_key() {
        let questions: [&[&str]; 6] = [
            &["https://as.example/introspect", "https://as.example", "shop", "https://api.example"],
            &["https://as.example/introspect", "https://as.example", "shop", "https://b.example"],
            &["https://as.example/introspect", "https://as.example", "till", "https://api.example"],
            &["https://as.example/other", "https://as.example", "shop", "https://api.example"],
            &[
                "https://as.example/introspect",
                "https://as.example",
                "shop",
                "https://api.",
                "example",
            ],
            &["https://as.example/introspect", "https://as.example", "shophttps://api.example"],
        ];
        let mut keys: Vec<_> = questions
            .iter()
            .map(|parts| Identity::new(parts.iter().copied()).key_of("token"))
            .collect();
        keys.push(Identity::new(questions[0].iter().copied()).key_of("tokem"));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), questions.len() + 1);
    }
}
