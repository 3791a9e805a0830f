use openruntimes::{Context, Response};
use serde_json::{json, Value};

pub fn main(context: Context) -> Response {
    let mut ctx = context.clone();
    match ctx.req.body_json::<Value>() {
        Ok(body) => {
            let tags = body["tags"].as_array().map(|tags| tags.len());
            ctx.res.json(json!({ "name": body["name"], "tags": tags }), None, None)
        }
        Err(_) => {
            ctx.error("Cannot parse JSON body");
            ctx.res.text("", Some(500), None)
        }
    }
}
