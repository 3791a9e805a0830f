//! Replies that come piece by piece.

use crate::{ToJson, Value};

/// A handler that returns this streams its reply. The pieces are made on the call's own thread, each when the one before has been sent.
///
/// ```
/// # use trivet::Stream;
/// fn handler(count: u32) -> Stream {
///     Stream::values((0..count).map(|n| trivet::json!({ "n": n })))
/// }
/// ```
pub struct Stream(Box<dyn Iterator<Item = Result<Vec<u8>, String>> + Send>);

impl Stream {
    /// One line of JSON for each value.
    pub fn values<I>(values: I) -> Stream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: ToJson,
    {
        Stream(Box::new(values.into_iter().map(|value| {
            let mut line = value.to_json().write()?;
            line.push('\n');
            Ok(line.into_bytes())
        })))
    }

    /// Bytes, as they are.
    pub fn bytes<I>(pieces: I) -> Stream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: Into<Vec<u8>>,
    {
        Stream(Box::new(pieces.into_iter().map(|piece| Ok(piece.into()))))
    }
}

impl Iterator for Stream {
    type Item = Result<Vec<u8>, String>;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// What a handler returns that sometimes streams and sometimes does not.
pub enum Reply {
    Value(Value),
    Stream(Stream),
}
