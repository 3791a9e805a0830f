# frozen_string_literal: true

# The `module` interface: a call names a file below the function's folder and a function in it (runtimes/CONTRACT.md).
module Trivet
  class Modules
    NAME = %r{\A[A-Za-z]\w*([./][A-Za-z]\w*)*\z}

    def initialize(dir)
      @dir, @loaded, @known = dir, {}, {}
    end

    # What the function returns. `facts` is the call's meta.
    def call(facts, args)
      raise Failure.new("INVALID_INPUT", "the arguments are not a list") unless args.is_a?(Array)

      names = facts.values_at("module", "function")
      (@known[names] ||= find(*names)).call(*args)
    end

    private

    def missing(what) = raise(Failure.new("FUNCTION_NOT_FOUND", what))

    def find(name, function)
      place = file_of(name)
      *path, method = function.to_s.split(".")
      missing("the module #{name} has no function #{function}") if !method&.match?(/\A[A-Za-z]\w*[?!]?\z/) || !path.all? { |part| part.match?(/\A[A-Z]\w*\z/) }
      receiver = path.empty? ? methods_of(place, method) : constant(place, path, method)
      receiver&.method(method) || missing("the module #{name} has no function #{function}")
    end

    # A method that the file defines outside of classes.
    def methods_of(place, method)
      place if place.private_method_defined?(method, false) || place.method_defined?(method, false)
    end

    def constant(place, path, method)
      found = path.inject(place) { |at, part| at.const_defined?(part, false) ? at.const_get(part, false) : (return nil) }
      found if found.is_a?(Module) && found.singleton_methods.include?(method.to_sym)
    end

    # The file is run once, in a module of its own: names of two files do not meet.
    def file_of(name)
      missing("\"#{Trivet.text(name)}\" is not the name of a module") unless NAME.match?(name.to_s)
      path = "#{File.join(@dir, name.tr(".", "/"))}.rb"
      @loaded[path] ||= begin
        missing("there is no module #{name} in #{@dir}") unless File.file?(path)
        place = Module.new
        Kernel.load(path, place)
        place.extend(place)
      end
    end
  end
end
