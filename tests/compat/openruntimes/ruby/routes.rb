def main(context)
  req = context.req
  res = context.res
  case [req.method, req.path]
  when ['GET', '/users']
    return res.json({ users: %w[ada bob] })
  when ['POST', '/users']
    return res.text("created #{req.body_raw}", 201)
  end
  one = req.path[%r{\A/users/(\d+)\z}, 1]
  return res.text("changed #{one}") if one && req.method == 'PATCH'
  return res.empty if one && req.method == 'DELETE'

  return res.text("#{req.method} #{req.path} is not here", 404)
end
