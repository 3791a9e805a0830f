#include "gateway/foreign_page.h"

#include <gtest/gtest.h>

namespace trivet::gateway {
namespace {

bool refused(std::string_view method, std::string_view host, std::string_view origin = {}) {
  std::vector<net::Header> headers{{"host", host}};
  if (!origin.empty()) headers.push_back({"origin", origin});
  net::MessageHead head;
  head.method = method;
  head.headers = headers;
  return refuse_foreign_page(head).has_value();
}

TEST(ForeignPage, hosts) {
  for (const char* host : {"127.0.0.1:7007", "127.0.0.1", "[::1]:7007", "[::1]", "localhost",
                           "LocalHost:7007", "app.localhost:1", "localhost.", "192.168.0.7:80"})
    EXPECT_FALSE(refused("GET", host)) << host;
  for (const char* host : {"evil.example", "evil.example:7007", "127.0.0.1.evil.example",
                           "localhost.evil.example", "notlocalhost", "", "0x7f.1", "127.1"})
    EXPECT_TRUE(refused("GET", host)) << host;
}

TEST(ForeignPage, origins) {
  EXPECT_FALSE(refused("POST", "127.0.0.1:7007"));
  EXPECT_FALSE(refused("POST", "127.0.0.1:7007", "http://127.0.0.1:7007"));
  EXPECT_FALSE(refused("POST", "[::1]:7007", "http://[::1]:7007"));
  EXPECT_FALSE(refused("POST", "localhost", "http://LOCALHOST:80"));
  EXPECT_FALSE(refused("GET", "127.0.0.1:7007", "http://evil.example"));
  for (const char* origin : {"http://evil.example", "http://127.0.0.1:8000", "null",
                             "https://127.0.0.1:7007", "http://localhost:7007", "http://"})
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "QUERY"})
      EXPECT_TRUE(refused(method, "127.0.0.1:7007", origin)) << method << origin;
}

}  // namespace
}  // namespace trivet::gateway
