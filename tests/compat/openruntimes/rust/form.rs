use openruntimes::{Context, Response};
use serde_json::{Map, Value};

pub fn main(mut context: Context) -> Response {
    let mut form = Map::new();
    if let Value::String(body) = context.req.body() {
        for (name, value) in body.split('&').filter_map(|pair| pair.split_once('=')) {
            form.insert(name.to_string(), Value::String(value.to_string()));
        }
    }
    context.res.json(form, None, None)
}
