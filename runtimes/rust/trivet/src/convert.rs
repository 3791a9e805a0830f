//! Between JSON and Rust's own types.

use crate::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// What can be written as JSON. [`record!`](crate::record) gives it to structs.
pub trait ToJson {
    fn to_json(&self) -> Value;
}

/// What can be read from JSON. [`record!`](crate::record) gives it to structs.
pub trait FromJson: Sized {
    fn from_json(value: Value) -> Result<Self, String>;
    /// What a field of this type is when the object does not have it.
    fn missing() -> Result<Self, String> {
        Err("is missing".to_string())
    }
}

fn unfit<T>(wanted: &str, found: &Value) -> Result<T, String> {
    Err(format!("is {}, not {}", found.kind(), wanted))
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn to_json(&self) -> Value {
                match i64::try_from(*self) {
                    Ok(n) => Value::Int(n),
                    Err(_) => Value::UInt(*self as u64),
                }
            }
        }
        impl FromJson for $type {
            fn from_json(value: Value) -> Result<Self, String> {
                let found = match value.as_u64() {
                    Some(n) => <$type>::try_from(n).ok(),
                    None => value.as_i64().and_then(|n| <$type>::try_from(n).ok()),
                };
                match found {
                    Some(n) => Ok(n),
                    None => unfit(concat!("a whole number that fits ", stringify!($type)), &value),
                }
            }
        }
    )*};
}
whole_numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn to_json(&self) -> Value {
                Value::Float(*self as f64)
            }
        }
        impl FromJson for $type {
            fn from_json(value: Value) -> Result<Self, String> {
                value.as_f64().map(|n| n as $type).map_or_else(|| unfit("a number", &value), Ok)
            }
        }
    )*};
}
floats!(f32, f64);

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}
impl FromJson for Value {
    fn from_json(value: Value) -> Result<Self, String> {
        Ok(value)
    }
    fn missing() -> Result<Self, String> {
        Ok(Value::Null)
    }
}
impl ToJson for Map {
    fn to_json(&self) -> Value {
        Value::Object(self.clone())
    }
}
impl FromJson for Map {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => Ok(map),
            other => unfit("an object", &other),
        }
    }
}
impl ToJson for () {
    fn to_json(&self) -> Value {
        Value::Null
    }
}
impl FromJson for () {
    fn from_json(_: Value) -> Result<Self, String> {
        Ok(())
    }
}
impl ToJson for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }
}
impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_bool().map_or_else(|| unfit("a boolean", &value), Ok)
    }
}
impl ToJson for str {
    fn to_json(&self) -> Value {
        Value::String(self.to_string())
    }
}
impl ToJson for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }
}
impl FromJson for String {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            other => unfit("a string", &other),
        }
    }
}
impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}
impl<T: ToJson + ?Sized> ToJson for Box<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}
impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToJson::to_json)
    }
}
impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value) -> Result<Self, String> {
        if value.is_null() {
            return Ok(None);
        }
        T::from_json(value).map(Some)
    }
    fn missing() -> Result<Self, String> {
        Ok(None)
    }
}
impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(ToJson::to_json).collect())
    }
}
impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Value {
        self[..].to_json()
    }
}
impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        self[..].to_json()
    }
}
impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(values) => {
                let read = |(at, value)| T::from_json(value).map_err(|why| format!("[{}] {}", at, why));
                values.into_iter().enumerate().map(read).collect()
            }
            other => unfit("a list", &other),
        }
    }
}

macro_rules! maps {
    ($($map:ident),*) => {$(
        impl<K: AsRef<str>, T: ToJson> ToJson for $map<K, T> {
            fn to_json(&self) -> Value {
                let mut map = Map::new();
                for (name, value) in self {
                    map.insert(name.as_ref(), value.to_json());
                }
                Value::Object(map)
            }
        }
        impl<T: FromJson> FromJson for $map<String, T> {
            fn from_json(value: Value) -> Result<Self, String> {
                let map = Map::from_json(value)?;
                map.into_iter().map(|(name, value)| T::from_json(value).map(|value| (name, value))).collect()
            }
        }
    )*};
}
maps!(HashMap, BTreeMap);

macro_rules! tuples {
    ($($count:literal: $($name:ident $at:tt)+;)*) => {$(
        impl<$($name: ToJson),+> ToJson for ($($name,)+) {
            fn to_json(&self) -> Value {
                Value::Array(vec![$(self.$at.to_json()),+])
            }
        }
        impl<$($name: FromJson),+> FromJson for ($($name,)+) {
            fn from_json(value: Value) -> Result<Self, String> {
                let values: Vec<Value> = FromJson::from_json(value)?;
                if values.len() != $count {
                    return Err(format!("has {} values, not {}", values.len(), $count));
                }
                let mut values = values.into_iter();
                Ok(($($name::from_json(values.next().unwrap_or(Value::Null)).map_err(|why| format!("[{}] {}", $at, why))?,)+))
            }
        }
    )*};
}
tuples! {
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
}

