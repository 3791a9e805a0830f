export default async ({ req, res }: any) => {
  if (req.path === "/temporary") {
    return res.redirect("https://example.com/?a=b&c=d", 302);
  }
  return res.redirect("https://github.com/");
};
