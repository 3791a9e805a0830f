require "json"
require "net/http"
require "set"
require "time"

def handler(input, ctx)
  input
end
