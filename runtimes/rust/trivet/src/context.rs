//! What a handler is told besides its input, and what it can ask of the host.

use crate::call::{cut, Answer, CallError, Flight};
use crate::frames;
use crate::worker::Worker;
use crate::{json, FromJson, ToJson, Value};
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LINE_MOST: usize = 64 << 10;

/// What a json handler gets beside its input. Copies of it can be kept by threads.
#[derive(Clone)]
pub struct Context {
    pub log: Log,
    worker: Arc<Worker>,
    flight: Arc<Flight>,
    told: Arc<Mutex<Option<Value>>>, // CALL's meta, parsed when it is asked for
}

/// Writes lines that carry a level and fields: `ctx.log.info("sent", json!({"to": name}))`. Without fields: `()`.
#[derive(Clone)]
pub struct Log {
    worker: Arc<Worker>,
    call: u32,
}

impl Log {
    pub fn debug(&self, message: &str, fields: impl ToJson) {
        self.write("debug", message, &fields.to_json());
    }
    pub fn info(&self, message: &str, fields: impl ToJson) {
        self.write("info", message, &fields.to_json());
    }
    pub fn warn(&self, message: &str, fields: impl ToJson) {
        self.write("warn", message, &fields.to_json());
    }
    pub fn error(&self, message: &str, fields: impl ToJson) {
        self.write("error", message, &fields.to_json());
    }
    pub(crate) fn write(&self, level: &str, message: &str, fields: &Value) {
        let mut meta = json!({ "level": level });
        if let (Value::Object(map), Value::Object(_)) = (&mut meta, fields) {
            map.insert("fields", fields.clone());
        }
        let text = meta.write().ok().filter(|text| text.len() <= frames::META_MOST);
        let text = text.unwrap_or_else(|| json!({ "level": level }).to_string());
        self.worker.out.write(frames::LOG, self.call, text.as_bytes(), cut(message, LINE_MOST).as_bytes(), false);
    }
}

impl Context {
    pub(crate) fn new(worker: Arc<Worker>, flight: Arc<Flight>) -> Context {
        let log = Log { worker: worker.clone(), call: flight.id };
        Context { log, worker, flight, told: Arc::new(Mutex::new(None)) }
    }
    pub(crate) fn fact(&self, name: &str) -> Value {
        let mut told = crate::worker::locked(&self.told);
        told.get_or_insert_with(|| Value::parse(&self.flight.meta).unwrap_or(Value::Null))[name].clone()
    }
    pub(crate) fn body(&self) -> &[u8] {
        &self.flight.body
    }

    /// Identifies the call in logs.
    pub fn call_id(&self) -> String {
        self.fact("id").as_str().unwrap_or("").to_string()
    }
    /// The name of the function that is called.
    pub fn function(&self) -> &str {
        &self.worker.plan.function
    }
    /// Who calls: an object, or null.
    pub fn auth(&self) -> Value {
        self.fact("auth")
    }
    /// The function's own variables.
    pub fn env(&self) -> &HashMap<String, String> {
        &self.worker.plan.env
    }
    /// When the call must have ended, in Unix milliseconds.
    pub fn deadline_ms(&self) -> i64 {
        self.fact("deadline_ms").as_i64().unwrap_or(0)
    }
    /// What is left until then.
    pub fn remaining(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(self.deadline_ms().max(0) as u64).saturating_sub(now)
    }

    /// Whether the call was cancelled: nobody waits for its reply any more. A call that goes on for more than 250 ms after that is killed with its worker.
    pub fn is_cancelled(&self) -> bool {
        self.flight.is_cancelled()
    }
    /// Waits for that. False: the call has ended otherwise.
    pub fn wait_cancelled(&self) -> bool {
        self.worker.before_waiting();
        self.flight.wait_cancelled(None)
    }
    /// A sleep that a cancelled call ends early. True: it was cancelled.
    pub fn sleep(&self, time: Duration) -> bool {
        self.worker.before_waiting();
        self.flight.wait_cancelled(Some(Instant::now() + time))
    }

