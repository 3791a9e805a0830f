//! The context interface, in the form of open-runtimes: `pub fn main(context: Context) -> Response`. Functions that `use openruntimes::{Context,
//! Response}` get these types.

use crate::call::{cut, Call, Failure};
use crate::{json, Stream, ToJson, Value};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

const HIDDEN: &str = "x-open-runtimes-";
const STREAM: &str = "x-open-runtimes-stream"; // of a reply that stream() made: never sent
const LINE_MOST: usize = 8000;
const LINE_CUT: &str = "... Log truncated due to size limit (8000 characters)";

pub type Headers = HashMap<String, String>;
type Streams = Arc<Mutex<Vec<Stream>>>;

// With serde, values are what serde can write and read, and JSON is serde_json's.
#[cfg(feature = "serde")]
mod values {
    pub use serde_json::{Error, Map, Value};
    pub trait Writable: serde::Serialize {}
    impl<T: serde::Serialize + ?Sized> Writable for T {}
    pub trait Readable: serde::de::DeserializeOwned {}
    impl<T: serde::de::DeserializeOwned> Readable for T {}
    pub fn write<T: Writable + ?Sized>(value: &T) -> Result<String, String> {
        serde_json::to_string(value).map_err(|why| why.to_string())
    }
    pub fn read<T: Readable>(text: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(text)
    }
}
#[cfg(not(feature = "serde"))]
mod values {
    pub use crate::{Map, Value};
    pub use crate::{FromJson as Readable, ToJson as Writable};
    pub type Error = String;
    pub fn write<T: Writable + ?Sized>(value: &T) -> Result<String, String> {
        value.to_json().write()
    }
    pub fn read<T: Readable>(text: &[u8]) -> Result<T, Error> {
        T::from_json(Value::parse(text)?)
    }
}

/// What can be logged: text as it is, the rest as JSON.
pub trait LogMessage {
    fn line(&self) -> String;
}
impl<T: ToJson> LogMessage for T {
    fn line(&self) -> String {
        match self.to_json() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}

/// What a context handler gets. It is also a [`crate::Context`]: `context.call("other", input)`.
#[derive(Clone)]
pub struct Context {
    pub req: Request,
    pub res: Responder,
    told: crate::Context,
}

impl Deref for Context {
    type Target = crate::Context;
    fn deref(&self) -> &crate::Context {
        &self.told
    }
}

impl Context {
    pub fn new(told: &crate::Context) -> Context {
        Context { req: Request::new(told), res: Responder { streams: Streams::default() }, told: told.clone() }
    }
    pub fn log<T: LogMessage>(&self, message: T) {
        self.write("info", message.line());
    }
    pub fn error<T: LogMessage>(&self, message: T) {
        self.write("error", message.line());
    }
    pub fn log_multiple(&self, messages: Vec<String>) {
        self.write("info", messages.join(" "));
    }
    pub fn error_multiple(&self, messages: Vec<String>) {
        self.write("error", messages.join(" "));
    }
    fn write(&self, level: &str, mut line: String) {
        if line.len() > LINE_MOST {
            line = cut(&line, LINE_MOST).to_string() + LINE_CUT;
        }
        self.told.log.write(level, &line, &Value::Null);
    }

