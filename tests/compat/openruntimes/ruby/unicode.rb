def main(context)
  return context.res.json({ 'greeting' => "Grüße, #{context.req.body_text}! 👋" })
end
