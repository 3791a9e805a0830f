module.exports = async (context) => {
  return context.res.json({ message: 'Hello Open Runtimes', ok: true });
};
