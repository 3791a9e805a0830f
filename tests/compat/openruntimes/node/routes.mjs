export default async ({ req, res }) => {
  if (req.method === 'GET' && req.path === '/users') {
    return res.json({ users: ['ada', 'bob'] });
  }
  if (req.method === 'POST' && req.path === '/users') {
    return res.text(`created ${req.bodyRaw}`, 201);
  }
  const one = req.path.match(/^\/users\/(\d+)$/);
  if (one && req.method === 'PATCH') {
    return res.text(`changed ${one[1]}`);
  }
  if (one && req.method === 'DELETE') {
    return res.empty();
  }
  return res.text(`${req.method} ${req.path} is not here`, 404);
};
