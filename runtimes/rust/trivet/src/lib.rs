//! What a Rust function of trivet uses, and the shim that serves it.
//!
//! ```no_run
//! use trivet::{record, Context, Result};
//!
//! record! {
//!     pub struct Input { name: String = "World".to_string() }
//!     pub struct Output { message: String }
//! }
//!
//! pub fn handler(input: Input, ctx: &Context) -> Result<Output> {
//!     ctx.log.info("greeting", ());
//!     Ok(Output { message: format!("Hello, {}!", input.name) })
//! }
//! # fn main() { trivet::serve_json!(handler) }
//! ```
//!
//! With serde in the function's `Cargo.toml`, its types may derive `Deserialize` and `Serialize` instead of being a [`record!`].
#![allow(clippy::needless_doctest_main)]

#[cfg(feature = "serde")]
mod by_serde;
mod call;
mod context;
#[doc(hidden)]
pub mod convert;
#[doc(hidden)]
pub mod dispatch;
mod frames;
pub mod http;
mod json;
mod modules;
mod panics;
mod stream;
#[doc(hidden)]
pub mod worker;

#[doc(hidden)]
pub use call::Call;
pub use crate::json::{Map, Value};
pub use call::CallError;
pub use context::{Context, Log};
pub use convert::{FromJson, ToJson};
pub use modules::Modules;
pub use stream::{Reply, Stream};

/// What a handler may return that can fail with any error.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
