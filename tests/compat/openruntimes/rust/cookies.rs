use openruntimes::{Context, Response};
use std::collections::HashMap;

pub fn main(context: Context) -> Response {
    let mut headers = HashMap::new();
    headers.insert(
        "set-cookie".to_string(),
        vec!["cookie=value; path=/".to_string(), "cookie2=value2; path=/".to_string()].join("\n"),
    );
    headers.insert("x-other".to_string(), "one".to_string());
    context.res.text("ok", Some(200), Some(headers))
}
