#pragma once
// A JSON value: null, boolean, number, text, list or object. Objects keep the order of their names.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace trivet {

class Json;
using Array = std::vector<Json>;

// What is thrown when a value is not of the kind that is asked for, or a text is not JSON.
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Names and values in the order they came; of names that repeat the last value counts.
class Object {
 public:
  using Entry = std::pair<std::string, Json>;
  Object() = default;
  Object(const Object& other);
  Object(Object&&) noexcept = default;
  Object& operator=(Object other) noexcept;
  const Json* find(std::string_view name) const;
  Json* find(std::string_view name);
  Json& operator[](std::string_view name);  // null at first
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  typename std::vector<Entry>::const_iterator begin() const;
  typename std::vector<Entry>::const_iterator end() const;

 private:
  std::ptrdiff_t place(std::string_view name) const;
  std::vector<Entry> entries_;
  std::unique_ptr<std::unordered_map<std::string, std::size_t>> index_;  // once there are many
};

class Json {
 public:
  Json(std::nullptr_t = nullptr) {}
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(float value) : value_(double{value}) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(Array values) : value_(std::move(values)) {}
  Json(Object object) : value_(std::move(object)) {}
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Json(T number) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) {
      if (number > INT64_MAX) {
        value_ = std::uint64_t{number};
        return;
      }
    }
    value_ = static_cast<std::int64_t>(number);
  }
  // Json::object({{"name", name}, {"sizes", Json::array({1, 2})}})
  static Json object(std::initializer_list<std::pair<std::string_view, Json>> entries = {});
  static Json array(std::initializer_list<Json> values = {}) { return Json(Array(values)); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const { return value_.index() >= 2 && value_.index() <= 4; }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  const char* kind() const;  // "a number", for messages

  // These throw JsonError when the value is of another kind.
  bool as_bool() const;
  std::int64_t as_int() const;  // also of 2.0
  std::uint64_t as_uint() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;
  Array& as_array();  // null becomes an empty list
  Object& as_object();

  // Null when there is no such name or place; the other one makes an object of null.
  const Json& operator[](std::string_view name) const;
  const Json& operator[](const char* name) const { return (*this)[std::string_view{name}]; }
  const Json& operator[](std::size_t at) const;
  const Json& operator[](int at) const { return (*this)[static_cast<std::size_t>(at)]; }
  Json& operator[](std::string_view name) { return as_object()[name]; }
  Json& operator[](const char* name) { return as_object()[name]; }
  void push_back(Json value) { as_array().push_back(std::move(value)); }

  static Json parse(std::string_view text);
  std::string dump() const;  // compact; throws JsonError for NaN and infinities

  friend bool operator==(const Json& a, const Json& b);
  friend bool operator!=(const Json& a, const Json& b) { return !(a == b); }

 private:
  void dump_to(std::string& out) const;
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

void append_quoted(std::string_view text, std::string& out);

}  // namespace trivet
