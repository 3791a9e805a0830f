const routes: [string, RegExp, (res: any, req: any, id: string) => unknown][] = [
  ["GET", /^\/users$/, (res) => res.json({ users: ["ada", "bob"] })],
  ["POST", /^\/users$/, (res, req) => res.text(`created ${req.bodyRaw}`, 201)],
  ["PATCH", /^\/users\/(\d+)$/, (res, _, id) => res.text(`changed ${id}`)],
  ["DELETE", /^\/users\/(\d+)$/, (res) => res.empty()],
];

export default async ({ req, res }: any) => {
  for (const [method, path, answer] of routes) {
    const found = req.path.match(path);
    if (method === req.method && found) {
      return answer(res, req, found[1]);
    }
  }
  return res.text(`${req.method} ${req.path} is not here`, 404);
};
