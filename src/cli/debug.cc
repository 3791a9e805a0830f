// trivet debug codec NAME: decodes stdin, prints JSON. Exit code 1 with position and reason when it
// is refused.
#include <iostream>
#include <iterator>

#include "cli/cli.h"
#include "trivet/codec.h"

namespace trivet::cli {
namespace {

int decode_stdin(const std::string& name) {
  std::string bytes{std::istreambuf_iterator<char>{std::cin}, {}}, decoded;
  Status done = decode_to_json(name, bytes, decoded);
  std::cout << decoded;
  static_cast<void>(flush_output());  // main says when it failed
  if (done) return 0;
  fail(done.error());
  return 1;
}

}  // namespace

void add_debug(CLI::App& app, Common&, Action& action) {
  struct Options {
    std::string codec;
  };
  auto options = std::make_shared<Options>();
  auto* debug = app.add_subcommand("debug", "look at bytes as trivet reads them");
  debug->require_subcommand(1);
  auto* codec = debug->add_subcommand("codec", "decode stdin, print JSON, one line a message");
  std::vector<std::string> names;
  std::string reads;
  for (const auto& row : codecs()) {
    names.emplace_back(row.name);
    reads += "\n  " + std::string{row.name} + ": " + std::string{row.reads};
  }
  codec->add_option("NAME", options->codec, "how to read it:" + reads)
      ->required()
      ->check(CLI::IsMember(names));
  codec->callback(
      [options, &action] { action = [options] { return decode_stdin(options->codec); }; });
}

}  // namespace trivet::cli
