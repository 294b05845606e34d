//! Short header values, written one behind the other into memory that they share.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderValue;

/// Some forty values. A value that is kept for long keeps as much from being used again.
const BLOCK: usize = 2048;

thread_local! {
    static TEXT: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(BLOCK));
}

/// A header value of visible ASCII; an empty one for other text.
///
/// Once the values of a block are gone, which is when their responses are, the block is used again: in a server under load,
/// most values cost no allocation.
pub(crate) fn header_value(text: &[u8]) -> HeaderValue {
    written(|block| block.extend_from_slice(text))
}

/// The same, of what is written at the end of a block.
pub(crate) fn written(write: impl Fn(&mut BytesMut)) -> HeaderValue {
    let shared = TEXT.try_with(|block| {
        let mut block = block.try_borrow_mut().ok()?;
        // What is left of a block is often enough; otherwise it is begun anew, in place if nobody reads it any more.
        write(&mut block);
        Some(block.split().freeze())
    });
    let bytes = shared.ok().flatten().unwrap_or_else(|| {
        let mut own = BytesMut::new();
        write(&mut own);
        own.freeze()
    });
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_what_they_are_when_others_are_written() {
        let texts: Vec<String> = (0..1000).map(|number| format!("value {number}")).collect();
        let values: Vec<HeaderValue> =
            texts.iter().map(|text| header_value(text.as_bytes())).collect();
        assert!(texts.iter().zip(&values).all(|(text, value)| text == value));
        let long = "x".repeat(3 * BLOCK);
        assert_eq!(header_value(long.as_bytes()), long);
        assert_eq!(header_value(b"a\nb"), "");
        assert!(texts.iter().zip(&values).all(|(text, value)| text == value));
    }
}
