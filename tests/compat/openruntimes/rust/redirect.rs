use openruntimes::{Context, Response};

pub fn main(context: Context) -> Response {
    if context.req.path == "/temporary" {
        return context.res.redirect("https://example.com/?a=b&c=d", Some(302), None);
    }
    context.res.redirect("https://github.com/", None, None)
}
