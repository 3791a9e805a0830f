// Calls a function from a C++ program:  embed_cpp FOLDER FUNCTION INPUT
#include <cstdio>
#include <future>

#include "trivet/host.h"

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: embed_cpp FOLDER FUNCTION INPUT\n"), 2;
  auto host = trivet::Host::open({.root = argv[1]});
  if (!host) return std::fprintf(stderr, "%s\n", host.error().text().c_str()), 1;
  if (auto started = (*host)->start(); !started)
    return std::fprintf(stderr, "%s\n", started.error().text().c_str()), 1;

  auto reply = (*host)->invoke({.function = argv[2], .input = argv[3]});
  if (!reply) return std::fprintf(stderr, "%s\n", reply.error().text().c_str()), 1;
  std::printf("blocking: %s\n", reply->body.c_str());

  auto later = (*host)->invoke_async({.function = argv[2], .input = argv[3]});
  auto again = later.get();
  if (again) std::printf("future: %s\n", again->body.c_str());

  std::printf("functions: %zu, calls: %lld\n", (*host)->list_functions().size(),
              static_cast<long long>((*host)->stats().calls));
  std::string token = (*host)->token_store().issue(argv[2]);
  std::printf("token names: %s\n", (*host)->token_store().verify(token).c_str());
  return (*host)->close() ? 0 : 1;
}
