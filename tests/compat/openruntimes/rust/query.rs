use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let headers = HashMap::from([("x-query".to_string(), context.req.query_string.clone())]);
    context.res.json(&context.req.query, None, Some(headers))
}
