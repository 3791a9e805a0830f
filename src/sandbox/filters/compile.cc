// Turns lists of system calls (standard.calls says how they are written) into the BPF programs that
// filter.cc contains: compile OUTPUT NAME=FILE... Runs at build time only. The tree of comparisons
// comes from libseccomp; the first instructions, which it cannot express, are written here.

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Rule {
  unsigned arg = 0;
  uint32_t mask = 0xffffffff;
  std::vector<uint32_t> values;
};
using Case = std::vector<Rule>;  // holds when all of them do; without any: always

struct Call {
  uint32_t action = SCMP_ACT_ALLOW;
  std::vector<Case> cases;
};

struct List {
  std::map<std::string, Call> calls;
  std::string newest;
};

// What the lists call by name. Names that the headers at hand are too old for have their numbers.
const std::map<std::string, uint32_t> kValues{
#define VALUE(name) {#name, static_cast<uint32_t>(name)}
    VALUE(AF_UNIX),
    VALUE(AF_INET),
    VALUE(AF_INET6),
    VALUE(AF_NETLINK),
    VALUE(NETLINK_ROUTE),
    VALUE(SOCK_STREAM),
    VALUE(SOCK_DGRAM),
    VALUE(IPPROTO_ICMP),
    VALUE(IPPROTO_TCP),
    VALUE(IPPROTO_UDP),
    VALUE(IPPROTO_ICMPV6),
    VALUE(S_IFMT),
    VALUE(S_IFIFO),
    VALUE(TCGETS),
    VALUE(TCSETS),
    VALUE(TCSETSW),
    VALUE(TCSETSF),
    VALUE(TIOCGWINSZ),
    VALUE(TIOCGPGRP),
    VALUE(TIOCOUTQ),
    VALUE(FIONREAD),
    VALUE(FIONBIO),
    VALUE(FIOASYNC),
    VALUE(FIOCLEX),
    VALUE(FIONCLEX),
    VALUE(SIOCGIFCONF),
    VALUE(SIOCGIFNAME),
    VALUE(SIOCGIFINDEX),
    VALUE(SIOCGIFFLAGS),
    VALUE(SIOCGIFADDR),
    VALUE(SIOCGIFNETMASK),
    VALUE(SIOCGIFBRDADDR),
    VALUE(SIOCGIFHWADDR),
    VALUE(SIOCGIFMTU),
    VALUE(FICLONE),
    VALUE(FICLONERANGE),
    VALUE(PR_SET_NAME),
    VALUE(PR_GET_NAME),
    VALUE(PR_SET_PDEATHSIG),
    VALUE(PR_GET_PDEATHSIG),
    VALUE(PR_SET_DUMPABLE),
    VALUE(PR_GET_DUMPABLE),
    VALUE(PR_SET_CHILD_SUBREAPER),
    VALUE(PR_GET_CHILD_SUBREAPER),
    VALUE(PR_SET_VMA),
    VALUE(PR_CAPBSET_READ),
    VALUE(PR_GET_KEEPCAPS),
    VALUE(PR_SET_KEEPCAPS),
    VALUE(PR_SET_NO_NEW_PRIVS),
    VALUE(PR_GET_NO_NEW_PRIVS),
    VALUE(PR_GET_SECCOMP),
    VALUE(PR_SET_SECCOMP),
    VALUE(PR_SET_TIMERSLACK),
    VALUE(PR_GET_TIMERSLACK),
    VALUE(PR_SET_THP_DISABLE),
    VALUE(PR_GET_THP_DISABLE),
    VALUE(PR_GET_TID_ADDRESS),
    {"PR_SET_MDWE", 65},
    {"PR_GET_MDWE", 66},
#undef VALUE
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> pieces;
  std::string piece;
  for (std::istringstream in(text); std::getline(in, piece, separator);) pieces.push_back(piece);
  return pieces;
}

uint32_t value_of(const std::string& text) {
  if (auto known = kValues.find(text); known != kValues.end()) return known->second;
  size_t end = 0;
  unsigned long value = 0;
  if (!text.empty() && isdigit(static_cast<unsigned char>(text[0])))
    value = std::stoul(text, &end, 0);
  if (end == 0 || end != text.size() || value > 0xffffffff)
    throw std::runtime_error("not a value: " + text);
  return static_cast<uint32_t>(value);
}

// "arg1 & 0xf in SOCK_STREAM SOCK_DGRAM"
Rule read_rule(const std::string& text) {
  std::istringstream in(text);
  std::string word;
  Rule rule;
  in >> word;
  if (word.size() != 4 || word.compare(0, 3, "arg") != 0 || word[3] < '0' || word[3] > '5')
    throw std::runtime_error("arg0 to arg5 expected: " + word);
  rule.arg = static_cast<unsigned>(word[3] - '0');
  in >> word;
  if (word == "&") {
    in >> word;
    rule.mask = value_of(word);
    in >> word;
  }
  if (word != "in") throw std::runtime_error("`in` expected: " + word);
  while (in >> word) rule.values.push_back(value_of(word));
  if (rule.values.empty()) throw std::runtime_error("values expected after `in`");
  return rule;
}

int number_of(const std::string& name) {
  int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) throw std::runtime_error("no such system call: " + name);
  return number;  // below 0: another architecture's
}

void add(List& list, const std::string& name, uint32_t action, Case rules) {
  number_of(name);
  auto [place, is_new] = list.calls.try_emplace(name);
  Call& call = place->second;
  bool is_case = !rules.empty() && call.action == action && !call.cases.empty();
  if (!is_new && !is_case) throw std::runtime_error("named twice: " + name);
  call.action = action;
  if (!rules.empty()) call.cases.push_back(std::move(rules));
}

