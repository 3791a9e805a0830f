module.exports = async ({ req, res }) => {
  const hidden = req.headers['x-open-runtimes-in'] ?? 'missing';
  return res.text(`${req.headers['cookie']} ${hidden}`, 200, {
    'X-Given': req.headers['x-given'],
    'x-open-runtimes-out': 'hidden',
    'content-type': 'text/plain; charset=ISO-8859-1',
  });
};
