# frozen_string_literal: true

# Becomes a program that reads its request on stdin: as `ruby FILE` would, without starting an interpreter.
module Trivet
  module Program
    @steps = []

    module_function

    def after(&step) = @steps << step

    def run(path)
      Encoding.default_external = Encoding.find("locale")
      $0 = path
      @steps.each(&:call)
      Object.const_set(:DATA, data(path)) if data?(path)
      RubyVM::InstructionSequence.compile_file(path).eval
      exit
    rescue SystemExit
      raise
    rescue Exception => error
      tidy(error)
      raise
    end

    # The trace that the program would have had of its own.
    def tidy(error)
      lines = (error.backtrace || []).reject { |line| line.start_with?(HERE, "<internal:") || line.include?(HERE) }
      error.set_backtrace(lines.map { |line| line.sub(/`((?:block (?:\(\d+ levels\) )?in )?)<compiled>'/, "`\\1<main>'") })
      tidy(error.cause) if error.cause
    end

    def data?(path) = File.binread(path).match?(/^__END__\r?$/)

    def data(path)
      file = File.open(path)
      file.each_line { |line| break if line.chomp == "__END__" }
      file
    end
  end
end
