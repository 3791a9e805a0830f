//! Values for serde, and serde_json's values for us.

use crate::{Map, ToJson, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl From<serde_json::Value> for Value {
    fn from(from: serde_json::Value) -> Value {
        match from {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Value::Int(n),
                (None, Some(n)) => Value::UInt(n),
                (None, None) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(values) => Value::Array(values.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(entries) => {
                let mut map = Map::new();
                for (name, value) in entries {
                    map.insert(name, value.into());
                }
                Value::Object(map)
            }
        }
    }
}

impl ToJson for serde_json::Value {
    fn to_json(&self) -> Value {
        self.clone().into()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => to.serialize_unit(),
            Value::Bool(value) => to.serialize_bool(*value),
            Value::Int(n) => to.serialize_i64(*n),
            Value::UInt(n) => to.serialize_u64(*n),
            Value::Float(n) => to.serialize_f64(*n),
            Value::String(text) => to.serialize_str(text),
            Value::Array(values) => to.collect_seq(values),
            Value::Object(map) => to.collect_map(map.iter()),
        }
    }
}

impl<'a> Deserialize<'a> for Value {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Value, D::Error> {
        serde_json::Value::deserialize(from).map(Value::from)
    }
}
