module.exports = async ({ req, res }) => res.text(req.bodyText);
