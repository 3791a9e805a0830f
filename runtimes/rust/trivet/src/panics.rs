//! Panics of handlers become ERROR frames instead of prints.

use crate::call::{CallError, Failure};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;

#[derive(Clone, Default)]
pub struct Said {
    pub message: String,
    pub stack: String,
}

thread_local! {
    static IN_CALL: Cell<bool> = Cell::new(false);
    static SAID: RefCell<Said> = RefCell::new(Said::default());
}

pub fn in_call(yes: bool) {
    IN_CALL.with(|cell| cell.set(yes));
}

/// What the last panic of this thread said.
pub fn last() -> Said {
    SAID.with(|said| said.borrow().clone())
}

/// Keeps what a panic says. On threads that run no call it is printed too, as usual.
pub fn listen() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(String::new, |at| at.to_string());
        let stack = format!("at {}\n{}", place, backtrace());
        SAID.with(|said| *said.borrow_mut() = Said { message: text(panic.payload()), stack });
        if !IN_CALL.with(Cell::get) {
            usual(panic);
        }
    }));
}

pub fn failure(payload: Box<dyn Any + Send>) -> Failure {
    let mut failure = match payload.downcast_ref::<CallError>() {
        Some(error) => Failure::of_call(error),
        None => Failure::new("FUNCTION_ERROR", &text(&*payload)),
    };
    failure.kind = Some("panic".to_string());
    failure.stack = Some(last().stack);
    failure
}

fn text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return text.to_string();
    }
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic with a value that is no text".to_string())
}

#[cfg(not(feature = "backtrace"))]
fn backtrace() -> String {
    String::new()
}

/// The frames between the panic and the shim.
#[cfg(feature = "backtrace")]
fn backtrace() -> String {
    let whole = std::backtrace::Backtrace::force_capture().to_string();
    let mut frames: Vec<String> = Vec::new(); // "name" or "name at file:line"
    for line in whole.lines().map(str::trim) {
        match (line.strip_prefix("at "), line.split_once(": "), frames.last_mut()) {
            (Some(place), _, Some(frame)) => frame.push_str(&format!(" at {}", place)),
            (None, Some((_, name)), _) => frames.push(name.to_string()),
            _ => {}
        }
    }
    let begin = frames.iter().rposition(|frame| frame.starts_with("core::panicking::") || frame.contains("begin_panic")).map_or(0, |at| at + 1);
    let end = frames.iter().position(|frame| frame.contains("trivet::worker::") || frame.contains("catch_unwind")).unwrap_or(frames.len());
    frames.get(begin..end).unwrap_or(&[]).join("\n")
}
