interface Body {
  name: string;
  tags: string[];
}

export default async ({ req, res }: any) => {
  const body: Body = req.bodyJson;
  return res.json({ name: body.name, tags: body.tags.length });
};
