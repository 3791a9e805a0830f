#pragma once
// Errors as callers see them: RFC 9457 problem+json with our members.

#include <string>

#include "base/error.h"
#include "net/http_server.h"

namespace trivet::gateway {

// {"type","title","status","detail","code","component","hint"?,"call_id"?, and the error's details}
std::string problem_json(const Error& error, std::string_view call_id);

// Answers with the problem and its status; with Retry-After where trying again makes sense, and
// Allow for a wrong method. `call_id`: the one that the exchange owns when it is empty.
loop::Task<Status> reply_problem(net::Exchange& exchange, Error error, std::string call_id = {});

// kMethodNotAllowed; `allow` ("GET, POST") becomes the header.
Error wrong_method(const net::Request& request, std::string allow);

}  // namespace trivet::gateway
