use openruntimes::{Context, Response};
use serde_json::json;

pub fn main(context: Context) -> Response {
    let greeting = format!("Grüße, {}! 👋", context.req.body_text());
    context.res.json(json!({ "greeting": greeting }), None, None)
}
