use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    context.res.text("This should be ignored.", None, None);
    context.res.text("I am a teapot", Some(418), None)
}
