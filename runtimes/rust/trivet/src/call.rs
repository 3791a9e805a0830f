//! A call in flight, and how it fails.

use crate::context::Context;
use crate::frames::{self, Frame};
use crate::worker::{locked, Worker};
use crate::{json, Stream, Value};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

const TEXT_MOST: usize = 64 << 10; // of a message, a stack or a log line

/// Cuts a text at a character.
pub fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What an ERROR frame says.
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    pub kind: Option<String>,
    pub stack: Option<String>,
}

impl Failure {
    pub fn new(code: &'static str, message: &str) -> Failure {
        Failure { code, message: message.to_string(), kind: None, stack: None }
    }

    /// Of the error that a handler returned.
    pub fn returned<E: fmt::Display + 'static>(error: &E) -> Failure {
        let any: &dyn Any = error;
        let boxed = any.downcast_ref::<Box<dyn std::error::Error>>().and_then(|e| e.downcast_ref::<CallError>());
        let sent = any.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>().and_then(|e| e.downcast_ref::<CallError>());
        let mut failure = match any.downcast_ref::<CallError>().or(boxed).or(sent) {
            Some(error) => Failure::of_call(error),
            None => Failure::new("FUNCTION_ERROR", &error.to_string()),
        };
        failure.kind = Some(std::any::type_name::<E>().to_string());
        failure
    }

    /// Of a call that the handler made: a loop is told as it is by each function that it passes through.
    pub fn of_call(error: &CallError) -> Failure {
        if error.code == "LOOP_DETECTED" {
            return Failure::new("LOOP_DETECTED", &error.message);
        }
        Failure::new("FUNCTION_ERROR", &error.to_string())
    }

    pub fn meta(&self) -> String {
        let mut told = crate::Map::new();
        told.insert("code", self.code.into());
        told.insert("message", cut(&self.message, TEXT_MOST).into());
        for (name, text) in [("type", &self.kind), ("stack", &self.stack)] {
            if let Some(text) = text {
                told.insert(name, cut(text, TEXT_MOST).into());
            }
        }
        Value::Object(told).to_string()
    }
}

/// Why a call of another function failed.
#[derive(Clone, Debug)]
pub struct CallError {
    /// As in the host's own answers: `FUNCTION_NOT_FOUND`, `FUNCTION_TIMEOUT`, ...
    pub code: String,
    pub message: String,
    pub function: String,
    /// Of an answer that refused.
    pub status: Option<u16>,
    /// Of such an answer.
    pub body: Vec<u8>,
    /// All that is known.
    pub details: Value,
}

impl fmt::Display for CallError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}: {}", self.function, self.code, self.message)
    }
}
impl std::error::Error for CallError {}

/// An ANSWER frame.
pub struct Answer {
    pub meta: Value,
    pub body: Vec<u8>,
}

pub struct Flight {
    pub id: u32,
    pub meta: Vec<u8>,
    pub body: Vec<u8>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    cancelled: bool,
    ended: bool,
    credit: usize,
    asks: HashMap<u64, Option<Answer>>, // those that are waited for
    waiting: usize,                     // threads that wait for a change
}

