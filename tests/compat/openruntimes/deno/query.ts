export default async function (context: any) {
  return context.res.json(context.req.query, 200, { "x-query": context.req.queryString });
}
