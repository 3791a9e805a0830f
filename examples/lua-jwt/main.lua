local jwt = require('jwt')

-- JWT_PUBLIC_KEY is PEM; each key is optional, and a token that needs the other is refused.
local keys = {secret = os.getenv('JWT_SECRET'), public = os.getenv('JWT_PUBLIC_KEY')}

return function(context)
  local token = (context.req.headers.authorization or ''):match('^[Bb]earer%s+(%S+)$')
  if not token then
    return context.res.json({error = 'send a bearer token'}, 401, {['www-authenticate'] = 'Bearer'})
  end
  local claims, why = jwt.claims(token, keys, context.json.decode, os.time())
  if not claims then
    context.log('refused:', why)
    return context.res.json({error = why}, 401, {['www-authenticate'] = 'Bearer error="invalid_token"'})
  end
  return context.res.json({subject = claims.sub, claims = claims})
end
