def main(context)
  return context.res.text(ENV['CUSTOM_ENV_VAR'] || nil)
end
