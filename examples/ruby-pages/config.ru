require "kramdown"
require "rack/builder"
require_relative "page"

use Rack::ETag
use Rack::ConditionalGet
run Pages.new
