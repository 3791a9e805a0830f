use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let mut bytes = context.req.body_binary();
    bytes.reverse();
    let mut headers = HashMap::new();
    headers.insert("content-type".to_string(), context.req.headers["content-type"].clone());
    context.res.binary(bytes, None, Some(headers))
}
