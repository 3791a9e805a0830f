//! How the macros of the generated main call handlers of many shapes.
//!
//! The shape is chosen where the types are known, by method resolution: of several traits that have a method of one name, the one that is implemented
//! for a type with more references is found first. So a type with both `FromJson` and serde's `Deserialize` is no conflict.

use crate::call::{Call, Failure};
use crate::context::Context;
use crate::http::Response;
use crate::{FromJson, Reply, Stream, ToJson, Value};
use std::cell::Cell;
use std::fmt::Display;
use std::marker::PhantomData;

/// A handler: `fn()`, `fn(input)`, `fn(input, &Context)` or `fn(input, Context)`. M tells them apart.
pub trait Shape<M> {
    type In;
    type Out;
    fn call(&self, input: Self::In, context: &Context) -> Self::Out;
}
impl<F: Fn() -> O, O> Shape<()> for F {
    type In = Nothing;
    type Out = O;
    fn call(&self, _: Nothing, _: &Context) -> O {
        self()
    }
}
impl<F: Fn(I) -> O, I, O> Shape<(I,)> for F {
    type In = I;
    type Out = O;
    fn call(&self, input: I, _: &Context) -> O {
        self(input)
    }
}
impl<F: Fn(I, &Context) -> O, I, O> Shape<(I, &'static Context)> for F {
    type In = I;
    type Out = O;
    fn call(&self, input: I, context: &Context) -> O {
        self(input, context)
    }
}
impl<F: Fn(I, Context) -> O, I, O> Shape<(I, Context)> for F {
    type In = I;
    type Out = O;
    fn call(&self, input: I, context: &Context) -> O {
        self(input, context.clone())
    }
}

/// The input of a handler that takes none.
pub struct Nothing;
impl FromJson for Nothing {
    fn from_json(_: Value) -> Result<Self, String> {
        Ok(Nothing)
    }
}

/// The type of a handler's input.
pub struct Wanted<T>(PhantomData<T>);

pub fn wanted<M, F: Shape<M>>(_: &F) -> Wanted<F::In> {
    Wanted(PhantomData)
}
pub fn invoke<M, F: Shape<M>>(handler: &F, input: F::In, context: &Context) -> F::Out {
    handler.call(input, context)
}

fn not_json(why: String) -> Failure {
    Failure::new("INVALID_INPUT", &format!("the input is not JSON: {}", why))
}

pub trait Reads<T> {
    fn read(&self, body: &[u8]) -> Result<T, Failure>;
}
impl<T: FromJson> Reads<T> for &Wanted<T> {
    fn read(&self, body: &[u8]) -> Result<T, Failure> {
        let value = if body.is_empty() { Value::Null } else { Value::parse(body).map_err(not_json)? };
        T::from_json(value).map_err(|why| Failure::new("INVALID_INPUT", &format!("the input is not what the handler takes: {}", why)))
    }
}
#[cfg(feature = "serde")]
pub trait ReadsBySerde<T> {
    fn read(&self, body: &[u8]) -> Result<T, Failure>;
}
#[cfg(feature = "serde")]
impl<T: serde::de::DeserializeOwned> ReadsBySerde<T> for Wanted<T> {
    fn read(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(if body.is_empty() { b"null" } else { body }).map_err(|why| match why.is_data() {
            true => Failure::new("INVALID_INPUT", &format!("the input is not what the handler takes: {}", why)),
            false => not_json(why.to_string()),
        })
    }
}

/// What a handler returned; it is taken out once.
pub struct Given<T>(Cell<Option<T>>);

pub fn given<T>(value: T) -> Given<T> {
    Given(Cell::new(Some(value)))
}
impl<T> Given<T> {
    fn take(&self) -> T {
        self.0.take().expect("a reply is sent once")
    }
}

/// An error ends the call, any other value is passed on.
pub trait SplitsResult<T> {
    fn split(&self) -> Result<Given<T>, Failure>;
}
impl<T, E: Display + 'static> SplitsResult<T> for &Given<Result<T, E>> {
    fn split(&self) -> Result<Given<T>, Failure> {
        self.take().map(given).map_err(|error| Failure::returned(&error))
    }
}
pub trait PassesOn<T> {
    fn split(&self) -> Result<Given<T>, Failure>;
}
impl<T> PassesOn<T> for Given<T> {
    fn split(&self) -> Result<Given<T>, Failure> {
        Ok(given(self.take()))
    }
}

pub trait SendsStream {
    fn send(&self, call: &Call) -> Result<(), Failure>;
}
impl SendsStream for &&Given<Stream> {
    fn send(&self, call: &Call) -> Result<(), Failure> {
        call.stream_lines(self.take())
    }
}
impl SendsStream for &&Given<Reply> {
    fn send(&self, call: &Call) -> Result<(), Failure> {
        match self.take() {
            Reply::Value(value) => call.reply_json(&value),
            Reply::Stream(pieces) => call.stream_lines(pieces),
        }
    }
}
pub trait SendsJson {
    fn send(&self, call: &Call) -> Result<(), Failure>;
}
impl<T: ToJson> SendsJson for &Given<T> {
    fn send(&self, call: &Call) -> Result<(), Failure> {
        call.reply_json(&self.take().to_json())
    }
}
#[cfg(feature = "serde")]
pub trait SendsBySerde {
    fn send(&self, call: &Call) -> Result<(), Failure>;
}
#[cfg(feature = "serde")]
impl<T: serde::Serialize> SendsBySerde for Given<T> {
    fn send(&self, call: &Call) -> Result<(), Failure> {
        let text = serde_json::to_vec(&self.take());
        call.reply(&[], &text.map_err(|why| Failure::new("INVALID_OUTPUT", &format!("the handler's value cannot be written as JSON: {}", why)))?)
    }
}

/// What a context handler returns: a `Response`, or an `Option` of one.
pub trait SendsResponse {
    fn respond(self, call: &Call, http: &crate::http::Context) -> Result<(), Failure>;
}
impl SendsResponse for Given<Response> {
    fn respond(self, call: &Call, http: &crate::http::Context) -> Result<(), Failure> {
        http.send(call, Some(self.take()))
    }
}
impl SendsResponse for Given<Option<Response>> {
    fn respond(self, call: &Call, http: &crate::http::Context) -> Result<(), Failure> {
        http.send(call, self.take())
    }
}

/// The main of a worker for the json interface.
#[macro_export]
macro_rules! serve_json {
    ($handler:path) => {{
        #[allow(unused_imports)]
        use $crate::dispatch::*;
        $crate::worker::serve(|| {
            Box::new(|call: &$crate::Call| {
                let input = (&&wanted(&$handler)).read(call.body())?;
                let output = (&&given(invoke(&$handler, input, call.context()))).split()?;
                (&&&output).send(call)
            })
        })
    }};
}

/// The same for the context interface: `fn(Context) -> Response`.
#[macro_export]
macro_rules! serve_context {
    ($handler:path) => {{
        #[allow(unused_imports)]
        use $crate::dispatch::*;
        $crate::worker::serve(|| {
            Box::new(|call: &$crate::Call| {
                let context = $crate::http::Context::new(call.context());
                let response = (&&given($handler(context.clone()))).split()?;
                response.respond(call, &context)
            })
        })
    }};
}

/// The same for the module interface: `fn(&mut Modules)`, which adds the functions.
#[macro_export]
macro_rules! serve_modules {
    ($register:path) => {
        $crate::worker::serve(|| {
            let mut modules = $crate::Modules::default();
            $register(&mut modules);
            Box::new(move |call: &$crate::Call| modules.answer(call))
        })
    };
}
