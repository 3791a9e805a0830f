//! Many functions behind one worker.

use crate::call::{Call, Failure};
use crate::context::Context;
use crate::{FromJson, ToJson, Value};
use std::collections::HashMap;
use std::fmt::Display;

type Answer = Box<dyn Fn(Vec<Value>, &Context) -> Result<Value, Failure> + Send + Sync>;

/// The functions of the module interface, as `pub fn register(modules: &mut Modules)` adds them.
///
/// ```
/// pub fn register(modules: &mut trivet::Modules) {
///     modules.add("math", "add", |a: i64, b: i64| a + b);
/// }
/// ```
#[derive(Default)]
pub struct Modules(HashMap<(String, String), Answer>);

impl Modules {
    /// Adds a function under the names that calls use. With the module "" it answers whatever module a call names. It takes up to six arguments
    /// and returns nothing, a value, or a `Result`.
    pub fn add<A, M, F: Arguments<A>>(&mut self, module: &str, name: &str, function: F)
    where
        F::Out: Outcome<M>,
        F: Send + Sync + 'static,
    {
        let answer = move |args: Vec<Value>, _: &Context| function.call(args)?.outcome();
        self.0.insert((module.to_string(), name.to_string()), Box::new(answer));
    }

    /// The same for a function that gets all arguments as a list, and the call's context.
    pub fn add_with_context<M, O: Outcome<M>>(&mut self, module: &str, name: &str, function: impl Fn(Vec<Value>, &Context) -> O + Send + Sync + 'static) {
        let answer = move |args: Vec<Value>, context: &Context| function(args, context).outcome();
        self.0.insert((module.to_string(), name.to_string()), Box::new(answer));
    }

    pub fn answer(&self, call: &Call) -> Result<(), Failure> {
        let named = |what: &str| call.context().fact(what).as_str().unwrap_or("").to_string();
        let (module, name) = (named("module"), named("function"));
        let missing = || Failure::new("FUNCTION_NOT_FOUND", &format!("no function {}:{} was added", module, name));
        let found = self.0.get(&(module.clone(), name.clone())).or_else(|| self.0.get(&(String::new(), name.clone())));
        let function = found.ok_or_else(missing)?;
        let given = if call.body().is_empty() { Ok(Value::Array(Vec::new())) } else { Value::parse(call.body()) };
        let args = match given {
            Ok(Value::Array(args)) => args,
            Ok(other) => return Err(unfit(format!("the arguments are {}, not a list", other.kind()))),
            Err(why) => return Err(unfit(format!("the arguments are not JSON: {}", why))),
        };
        call.reply_json(&function(args, call.context())?)
    }
}

fn unfit(message: String) -> Failure {
    Failure::new("INVALID_INPUT", &message)
}

/// Functions whose arguments come from a list.
pub trait Arguments<A> {
    type Out;
    fn call(&self, args: Vec<Value>) -> Result<Self::Out, Failure>;
}

macro_rules! arguments {
    ($($count:literal: $($name:ident)*;)*) => {$(
        impl<Fun: Fn($($name),*) -> Out, Out, $($name: FromJson),*> Arguments<($($name,)*)> for Fun {
            type Out = Out;
            #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments)]
            fn call(&self, args: Vec<Value>) -> Result<Out, Failure> {
                if args.len() != $count {
                    return Err(unfit(format!("{} arguments were given, the function takes {}", args.len(), $count)));
                }
                let mut args = args.into_iter();
                let mut at = 0;
                $(
                    at += 1;
                    let $name = $name::from_json(args.next().unwrap_or(Value::Null)).map_err(|why| unfit(format!("argument {} {}", at, why)))?;
                )*
                Ok(self($($name),*))
            }
        }
    )*};
}
arguments! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
}

/// What such a function returns. M tells the two kinds apart.
pub trait Outcome<M> {
    fn outcome(self) -> Result<Value, Failure>;
}
pub struct Plain;
pub struct Fallible;
impl<T: ToJson> Outcome<Plain> for T {
    fn outcome(self) -> Result<Value, Failure> {
        Ok(self.to_json())
    }
}
impl<T: ToJson, E: Display + 'static> Outcome<Fallible> for Result<T, E> {
    fn outcome(self) -> Result<Value, Failure> {
        self.map(|value| value.to_json()).map_err(|error| Failure::returned(&error))
    }
}
