//! Who is it? Checks the signature and the time of a JSON web token (HS256) and gives its claims.

use hmac::{Hmac, Mac};
use openruntimes::{Context, Response};
use serde::Deserialize;
use serde_json::{json, Map, Value};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    let bytes = base64::decode_config(text, base64::URL_SAFE_NO_PAD).map_err(|why| why.to_string())?;
    serde_json::from_slice(&bytes).map_err(|why| why.to_string())
}

fn check(token: &str, secret: &[u8], now: u64) -> Result<Claims, String> {
    let (signed, signature) = token.rsplit_once('.').ok_or("a token has three parts")?;
    let (header, claims) = signed.split_once('.').ok_or("a token has three parts")?;
    if part::<Header>(header)?.alg != "HS256" {
        return Err("only HS256 is taken".to_string());
    }
    let signature = base64::decode_config(signature, base64::URL_SAFE_NO_PAD).map_err(|why| why.to_string())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|why| why.to_string())?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&signature).map_err(|_| "the signature is wrong")?;
    let claims: Claims = part(claims)?;
    if claims.exp <= now {
        return Err("the token has expired".to_string());
    }
    Ok(claims)
}

pub fn main(context: Context) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let secret = std::env::var("JWT_SECRET").unwrap_or_default();
    let token = context.req.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("");
    match check(token, secret.as_bytes(), now) {
        Ok(claims) => context.res.json(json!({"user": claims.sub, "until": claims.exp, "claims": claims.rest}), None, None),
        Err(why) => {
            context.log(format!("refused: {}", why));
            context.res.json(json!({ "error": why }), Some(401), None)
        }
    }
}
