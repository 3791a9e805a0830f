// links: vault
// Files of secrets and of access tokens: what is accepted is written again as it was, and what is
// signed is whole.
#include <cstdint>
#include <cstdlib>

#include "vault/sealed.h"
#include "vault/tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace trivet::vault;
  std::string_view all{reinterpret_cast<const char*>(bytes), size};
  static const Key key =
      *parse_key("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  static_cast<void>(parse_key(all));
  if (auto file = parse_file(all)) {
    if (format_file(*file) != all) std::abort();
    static_cast<void>(check_file(all, *file, key));
    for (const auto& [name, sealed] : file->secrets) {
      auto value = unseal(name, sealed, key);
      if (value && value->size() > kValueMost) std::abort();
    }
    sign_file(*file, key);
    if (!check_file(format_file(*file), *file, key)) std::abort();
  }
  if (auto file = parse_tokens(all)) {
    auto again = parse_tokens(format_tokens(*file));
    if (!again || format_tokens(*again) != format_tokens(*file)) std::abort();
  }
  if (auto scopes = Scopes::parse(all)) {
    auto again = Scopes::parse(scopes->text());
    if (!again || again->text() != scopes->text()) std::abort();
  }
  return 0;
}
