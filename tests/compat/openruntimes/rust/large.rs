use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let body = context.req.body_binary();
    let headers = HashMap::from([("x-size".to_string(), body.len().to_string())]);
    context.res.binary(body, None, Some(headers))
}