impl Flight {
    pub fn new(id: u32, meta: Vec<u8>, body: Vec<u8>, credit: usize) -> Flight {
        let state = State { cancelled: false, ended: false, credit, asks: HashMap::new(), waiting: 0 };
        Flight { id, meta, body, state: Mutex::new(state), changed: Condvar::new() }
    }
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = locked(&self.state);
        change(&mut state);
        // To notify nobody is a system call, too.
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }
    pub fn cancel(&self) {
        self.change(|state| state.cancelled = true);
    }
    pub fn end(&self) {
        self.change(|state| state.ended = true);
    }
    pub fn grant(&self, bytes: usize) {
        self.change(|state| state.credit += bytes);
    }
    pub fn answered(&self, frame: Frame) {
        let meta = Value::parse(&frame.meta).unwrap_or(Value::Null);
        let number = meta["ask"].as_u64().unwrap_or(0);
        self.change(|state| {
            if let Some(place) = state.asks.get_mut(&number) {
                *place = Some(Answer { meta, body: frame.body });
            }
        });
    }
    pub fn is_cancelled(&self) -> bool {
        locked(&self.state).cancelled
    }

    /// Waits until `ready` gives something; none when that is later than `until`.
    fn wait<T>(&self, until: Option<Instant>, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = locked(&self.state);
        loop {
            if let Some(found) = ready(&mut state) {
                return Some(found);
            }
            let left = match until {
                None => None,
                Some(until) => Some(until.checked_duration_since(Instant::now())?),
            };
            state.waiting += 1;
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0,
            };
            state.waiting -= 1;
        }
    }

    /// True when the call was cancelled, false when that did not happen in time.
    pub fn wait_cancelled(&self, until: Option<Instant>) -> bool {
        self.wait(until, |state| if state.cancelled || state.ended { Some(state.cancelled) } else { None }).unwrap_or(false)
    }

    /// Says that an answer will be waited for; false when the call has ended.
    pub fn expect(&self, ask: u64) -> bool {
        let mut state = locked(&self.state);
        if !state.ended && !state.cancelled {
            state.asks.insert(ask, None);
        }
        state.asks.contains_key(&ask)
    }

    /// The answer; `Err(true)` when the call was cancelled or has ended, `Err(false)` when it is too late.
    pub fn wait_answer(&self, ask: u64, until: Option<Instant>) -> Result<Answer, bool> {
        let found = self.wait(until, |state| match state.asks.get_mut(&ask).and_then(Option::take) {
            Some(answer) => Some(Ok(answer)),
            None if state.cancelled || state.ended => Some(Err(true)),
            None => None,
        });
        locked(&self.state).asks.remove(&ask);
        found.unwrap_or(Err(false))
    }

    /// Takes leave to send so many bytes; false when the call was cancelled.
    fn spend(&self, bytes: usize) -> bool {
        let spent = |state: &mut State| {
            if state.cancelled {
                return Some(false);
            }
            state.credit = state.credit.checked_sub(bytes)?;
            Some(true)
        };
        self.wait(None, spent).unwrap_or(false)
    }
}

/// What user code has printed goes out before the reply does.
pub fn flush() {
    let _ = std::io::stdout().flush();
}

/// A call as the macros see it.
pub struct Call {
    worker: Arc<Worker>,
    flight: Arc<Flight>,
    context: Context,
}

impl Call {
    pub fn new(worker: Arc<Worker>, flight: Arc<Flight>) -> Call {
        let context = Context::new(worker.clone(), flight.clone());
        Call { worker, flight, context }
    }
    pub fn body(&self) -> &[u8] {
        &self.flight.body
    }
    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn reply(&self, meta: &[u8], body: &[u8]) -> Result<(), Failure> {
        let size = meta.len() + body.len();
        if frames::HEADER - 4 + size > self.worker.plan.max_frame || meta.len() > frames::META_MOST {
            let message = format!("the reply has {} bytes, more than limits.payload allows: return less, or stream it", size);
            return Err(Failure::new("INVALID_OUTPUT", &message));
        }
        flush();
        self.worker.out.write(frames::REPLY, self.flight.id, meta, body, false);
        Ok(())
    }

    pub fn reply_json(&self, value: &Value) -> Result<(), Failure> {
        let wrong = |why| Failure::new("INVALID_OUTPUT", &format!("the handler's value cannot be written as JSON: {}", why));
        self.reply(&[], value.write().map_err(wrong)?.as_bytes())
    }

    /// Sends what comes, within the host's credit.
    pub fn stream(&self, meta: &[u8], pieces: Stream) -> Result<(), Failure> {
        let id = self.flight.id;
        flush();
        self.worker.out.write(frames::REPLY, id, meta, &[], true);
        for piece in pieces {
            let piece = piece.map_err(|why| Failure::new("INVALID_OUTPUT", &format!("a value of the stream cannot be written as JSON: {}", why)))?;
            for part in piece.chunks(frames::CHUNK_MOST) {
                self.worker.before_waiting_for(&self.flight, part.len());
                if !self.flight.spend(part.len()) {
                    return Err(Failure::new("CANCELLED", "the stream was cancelled"));
                }
                self.worker.out.write(frames::CHUNK, id, &[], part, true);
            }
        }
        flush();
        self.worker.out.write(frames::CHUNK, id, &[], &[], false);
        Ok(())
    }

    pub fn stream_lines(&self, pieces: Stream) -> Result<(), Failure> {
        let meta = json!({"headers": [["content-type", "application/x-ndjson"]]});
        self.stream(meta.to_string().as_bytes(), pieces)
    }
}

impl Worker {
    /// CREDIT may have to be read for this.
    fn before_waiting_for(self: &Arc<Self>, flight: &Flight, bytes: usize) {
        if locked(&flight.state).credit < bytes {
            self.before_waiting();
        }
    }
}