    /// Calls another function and gives what it returned: JSON, the list of values of one that streamed lines of JSON, or text.
    pub fn call(&self, function: &str, input: impl ToJson) -> Result<Value, CallError> {
        self.ask(function, &input.to_json(), None)?.value(function)
    }
    /// The same, with less time than the call has.
    pub fn call_within(&self, time: Duration, function: &str, input: impl ToJson) -> Result<Value, CallError> {
        self.ask(function, &input.to_json(), Some(time))?.value(function)
    }
    /// The same, read into a type.
    pub fn call_as<T: FromJson>(&self, function: &str, input: impl ToJson) -> Result<T, CallError> {
        let value = self.call(function, input)?;
        T::from_json(value).map_err(|why| failed("INVALID_OUTPUT", function, format!("what {} returned {}", function, why)))
    }
    /// The same for functions that answer with anything: the content type and the bytes.
    pub fn call_bytes(&self, function: &str, input: impl ToJson) -> Result<(String, Vec<u8>), CallError> {
        let answer = self.ask(function, &input.to_json(), None)?;
        Ok((answer.kind().to_string(), answer.body))
    }

    fn ask(&self, function: &str, input: &Value, time: Option<Duration>) -> Result<Answer, CallError> {
        let body = input.write().map_err(|why| failed("INVALID_INPUT", function, why))?;
        let number = self.worker.asks.fetch_add(1, Relaxed) + 1;
        let mut wish = crate::Map::new();
        wish.insert("ask", number.into());
        wish.insert("service", "call".into());
        wish.insert("function", function.into());
        if let Some(time) = time {
            wish.insert("timeout_ms", (time.as_millis() as u64).into());
        }
        let meta = Value::Object(wish).to_string();
        if frames::HEADER - 4 + meta.len() + body.len() > self.worker.plan.max_frame || meta.len() > frames::META_MOST {
            let message = format!("the input has {} bytes, more than limits.payload of its caller allows", body.len());
            return Err(failed("PAYLOAD_TOO_LARGE", function, message));
        }
        if !self.flight.expect(number) {
            return Err(failed("CANCELLED", function, "the call has ended".to_string()));
        }
        self.worker.out.write(frames::ASK, self.flight.id, meta.as_bytes(), body.as_bytes(), false);
        self.worker.before_waiting();
        match self.flight.wait_answer(number, time.map(|time| Instant::now() + time)) {
            Ok(answer) if answer.meta["ok"].as_bool() == Some(true) => Ok(answer),
            Ok(answer) => Err(answer.refusal()),
            Err(true) => Err(failed("CANCELLED", function, "the call was cancelled".to_string())),
            Err(false) => Err(failed("FUNCTION_TIMEOUT", function, format!("{} did not answer before the deadline of its caller", function))),
        }
    }
}

fn failed(code: &str, function: &str, message: String) -> CallError {
    CallError { code: code.to_string(), message, function: function.to_string(), status: None, body: Vec::new(), details: Value::Null }
}

impl Answer {
    fn kind(&self) -> &str {
        self.meta["type"].as_str().unwrap_or("application/json")
    }

    fn value(self, function: &str) -> Result<Value, CallError> {
        let text = String::from_utf8_lossy(&self.body);
        let read = if self.kind().starts_with("text/") {
            Ok(Value::String(text.into_owned()))
        } else if self.kind().starts_with("application/x-ndjson") {
            let lines = text.lines().filter(|line| !line.is_empty());
            lines.map(|line| Value::parse(line.as_bytes())).collect::<Result<Vec<_>, _>>().map(Value::Array)
        } else if self.kind().starts_with("application/json") {
            Value::parse(&self.body)
        } else {
            Err(format!("it is {}: use call_bytes", self.kind()))
        };
        read.map_err(|why| failed("INVALID_OUTPUT", function, format!("what {} returned is not JSON: {}", function, why)))
    }

    fn refusal(self) -> CallError {
        let error = &self.meta["error"];
        let text = |name: &str| error[name].as_str().unwrap_or("").to_string();
        CallError {
            code: text("code"),
            message: text("message"),
            function: text("function"),
            status: error["status"].as_u64().map(|status| status as u16),
            body: self.body,
            details: error.clone(),
        }
    }
}
