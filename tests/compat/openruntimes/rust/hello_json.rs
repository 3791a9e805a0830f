use openruntimes::{Context, Response};
use serde_json::json;

pub fn main(context: Context) -> Response {
    context.res.json(json!({ "message": "Hello Open Runtimes", "ok": true }), None, None)
}
