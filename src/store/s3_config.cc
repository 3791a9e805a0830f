#include "store/s3_config.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace trivet::store {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr const char* kUsage = "s3://BUCKET/PREFIX, and ?style=path or ?style=host";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string value_of(const Variables& variables, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = variables(name); value && *value) return value;
  return {};
}

bool is_bucket(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
  return name.size() >= 3 && name.size() <= 63 && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// `style`: what the URL says of it, or empty.
Status read_url(std::string_view url, S3Config& config, std::string& style) {
  Error wrong{ErrorCode::kInvalidRequest, "\"" + std::string{url} + "\" is no store", kUsage};
  if (!url.starts_with(kScheme) || !is_printable(url)) return wrong;
  url.remove_prefix(kScheme.size());
  size_t mark = std::min(url.find('?'), url.size());
  std::string_view query = url.substr(std::min(mark + 1, url.size()));
  url = url.substr(0, mark);
  size_t slash = std::min(url.find('/'), url.size());
  config.bucket = url.substr(0, slash);
  std::string_view prefix = url.substr(slash);
  while (prefix.starts_with('/')) prefix.remove_prefix(1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  config.prefix = prefix;
  if (!is_bucket(config.bucket)) return wrong;
  if (query.empty()) return {};
  if (query != "style=path" && query != "style=host") return wrong;
  style = query.substr(query.find('=') + 1);
  return {};
}

Status read_endpoint(std::string text, S3Config& config) {
  size_t colon = text.find("://");
  config.scheme = text.substr(0, std::min(colon, text.size()));
  if ((config.scheme != "http" && config.scheme != "https") || !is_printable(text) ||
      text.find_first_of("?#@") != std::string::npos)
    return Error{ErrorCode::kInvalidRequest, "\"" + text + "\" is no endpoint of S3",
                 "AWS_ENDPOINT_URL_S3 is like https://s3.example.org:9000"};
  text.erase(0, colon + 3);
  while (text.ends_with('/')) text.pop_back();
  size_t slash = std::min(text.find('/'), text.size());
  config.host = text.substr(0, slash);
  config.path = text.substr(slash);
  return {};
}

Profile profile_of(const Variables& variables) {
  std::string file = value_of(variables, {"AWS_SHARED_CREDENTIALS_FILE"});
  if (file.empty()) file = value_of(variables, {"HOME"}) + "/.aws/credentials";
  std::string name = value_of(variables, {"AWS_PROFILE"});
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return read_profiles(text.str())[name.empty() ? "default" : name];
}

}  // namespace

std::map<std::string, Profile> read_profiles(std::string_view text) {
  std::map<std::string, Profile> out;
  std::string section;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    size_t equals = line.find('=');
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with('[') && line.ends_with(']'))
      section = trimmed(line.substr(1, line.size() - 2));
    else if (equals != std::string_view::npos)
      out[section][std::string{trimmed(line.substr(0, equals))}] = trimmed(line.substr(equals + 1));
  }
  return out;
}

Result<S3Config> read_s3_config(const std::string& url, const Variables& variables) {
  S3Config config;
  std::string style;
  if (Status read = read_url(url, config, style); !read) return std::move(read).error();
  Profile profile = profile_of(variables);
  config.region = value_of(variables, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (config.region.empty()) config.region = profile["region"];
  if (config.region.empty()) config.region = "us-east-1";
  std::string endpoint = value_of(variables, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  // A bucket with a dot has no place in the name of a host with TLS: certificates have one level.
  bool is_dotted = config.bucket.find('.') != std::string::npos;
  config.bucket_in_path = style.empty() ? !endpoint.empty() || is_dotted : style == "path";
  if (endpoint.empty()) endpoint = "https://s3." + config.region + ".amazonaws.com";
  if (Status read = read_endpoint(endpoint, config); !read) return std::move(read).error();
  if (!config.bucket_in_path) config.host = config.bucket + "." + config.host;
  config.ca_file = value_of(variables, {"AWS_CA_BUNDLE"});
  auto& own = config.credentials;
  own = {value_of(variables, {"AWS_ACCESS_KEY_ID"}), value_of(variables, {"AWS_SECRET_ACCESS_KEY"}),
         value_of(variables, {"AWS_SESSION_TOKEN"})};
  if (own.key_id.empty())
    own = {profile["aws_access_key_id"], profile["aws_secret_access_key"],
           profile["aws_session_token"]};
  if (own.key_id.empty() || own.secret.empty())
    return Error{ErrorCode::kUnauthorized, "there are no credentials for " + url,
                 "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into "
                 "~/.aws/credentials"};
  return config;
}

}  // namespace trivet::store
