#include "gateway/alyx/multipart.h"

#include <gtest/gtest.h>

#include "wire/json.h"

namespace trivet::gateway {
namespace {

constexpr auto kType = "Multipart/Form-Data; charset=x; boundary=\"b b\"";

std::string read(std::string_view body, std::string_view type = kType) {
  auto input = multipart_input(type, body);
  return input ? wire::to_text(*input) : input.error().message;
}

TEST(Multipart, fields_and_files) {
  EXPECT_TRUE(is_multipart(kType));
  EXPECT_FALSE(is_multipart("application/json"));
  EXPECT_EQ(
      read("preamble\r\n--b b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
           "--b b \r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n"
           "--b b\r\ncontent-disposition: form-data; name=\"q;\\\"x\\\"\"\r\n\r\n--b\r\n"
           "--b b\r\ncontent-disposition: form-data; name=f; filename=\"x.bin\"\r\n"
           "Content-Type: image/png\r\n\r\nab\r\nc\r\n"
           "--b b\r\ncontent-disposition: form-data; name=g; filename=\"\"\r\n\r\nabcd\r\n--b "
           "b--\r\n"),
      R"({"a":["1",""],"q;\"x\"":"--b","_files":[)"
      R"({"name":"f","filename":"x.bin","content_type":"image/png","size":5,"data":"YWINCmM="},)"
      R"({"name":"g","filename":"","content_type":"application/octet-stream","size":4,"data":"YWJjZA=="}]})");
  EXPECT_EQ(read("--b b--"), "{}");
}

TEST(Multipart, what_is_wrong) {
  auto says = [](std::string_view body, std::string_view what, std::string_view type = kType) {
    std::string text = read(body, type);
    EXPECT_NE(text.find(what), std::string::npos) << text;
  };
  says("", "does not occur");
  says("--b b", "more than a boundary");
  says("--b bb\r\n", "more than a boundary");
  says("--b b\r\n", "last boundary");
  says("--b b\r\nx: y\r\n--b b--", "do not end");
  says("--b b\r\nx\r\n\r\n\r\n--b b--", "no colon");
  says("--b b\r\nx: y\r\n\r\n\r\n--b b--", "no name");
  says("--b b--", "no boundary", "multipart/form-data");
}

}  // namespace
}  // namespace trivet::gateway
