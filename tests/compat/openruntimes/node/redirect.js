module.exports = async ({ req, res }) => {
  if (req.path === '/temporary') {
    return res.redirect('https://example.com/?a=b&c=d', 302);
  }
  return res.redirect('https://github.com/');
};
