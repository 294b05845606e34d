use std::any::Any;
use std::error::Error;
use std::fmt;

/// What a panic said; for the log only.
#[derive(Debug)]
pub(crate) struct Panicked(String);

impl Panicked {
    pub(crate) fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panicked with something that is no text");
        Self(bounded(text))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Panicked {}

/// A text from inside, cut so that one failure does not fill the log.
pub(super) fn bounded(text: &str) -> String {
    const LIMIT: usize = 2048;
    match text.char_indices().nth(LIMIT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e3_every_kind_of_panic_payload_has_a_text() {
        let of = |payload: Box<dyn Any + Send>| Panicked::new(payload.as_ref()).to_string();
        assert_eq!(of(Box::new("plain")), "plain");
        assert_eq!(of(Box::new("formatted".to_owned())), "formatted");
        assert_eq!(of(Box::new(7)), "panicked with something that is no text");
    }

    #[test]
    fn e3_a_long_text_is_cut_between_characters() {
        assert_eq!(bounded(&"ß".repeat(2048)), "ß".repeat(2048));
        assert_eq!(bounded(&"ß".repeat(2049)), format!("{}...", "ß".repeat(2048)));
    }
}
