#pragma once
// What the parts of the probe share. An attack answers 0 when it was let do what it wanted, or
// would have been with better arguments, else an errno.

#include <errno.h>
#include <unistd.h>

typedef int Attack(char* argument);
typedef struct {
  const char* name;
  Attack* attack;
} Row;

// One of each source; they end with a row without a name.
extern const Row kFiles[], kProcesses[], kGrowth[], kNetwork[], kKernel[], kPrivileges[];
extern const char* self;  // the path of this program

void say(const char* text);  // adds to the `detail` of the line of JSON
void say_number(long number);
char* cut(char* text, char** rest);  // at the last colon

static inline int of(long result) { return result == -1 ? errno : 0; }
static inline int past(int error, int harmless) { return error == harmless ? 0 : error; }
static inline int keep(long fd) {  // of a call that gives a descriptor
  int error = of(fd);
  if (!error) close(fd);
  return error;
}
