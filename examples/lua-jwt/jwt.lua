-- JSON Web Tokens (RFC 7519): signed ones, by HS256 with a secret or RS256 with a public key.
local hmac = require('openssl.hmac')
local pkey = require('openssl.pkey')
local digest = require('openssl.digest')

local jwt = {}
local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local VALUES = {}
for at = 1, #ALPHABET do VALUES[ALPHABET:byte(at)] = at - 1 end

-- Bytes of base64 as tokens have it: two letters of its own, and no padding.
local function from_base64url(text)
  local out, bits, count = {}, 0, 0
  for at = 1, #text do
    bits, count = (bits << 6 | VALUES[text:byte(at)]) & 0xFFFF, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 0xFF)
    end
  end
  return table.concat(out)
end

-- Takes as long for wrong texts as for right ones.
local function same(a, b)
  local differ = #a ~ #b
  for at = 1, math.min(#a, #b) do differ = differ | (a:byte(at) ~ b:byte(at)) end
  return differ == 0
end

local CHECKS = {
  HS256 = function(text, signature, keys)
    return keys.secret and same(hmac.new(keys.secret, 'sha256'):final(text), signature)
  end,
  RS256 = function(text, signature, keys)
    return keys.public and pkey.new(keys.public):verify(signature, digest.new('sha256'):update(text))
  end,
}

-- The claims of a token; or nothing, and why it is refused. `decode` reads JSON, `now` is in Unix seconds.
function jwt.claims(token, keys, decode, now)
  local head, body, signature = token:match('^([%w_-]+)%.([%w_-]+)%.([%w_-]*)$')
  if not head then return nil, 'this is no token' end
  local ok, header = pcall(function() return decode(from_base64url(head)) end)
  local check = ok and CHECKS[header.alg]
  if not check then return nil, 'its algorithm is not accepted' end
  local fine, is_right = pcall(check, head .. '.' .. body, from_base64url(signature), keys)
  if not (fine and is_right) then return nil, 'its signature is wrong' end
  local claims
  ok, claims = pcall(function() return decode(from_base64url(body)) end)
  if not ok or type(claims) ~= 'table' then return nil, 'it holds no claims' end
  if claims.exp and now >= claims.exp then return nil, 'it has expired' end
  if claims.nbf and now < claims.nbf then return nil, 'it is not valid yet' end
  return claims
end

return jwt
