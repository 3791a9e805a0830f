use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    context.log("Debug log");
    context.log(42);
    context.log_multiple(vec!["engine:".to_string(), "open-runtimes".to_string()]);
    context.error("Error log");
    context.res.text("logged", None, None)
}
