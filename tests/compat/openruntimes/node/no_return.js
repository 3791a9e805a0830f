module.exports = async (context) => {
  context.res.text('This should be ignored, as it is not returned.');
};
