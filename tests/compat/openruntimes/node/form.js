const querystring = require('node:querystring');

module.exports = async ({ req, res }) => {
  const form = querystring.parse(req.body);
  return res.json({ name: form.name, age: form.age });
};
