//! A JSON value, its parser and its writer.

use std::collections::HashMap;
use std::fmt;
use std::ops::Index;

/// Any JSON value. Objects keep the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    Float(f64),
    String(String),
    Array(Vec<Value>),
    Object(Map),
}

static NULL: Value = Value::Null;

impl Value {
    /// The value of a name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(map) => map.get(name),
            _ => None,
        }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
    /// A whole number, also one that was written as `2.0`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Float(n) if n.fract() == 0.0 && n.abs() < 9e18 => Some(*n as i64),
            _ => None,
        }
    }
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::UInt(n) => Some(*n),
            other => other.as_i64().and_then(|n| u64::try_from(n).ok()),
        }
    }
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::UInt(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) => Some(values),
            _ => None,
        }
    }
    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }
    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
    /// Compact JSON. Fails for a number that JSON does not have: NaN, an infinity.
    pub fn write(&self) -> Result<String, String> {
        let mut out = String::with_capacity(128);
        write_value(self, &mut out)?;
        Ok(out)
    }
    pub fn parse(text: &[u8]) -> Result<Value, String> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        parser.blanks();
        let value = parser.value()?;
        parser.blanks();
        if parser.at < text.len() {
            return Err(parser.wrong("something follows the value"));
        }
        Ok(value)
    }
}

/// `value["name"]`: null when there is no such name.
impl Index<&str> for Value {
    type Output = Value;
    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&NULL)
    }
}

/// `value[3]`: null when the list is shorter.
impl Index<usize> for Value {
    type Output = Value;
    fn index(&self, at: usize) -> &Value {
        self.as_array().and_then(|values| values.get(at)).unwrap_or(&NULL)
    }
}

/// Compact JSON; numbers that JSON does not have are null.
impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.write().unwrap_or_else(|_| "null".to_string()))
    }
}

const INDEXED_FROM: usize = 16;

/// Names and values in the order they came; of names that repeat the last value counts.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<(String, Value)>,
    index: Option<HashMap<String, usize>>, // once there are many
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Map {
    pub fn new() -> Map {
        Map::default()
    }
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|at| &self.entries[at].1)
    }
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        if let Some(at) = self.find(&name) {
            self.entries[at].1 = value;
            return;
        }
        if let Some(index) = &mut self.index {
            index.insert(name.clone(), self.entries.len());
        }
        self.entries.push((name, value));
        if self.index.is_none() && self.entries.len() > INDEXED_FROM {
            let places = self.entries.iter().enumerate();
            self.index = Some(places.map(|(at, entry)| (entry.0.clone(), at)).collect());
        }
    }
    /// Takes the value of a name out and leaves null in its place.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.find(name)?;
        Some(std::mem::replace(&mut self.entries[at].1, Value::Null))
    }
    fn find(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.entries.iter().position(|entry| entry.0 == name),
        }
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

fn write_value(value: &Value, out: &mut String) -> Result<(), String> {
    use fmt::Write;
    let _ = match value {
        Value::Null => out.write_str("null"),
        Value::Bool(true) => out.write_str("true"),
        Value::Bool(false) => out.write_str("false"),
        Value::Int(n) => write!(out, "{}", n),
        Value::UInt(n) => write!(out, "{}", n),
        Value::Float(n) if n.is_finite() => write!(out, "{:?}", n),
        Value::Float(n) => return Err(format!("JSON has no number {}", n)),
        Value::String(text) => {
            write_text(text, out);
            Ok(())
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                write_value(value, out)?;
            }
            out.write_str(if values.is_empty() { "[]" } else { "]" })
        }
        Value::Object(map) => {
            for (at, (name, value)) in map.iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                write_text(name, out);
                out.push(':');
                write_value(value, out)?;
            }
            out.write_str(if map.is_empty() { "{}" } else { "}" })
        }
    };
    Ok(())
}

/// Appends a text in quotes, escaped.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => out.push_str(&format!("\\u{:04x}", byte)),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

