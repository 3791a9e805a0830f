# The usual server of the language with the same function: an application of Rack, for puma.
require "json"

run(lambda do |env|
  text = JSON.generate(JSON.parse(env["rack.input"].read))
  [200, { "Content-Type" => "application/json", "Content-Length" => text.bytesize.to_s }, [text]]
end)
