//! As much JSON as a worker needs, without crates.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, String>;

pub fn parse(text: &[u8]) -> Parsed<Json> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => parser.fail("extra bytes"),
    }
}

impl Parser<'_> {
    fn fail<T>(&self, what: &str) -> Parsed<T> {
        Err(format!("{what} at offset {}", self.at))
    }

    fn peek(&mut self) -> Option<u8> {
        while self.at < self.text.len() && self.text[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self) -> Parsed<Json> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Parsed<Json> {
        let begin = self.at;
        while self.at < self.text.len() && !b",]} \t\r\n".contains(&self.text[self.at]) {
            self.at += 1;
        }
        match &self.text[begin..self.at] {
            b"null" => Ok(Json::Null),
            b"true" => Ok(Json::Bool(true)),
            b"false" => Ok(Json::Bool(false)),
            word => match std::str::from_utf8(word).ok().and_then(|w| w.parse().ok()) {
                Some(number) => Ok(Json::Number(number)),
                None => self.fail("no value"),
            },
        }
    }

    fn list(&mut self) -> Parsed<Json> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.take(b']') {
            if !items.is_empty() && !self.take(b',') {
                return self.fail("a comma is missing");
            }
            items.push(self.value()?);
        }
        Ok(Json::List(items))
    }

    fn object(&mut self) -> Parsed<Json> {
        let mut members = Vec::new();
        self.at += 1;
        while !self.take(b'}') {
            if !members.is_empty() && !self.take(b',') || self.peek() != Some(b'"') {
                return self.fail("a member is missing");
            }
            let key = self.string()?;
            if !self.take(b':') {
                return self.fail("a colon is missing");
            }
            members.push((key, self.value()?));
        }
        Ok(Json::Object(members))
    }

    fn string(&mut self) -> Parsed<String> {
        let mut out = Vec::new();
        self.at += 1;
        loop {
            match self.text.get(self.at).copied() {
                None => return self.fail("the text has no end"),
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut out)?,
                Some(byte) => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        String::from_utf8(out).or_else(|_| self.fail("text that is not UTF-8"))
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let kind = self.text.get(self.at + 1).copied();
        self.at += 2;
        let byte = match kind {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'u') => {
                let mut units = vec![self.unit()?];
                if (0xD800..0xDC00).contains(&units[0]) && self.text[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    units.push(self.unit()?);
                }
                out.extend(String::from_utf16_lossy(&units).bytes());
                return Ok(());
            }
            Some(other) => other,
            None => return self.fail("the text has no end"),
        };
        out.push(byte);
        Ok(())
    }

    fn unit(&mut self) -> Parsed<u16> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|d| std::str::from_utf8(d).ok());
        self.at += 4;
        match digits.and_then(|d| u16::from_str_radix(d, 16).ok()) {
            Some(unit) => Ok(unit),
            None => self.fail("a bad escape"),
        }
    }
}

fn write_text(f: &mut fmt::Formatter, text: &str) -> fmt::Result {
    write!(f, "\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c < ' ' => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    write!(f, "\"")
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Json::Null => write!(f, "null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::Text(text) => write_text(f, text),
            Json::List(items) => {
                write!(f, "[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                write!(f, "]")
            }
            Json::Object(members) => {
                write!(f, "{{")?;
                for (i, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}", if i == 0 { "" } else { "," })?;
                    write_text(f, key)?;
                    write!(f, ":{value}")?;
                }
                write!(f, "}}")
            }
        }
    }
}
