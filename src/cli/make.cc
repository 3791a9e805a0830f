// trivet new: a function from a runtime's template. trivet build: artifacts, with progress.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

namespace fs = std::filesystem;

struct NewOptions {
  std::string runtime, dir;
};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

int make_new(const Common& common, const NewOptions& options) {
  HostConfig config = host_config(common, ".");
  config.loop = LoopMode::kCaller;
  auto host = Host::open(std::move(config));
  if (!host) return fail(host.error());
  auto text = (*host)->view("/v1/runtimes");
  if (!text) return fail(text.error());
  std::vector<std::string> names;
  fs::path folder;
  json::value rows = json::parse(*text);
  for (const auto& row : rows.as_array()) {
    names.push_back(cell(row.as_object(), "name"));
    if (names.back() == options.runtime) folder = cell(row.as_object(), "folder");
  }
  if (folder.empty())
    return fail({ErrorCode::kNotFound, "there is no runtime \"" + options.runtime + "\"",
                 "runtimes are " + joined(names)});
  fs::path target = options.dir.empty() ? "hello-" + options.runtime : options.dir;
  std::error_code ec;
  fs::path whole = fs::absolute(target, ec).lexically_normal();
  std::string name = (whole.has_filename() ? whole : whole.parent_path()).filename();
  if (!is_function_name(name))
    return fail({ErrorCode::kInvalidRequest, "a folder named \"" + name + "\" cannot be a function",
                 kNameRule});
  if (fs::exists(target, ec) && !(fs::is_directory(target, ec) && fs::is_empty(target, ec)))
    return fail(
        {ErrorCode::kIo, target.string() + " exists and is not empty", "name another folder"});
  fs::create_directories(target, ec);
  fs::copy(folder / "template", target, fs::copy_options::recursive, ec);
  if (ec) return fail({ErrorCode::kIo, "cannot write " + target.string() + ": " + ec.message()});
  for (const auto& entry : fs::recursive_directory_iterator(target, ec))
    if (entry.is_regular_file()) std::cout << entry.path().string() << "\n";
  std::cerr << "try it: trivet run " << shell_quote(target.string())
            << " -d '{\"name\":\"Ada\"}'\n";
  return 0;
}

int build(const Common& common, const std::string& what) {
  std::error_code ec;
  bool is_path = what.empty() || fs::exists(what, ec);
  HostConfig config = host_config(common, is_path && !what.empty() ? what : ".");
  config.loop = LoopMode::kCaller;
  if (config.data_dir.empty()) config.data_dir = state_dir(config.root);  // as serve will look
  if (!common.quiet)
    config.on_log = [](std::string_view line) {
      auto value = json::parse(line);
      std::cerr << "  " << cell(value.as_object(), "message") << "\n";
    };
  auto host = open_host(std::move(config));
  if (!host) return fail(host.error());
  int code = 0, done = 0;
  for (const auto& problem : (*host)->list_problems()) {
    std::cerr << "trivet: " << problem << "\n";
    code = traits(ErrorCode::kInvalidManifest).exit_code;
  }
  for (const auto& function : (*host)->list_functions()) {
    if (!is_path && function.name != what) continue;
    ++done;
    if (!common.quiet) std::cerr << function.name << " (" << function.runtime << ")\n";
    if (Status built = (*host)->build(function.name); !built) code = fail(built.error());
  }
  if (!is_path && done == 0)
    return fail({ErrorCode::kFunctionNotFound, "there is no function \"" + what + "\" here",
                 "`trivet ls` lists them"});
  if (code == 0 && !common.quiet)
    std::cerr << "built " << done << (done == 1 ? " function\n" : " functions\n");
  return code;
}

}  // namespace

void add_make(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<NewOptions>();
  auto* create = app.add_subcommand("new", "a new function from a runtime's template");
  create->add_option("runtime", options->runtime, "as `trivet runtimes` lists it")->required();
  create->add_option("dir", options->dir,
                     "the folder to make, named as the function; default: hello-RUNTIME");
  create->callback([&common, &action, options] {
    action = [&common, options] { return make_new(common, *options); };
  });

  auto what = std::make_shared<std::string>();
  auto* builder = app.add_subcommand("build", "build functions now, with progress");
  builder->add_option("what", *what, "a function's name, or a folder; default: all below .");
  builder->callback(
      [&common, &action, what] { action = [&common, what] { return build(common, *what); }; });
}

}  // namespace trivet::cli
