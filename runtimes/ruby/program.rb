# frozen_string_literal: true

# Becomes a program that reads its request on stdin: as `ruby FILE` would, without starting an interpreter.
module Trivet
  module Program
    @steps = []

    module_function

    def after(&step) = @steps << step

    def run(path, worker)
      worker.frames.close
      Encoding.default_external = Encoding.find("locale")
      $0 = path
      @steps.each(&:call)
      Object.const_set(:DATA, data(path)) if data?(path)
      Object.__send__(:remove_const, :Trivet) # names are the program's
      compiled(path).eval
    rescue SystemExit
      raise
    rescue Exception => error
      tidy(error)
      raise
    end

    def compiled(path)
      RubyVM::InstructionSequence.compile_file(path)
    rescue SyntaxError => error
      warn(error.message)
      exit(1)
    end

    # The trace that the program would have had of its own.
    def tidy(error)
      lines = (error.backtrace || []).reject { |line| line.start_with?(HERE) }
      error.set_backtrace(lines.map { |line| line.sub(/`((?:.* in )?)<compiled>'/, "`\\1<main>'") })
      tidy(error.cause) if error.cause
    end

    def data?(path) = File.binread(path).match?(/^__END__\r?$/)

    def data(path)
      file = File.open(path)
      file.each_line { |line| break if line.chomp == "__END__" }
      file
    end
  end

  # How a fork ends: as the interpreter would, but without taking apart what goes with the process anyway, which takes milliseconds. Made before
  # user code is loaded, its step is the last of those of at_exit.
  module Ending
    # Objects that want to be told when they go, as files that are deleted then: the interpreter does it.
    module Watch
      def define_finalizer(...)
        Ending.is_slow = true
        super
      end
    end

    class << self
      attr_accessor :is_slow

      def prepare
        at_exit { leave($!) } # rubocop:disable Style/SpecialGlobalVars
        ObjectSpace.singleton_class.prepend(Watch)
        plain = Kernel.instance_method(:at_exit)
        watched = lambda do |place, block|
          self.is_slow = true # it may fail, and the interpreter knows how to end then
          plain.bind_call(place, &block)
        end
        Kernel.define_method(:at_exit) { |&block| watched.call(self, block) }
        Kernel.__send__(:private, :at_exit)
        Kernel.define_singleton_method(:at_exit) { |&block| watched.call(self, block) }
      end

      private

      # An error that nobody has caught is printed by the interpreter, and threads that are left end in its way.
      def leave(error)
        return if is_slow || Thread.list.size > 1 || !(error.nil? || error.is_a?(SystemExit))

        ObjectSpace.each_object(IO) do |io|
          io.flush unless io.closed?
        rescue StandardError # nobody reads it any more, or it is for reading
          nil
        end
        exit!(error ? error.status : 0)
      end
    end
  end
end
