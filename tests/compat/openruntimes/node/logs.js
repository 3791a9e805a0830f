module.exports = async ({ res, log, error }) => {
  log('Debug log');
  log(42);
  log('engine:', 'open-runtimes');
  error('Error log');
  return res.text('logged');
};
