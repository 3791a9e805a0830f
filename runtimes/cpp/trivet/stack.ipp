// Where an exception was thrown. The linker gives throws of the program to __wrap___cxa_throw (-Wl,--wrap=__cxa_throw), which keeps the addresses; names are
// looked up in the program's own symbol table when an ERROR frame is written.

#include <cxxabi.h>
#include <elf.h>
#include <unwind.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <typeinfo>

extern "C" char __executable_start;  // the linker's

namespace trivet {

struct Thrown {
  std::array<std::uintptr_t, 32> addresses{};
  int count = 0;
};
inline thread_local Thrown last_thrown;

inline std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = text ? text : name;
  std::free(text);
  return out;
}

inline void keep_stack() {
  last_thrown.count = 0;
  _Unwind_Backtrace(
      [](_Unwind_Context* frame, void*) {
        if (last_thrown.count == static_cast<int>(last_thrown.addresses.size())) return _URC_END_OF_STACK;
        last_thrown.addresses[last_thrown.count++] = _Unwind_GetIP(frame);
        return _URC_NO_REASON;
      },
      nullptr);
}

// The names of the functions of user code that were active, innermost first.
inline std::string stack_text() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::string image{std::istreambuf_iterator<char>(file), {}};
  if (image.size() < sizeof(Elf64_Ehdr) || image.compare(0, 4, ELFMAG) != 0) return {};
  auto at = [&image](std::size_t offset) { return image.data() + offset; };
  auto* head = reinterpret_cast<const Elf64_Ehdr*>(at(0));
  auto* sections = reinterpret_cast<const Elf64_Shdr*>(at(head->e_shoff));
  std::uintptr_t base = head->e_type == ET_DYN ? reinterpret_cast<std::uintptr_t>(&__executable_start) : 0;
  std::string out;
  for (int frame = 1; frame < last_thrown.count; frame++) {
    std::uintptr_t address = last_thrown.addresses[frame] - base - 1;
    for (int n = 0; n < head->e_shnum; n++) {
      if (sections[n].sh_type != SHT_SYMTAB) continue;
      auto* symbols = reinterpret_cast<const Elf64_Sym*>(at(sections[n].sh_offset));
      const char* names = at(sections[sections[n].sh_link].sh_offset);
      for (std::size_t s = 0; s < sections[n].sh_size / sizeof(Elf64_Sym); s++) {
        if (ELF64_ST_TYPE(symbols[s].st_info) != STT_FUNC || address < symbols[s].st_value || address >= symbols[s].st_value + symbols[s].st_size) continue;
        std::string name = demangled(names + symbols[s].st_name);
        if (name.find("trivet::handlers::") != std::string::npos || name.find("trivet::Worker::") != std::string::npos) return out;
        if (name.find("__wrap___cxa_throw") == std::string::npos) out += "at " + name + "\n";
        break;
      }
    }
  }
  return out;
}

}  // namespace trivet

extern "C" {
[[noreturn]] void __real___cxa_throw(void*, std::type_info*, void (*)(void*)) __attribute__((weak));
[[noreturn]] void __wrap___cxa_throw(void* thrown, std::type_info* type, void (*destroy)(void*)) {
  trivet::keep_stack();
  __real___cxa_throw(thrown, type, destroy);
}
}
