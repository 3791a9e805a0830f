use trivet::{Context, Result, Value};

pub fn handler(input: Value, _ctx: &Context) -> Result<Value> {
    Ok(input)
}
