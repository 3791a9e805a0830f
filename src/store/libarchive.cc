#include "store/libarchive.h"

#include <locale.h>

#include <mutex>
#include <optional>

#include "os/library.h"

namespace trivet::store {
namespace {

bool find_all(const os::Library& from, LibArchive& to) {
  return from.find("archive_errno", to.error_number) &&
         from.find("archive_error_string", to.error_string) &&
         from.find("archive_read_new", to.read_new) &&
         from.find("archive_read_free", to.read_free) &&
         from.find("archive_read_support_filter_gzip", to.read_support_filter_gzip) &&
         from.find("archive_read_support_filter_xz", to.read_support_filter_xz) &&
         from.find("archive_read_support_filter_zstd", to.read_support_filter_zstd) &&
         from.find("archive_read_support_format_tar", to.read_support_format_tar) &&
         from.find("archive_read_support_format_zip", to.read_support_format_zip) &&
         from.find("archive_read_open_filename", to.read_open_filename) &&
         from.find("archive_read_next_header", to.read_next_header) &&
         from.find("archive_read_data", to.read_data) &&
         from.find("archive_write_new", to.write_new) &&
         from.find("archive_write_free", to.write_free) &&
         from.find("archive_write_set_format_pax", to.write_set_format_pax) &&
         from.find("archive_write_add_filter_zstd", to.write_add_filter_zstd) &&
         from.find("archive_write_open_fd", to.write_open_fd) &&
         from.find("archive_write_header", to.write_header) &&
         from.find("archive_write_data", to.write_data) &&
         from.find("archive_write_close", to.write_close) &&
         from.find("archive_entry_new", to.entry_new) &&
         from.find("archive_entry_free", to.entry_free) &&
         from.find("archive_entry_clear", to.entry_clear) &&
         from.find("archive_entry_pathname", to.entry_pathname) &&
         from.find("archive_entry_filetype", to.entry_filetype) &&
         from.find("archive_entry_perm", to.entry_perm) &&
         from.find("archive_entry_size", to.entry_size) &&
         from.find("archive_entry_symlink", to.entry_symlink) &&
         from.find("archive_entry_hardlink", to.entry_hardlink) &&
         from.find("archive_entry_copy_pathname", to.entry_copy_pathname) &&
         from.find("archive_entry_copy_symlink", to.entry_copy_symlink) &&
         from.find("archive_entry_set_filetype", to.entry_set_filetype) &&
         from.find("archive_entry_set_perm", to.entry_set_perm) &&
         from.find("archive_entry_set_size", to.entry_set_size) &&
         from.find("archive_entry_set_mtime", to.entry_set_mtime);
}

}  // namespace

Result<const LibArchive*> LibArchive::load() {
  static std::mutex mutex;
  static std::optional<LibArchive> loaded;
  std::lock_guard guard{mutex};
  if (loaded) return &*loaded;
  auto library = os::Library::open("libarchive.so.13", "libarchive13");
  if (!library) return std::move(library).error();
  LibArchive found{};
  if (!find_all(*library, found))
    return Error{ErrorCode::kUnavailable, "libarchive.so.13 is not the one that trivet knows",
                 "apt-get install libarchive13"};
  library->keep();
  loaded = found;
  return &*loaded;
}

std::string LibArchive::reason(archive* of) const {
  const char* text = error_string(of);
  return text ? text : "it gives no reason";
}

Utf8Names::Utf8Names() : utf8_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(nullptr) {
  if (utf8_) before_ = uselocale(static_cast<locale_t>(utf8_));
}

Utf8Names::~Utf8Names() {
  if (!utf8_) return;
  uselocale(static_cast<locale_t>(before_));
  freelocale(static_cast<locale_t>(utf8_));
}

}  // namespace trivet::store
