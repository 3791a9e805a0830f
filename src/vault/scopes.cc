#include "vault/scopes.h"

#include <algorithm>

#include "wire/text.h"

namespace trivet::vault {
namespace {

constexpr size_t kFunctionsMost = 1'000;
constexpr std::string_view kOne = "invoke:";

}  // namespace

Result<Scopes> Scopes::parse(std::string_view text) {
  Scopes out;
  std::string_view left = text;
  do {
    size_t comma = std::min(left.find(','), left.size());
    std::string_view word = left.substr(0, comma);
    left.remove_prefix(std::min(comma + 1, left.size()));
    if (word == "admin")
      out.admin = true;
    else if (word == "read")
      out.read = true;
    else if (word == "invoke")
      out.invoke = true;
    else if (word.starts_with(kOne) && wire::is_function_name(word.substr(kOne.size())) &&
             out.functions.size() < kFunctionsMost)
      out.functions.emplace_back(word.substr(kOne.size()));
    else
      return Error{ErrorCode::kInvalidInput, "\"" + std::string{word} + "\" is no scope",
                   "scopes are admin, read, invoke and invoke:NAME, several with commas"};
  } while (!left.empty());
  std::sort(out.functions.begin(), out.functions.end());
  out.functions.erase(std::unique(out.functions.begin(), out.functions.end()), out.functions.end());
  return out;
}

std::string Scopes::text() const {
  std::string out;
  auto add = [&out](const std::string& word) { out += (out.empty() ? "" : ",") + word; };
  if (admin) add("admin");
  if (read) add("read");
  if (invoke) add("invoke");
  for (const auto& function : functions) add(std::string{kOne} + function);
  return out;
}

bool Scopes::may_invoke(std::string_view function) const {
  return admin || invoke || std::binary_search(functions.begin(), functions.end(), function);
}

}  // namespace trivet::vault
