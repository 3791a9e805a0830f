module.exports = async (context) => {
  const body = context.req.bodyBinary;
  return context.res.binary(body, 200, { 'x-size': `${body.length}` });
};
