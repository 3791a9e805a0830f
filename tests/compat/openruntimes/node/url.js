module.exports = async ({ req, res }) => {
  const { method, scheme, host, port, path, queryString, url } = req;
  return res.json({ method, scheme, host, port, path, queryString, url });
};
