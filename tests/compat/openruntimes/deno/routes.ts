export default async ({ req, res }: any) => {
  const users = new URLPattern({ pathname: "/users{/:id}?" }).exec({ pathname: req.path });
  const id = users?.pathname.groups.id;
  switch (users && `${req.method} ${id ? "one" : "all"}`) {
    case "GET all":
      return res.json({ users: ["ada", "bob"] });
    case "POST all":
      return res.text(`created ${req.bodyRaw}`, 201);
    case "PATCH one":
      return res.text(`changed ${id}`);
    case "DELETE one":
      return res.empty();
  }
  return res.text(`${req.method} ${req.path} is not here`, 404);
};
