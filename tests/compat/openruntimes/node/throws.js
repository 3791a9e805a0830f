module.exports = async (context) => {
  throw new Error('kaboom');
};
