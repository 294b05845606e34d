use serde::{Deserialize, Serialize};

use super::{Caller, Refused};

/// How many characters an item may have.
const LONGEST_ITEM: usize = 200;

/// How many characters an address may have (RFC 5321 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

/// One order. Who sees which of its fields is declared beside the service.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) owner: Caller,
    pub(crate) item: String,
    /// Where the owner wants to hear of it.
    pub(crate) email: Option<String>,
    /// What the house earns, in percent.
    pub(crate) margin: u8,
}

/// What a caller may say about an order.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Draft {
    pub(crate) item: String,
    /// Where it is not given, it stays as it is.
    pub(crate) email: Option<String>,
}

impl Order {
    /// One that is not in the book yet and so has no number.
    pub(crate) fn draft(owner: Caller, draft: Draft) -> Result<Self, Refused> {
        let blank = Self { id: 0, owner, item: String::new(), email: None, margin: 40 };
        blank.with(draft)
    }

    /// The order as the draft wants it.
    pub(super) fn with(self, Draft { item, email }: Draft) -> Result<Self, Refused> {
        let fits = is_item(&item) && email.as_deref().is_none_or(is_email);
        if fits {
            Ok(Self { item, email: email.or(self.email), ..self })
        } else {
            Err(Refused::BadDraft)
        }
    }
}

fn is_item(item: &str) -> bool {
    let length = item.chars().count();
    (1..=LONGEST_ITEM).contains(&length) && !item.chars().any(char::is_control)
}

/// Something on both sides of one `@`: no more can be said of an address without writing to it.
fn is_email(email: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
    };
    let parts = email.split_once('@').filter(|_| email.len() <= LONGEST_EMAIL);
    parts.is_some_and(|(name, domain)| is_part(name) && is_part(domain))
}
