use openruntimes::{Context, Response};
use std::env;

pub fn main(context: Context) -> Response {
    context.res.text(env::var("CUSTOM_ENV_VAR").unwrap_or_default(), None, None)
}
