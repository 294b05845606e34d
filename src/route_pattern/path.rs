//! Which request paths are refused before any rule is looked up: those that two readers could read differently.
//!
//! Rules match the same bytes as the router. That is of no use when something behind the router (a proxying handler, a
//! file system, an older backend) resolves, decodes or cuts the path once more and arrives somewhere else. Such a path
//! is refused, never rewritten.

use std::fmt;

/// What makes a path readable in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguity {
    /// `\`, which some readers take for `/`.
    Backslash,
    /// A byte that does not belong into a path: control, space, non-ASCII, `?`, `#`.
    ByteOutsidePaths,
    /// `/./` or `/../`.
    DotSegment,
    /// `//`, which some readers merge.
    EmptySegment,
    /// An encoded control character.
    EncodedControl,
    /// An encoded delimiter: `/`, `\`, `;`, the `?` or `#` that would end the path, or `%` itself, which is double
    /// encoding.
    EncodedDelimiter,
    /// An encoded letter, digit, `.`, `-` or `_`: nobody has to encode them (RFC 3986 2.3), and some readers decode them.
    EncodedUnreserved,
    /// `%` without two hexadecimal digits.
    MalformedEscape,
    /// Escapes that are no UTF-8, such as an overlong `/`.
    NotUtf8,
    /// `;`, from which on some readers ignore the segment.
    PathParameter,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backslash => "a backslash",
            Self::ByteOutsidePaths => "a byte that does not belong into a path",
            Self::DotSegment => "a dot segment",
            Self::EmptySegment => "an empty segment",
            Self::EncodedControl => "an encoded control character",
            Self::EncodedDelimiter => "an encoded delimiter",
            Self::EncodedUnreserved => "an encoded character that needs no encoding",
            Self::MalformedEscape => "a malformed escape",
            Self::NotUtf8 => "escapes that are no UTF-8",
            Self::PathParameter => "a semicolon",
        })
    }
}

impl std::error::Error for Ambiguity {}

/// Bytes that mean the same to everybody, so that the loop over a path has little to do for them.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'/' | b'%' | b';' | b'\\' | b'?' | b'#');
        byte += 1;
    }
    plain
};

/// Bytes that are looked at together, with machine instructions for that many at once.
const BLOCK: usize = 16;

/// Refuses a path that two readers could read differently. No allocation, and one pass over most paths.
pub(crate) fn screen(path: &str) -> Result<(), Ambiguity> {
    let path = path.as_bytes();
    if is_plain(path) { Ok(()) } else { screen_each(path) }
}

/// Whether nothing in the path needs a closer look; true for most. One that is not plain need not be ambiguous.
fn is_plain(mut rest: &[u8]) -> bool {
    while let Some((block, _)) = rest.split_first_chunk::<{ BLOCK + 1 }>() {
        if !is_plain_block(block) {
            return false;
        }
        rest = &rest[BLOCK..];
    }
    // At most a block is left, filled up with what is plain.
    let mut last = [b'a'; BLOCK + 1];
    last[..rest.len()].copy_from_slice(rest);
    is_plain_block(&last)
}

/// Judges all bytes but the last, which is there because a slash before it may make it matter. No branch, so that the
/// compiler can judge them together.
fn is_plain_block(block: &[u8; BLOCK + 1]) -> bool {
    let mut odd = false;
    for at in 0..BLOCK {
        let (byte, next) = (block[at], block[at + 1]);
        odd |= (byte <= b' ') | (byte >= 0x7f);
        odd |= (byte == b'%') | (byte == b';') | (byte == b'\\') | (byte == b'?') | (byte == b'#');
        odd |= (byte == b'/') & ((next == b'/') | (next == b'.'));
    }
    !odd
}

fn screen_each(mut rest: &[u8]) -> Result<(), Ambiguity> {
    while let Some(at) = rest.iter().position(|byte| !PLAIN[usize::from(*byte)]) {
        rest = match &rest[at..] {
            [b'/', after @ ..] => screen_segment_start(after).map(|()| after)?,
            escapes @ [b'%', ..] => screen_escapes(escapes)?,
            [b';', ..] => return Err(Ambiguity::PathParameter),
            [b'\\', ..] => return Err(Ambiguity::Backslash),
            _ => return Err(Ambiguity::ByteOutsidePaths),
        };
    }
    Ok(())
}

/// Judges what follows a slash. An encoded dot needs no care here: it is refused wherever it stands.
const fn screen_segment_start(rest: &[u8]) -> Result<(), Ambiguity> {
    match rest {
        [b'/', ..] => Err(Ambiguity::EmptySegment),
        [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..] => {
            Err(Ambiguity::DotSegment)
        }
        _ => Ok(()),
    }
}

/// Judges the escapes of one character; what follows them when it is unambiguous.
fn screen_escapes(rest: &[u8]) -> Result<&[u8], Ambiguity> {
    let first = unescape(rest, 0)?;
    let width = match first {
        b'/' | b'\\' | b';' | b'?' | b'#' | b'%' => return Err(Ambiguity::EncodedDelimiter),
        0..=0x1f | 0x7f => return Err(Ambiguity::EncodedControl),
        b'.' | b'-' | b'_' => return Err(Ambiguity::EncodedUnreserved),
        _ if first.is_ascii_alphanumeric() => return Err(Ambiguity::EncodedUnreserved),
        _ if first.is_ascii() => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Err(Ambiguity::NotUtf8),
    };
    let mut character = [0; 4];
    for (index, byte) in character[..width].iter_mut().enumerate() {
        *byte = unescape(rest, index)?;
    }
    match std::str::from_utf8(&character[..width]) {
        Ok(_) => Ok(&rest[3 * width..]),
        Err(_) => Err(Ambiguity::NotUtf8),
    }
}