const DEEPEST: usize = 512;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn wrong(&self, what: &str) -> String {
        format!("{} at byte {}", what, self.at)
    }
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }
    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }
    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return Err(self.wrong("no JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }
    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Ok(Value::String(self.string()?)),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.wrong("no JSON value")),
        }
    }
    fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("too deeply nested"));
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }
    /// After an element: whether another one follows.
    fn goes_on(&mut self, end: u8) -> Result<bool, String> {
        self.blanks();
        let next = self.peek();
        if next != b',' && next != end {
            return Err(self.wrong("a comma or the end is missing"));
        }
        self.at += 1;
        self.blanks();
        Ok(next == b',')
    }
    fn array(&mut self) -> Result<Value, String> {
        self.enter()?;
        let mut values = Vec::new();
        if self.peek() == b']' {
            self.at += 1;
        } else {
            loop {
                values.push(self.value()?);
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Value::Array(values))
    }
    fn object(&mut self) -> Result<Value, String> {
        self.enter()?;
        let mut map = Map::new();
        if self.peek() == b'}' {
            self.at += 1;
        } else {
            loop {
                if self.peek() != b'"' {
                    return Err(self.wrong("a name is missing"));
                }
                let name = self.string()?;
                self.blanks();
                if self.peek() != b':' {
                    return Err(self.wrong("a colon is missing"));
                }
                self.at += 1;
                self.blanks();
                map.insert(name, self.value()?);
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Value::Object(map))
    }
    fn number(&mut self) -> Result<Value, String> {
        let begin = self.at;
        let digits = |parser: &mut Self| {
            let first = parser.at;
            while parser.peek().is_ascii_digit() {
                parser.at += 1;
            }
            parser.at - first
        };
        self.at += (self.peek() == b'-') as usize;
        let leading_zero = self.peek() == b'0';
        let whole = digits(self);
        let mut fits = whole == 1 || whole > 1 && !leading_zero;
        let mut float = false;
        if self.peek() == b'.' {
            float = true;
            self.at += 1;
            fits &= digits(self) > 0;
        }
        if matches!(self.peek(), b'e' | b'E') {
            float = true;
            self.at += 1;
            self.at += matches!(self.peek(), b'+' | b'-') as usize;
            fits &= digits(self) > 0;
        }
        let text = std::str::from_utf8(&self.text[begin..self.at]).unwrap_or("");
        if !fits {
            return Err(self.wrong("no number"));
        }
        if !float {
            if let Ok(n) = text.parse() {
                return Ok(Value::Int(n));
            }
            if let Ok(n) = text.parse() {
                return Ok(Value::UInt(n));
            }
        }
        text.parse().map(Value::Float).map_err(|_| self.wrong("no number"))
    }
    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let begin = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=31) {
                self.at += 1;
            }
            out.extend_from_slice(&self.text[begin..self.at]);
            match self.peek() {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                _ => return Err(self.wrong("a string does not end")),
            }
        }
        self.at += 1;
        String::from_utf8(out).map_err(|_| self.wrong("a string is not UTF-8"))
    }
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        self.at += 2;
        let plain = match self.text.get(self.at - 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(c @ (b'"' | b'\\' | b'/')) => *c,
            Some(b'u') => {
                let mut code = self.four_digits()?;
                if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with(b"\\u") {
                    let after = self.at;
                    self.at += 2;
                    match self.four_digits()? {
                        low @ 0xdc00..=0xdfff => code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00),
                        _ => self.at = after,
                    }
                }
                // Half a surrogate pair is no character.
                let found = char::from_u32(code).unwrap_or('\u{fffd}');
                out.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong("an unknown escape")),
        };
        out.push(plain);
        Ok(())
    }
    fn four_digits(&mut self) -> Result<u32, String> {
        let text = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = text.filter(|t| !t.starts_with('+')).and_then(|t| u32::from_str_radix(t, 16).ok());
        self.at += 4;
        code.ok_or_else(|| "an escape without its four digits".to_string())
    }
}
