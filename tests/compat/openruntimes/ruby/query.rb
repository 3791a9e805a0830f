def main(context)
  return context.res.json(context.req.query, 200, { 'x-query' => context.req.query_string })
end
