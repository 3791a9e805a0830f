export default async (context: any) => {
  const body = context.req.bodyBinary;
  return context.res.binary(body, 200, { "x-size": `${body.byteLength}` });
};
