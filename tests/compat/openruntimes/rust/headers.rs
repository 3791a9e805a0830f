use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let given = |name: &str| context.req.headers.get(name).cloned().unwrap_or("missing".to_string());
    let mut headers = HashMap::new();
    headers.insert("X-Given".to_string(), given("x-given"));
    headers.insert("x-open-runtimes-out".to_string(), "hidden".to_string());
    headers.insert("content-type".to_string(), "text/plain; charset=ISO-8859-1".to_string());
    let text = format!("{} {}", given("cookie"), given("x-open-runtimes-in"));
    context.res.text(text, Some(200), Some(headers))
}
