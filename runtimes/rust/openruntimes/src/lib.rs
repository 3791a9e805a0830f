//! The names that functions written for open-runtimes use.
pub use trivet::http::{Context, Headers, LogMessage, Request as ContextRequest, Responder as ContextResponse, Response};
