/* Calls a function from a C program:  embed_c CONFIG_JSON FUNCTION INPUT */
#include <stdio.h>
#include <string.h>

#include "trivet/c.h"

int main(int argc, char** argv) {
  char* error = NULL;
  trivet_host* host;
  trivet_reply* reply;
  size_t size = 0;
  const void* body;
  if (argc != 4) return fprintf(stderr, "usage: embed_c CONFIG_JSON FUNCTION INPUT\n"), 2;
  host = trivet_host_open(argv[1], &error);
  if (host == NULL) return fprintf(stderr, "%s\n", error), trivet_string_free(error), 1;
  reply = trivet_invoke(host, argv[2], argv[3], strlen(argv[3]), &error);
  if (reply == NULL) {
    fprintf(stderr, "%s\n", error);
    trivet_string_free(error);
    trivet_host_free(host);
    return 1;
  }
  body = trivet_reply_body(reply, &size);
  printf("%d %.*s\n", trivet_reply_status(reply), (int)size, (const char*)body);
  trivet_reply_free(reply);
  trivet_host_close(host, NULL);
  trivet_host_free(host);
  return 0;
}
