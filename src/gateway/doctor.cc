#include "gateway/doctor.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "catalog/confinement.h"
#include "os/identity.h"

namespace trivet::gateway {
namespace {

namespace json = wire::json;
using sandbox::Layer;
using sandbox::Level;

// Which layer a weakening that is no level takes from.
std::string_view layer_of(std::string_view what) {
  constexpr std::pair<std::string_view, std::string_view> kLayers[] = {
      {"net ", "network-namespace"}, {"read ", "mount-root"}, {"write ", "mount-root"},
      {"memory ", "memory-limit"},   {"pids ", "pids-limit"}, {"files ", "rlimits"},
      {"disk ", "mount-root"}};
  for (auto [begin, layer] : kLayers)
    if (what.starts_with(begin)) return layer;
  return {};
}

json::object weakened(std::string_view by, json::value function, std::string_view what) {
  return {{"by", by}, {"function", std::move(function)}, {"what", what}};
}

// Who has taken that layer away, wholly or in part.
json::array weakened_by(const Layer& layer, const catalog::Snapshot& snapshot, Level floor) {
  json::array out;
  if (floor < layer.from && floor < Level::kSandbox)
    out.push_back(weakened("operator", nullptr, "level " + std::string{sandbox::name(floor)}));
  for (const auto& name : snapshot.names()) {
    const auto& spec = *snapshot.find(name);
    for (const auto& weakening : catalog::weakenings(spec)) {
      if (weakening.by == "operator") continue;  // said above, once for all
      bool of_level = weakening.what.starts_with("level ");
      if (of_level ? spec.policy.level < layer.from : layer_of(weakening.what) == layer.name)
        out.push_back(weakened(weakening.by, json::value(name), weakening.what));
    }
  }
  return out;
}

// What is otherwise where a layer is not.
std::string without(const Layer& layer) {
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"user-ids", "all workers are the user of the server; sandboxes are apart by namespaces"},
      {"landlock", "workers of one function may send signals to each other"},
      {"memory-limit",
       "the usual limit is left out, and functions whose manifest names one do not start"},
      {"cpu-limit", "functions whose manifest names a limit of processors do not start"},
      {"pids-limit", "the processes of each sandbox are limited by RLIMIT_NPROC instead"}};
  if (layer.is_needed)
    return "functions of level " + std::string{sandbox::name(layer.from)} +
           " and above do not start";
  for (auto [name, text] : kTexts)
    if (name == layer.name) return std::string{text};
  return {};
}

// Functions here that do not start for want of it.
json::array stopped_by(const Layer& layer, const catalog::Snapshot& snapshot) {
  json::array out;
  if (layer.is_active) return out;
  for (const auto& name : snapshot.names())
    if (catalog::needs(*snapshot.find(name), layer)) out.emplace_back(name);
  return out;
}

json::object layer_row(const Layer& layer, json::array by, json::array stops) {
  const char* state = !layer.is_active ? "unavailable" : by.empty() ? "active" : "weakened";
  return {{"name", layer.name},
          {"state", state},
          {"from", sandbox::name(layer.from)},
          {"needed", layer.is_needed},
          {"why", layer.why},
          {"without", layer.is_active ? std::string{} : without(layer)},
          {"fix", layer.fix},
          {"stops", std::move(stops)},
          {"weakened_by", std::move(by)}};
}

// As whom the server runs, and whether it has kept rights that only its launchers need.
json::object privileges_row() {
  os::Identity us = os::identity();
  return {{"user", us.user},
          {"kept", us.has_capabilities},
          {"fix", us.can_become_others
                      ? "make a user for the server: useradd --system trivet; or name one: "
                        "trivet serve --user NAME"
                      : ""}};
}

json::object data_row(const std::filesystem::path& folder) {
  std::string trial = (folder / ".doctor-XXXXXX").string();
  int fd = mkstemp(trial.data());
  std::string why = fd < 0 ? std::strerror(errno) : "";
  if (fd >= 0) {
    close(fd);
    unlink(trial.c_str());
  }
  return {{"path", folder.string()}, {"writable", why.empty()}, {"why", why}};
}

}  // namespace

json::value doctor_view(const ViewSources& from, const Result<std::vector<Layer>>& layers) {
  const auto& snapshot = *from.dispatcher.snapshot();
  json::array rows;
  bool available = layers.ok();
  if (layers)
    for (const auto& layer : *layers) {
      rows.push_back(
          layer_row(layer, weakened_by(layer, snapshot, from.floor), stopped_by(layer, snapshot)));
      if (layer.from <= from.floor && layer.is_needed) available &= layer.is_active;
    }
  return json::object{
      {"level", sandbox::name(from.floor)},
      {"available", available},
      {"layers", std::move(rows)},
      {"launcher",
       {{"works", layers.ok()}, {"why", layers ? std::string{} : layers.error().message}}},
      {"privileges", privileges_row()},
      {"data", data_row(from.data_dir)}};
}

loop::Task<std::string> doctor_page(const ViewSources& from) {
  auto layers = co_await from.layers();
  co_return wire::to_text(doctor_view(from, layers)) + "\n";
}

}  // namespace trivet::gateway
