use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let png = vec![0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 255];
    let headers = HashMap::from([("content-type".to_string(), "image/png".to_string())]);
    context.res.binary(png, None, Some(headers))
}
