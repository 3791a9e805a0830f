use openruntimes::{Context, Response};
use serde_json::json;

pub fn main(context: Context) -> Response {
    let req = &context.req;
    context.res.json(
        json!({
            "method": req.method,
            "scheme": req.scheme,
            "host": req.host,
            "port": req.port,
            "path": req.path,
            "queryString": req.query_string,
            "url": req.url,
        }),
        None,
        None,
    )
}
