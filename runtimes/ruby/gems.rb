# frozen_string_literal: true

# RubyGems takes most of the interpreter's start, and many functions need none of it: it is loaded when something is not found without it.
module Kernel
  plain_require = instance_method(:require)

  loader = nil

  define_method(:require) do |path|
    loader = Thread.current if path == "rubygems" # which itself looks for files that need not exist
    plain_require.bind_call(self, path)
  rescue LoadError
    raise if loader == Thread.current || $LOADED_FEATURES.any? { |file| file.end_with?("/rubygems.rb") }

    require("rubygems")
    require(path) # RubyGems' own now
  end

  def gem(...)
    Trivet::GEMS.call
    gem(...) # RubyGems' own now
  end
  private :require, :gem
end

Trivet::GEMS = -> { require "rubygems" }
Object.autoload(:Gem, "rubygems")
