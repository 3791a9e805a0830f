module.exports = async (context) => {
  const { name, tags } = context.req.bodyJson;
  return context.res.json({ name, tags: tags.length });
};
