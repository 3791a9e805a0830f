export default async ({ req, res }: any) => {
  const bytes = Buffer.from(req.bodyBinary).reverse();
  return res.binary(bytes, 200, { "content-type": req.headers["content-type"] });
};
