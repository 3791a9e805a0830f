export default async ({ req, res }: any) => {
  const bytes = Uint8Array.from(req.bodyBinary).reverse();
  return res.binary(bytes, 200, { "content-type": req.headers["content-type"] });
};
