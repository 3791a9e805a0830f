//! A worker that speaks packet4: four bytes of big-endian length, then JSON.

mod json;

use json::Json;
use std::io::{self, Read, Write};

type Outcome = Result<Json, String>;

fn numbers(value: &Json) -> Result<Vec<f64>, String> {
    let items = match value {
        Json::List(items) => items,
        other => return Err(format!("{other} is not a list")),
    };
    items
        .iter()
        .map(|item| match item {
            Json::Number(number) => Ok(*number),
            other => Err(format!("{other} is not a number")),
        })
        .collect()
}

fn add(args: &[Json]) -> Outcome {
    Ok(Json::Number(numbers(&Json::List(args.to_vec()))?.iter().sum()))
}

fn reverse(args: &[Json]) -> Outcome {
    match args {
        [Json::Text(text)] => Ok(Json::Text(text.chars().rev().collect())),
        _ => Err("reverse takes one text".into()),
    }
}

/// Slow on purpose.
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn fibonacci(args: &[Json]) -> Outcome {
    match args {
        [Json::Number(n)] => Ok(Json::Number(fib(*n as u64) as f64)),
        _ => Err("fibonacci takes one number".into()),
    }
}

fn batch_sum(args: &[Json]) -> Outcome {
    match args {
        [Json::List(batches)] => {
            let sums: Result<Vec<Json>, String> =
                batches.iter().map(|batch| Ok(Json::Number(numbers(batch)?.iter().sum()))).collect();
            Ok(Json::List(sums?))
        }
        _ => Err("batch_sum takes a list of lists".into()),
    }
}

fn echo(args: &[Json]) -> Outcome {
    args.first().cloned().ok_or("echo takes one value".into())
}

fn text(value: &str) -> Json {
    Json::Text(value.to_string())
}

fn error(code: &str, message: &str) -> (String, Json) {
    let failure = vec![("code".to_string(), text(code)), ("message".to_string(), text(message))];
    ("error".to_string(), Json::Object(failure))
}

fn answer(call: &Json) -> Json {
    let function = match call.get("function") {
        Some(Json::Text(name)) => name.as_str(),
        _ => "",
    };
    let args = match call.get("args") {
        Some(Json::List(args)) => args.as_slice(),
        _ => &[],
    };
    let outcome = match function {
        "add" => add(args),
        "reverse" => reverse(args),
        "fibonacci" => fibonacci(args),
        "batch_sum" => batch_sum(args),
        "echo" => echo(args),
        other => return reply(call, error("NO_SUCH_FUNCTION", &format!("there is no function {other}"))),
    };
    match outcome {
        Ok(result) => reply(call, ("result".to_string(), result)),
        Err(message) => reply(call, error("BAD_ARGUMENTS", &message)),
    }
}

fn reply(call: &Json, outcome: (String, Json)) -> Json {
    let id = call.get("id").cloned().unwrap_or(Json::Null);
    Json::Object(vec![("id".to_string(), id), outcome])
}

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut head = [0; 4];
    while input.read_exact(&mut head).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(head) as usize];
        input.read_exact(&mut message)?;
        let call = json::parse(&message).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        let out = answer(&call).to_string();
        output.write_all(&(out.len() as u32).to_be_bytes())?;
        output.write_all(out.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}
