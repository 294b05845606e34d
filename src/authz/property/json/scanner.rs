use std::fmt;

use super::MAX_DEPTH;
use super::document::{Kind, Node};

/// Why a text is not JSON, or not JSON that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authz::property) enum Malformed {
    /// Objects and arrays nest too deep.
    Depth,
    /// Something else stands here than the grammar has: the position in bytes.
    Syntax(usize),
    /// The text is longer than positions reach: 4 GiB.
    TooLong,
    /// The text is no UTF-8 (RFC 8259 8.1).
    Utf8,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "nested deeper than {MAX_DEPTH}"),
            Self::Syntax(at) => write!(f, "not JSON at byte {at}"),
            Self::TooLong => f.write_str("longer than 4 GiB"),
            Self::Utf8 => f.write_str("not UTF-8"),
        }
    }
}

/// Reads a text once, from its start to its end, without recursion.
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    pub(super) nodes: Vec<Node>,
    /// The objects and arrays that are not closed yet, as places in `nodes`.
    open: Vec<usize>,
    /// Whether an escape stands for one half of a surrogate pair (RFC 8259 8.2).
    pub(super) has_lone_surrogate: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            // About what a list of objects has; a text of many short values makes it grow.
            nodes: Vec::with_capacity(text.len() / 12 + 1),
            open: Vec::new(),
            has_lone_surrogate: false,
        }
    }

    /// One value with nothing but white space around it.
    pub(super) fn run(&mut self) -> Result<(), Malformed> {
        loop {
            self.skip_space();
            let is_open = self.value()?;
            if !is_open && !self.after_value()? {
                break;
            }
        }
        if self.at == self.text.len() { Ok(()) } else { Err(self.here()) }
    }

    /// Reads a scalar, an empty container, or the start of a container. Whether a value has to follow.
    fn value(&mut self) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{') => {
                self.open(Kind::Object)?;
                if self.peek() != Some(b'}') {
                    return self.name().map(|()| true);
                }
                self.close();
            }
            Some(b'[') => {
                self.open(Kind::Array)?;
                if self.peek() != Some(b']') {
                    return Ok(true);
                }
                self.close();
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal(b"true", Kind::Bool)?,
            Some(b'f') => self.literal(b"false", Kind::Bool)?,
            Some(b'n') => self.literal(b"null", Kind::Null)?,
            _ => return Err(self.here()),
        }
        Ok(false)
    }

    /// Reads what may stand behind a value: ends of containers, and a comma. Whether a value has to follow.
    fn after_value(&mut self) -> Result<bool, Malformed> {
        loop {
            self.skip_space();
            let Some(&innermost) = self.open.last() else { return Ok(false) };
            let is_object = self.nodes[innermost].kind == Kind::Object;
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_space();
                    if is_object {
                        self.name()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if is_object => self.close(),
                Some(b']') if !is_object => self.close(),
                _ => return Err(self.here()),
            }
        }
    }

    fn name(&mut self) -> Result<(), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.here());
        }
        self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.here());
        }
        self.at += 1;
        Ok(())
    }

    fn open(&mut self, kind: Kind) -> Result<(), Malformed> {
        if self.open.len() == MAX_DEPTH {
            return Err(Malformed::Depth);
        }
        self.open.push(self.nodes.len());
        self.nodes.push(Node::new(kind, self.at, self.at));
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// The bracket that closes the innermost container stands here.
    fn close(&mut self) {
        self.at += 1;
        let next = self.nodes.len();
        if let Some(node) = self.open.pop().and_then(|innermost| self.nodes.get_mut(innermost)) {
            node.close(self.at, next);
        }
    }

    fn string(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        let mut has_escapes = false;
        self.at += 1;
        loop {
            self.at = end_of_plain(self.text, self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return Err(self.here()), // a control character, or the end
            }
        }
        self.at += 1;
        self.push(if has_escapes { Kind::EscapedText } else { Kind::Text }, start);
        Ok(())
    }

    /// Reads one escape; of a surrogate pair both.
    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => match self.code_unit()? {
                0xd800..=0xdbff => {
                    let mut ahead = Self { nodes: Vec::new(), open: Vec::new(), ..*self };
                    let low = if ahead.text[ahead.at..].starts_with(b"\\u") {
                        ahead.at += 1;
                        ahead.code_unit()?
                    } else {
                        0
                    };
                    if (0xdc00..=0xdfff).contains(&low) {
                        self.at = ahead.at;
                    } else {
                        self.has_lone_surrogate = true;
                    }
                }
                0xdc00..=0xdfff => self.has_lone_surrogate = true,
                _ => {}
            },
            _ => return Err(self.here()),
        }
        Ok(())
    }

    /// The four digits behind the `u` that stands here.
    fn code_unit(&mut self) -> Result<u32, Malformed> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or(self.here())?;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.take(|byte| byte == b'-');
        if !self.take(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.take(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.take(|byte| matches!(byte, b'e' | b'E')) {
            self.take(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.take(|byte| byte.is_ascii_digit()) {}
        if self.at == start { Err(self.here()) } else { Ok(()) }
    }

    fn take(&mut self, is_wanted: impl FnOnce(u8) -> bool) -> bool {
        let taken = self.peek().is_some_and(is_wanted);
        self.at += usize::from(taken);
        taken
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), Malformed> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.here());
        }
        let start = self.at;
        self.at += word.len();
        self.push(kind, start);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let mut node = Node::new(kind, start, self.at);
        node.close(self.at, self.nodes.len() + 1);
        self.nodes.push(node);
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    const fn here(&self) -> Malformed {
        Malformed::Syntax(self.at)
    }
}

/// Where the bytes end that mean themselves in a string: at `"`, `\`, a control character or the end. Eight at a time.
fn end_of_plain(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The lowest byte that is marked is right; those above it may be marked by a borrow.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    while let Some(Ok(bytes)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(bytes);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let marked = controls | quotes | backslashes;
        if marked != 0 {
            return at + marked.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let ends = |byte: &u8| matches!(byte, 0..=0x1f | b'"' | b'\\');
    text[at..].iter().position(ends).map_or(text.len(), |plain| at + plain)
}