macro_rules! into_value {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(from: $type) -> Value {
                from.to_json()
            }
        }
    )*};
}
into_value!(bool, i32, i64, u32, u64, usize, f64, &str);

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}
impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::Array(values)
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Object(map)
    }
}

/// The field of an object that [`record!`](crate::record) reads.
pub fn field<T: FromJson>(map: &mut Map, name: &str, default: Option<fn() -> T>) -> Result<T, String> {
    let read = match (map.take(name), default) {
        (Some(value), _) => T::from_json(value),
        (None, Some(default)) => Ok(default()),
        (None, None) => T::missing(),
    };
    read.map_err(|why| match why.split(' ').next() {
        Some("is" | "has") => format!("{} {}", name, why),
        _ if why.starts_with('[') => format!("{}{}", name, why),
        _ => format!("{}.{}", name, why), // the path that was found inside
    })
}

/// Structs that JSON objects are read into and written from. A field may have a default; one of type `Option` may be missing.
///
/// ```
/// trivet::record! {
///     pub struct Size { pub width: f64, pub height: f64 = 1.0, pub name: Option<String> }
/// }
/// ```
#[macro_export]
macro_rules! record {
    ($($(#[$about:meta])* $see:vis struct $name:ident { $($(#[$note:meta])* $show:vis $field:ident : $type:ty $(= $default:expr)?),* $(,)? })+) => {$(
        $(#[$about])*
        $see struct $name { $($(#[$note])* $show $field: $type),* }
        impl $crate::FromJson for $name {
            fn from_json(value: $crate::Value) -> ::std::result::Result<Self, String> {
                #[allow(unused_mut, unused_variables)]
                let mut map = <$crate::Map as $crate::FromJson>::from_json(value)?;
                Ok($name { $($field: $crate::convert::field(&mut map, stringify!($field), $crate::record!(@default $type $(, $default)?))?),* })
            }
        }
        impl $crate::ToJson for $name {
            fn to_json(&self) -> $crate::Value {
                #[allow(unused_mut)]
                let mut map = $crate::Map::new();
                $(map.insert(stringify!($field), $crate::ToJson::to_json(&self.$field));)*
                $crate::Value::Object(map)
            }
        }
    )+};
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => { Some(|| -> $type { $default }) };
}

/// A JSON value as it is written: `json!({"name": name, "sizes": [1, 2], "none": null})`.
#[macro_export]
macro_rules! json {
    (@object $map:ident) => {};
    (@object $map:ident $name:tt : null $(, $($rest:tt)*)?) => { $map.insert($name, $crate::Value::Null); $crate::json!(@object $map $($($rest)*)?) };
    (@object $map:ident $name:tt : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => { $map.insert($name, $crate::json!([ $($inner)* ])); $crate::json!(@object $map $($($rest)*)?) };
    (@object $map:ident $name:tt : { $($inner:tt)* } $(, $($rest:tt)*)?) => { $map.insert($name, $crate::json!({ $($inner)* })); $crate::json!(@object $map $($($rest)*)?) };
    (@object $map:ident $name:tt : $value:expr $(, $($rest:tt)*)?) => { $map.insert($name, $crate::ToJson::to_json(&$value)); $crate::json!(@object $map $($($rest)*)?) };
    (@array $list:ident) => {};
    (@array $list:ident null $(, $($rest:tt)*)?) => { $list.push($crate::Value::Null); $crate::json!(@array $list $($($rest)*)?) };
    (@array $list:ident [ $($inner:tt)* ] $(, $($rest:tt)*)?) => { $list.push($crate::json!([ $($inner)* ])); $crate::json!(@array $list $($($rest)*)?) };
    (@array $list:ident { $($inner:tt)* } $(, $($rest:tt)*)?) => { $list.push($crate::json!({ $($inner)* })); $crate::json!(@array $list $($($rest)*)?) };
    (@array $list:ident $value:expr $(, $($rest:tt)*)?) => { $list.push($crate::ToJson::to_json(&$value)); $crate::json!(@array $list $($($rest)*)?) };
    (null) => { $crate::Value::Null };
    ([ $($inner:tt)* ]) => {{ #[allow(unused_mut, clippy::vec_init_then_push)] let mut list = ::std::vec::Vec::new(); $crate::json!(@array list $($inner)*); $crate::Value::Array(list) }};
    ({ $($inner:tt)* }) => {{ #[allow(unused_mut)] let mut map = $crate::Map::new(); $crate::json!(@object map $($inner)*); $crate::Value::Object(map) }};
    ($value:expr) => { $crate::ToJson::to_json(&$value) };
}
