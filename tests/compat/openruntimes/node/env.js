module.exports = async (context) => context.res.text(process.env.CUSTOM_ENV_VAR);
