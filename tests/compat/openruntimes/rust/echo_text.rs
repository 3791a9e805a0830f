use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    context.res.text(context.req.body_text(), None, None)
}
