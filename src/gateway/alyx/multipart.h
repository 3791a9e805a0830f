#pragma once
// multipart/form-data (RFC 7578) as a function's input, the way Alyx gives it: fields by name
// (several of one name are an array), files in `_files`. Pure.

#include <boost/json.hpp>
#include <string_view>

#include "base/result.h"

namespace trivet::gateway {

bool is_multipart(std::string_view content_type);

// {"field": "text", "again": ["a", "b"], "_files": [{"name", "filename", "content_type", "size",
// "data" (base64)}]}. kInvalidRequest says what is wrong.
Result<boost::json::object> multipart_input(std::string_view content_type, std::string_view body);

}  // namespace trivet::gateway
