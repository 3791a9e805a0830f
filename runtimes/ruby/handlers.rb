# frozen_string_literal: true

# From what LOAD names to what is called.
module Trivet
  MAIN = TOPLEVEL_BINDING.receiver

  module Handlers
    module_function

    # Something with `call`.
    def of(plan)
      Bundle.setup(plan["dir"], plan["output"])
      path = File.join(plan["dir"], plan["entrypoint"])
      case plan["interface"]
      when "module"
        require_relative "modules"
        return Modules.new(plan["dir"])
      when "rack"
        require_relative "rack"
        return Rack.new(path, plan["handler"])
      end
      raise Failure.new("LOAD_FAILED", "there is no file #{plan["entrypoint"]}") unless File.file?(path)

      run_file(path)
      fitted(named(plan), plan["interface"] == "context" ? 1 : 2)
    end

    def run_file(path)
      path.end_with?(".rb") ? require(path) : Kernel.load(path)
    end

    def named(plan)
      names = plan["handler"].empty? ? %w[handler main handle] : [plan["handler"]]
      names.each do |name|
        found = find(name)
        return found if found
      end
      raise Failure.new("LOAD_FAILED", "#{plan["entrypoint"]} has no method #{names.join(" or ")}")
    end

    # `name` is a method of the file, `Name` a constant with `call`, `Name.method` a method of a constant.
    def find(name)
      return (MAIN.method(name) if MAIN.respond_to?(name, true)) unless name.match?(/\A[A-Z]/)

      place, _, method = name.partition(".")
      receiver = Object.const_get(place)
      method = "call" if method.empty?
      receiver.respond_to?(method) ? receiver.method(method) : nil
    rescue NameError
      nil
    end

    # A handler may leave out arguments that it does not use. `call` gives it at most as many as it takes.
    def fitted(handler, most)
      takes = handler.arity
      takes = most if takes.negative? && handler.parameters.any? { |kind, _| kind == :rest }
      takes = handler.parameters.count { |kind, _| %i[req opt].include?(kind) } if takes.negative?
      return handler if takes >= most || most == 1 && takes == 1

      takes.zero? ? ->(*) { handler.call } : ->(first, *) { handler.call(first) }
    end
  end

  # A Gemfile in the function's folder says which gems its code sees: the build has found out where they are, or else Bundler does.
  module Bundle
    def self.setup(dir, output)
      return require(File.join(output, "trivet_setup.rb")) if output

      file = %w[Gemfile gems.rb].map { |name| File.join(dir, name) }.find { |path| File.file?(path) }
      return unless file

      ENV["BUNDLE_GEMFILE"] ||= file
      require "bundler/setup"
    rescue LoadError => error
      raise unless error.path == "bundler/setup"

      raise Failure.new("LOAD_FAILED", "there is a Gemfile, but no bundler (apt-get install ruby-bundler)")
    end
  end
end
