def main(context)
  raise 'kaboom'
end
