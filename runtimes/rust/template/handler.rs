use trivet::{record, Context, Result};

record! {
    pub struct Input { name: String = "World".to_string() }
    pub struct Output { message: String }
}

/// Called once per request. The JSON body becomes Input; what is returned becomes the reply.
pub fn handler(input: Input, ctx: &Context) -> Result<Output> {
    ctx.log.info("greeting", trivet::json!({ "name": input.name }));
    Ok(Output { message: format!("Hello, {}!", input.name) })
}
