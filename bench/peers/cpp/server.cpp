// A usual server of the language with the same function: cpp-httplib. PORT on the command line.
#include <httplib.h>

#include <limits>
#include <nlohmann/json.hpp>

int main(int argc, char** argv) {
  httplib::Server server;
  // A connection has a thread while it lives.
  server.new_task_queue = [] { return new httplib::ThreadPool(32); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(std::numeric_limits<int>::max());
  server.Post(".*", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(nlohmann::json::parse(request.body).dump(), "application/json");
  });
  return argc > 1 && server.listen("127.0.0.1", std::stoi(argv[1])) ? 0 : 1;
}
