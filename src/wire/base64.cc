#include "wire/base64.h"

#include <boost/json.hpp>
#include <cstdint>

namespace trivet::wire {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      out.push_back(k <= have ? kLetters[group >> (18 - 6 * k) & 63] : '=');
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    size_t letters = 4;
    if (last && text[i + 3] == '=') letters = text[i + 2] == '=' ? 2 : 3;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      size_t value = k < letters ? kLetters.find(text[i + k]) : 0;
      if (value == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    if ((group & (letters == 2 ? 0xFFFFU : letters == 3 ? 0xFFU : 0U)) != 0) return std::nullopt;
    for (size_t k = 0; k + 1 < letters; ++k)
      out.push_back(static_cast<char>(group >> (16 - 8 * k)));
  }
  return out;
}

boost::json::value json_of_bytes(std::string_view bytes) {
  boost::json::object object;
  object[kBase64Member] = to_base64(bytes);
  return object;
}

std::optional<std::string> bytes_of_json(const boost::json::object& object) {
  if (object.size() != 1 || object.begin()->key() != kBase64Member) return std::nullopt;
  const auto* text = object.begin()->value().if_string();
  return text ? from_base64(*text) : std::nullopt;
}

}  // namespace trivet::wire
