#pragma once
// What S3 answers: its XML as far as it is needed, and errors as ours. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/http.h"

namespace trivet::store {

// What stands between each <tag> and its </tag>, as it is written.
std::vector<std::string> xml_inside(std::string_view text, std::string_view tag);
// The text of the first one, with &amp; and its like as what they mean; empty when there is none.
std::string xml_text(std::string_view text, std::string_view tag);

// The same request may succeed later.
bool is_worth_another_try(const HttpAnswer& answer);
// An answer that is an error, with what to do about it. kNotFound when there is no such object;
// kUnauthorized, kUnavailable when it may be otherwise later, else kInvalidRequest. `where`:
// endpoint, bucket and key, for people.
Error error_of(const HttpAnswer& answer, const std::string& where);

}  // namespace trivet::store
