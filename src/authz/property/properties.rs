use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::Document;
use super::object::Object;
use super::who::Facts;
use super::{AcceptError, DisclosureError, PropertiesBuilder, Write, filter, write};
use crate::principal::Principal;

/// Who may read and who may write each field of one type. Cheap to clone; prints itself as a table.
#[derive(Clone)]
pub struct Properties {
    object: Arc<Object>,
    body_limit: usize,
}

/// JSON that holds what one caller may see of a value, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed(Bytes);

impl Disclosed {
    /// The JSON text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The JSON text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Properties {
    /// Starts a declaration. The name is for logs and inventories.
    pub fn builder(name: &str) -> PropertiesBuilder {
        PropertiesBuilder::new(name)
    }

    pub(super) const fn new(object: Arc<Object>, body_limit: usize) -> Self {
        Self { object, body_limit }
    }

    pub(super) const fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The name of the declaration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.object.name
    }

    /// How large a JSON body may be, in bytes.
    #[must_use]
    pub const fn body_limit(&self) -> usize {
        self.body_limit
    }

    /// Whether some write rule asks whose the object is.
    pub(super) fn write_asks_whose(&self, write: Write) -> bool {
        self.object.write_asks_whose(write)
    }

    /// What `caller` may see of a value, or of several: whatever serializes to an object, to an array of them, or to
    /// `null`. `None` is an anonymous caller.
    ///
    /// # Errors
    ///
    /// If the value does not serialize, or not to what was declared.
    pub fn disclose<'c, T: Serialize + ?Sized>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        value: &T,
    ) -> Result<Disclosed, DisclosureError> {
        let text = serde_json::to_vec(value)?;
        let disclosed = match self.disclose_json(caller, &text)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(disclosed) => Some(disclosed),
        };
        Ok(Disclosed(disclosed.unwrap_or(text).into()))
    }

    /// What `caller` may see of a JSON text: the very text where that is all of it. Values that stay are copied as they
    /// are written, numbers and escapes included.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, or holds something else than an object, an array of objects or `null`, or a field with
    /// another shape than was declared.
    pub fn disclose_json<'c, 't>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        text: &'t [u8],
    ) -> Result<Cow<'t, [u8]>, DisclosureError> {
        let document = read(text)?;
        filter::disclosed(&self.object, caller.into(), &document)
    }

    /// Whether `caller` may send this body: every member at any depth is a field that he may write. A rule that asks whose
    /// the object is includes nobody here.
    ///
    /// # Errors
    ///
    /// Names every field that he may not write, or says what else is wrong with the body.
    pub fn accept<'c>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        write: Write,
        body: &[u8],
    ) -> Result<(), AcceptError> {
        self.check(caller.into(), write, Facts::default(), body)
    }

    /// Whether `caller` may change `current`, the object as it is now, with this body.
    ///
    /// # Errors
    ///
    /// Names every field that he may not write, or says what else is wrong with the body, or that `current` does not
    /// serialize to an object.
    pub fn accept_change<'c, T: Serialize + ?Sized>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        current: &T,
        body: &[u8],
    ) -> Result<(), AcceptError> {
        let caller = caller.into();
        let facts = if self.write_asks_whose(Write::Change) {
            let current = serde_json::to_vec(current)
                .map_err(|error| AcceptError::CurrentObject(error.into()))?;
            let document = read(&current).map_err(AcceptError::CurrentObject)?;
            self.object.facts(caller, document.root(), Facts::default())
        } else {
            Facts::default()
        };
        self.check(caller, Write::Change, facts, body)
    }

    fn check(
        &self,
        caller: Option<&Principal>,
        write: Write,
        facts: Facts,
        body: &[u8],
    ) -> Result<(), AcceptError> {
        if body.len() > self.body_limit {
            return Err(AcceptError::TooLarge);
        }
        write::check(&self.object, write, caller, facts, &write::read_strictly(body)?)
    }

    /// The same declaration for values of one Rust type.
    #[must_use]
    pub fn of<T>(&self) -> PropertiesOf<T> {
        PropertiesOf { properties: self.clone(), of: PhantomData }
    }
}

fn read(text: &[u8]) -> Result<Document<'_>, DisclosureError> {
    Document::read(text).map_err(|malformed| DisclosureError::NotJson(malformed.into()))
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Properties").field(&self.name()).finish()
    }
}

/// [`Properties`] for values of one Rust type, so that those of another type are not filtered by mistake.
pub struct PropertiesOf<T> {
    properties: Properties,
    of: PhantomData<fn(T) -> T>,
}

impl<T> PropertiesOf<T> {
    /// The declaration.
    #[must_use]
    pub const fn properties(&self) -> &Properties {
        &self.properties
    }
}

impl<T: Serialize> PropertiesOf<T> {
    /// What `caller` may see of a value.
    ///
    /// # Errors
    ///
    /// As [`Properties::disclose`].
    pub fn disclose<'c>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        value: &T,
    ) -> Result<Disclosed, DisclosureError> {
        self.properties.disclose(caller, value)
    }

    /// What `caller` may see of several values.
    ///
    /// # Errors
    ///
    /// As [`Properties::disclose`].
    pub fn disclose_list<'c>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        values: &[T],
    ) -> Result<Disclosed, DisclosureError> {
        self.properties.disclose(caller, values)
    }
}

impl<T: DeserializeOwned> PropertiesOf<T> {
    /// A body that `caller` may send, as a value. A rule that asks whose the object is includes nobody here.
    ///
    /// # Errors
    ///
    /// As [`Properties::accept`], and if the body does not deserialize.
    pub fn accept<'c>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        write: Write,
        body: &[u8],
    ) -> Result<T, AcceptError> {
        self.properties.accept(caller, write, body)?;
        serde_json::from_slice(body).map_err(AcceptError::Deserialize)
    }

    /// A body with which `caller` may change `current`, the object as it is now, as a value.
    ///
    /// # Errors
    ///
    /// As [`Properties::accept_change`], and if the body does not deserialize.
    pub fn accept_change<'c, O: Serialize + ?Sized>(
        &self,
        caller: impl Into<Option<&'c Principal>>,
        current: &O,
        body: &[u8],
    ) -> Result<T, AcceptError> {
        self.properties.accept_change(caller, current, body)?;
        serde_json::from_slice(body).map_err(AcceptError::Deserialize)
    }
}

impl<T> Clone for PropertiesOf<T> {
    fn clone(&self) -> Self {
        self.properties.of()
    }
}

impl<T> fmt::Debug for PropertiesOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.properties, f)
    }
}
