#pragma once
// Errors as callers see them: RFC 9457 problem+json with our members.

#include <string>

#include "base/error.h"
#include "net/http_server.h"

namespace trivet::gateway {

// {"type","title","status","detail","code","component","hint"?,"call_id"?, and the error's details}
std::string problem_json(const Error& error, std::string_view call_id);

// Answers with the problem, its status, X-Call-Id, and Retry-After where trying again makes sense.
loop::Task<Status> reply_problem(net::Exchange& exchange, Error error, std::string call_id);

}  // namespace trivet::gateway
