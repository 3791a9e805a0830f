// Tries what a function must not be able to do, and prints what came of it: a line of JSON for each
// attack. Built without shared libraries, so that it runs wherever it is copied to. Usage: probe
// ATTACK[:ARGUMENT]...
//
// Each attack is tried by a child: what kills it is an outcome as well. Nothing here does harm
// where it is allowed: what exists is opened and not written to, clocks and names are set to what
// they are, and everything that grows stops by itself.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "probe.h"

const char* self;

static struct {  // what a child says, in memory that its parent shares
  int is_done, error;
  char detail[1 << 16];
} * told;

void say(const char* text) {
  strncat(told->detail, text, sizeof told->detail - strlen(told->detail) - 1);
}
void say_number(long number) {
  char text[32];
  snprintf(text, sizeof text, "%ld", number);
  say(text);
}

// "a:b" -> "a", and "b" in *rest.
char* cut(char* text, char** rest) {
  char* colon = strrchr(text, ':');
  *rest = colon ? colon + 1 : text + strlen(text);
  if (colon) *colon = 0;
  return text;
}

static void stay(const char* name) {
  prctl(PR_SET_NAME, name);
  for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
  for (;;) sleep(1000);
}

static Attack* named(const char* name) {
  const Row* tables[] = {kFiles, kProcesses, kGrowth, kNetwork, kKernel, kPrivileges};
  for (int i = 0; i < 6; i++) {
    for (const Row* row = tables[i]; row->name; row++) {
      if (!strcmp(row->name, name)) return row->attack;
    }
  }
  return NULL;
}

static void print_text(const char* text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar((unsigned char)*text < ' ' ? ' ' : *text);
  }
  putchar('"');
}

// "allowed"; the name of an errno; or that of the signal that ended it.
static const char* outcome(pid_t pid) {
  int status = 0;
  if (pid < 0) return strerrorname_np(errno);
  waitpid(pid, &status, 0);
  if (told->is_done) return told->error ? strerrorname_np(told->error) : "allowed";
  static char text[16];
  snprintf(text, sizeof text, "SIG%s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "?");
  return text;
}

static int try(char* asked) {
  char name[32], *argument = strchr(asked, ':');
  snprintf(name, sizeof name, "%.*s", (int)strcspn(asked, ":"), asked);
  Attack* attack = named(name);
  if (!attack) return fprintf(stderr, "probe: no attack is called %s\n", name), 2;
  char* copy = strdup(argument ? argument + 1 : "");
  told->is_done = told->detail[0] = 0;
  pid_t pid = fork();
  if (pid == 0) {
    told->error = attack(copy);
    told->is_done = 1;
    _exit(0);
  }
  free(copy);
  printf("{\"attack\":");
  print_text(asked);
  printf(",\"outcome\":\"%s\",\"detail\":", outcome(pid));
  print_text(told->detail);
  puts("}");
  return fflush(stdout) != 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && !strcmp(argv[1], "--daemon")) stay(argv[0]);
  if (argc == 2 && !strcmp(argv[1], "--uid")) return printf("%d\n", geteuid()) < 0;
  self = realpath("/proc/self/exe", NULL);
  if (!self) self = realpath(argv[0], NULL);  // /proc is of another pid namespace
  told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!self || told == MAP_FAILED) return perror("probe"), 1;
  int result = 0;
  for (int i = 1; i < argc && !result; i++) result = try(argv[i]);
  return result;
}
