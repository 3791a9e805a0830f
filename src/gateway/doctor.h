#pragma once
// GET /v1/doctor: what confines functions on this machine, what takes away from it, and whether the
// host's own needs are met.

#include "gateway/views.h"

namespace trivet::gateway {

// {"level", "available", "layers": [...], "launcher", "privileges", "data"}; `layers`: what the
// launcher found, or why it does not say. Touches the data folder.
wire::json::value doctor_view(const ViewSources& from,
                              const Result<std::vector<sandbox::Layer>>& layers);

// The same as JSON text, once the launcher has tried. `from` outlives it.
loop::Task<std::string> doctor_page(const ViewSources& from);

}  // namespace trivet::gateway