/// The byte that the escape at position `index` stands for, counting escapes.
fn unescape(rest: &[u8], index: usize) -> Result<u8, Ambiguity> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let Some([b'%', high, low]) = rest.get(3 * index..3 * index + 3) else {
        // The text ends inside a character, or an escape is cut short.
        return Err(if index == 0 { Ambiguity::MalformedEscape } else { Ambiguity::NotUtf8 });
    };
    match (digit(*high), digit(*low)) {
        (Some(high), Some(low)) => Ok(high << 4 | low),
        _ => Err(Ambiguity::MalformedEscape),
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn z13_every_ambiguity_is_told_apart() {
        for (path, ambiguity) in [
            ("/a\\b", Ambiguity::Backslash),
            ("/a b", Ambiguity::ByteOutsidePaths),
            ("/a\0", Ambiguity::ByteOutsidePaths),
            ("/a\u{7f}", Ambiguity::ByteOutsidePaths),
            ("/gr\u{f6}sse", Ambiguity::ByteOutsidePaths),
            ("/a#b", Ambiguity::ByteOutsidePaths),
            ("/.", Ambiguity::DotSegment),
            ("/./a", Ambiguity::DotSegment),
            ("/a/..", Ambiguity::DotSegment),
            ("/a/../b", Ambiguity::DotSegment),
            ("//", Ambiguity::EmptySegment),
            ("/a//b", Ambiguity::EmptySegment),
            ("/a%00", Ambiguity::EncodedControl),
            ("/a%0d%0ab", Ambiguity::EncodedControl),
            ("/a%7f", Ambiguity::EncodedControl),
            ("/a%2fb", Ambiguity::EncodedDelimiter),
            ("/a%2Fb", Ambiguity::EncodedDelimiter),
            ("/a%5Cb", Ambiguity::EncodedDelimiter),
            ("/a%252fb", Ambiguity::EncodedDelimiter),
            ("/a%3bb", Ambiguity::EncodedDelimiter),
            ("/%2e%2e/a", Ambiguity::EncodedUnreserved),
            ("/.%2E/a", Ambiguity::EncodedUnreserved),
            ("/%61dmin", Ambiguity::EncodedUnreserved),
            ("/a%", Ambiguity::MalformedEscape),
            ("/a%2", Ambiguity::MalformedEscape),
            ("/a%zz", Ambiguity::MalformedEscape),
            ("/a%+1", Ambiguity::MalformedEscape),
            ("/a%c0%af", Ambiguity::NotUtf8),
            ("/a%e0%80%af", Ambiguity::NotUtf8),
            ("/a%ed%a0%80", Ambiguity::NotUtf8),
            ("/a%c3", Ambiguity::NotUtf8),
            ("/a%c3/b", Ambiguity::NotUtf8),
            ("/a%80", Ambiguity::NotUtf8),
            ("/a%f5%80%80%80", Ambiguity::NotUtf8),
            ("/a;v=1", Ambiguity::PathParameter),
        ] {
            assert_eq!(screen(path), Err(ambiguity), "{path}");
        }
    }

    #[test]
    fn z13_plain_paths_are_not_refused() {
        for path in [
            "/",
            "/orders/7",
            "/orders/7/",
            "/.well-known/openid-configuration",
            "/a/...",
            "/a/..b",
            "/a/b..",
            "/report.v2.pdf",
            "/users/ada%40example.com",
            "/a%20b",
            "/gr%C3%B6%C3%9Fe/%E2%82%AC/%F0%9F%A6%80",
            "/~ada/%7Eada",
            "/orders.v1.Orders/Get",
            "/a:b@c!$&'()*+,=",
        ] {
            assert_eq!(screen(path), Ok(()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_screened_without_panic(text in any::<String>()) {
            let _ = screen(&text);
        }

        /// What is let through at a glance is what a closer look lets through.
        #[test]
        fn z13_a_plain_path_is_not_ambiguous(
            plain in "(/?[a-c.]){0,40}", odd in "[/.%;?#\\\\ -~\\x00\\x7f]{0,2}", rest in "(/?[a-c.]){0,20}",
        ) {
            let path = format!("{plain}{odd}{rest}");
            if is_plain(path.as_bytes()) {
                prop_assert_eq!(screen_each(path.as_bytes()), Ok(()));
            }
            prop_assert_eq!(screen(&path), screen_each(path.as_bytes()));
        }

        /// An admitted path has the same segments before and after decoding, also when it is decoded twice.
        #[test]
        fn z13_an_admitted_path_keeps_its_segments_when_decoded(
            path in "(/([a-c]|[a-c]|[.~:@]|%2[0-9]|%c3%b6|%e2%82%ac|%[2-9a-fA-F][0-9a-fA-F]|[;a-f]){1,3}){1,3}",
        ) {
            prop_assume!(screen(&path).is_ok());
            let once = percent_decode_str(&path).decode_utf8();
            prop_assert!(once.is_ok(), "no UTF-8: {path}");
            let once = once.unwrap();
            prop_assert!(!once.contains("//") && !once.contains(['\\', ';', '%', '\0']), "{path}");
            prop_assert!(once.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
            prop_assert_eq!(once.matches('/').count(), path.matches('/').count());
        }
    }
}
