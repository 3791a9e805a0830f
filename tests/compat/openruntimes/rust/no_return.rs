use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    context.res.text("This should be ignored, as it is not returned.", None, None);
}