void read_list(const std::string& file, List& list);

void read_line(const std::string& line, const std::string& file, List& list) {
  std::string head = line.substr(0, line.find(':')), first, name, more;
  std::istringstream in(head);
  in >> first >> name >> more;
  if (!more.empty()) throw std::runtime_error("one name per line");
  Case rules;
  if (head.size() < line.size())
    for (const std::string& rule : split(line.substr(head.size() + 1), ';'))
      rules.push_back(read_rule(rule));
  if (name.empty()) return add(list, first, SCMP_ACT_ALLOW, std::move(rules));
  if (first == "absent") return add(list, name, SCMP_ACT_ERRNO(ENOSYS), std::move(rules));
  if (first == "kill") return add(list, name, SCMP_ACT_KILL_PROCESS, std::move(rules));
  if (!rules.empty()) throw std::runtime_error("a rule has no meaning here");
  if (first == "newest") {
    list.newest = name;
  } else if (first == "like") {
    read_list(file.substr(0, file.rfind('/') + 1) + name, list);
  } else if (first == "refuse") {
    if (list.calls.erase(name) == 0) throw std::runtime_error("was not allowed: " + name);
  } else {
    throw std::runtime_error("unknown word: " + first);
  }
}

void read_list(const std::string& file, List& list) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + ": cannot be read");
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line.resize(std::min(line.size(), line.find('#')));
    if (line.find_first_not_of(' ') == std::string::npos) continue;
    try {
      read_line(line, file, list);
    } catch (const std::exception& error) {
      throw std::runtime_error(file + ":" + std::to_string(number) + ": " + error.what());
    }
  }
}

void check(int result, const std::string& what) {
  if (result < 0)
    throw std::runtime_error("libseccomp: " + what + ": error " + std::to_string(-result));
}

// One libseccomp rule for each choice of one value per rule of the case.
void add_case(scmp_filter_ctx filter, const std::string& name, uint32_t action, const Case& rules) {
  std::vector<std::vector<scmp_arg_cmp>> choices{{}};
  for (const Rule& rule : rules) {
    std::vector<std::vector<scmp_arg_cmp>> longer;
    for (const auto& choice : choices)
      for (uint32_t value : rule.values) {
        longer.push_back(choice);
        longer.back().push_back({rule.arg, SCMP_CMP_MASKED_EQ, rule.mask, value});
      }
    choices = std::move(longer);
  }
  for (const auto& choice : choices)
    check(seccomp_rule_add_array(filter, action, number_of(name),
                                 static_cast<unsigned>(choice.size()), choice.data()),
          name);
}

std::vector<sock_filter> tree_of(const List& list) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (!filter) throw std::runtime_error("libseccomp: no filter");
  check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "architecture");
  check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  for (const auto& [name, call] : list.calls) {
    if (number_of(name) < 0) continue;
    if (call.cases.empty()) add_case(filter, name, call.action, {});
    for (const Case& rules : call.cases) add_case(filter, name, call.action, rules);
  }
  FILE* file = std::tmpfile();
  if (!file) throw std::runtime_error("no temporary file");
  check(seccomp_export_bpf(filter, fileno(file)), "export");
  seccomp_release(filter);
  std::vector<sock_filter> program(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)) /
                                   sizeof(sock_filter));
  auto size = static_cast<ssize_t>(program.size() * sizeof(sock_filter));
  if (pread(fileno(file), program.data(), static_cast<size_t>(size), 0) != size)
    throw std::runtime_error("the exported program cannot be read");
  std::fclose(file);
  return program;
}

// Another architecture's call ends the process; so does one of x32, which has the same architecture
// but for a bit of the number. Above the newest known: ENOSYS. -1 is what a tracer leaves of a call
// that it skips.
std::vector<sock_filter> program_of(const List& list) {
  if (list.newest.empty())
    throw std::runtime_error("the list does not say which call is its newest");
  auto newest = static_cast<uint32_t>(number_of(list.newest));
  constexpr uint32_t kX32 = 0x40000000;
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 4),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  for (const sock_filter& one : tree_of(list)) program.push_back(one);
  if (program.size() > BPF_MAXINSNS)
    throw std::runtime_error("the program is too long for the kernel");
  return program;
}

void write_program(std::ostream& out, const std::string& name, const List& list) {
  std::map<uint32_t, int> counts;
  for (const auto& [call, what] : list.calls) counts[what.action] += number_of(call) >= 0;
  out << "static const struct sock_filter k" << name << "Program[] = {\n";
  for (const sock_filter& one : program_of(list))
    out << "    {" << one.code << ", " << +one.jt << ", " << +one.jf << ", " << one.k << "u},\n";
  out << "};\nstatic const char k" << name << "Summary[] = \"" << counts[SCMP_ACT_ALLOW]
      << " calls allowed, " << counts[SCMP_ACT_KILL_PROCESS] << " end the process, "
      << counts[SCMP_ACT_ERRNO(ENOSYS)] << " absent (ENOSYS), all others refused (EPERM)\";\n"
      << "static const int k" << name << "Calls = " << counts[SCMP_ACT_ALLOW] << ";\n";
}

}  // namespace

int main(int argc, char** argv) try {
  std::ostringstream out;
  out << "// Written by src/sandbox/filters/compile.cc from the lists beside it.\n";
  for (int i = 2; i < argc; ++i) {
    std::string arg = argv[i];
    List list;
    read_list(arg.substr(arg.find('=') + 1), list);
    write_program(out, arg.substr(0, arg.find('=')), list);
  }
  std::ofstream file(argc > 1 ? argv[1] : "");
  if (!(file << out.str() << std::flush)) throw std::runtime_error("cannot write the output");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "filters: " << error.what() << "\n";
  return 1;
}
