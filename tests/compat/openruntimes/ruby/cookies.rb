def main(context)
  return context.res.text('ok', 200, {
    'set-cookie' => ['cookie=value; path=/', 'cookie2=value2; path=/'],
    'x-other' => 'one'
  })
end
