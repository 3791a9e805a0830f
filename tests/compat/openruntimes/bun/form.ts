export default async ({ req, res }: any) => {
  const form = new URLSearchParams(req.body);
  return res.json({ name: form.get("name"), age: form.get("age") });
};
