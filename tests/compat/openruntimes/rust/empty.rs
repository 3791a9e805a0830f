use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    context.res.empty()
}
