use openruntimes::{Context, Response};

pub fn main(_context: Context) -> Response {
    panic!("kaboom");
}
