# frozen_string_literal: true

# Part of a build, run in the folder of a Gemfile whose gems are installed: writes OUTPUT/trivet_setup.rb, which does for the function what bundler/setup would do
# without looking anything up, and keeps what that would read.
require "bundler"
require "fileutils"

output = ARGV.fetch(0)
gems = File.join(output, "gems")
definition = Bundler.definition
specs = definition.specs_for(definition.groups - Bundler.settings[:without].map(&:to_sym)).reject { |spec| spec.name == "bundler" || spec.default_gem? }
paths = specs.reverse.flat_map(&:full_require_paths).uniq
file = Bundler.default_gemfile
FileUtils.cp([file, Bundler.default_lockfile], output)

inside = ->(path) { path.start_with?("#{output}/") ? path.delete_prefix("#{output}/") : path }
text = +"# Made by the build.\n"
text << "$LOAD_PATH.unshift(*[\n#{paths.map { |path| "  #{inside.(path).dump},\n" }.join}].map { |path| File.expand_path(path, __dir__) })\n"
text << "ENV[\"BUNDLE_GEMFILE\"] ||= File.join(__dir__, #{file.basename.to_s.dump})\n"
text << "ENV[\"BUNDLE_FROZEN\"] ||= \"true\"\nENV[\"BUNDLE_WITHOUT\"] ||= #{Bundler.settings[:without].join(":").dump}\n"
if File.directory?(gems)
  home = inside.(Bundler.bundle_path.to_s)
  text << <<~RUBY
    ENV["BUNDLE_PATH"] ||= File.join(__dir__, "gems")
    ENV["GEM_PATH"] = [File.join(__dir__, #{home.dump}), *ENV["GEM_PATH"]].join(":")
    Gem.paths = ENV if defined?(Gem) && !Object.autoload?(:Gem)
  RUBY
end
File.write(File.join(output, "trivet_setup.rb"), text)
