module.exports = (context) => context.res.empty();
