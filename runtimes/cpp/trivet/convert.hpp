#pragma once
// Between JSON and C++ types. A struct of yours takes part with one line after it:
//
//   struct Size { double width = 1, height = 1; std::optional<std::string> name; };
//   TRIVET_RECORD(Size, width, height, name)
//
// A name that the object lacks leaves the member as the struct makes it.

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "json.hpp"

namespace trivet {

template <class T, class = void>
struct Convert;  // read(const Json&) -> T, write(const T&) -> Json

template <class T>
T read(const Json& from) {
  return Convert<T>::read(from);
}
template <class T>
Json write(const T& from) {
  return Convert<T>::write(from);
}
inline Json write(const char* from) { return from; }

template <>
struct Convert<Json> {
  static Json read(const Json& from) { return from; }
  static Json write(const Json& from) { return from; }
};
template <>
struct Convert<bool> {
  static bool read(const Json& from) { return from.as_bool(); }
  static Json write(bool from) { return from; }
};
template <class T>
struct Convert<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static T read(const Json& from) {
    if constexpr (std::is_unsigned_v<T>) {
      std::uint64_t value = from.as_uint();
      if (value > std::numeric_limits<T>::max()) throw JsonError("is too large");
      return static_cast<T>(value);
    } else {
      std::int64_t value = from.as_int();
      if (value > std::numeric_limits<T>::max() || value < std::numeric_limits<T>::min()) throw JsonError("is too large");
      return static_cast<T>(value);
    }
  }
  static Json write(T from) { return from; }
};
template <class T>
struct Convert<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static T read(const Json& from) { return static_cast<T>(from.as_double()); }
  static Json write(T from) { return static_cast<double>(from); }
};
template <>
struct Convert<std::string> {
  static std::string read(const Json& from) { return from.as_string(); }
  static Json write(const std::string& from) { return from; }
};
template <>
struct Convert<const char*> {
  static Json write(const char* from) { return from; }
};
template <>
struct Convert<std::string_view> {
  static Json write(std::string_view from) { return from; }
};
template <class T>
struct Convert<std::optional<T>> {
  static std::optional<T> read(const Json& from) { return from.is_null() ? std::nullopt : std::optional<T>(trivet::read<T>(from)); }
  static Json write(const std::optional<T>& from) { return from ? trivet::write(*from) : Json(); }
};
template <class T>
struct Convert<std::vector<T>> {
  static std::vector<T> read(const Json& from) {
    std::vector<T> out;
    for (const Json& each : from.as_array()) {
      try {
        out.push_back(trivet::read<T>(each));
      } catch (const JsonError& error) {
        throw JsonError("[" + std::to_string(out.size()) + "] " + error.what());
      }
    }
    return out;
  }
  static Json write(const std::vector<T>& from) {
    Array out;
    for (const auto& each : from) out.push_back(trivet::write<T>(each));
    return out;
  }
};
template <class T>
struct Convert<std::map<std::string, T>> {
  static std::map<std::string, T> read(const Json& from) {
    std::map<std::string, T> out;
    for (const auto& [name, value] : from.as_object()) out.emplace(name, trivet::read<T>(value));
    return out;
  }
  static Json write(const std::map<std::string, T>& from) {
    Object out;
    for (const auto& [name, value] : from) out[name] = trivet::write(value);
    return out;
  }
};
// Other libraries' values that have parse() and dump(), as nlohmann::json.
template <class T>
struct Convert<T, std::enable_if_t<!std::is_same_v<T, Json> && std::is_same_v<decltype(T::parse(std::string())), T> &&
                                   std::is_convertible_v<decltype(std::declval<const T&>().dump()), std::string>>> {
  static T read(const Json& from) { return T::parse(from.dump()); }
  static Json write(const T& from) { return Json::parse(from.dump()); }
};

template <class T>
void read_member(const Json& object, const char* name, T& member) {
  const Json* found = object.as_object().find(name);
  if (!found) return;
  try {
    member = read<T>(*found);
  } catch (const JsonError& error) {
    std::string why = error.what();
    const char* between = why.rfind("is ", 0) == 0 ? " " : why[0] == '[' ? "" : ".";
    throw JsonError(name + (between + why));
  }
}

}  // namespace trivet

#define TRIVET_RECORD(Type, ...)                                 \
  template <>                                                    \
  struct trivet::Convert<Type> {                                 \
    static Type read(const ::trivet::Json& from) {               \
      Type out;                                                  \
      TRIVET_EACH(TRIVET_READ, __VA_ARGS__)                      \
      return out;                                                \
    }                                                            \
    static ::trivet::Json write(const Type& from) {              \
      ::trivet::Object out;                                      \
      TRIVET_EACH(TRIVET_WRITE, __VA_ARGS__)                     \
      return out;                                                \
    }                                                            \
  };
#define TRIVET_READ(name) ::trivet::read_member(from, #name, out.name);
#define TRIVET_WRITE(name) out[#name] = ::trivet::write(from.name);
// Up to 80 names: each rescan takes one.
#define TRIVET_EXPAND(...) TRIVET_EXPAND2(TRIVET_EXPAND2(TRIVET_EXPAND2(__VA_ARGS__)))
#define TRIVET_EXPAND2(...) TRIVET_EXPAND3(TRIVET_EXPAND3(TRIVET_EXPAND3(__VA_ARGS__)))
#define TRIVET_EXPAND3(...) TRIVET_EXPAND4(TRIVET_EXPAND4(TRIVET_EXPAND4(__VA_ARGS__)))
#define TRIVET_EXPAND4(...) TRIVET_EXPAND5(TRIVET_EXPAND5(TRIVET_EXPAND5(__VA_ARGS__)))
#define TRIVET_EXPAND5(...) __VA_ARGS__
#define TRIVET_PARENS ()
#define TRIVET_EACH(what, ...) TRIVET_EXPAND(TRIVET_ONE(what, __VA_ARGS__))
#define TRIVET_ONE(what, name, ...) what(name) __VA_OPT__(TRIVET_AGAIN TRIVET_PARENS(what, __VA_ARGS__))
#define TRIVET_AGAIN() TRIVET_ONE
