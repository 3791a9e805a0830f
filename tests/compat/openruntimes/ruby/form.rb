require 'uri'

def main(context)
  form = URI.decode_www_form(context.req.body).to_h
  return context.res.json({ 'name': form['name'], 'age': form['age'] })
end
