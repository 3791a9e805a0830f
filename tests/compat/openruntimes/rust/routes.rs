use openruntimes::{Context, Response};
use serde_json::json;

pub fn main(mut context: Context) -> Response {
    let res = context.res.clone();
    let (method, path) = (context.req.method.clone(), context.req.path.clone());
    match (method.as_str(), path.strip_prefix("/users")) {
        ("GET", Some("")) => res.json(json!({ "users": ["ada", "bob"] }), None, None),
        ("POST", Some("")) => {
            let body = context.req.body();
            res.text(format!("created {}", body.as_str().unwrap_or("")), Some(201), None)
        }
        ("PATCH", Some(id)) => res.text(format!("changed {}", id.trim_start_matches('/')), None, None),
        ("DELETE", Some(_)) => res.empty(),
        _ => res.text(format!("{} {} is not here", method, path), Some(404), None),
    }
}
