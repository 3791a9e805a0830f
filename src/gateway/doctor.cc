#include "gateway/doctor.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "catalog/confinement.h"

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

json::object layer_row(const Layer& layer, json::array by) {
  const char* state = !layer.is_active ? "unavailable" : by.empty() ? "active" : "weakened";
  return {{"name", layer.name},          {"state", state},   {"from", sandbox::name(layer.from)},
          {"needed", layer.is_needed},   {"why", layer.why}, {"fix", layer.fix},
          {"weakened_by", std::move(by)}};
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
      rows.push_back(layer_row(layer, weakened_by(layer, snapshot, from.floor)));
      if (layer.from <= from.floor && layer.is_needed) available &= layer.is_active;
    }
  return json::object{
      {"level", sandbox::name(from.floor)},
      {"available", available},
      {"layers", std::move(rows)},
      {"launcher",
       {{"works", layers.ok()}, {"why", layers ? std::string{} : layers.error().message}}},
      {"data", data_row(from.data_dir)}};
}

loop::Task<std::string> doctor_page(const ViewSources& from) {
  auto layers = co_await from.layers();
  co_return wire::to_text(doctor_view(from, layers)) + "\n";
}

}  // namespace trivet::gateway
