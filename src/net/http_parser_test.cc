#include "net/http_parser.h"

#include <gtest/gtest.h>

namespace trivet::net {
namespace {

constexpr std::string_view kHost = "Host: x\r\n";

std::string request(std::string_view line, std::string_view headers = {}) {
  return std::string{line} + "\r\n" + std::string{kHost} + std::string{headers} + "\r\n";
}

struct Parsed {
  std::optional<HttpFault> fault;
  std::string body, summary;  // "method path?query headers"
  bool body_failed = false, done = false;
  size_t used = 0;
};

// What a connection does, with bytes that come as `first` and the rest.
Parsed parse(std::string_view all, size_t first) {
  HttpParser parser{MessageKind::kRequest};
  Parsed out;
  std::string in;
  size_t length = 0, seen = 0, arrived = 0;
  auto arrive = [&] {
    size_t to = arrived < first ? first : all.size();
    in.append(all.substr(arrived, to - arrived));
    return std::exchange(arrived, to) != to;
  };
  while ((length = HttpParser::head_length(in, seen)) == 0) {
    seen = in.size();
    if ((out.fault = HttpParser::early_fault(in))) return out;
    if (!arrive()) return out;
  }
  out.fault = parser.parse_head(std::string_view{in}.substr(0, length));
  if (out.fault) return out;
  in.erase(0, length);
  out.used = length;
  const MessageHead& head = parser.head();
  out.summary = std::string{head.method} + " " + std::string{head.path} + "?" +
                std::string{head.query} + (head.keep_alive ? " keep" : " close");
  for (const auto& h : head.headers)
    out.summary += " " + std::string{h.name} + "=" + std::string{h.value};
  while (!parser.body_done()) {
    auto taken = parser.take_body(in, out.body);
    if (!taken) {
      out.body_failed = true;
      return out;
    }
    in.erase(0, *taken);
    out.used += *taken;
    if (*taken == 0 && !arrive()) return out;
  }
  out.done = true;
  return out;
}

struct GoodRequest {
  const char* what;
  std::string text, summary, body;
};

TEST(HttpParser, good_requests_are_read_alike_however_they_are_split) {
  const GoodRequest table[] = {
      {"plain", request("GET /a?b=c HTTP/1.1"), "GET /a?b=c keep host=x", ""},
      {"no query", request("GET / HTTP/1.1"), "GET /? keep host=x", ""},
      {"two question marks", request("GET /a?b?c HTTP/1.1"), "GET /a?b?c keep host=x", ""},
      {"absolute form", request("GET http://x/a?b HTTP/1.1"), "GET /a?b keep host=x", ""},
      {"absolute form, no path", request("GET http://x HTTP/1.1"), "GET /? keep host=x", ""},
      {"absolute form in capitals", request("GET http://X/a HTTP/1.1"), "GET /a? keep host=x", ""},
      {"no name of a host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET /? keep host=", ""},
      {"asterisk", request("OPTIONS * HTTP/1.1"), "OPTIONS *? keep host=x", ""},
      {"old version", "GET / HTTP/1.0\r\n\r\n", "GET /? close", ""},
      {"old version, kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       "GET /? keep connection=keep-alive", ""},
      {"close", request("GET / HTTP/1.1", "Connection: Close\r\n"),
       "GET /? close host=x connection=Close", ""},
      {"names become lower-case, values are trimmed",
       request("GET / HTTP/1.1", "X-Some_THING: \t a b \r\nEmpty:\r\n"),
       "GET /? keep host=x x-some_thing=a b empty=", ""},
      {"length", request("PUT /a HTTP/1.1", "Content-Length: 5\r\n") + "he\r\no",
       "PUT /a? keep host=x content-length=5", "he\r\no"},
      {"no body", request("POST /a HTTP/1.1", "Content-Length: 0\r\n"),
       "POST /a? keep host=x content-length=0", ""},
      {"chunks",
       request("POST /a HTTP/1.1", "Transfer-Encoding: Chunked\r\n") +
           "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
       "POST /a? keep host=x transfer-encoding=Chunked", "abc0123456789"},
      {"chunk extension and trailer",
       request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n") +
           "1;a=\"b\"\r\nz\r\n0\r\nX-Trailer: y\r\n\r\n",
       "POST /a? keep host=x transfer-encoding=chunked", "z"},
  };
  for (const auto& row : table) {
    for (size_t first = 0; first <= row.text.size(); ++first) {
      Parsed parsed = parse(row.text, first);
      ASSERT_FALSE(parsed.fault) << row.what << " split at " << first << parsed.fault->message;
      ASSERT_TRUE(parsed.done) << row.what << " split at " << first;
      ASSERT_EQ(parsed.summary, row.summary) << row.what << " split at " << first;
      ASSERT_EQ(parsed.body, row.body) << row.what << " split at " << first;
      ASSERT_EQ(parsed.used, row.text.size()) << row.what << " split at " << first;
    }
  }
}

struct BadRequest {
  const char* what;
  std::string text;
  int status;
};

TEST(HttpParser, hostile_heads_are_refused_however_they_are_split) {
  const BadRequest table[] = {
      {"two lengths that differ",
       request("POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
      {"two lengths that agree",
       request("POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {"a list of lengths", request("POST / HTTP/1.1", "Content-Length: 1, 1\r\n"), 400},
      {"signed length", request("POST / HTTP/1.1", "Content-Length: +1\r\n"), 400},
      {"hexadecimal length", request("POST / HTTP/1.1", "Content-Length: 0x1\r\n"), 400},
      {"empty length", request("POST / HTTP/1.1", "Content-Length:\r\n"), 400},
      {"length of 2^64", request("POST / HTTP/1.1", "Content-Length: 18446744073709551616\r\n"),
       400},
      {"length and coding",
       request("POST / HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"coding and length",
       request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400},
      {"unknown coding", request("POST / HTTP/1.1", "Transfer-Encoding: gzip\r\n"), 501},
      {"two codings", request("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"twice chunked",
       request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       400},
      {"coding with a strange blank",
       request("POST / HTTP/1.1",
               "Transfer-Encoding: \x0b"
               "chunked\r\n"),
       400},
      {"coding in an old version", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"folded line", request("GET / HTTP/1.1", "A: b\r\n c\r\n"), 400},
      {"folded line with a tab", request("GET / HTTP/1.1", "A: b\r\n\tc\r\n"), 400},
      {"blank before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 400},
      {"bare line feed in a value", request("GET / HTTP/1.1", "A: b\nC: d\r\n"), 400},
      {"bare carriage return in a value", request("GET / HTTP/1.1", "A: b\rC: d\r\n"), 400},
      {"blank before a colon", request("GET / HTTP/1.1", "A : b\r\n"), 400},
      {"no colon", request("GET / HTTP/1.1", "A\r\n"), 400},
      {"no name", request("GET / HTTP/1.1", ": b\r\n"), 400},
      {"NUL in a value", request("GET / HTTP/1.1", std::string_view{"A: b\0c\r\n", 8}), 400},
      {"control byte in a value", request("GET / HTTP/1.1", "A: b\x01\r\n"), 400},
      {"byte over 127 in a name", request("GET / HTTP/1.1", "\xc3\xa9: b\r\n"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", request("GET / HTTP/1.1", "Host: y\r\n"), 400},
      {"bad method", request("G@T / HTTP/1.1"), 400},
      {"no method", request(" / HTTP/1.1"), 400},
      {"no version", request("GET /"), 400},
      {"no target", request("GET HTTP/1.1"), 400},
      {"blank in the target", request("GET /a b HTTP/1.1"), 400},
      {"target without a slash", request("GET a HTTP/1.1"), 400},
      {"authority form", request("CONNECT x:80 HTTP/1.1"), 400},
      {"asterisk for another method", request("GET * HTTP/1.1"), 400},
      {"absolute form of another host", request("GET http://y/a HTTP/1.1"), 400},
      {"absolute form of another port", request("GET http://x:80/a HTTP/1.1"), 400},
      {"absolute form of a user", request("GET http://y@x/a HTTP/1.1"), 400},
      {"absolute form without a host", request("GET http:///a HTTP/1.1"), 400},
      {"a host with a blank", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
      {"a list of hosts", "GET / HTTP/1.1\r\nHost: x,y\r\n\r\n", 400},
      {"a host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
      {"a host with a user", "GET / HTTP/1.1\r\nHost: y@x\r\n\r\n", 400},
      {"a host that is no ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400},
      {"version 2", request("GET / HTTP/2.0"), 505},
      {"not HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400},
      {"another protocol", request("GET / ICAP/1.0"), 400},
  };
  for (const auto& row : table) {
    for (size_t first = 0; first <= row.text.size(); ++first) {
      Parsed parsed = parse(row.text, first);
      ASSERT_TRUE(parsed.fault) << row.what << " split at " << first;
      ASSERT_EQ(parsed.fault->status, row.status) << row.what << ": " << parsed.fault->message;
    }
  }
}

TEST(HttpParser, a_chunked_body_may_come_byte_by_byte) {
  HttpParser parser{MessageKind::kRequest};
  ASSERT_FALSE(parser.parse_head(request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n")));
  std::string in, body;
  for (char c : std::string_view{"3;x\r\nabc\r\n00\r\nA: b\r\n\r\n"}) {
    EXPECT_FALSE(parser.body_done());
    in.push_back(c);
    auto taken = parser.take_body(in, body);
    ASSERT_TRUE(taken.ok()) << taken.error().text();
    in.erase(0, *taken);
  }
  EXPECT_TRUE(parser.body_done());
  EXPECT_EQ(body, "abc");
}

TEST(HttpParser, limits_hold_on_both_sides) {
  std::string most(limits::kHttpTargetMax - 1, 'a');
  std::string headers, value(limits::kHttpHeaderMax, 'a');
  for (size_t i = 1; i < limits::kHttpHeaderCount; ++i) headers += "A: b\r\n";
  const BadRequest table[] = {
      {"target", request("GET /" + most + " HTTP/1.1"), 0},
      {"target too long", request("GET /" + most + std::string(40, 'a') + " HTTP/1.1"), 414},
      {"target without an end", "GET /" + most + std::string(40, 'a'), 414},
      {"headers", request("GET / HTTP/1.1", headers), 0},
      {"headers too many", request("GET / HTTP/1.1", headers + "A: b\r\n"), 431},
      {"head", request("GET / HTTP/1.1", "A: " + value.substr(100) + "\r\n"), 0},
      {"head too large", request("GET / HTTP/1.1", "A: " + value + "\r\n"), 431},
      {"head without an end", "GET / HTTP/1.1\r\nA: " + value, 431},
  };
  for (const auto& row : table) {
    Parsed parsed = parse(row.text, row.text.size());
    EXPECT_EQ(parsed.fault ? parsed.fault->status : 0, row.status) << row.what;
  }
}

TEST(HttpParser, hostile_chunks_are_refused) {
  std::string head = request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n");
  const std::pair<const char*, std::string> table[] = {
      {"no size", "\r\nabc\r\n"},
      {"sign", "-1\r\na\r\n"},
      {"prefix", "0x1\r\na\r\n0\r\n\r\n"},
      {"too long a chunk", "1\r\nab\r\n0\r\n\r\n"},
      {"no line end behind a chunk", "1\r\na0\r\n\r\n"},
      {"bare line feeds", "1\na\n0\n\n"},
      {"bare carriage return", "1\ra\r\na\r\n0\r\n\r\n"},
      {"size of another base", "g\r\na\r\n0\r\n\r\n"},
      {"blank before a size", " 1\r\na\r\n0\r\n\r\n"},
      {"blank behind a size", "1 \r\na\r\n0\r\n\r\n"},
      {"folded trailer", "0\r\nA: b\r\n c: d\r\n\r\n"},
      {"trailer without a colon", "0\r\nA\r\n\r\n"},
      {"bare line feed in an extension", "1;a\nb\r\na\r\n0\r\n\r\n"},
      {"size over 64 bits", "10000000000000000\r\na\r\n"},
      {"endless extension", "1;" + std::string(limits::kHttpHeaderMax + 10, 'a')},
      {"endless size", std::string(limits::kHttpHeaderMax + 10, '0')},
      {"endless trailer", "0\r\nA: " + std::string(limits::kHttpHeaderMax + 10, 'a')},
  };
  for (const auto& [what, chunks] : table) {
    Parsed parsed = parse(head + chunks, head.size());
    EXPECT_TRUE(parsed.body_failed) << what;
    EXPECT_FALSE(parsed.done) << what;
  }
}

TEST(HttpParser, a_parser_serves_one_message_after_another) {
  HttpParser parser{MessageKind::kRequest};
  std::string first = request("HEAD /a?b HTTP/1.1", "Content-Length: 3\r\n");
  ASSERT_FALSE(parser.parse_head(first));
  EXPECT_FALSE(parser.body_done());
  ASSERT_TRUE(parser.parse_head("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(parser.body_done());
  ASSERT_FALSE(parser.parse_head(request("GET /c HTTP/1.1")));
  EXPECT_EQ(parser.head().path, "/c");
  EXPECT_EQ(parser.head().query, "");
  EXPECT_FALSE(parser.head().content_length);
  EXPECT_FALSE(parser.head().header("content-length"));
  EXPECT_EQ(parser.head().header("host"), "x");
}

TEST(HttpParser, responses_end_by_length_by_chunk_or_with_the_connection) {
  HttpParser parser{MessageKind::kResponse};
  std::string body;
  ASSERT_FALSE(parser.parse_head("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(parser.head().status, 204);
  EXPECT_TRUE(parser.body_done());
  ASSERT_FALSE(parser.parse_head("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(*parser.take_body("abc", body), 2u);
  EXPECT_TRUE(parser.body_done());
  ASSERT_FALSE(parser.parse_head("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(*parser.take_body("abc", body), 3u);
  EXPECT_FALSE(parser.body_done());
  EXPECT_EQ(body, "ababc");
}

}  // namespace
}  // namespace trivet::net