    /// Sends the response of the handler.
    pub fn send(&self, call: &Call, response: Option<Response>) -> Result<(), Failure> {
        let missing = "Return statement missing. return context.res.empty() if no response is expected.";
        let response = response.filter(|r| r.status_code != 0).ok_or_else(|| Failure::new("INVALID_OUTPUT", missing))?;
        let meta = response.head().to_string();
        let at = response.headers.get(STREAM).and_then(|number| number.parse::<usize>().ok());
        let mut streams = crate::worker::locked(&self.res.streams);
        match at.filter(|at| *at < streams.len()) {
            Some(at) => call.stream(meta.as_bytes(), streams.swap_remove(at)),
            None => call.reply(meta.as_bytes(), &response.body),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub headers: Headers,
    pub method: String,
    pub url: String,
    pub scheme: String,
    pub host: String,
    pub port: u16,
    pub path: String,
    pub query_string: String,
    pub query: Headers,
    body: Arc<Vec<u8>>,
}

impl Request {
    fn new(told: &crate::Context) -> Request {
        let text = |name: &str| told.fact(name).as_str().unwrap_or("").to_string();
        let mut headers = Headers::new();
        for pair in told.fact("headers").as_array().unwrap_or(&[]) {
            if let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) {
                if !name.starts_with(HIDDEN) {
                    headers.insert(name.to_string(), value.to_string());
                }
            }
        }
        let (scheme, path, query_string) = (text("scheme"), text("path"), text("query"));
        let usual = if scheme == "https" { 443 } else { 80 };
        let authority = text("host");
        let (host, port) = authority.split_once(':').unwrap_or((&authority, ""));
        let port = port.parse().unwrap_or(usual);
        let mut url = format!("{}://{}", scheme, host);
        if port != usual {
            url += &format!(":{}", port);
        }
        url += &path;
        if !query_string.is_empty() {
            url += &format!("?{}", query_string);
        }
        let pairs = query_string.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = pairs.filter(|pair| !pair.0.is_empty()).map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let body = Arc::new(told.body().to_vec());
        Request { headers, method: text("method"), url, scheme, host: host.to_string(), port, path, query, query_string, body }
    }
    pub fn body_binary(&self) -> Vec<u8> {
        self.body.to_vec()
    }
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// Fails when the body is not JSON, or not what T takes.
    pub fn body_json<T: values::Readable>(&self) -> Result<T, values::Error> {
        values::read(&self.body)
    }
    /// The parsed body when the content type is JSON, `{}` when that is empty; else text.
    pub fn body(&self) -> values::Value {
        let kind = self.headers.get("content-type").map(|kind| kind.to_lowercase()).unwrap_or_default();
        if !kind.starts_with("application/json") {
            return values::Value::String(self.body_text());
        }
        if self.body.is_empty() {
            return values::Value::Object(values::Map::new());
        }
        values::read(&self.body).unwrap_or_else(|why| panic!("the body is not JSON: {}", why))
    }
    #[deprecated(note = "use body_binary()")]
    pub fn body_raw(&self) -> Vec<u8> {
        self.body_binary()
    }
}

/// A header whose value has several lines is sent once for each.
#[derive(Clone, Debug)]
pub struct Response {
    pub status_code: u16,
    pub body: Vec<u8>,
    pub headers: Headers,
}

impl Default for Response {
    fn default() -> Response {
        Response { status_code: 200, body: Vec::new(), headers: Headers::new() }
    }
}

impl Response {
    pub fn new() -> Response {
        Response::default()
    }
    /// REPLY's meta.
    fn head(&self) -> Value {
        let mut pairs = Vec::new();
        let mut kind = "text/plain".to_string();
        for (name, value) in &self.headers {
            let name = name.to_lowercase();
            if name == "content-type" {
                kind = value.clone();
            } else if !name.starts_with(HIDDEN) {
                pairs.extend(value.split('\n').map(|line| json!([name, line])));
            }
        }
        if !kind.to_lowercase().starts_with("multipart/") {
            kind = kind.to_lowercase();
            if !kind.contains("charset=") {
                kind += "; charset=utf-8";
            }
        }
        pairs.push(json!(["content-type", kind]));
        json!({"status": self.status_code, "headers": pairs})
    }
}

/// Makes responses; the one that the handler returns counts.
#[derive(Clone)]
pub struct Responder {
    streams: Streams,
}

impl Responder {
    pub fn text(&self, text: impl Into<String>, status_code: Option<u16>, headers: Option<Headers>) -> Response {
        self.binary(text.into(), status_code, headers)
    }
    pub fn json<T: values::Writable>(&self, value: T, status_code: Option<u16>, headers: Option<Headers>) -> Response {
        let text = values::write(&value).unwrap_or_else(|why| panic!("the value cannot be written as JSON: {}", why));
        let mut response = self.binary(text, status_code, headers);
        response.headers.entry("content-type".to_string()).or_insert_with(|| "application/json".to_string());
        response
    }
    pub fn binary(&self, body: impl Into<Vec<u8>>, status_code: Option<u16>, headers: Option<Headers>) -> Response {
        Response { status_code: status_code.unwrap_or(200), body: body.into(), headers: headers.unwrap_or_default() }
    }
    pub fn empty(&self) -> Response {
        self.text("", Some(204), None)
    }
    pub fn redirect(&self, url: impl Into<String>, status_code: Option<u16>, headers: Option<Headers>) -> Response {
        let mut response = self.text("", Some(status_code.unwrap_or(301)), headers);
        response.headers.insert("location".to_string(), url.into());
        response
    }
    /// Sends pieces as they come.
    pub fn stream(&self, pieces: Stream, status_code: Option<u16>, headers: Option<Headers>) -> Response {
        let mut response = self.binary("", status_code, headers);
        let mut streams = crate::worker::locked(&self.streams);
        response.headers.insert(STREAM.to_string(), streams.len().to_string());
        streams.push(pieces);
        response
    }
    #[deprecated(note = "use text()")]
    pub fn send(&self, text: impl Into<String>) -> Response {
        self.text(text, None, None)
    }
}
