#pragma once
// libarchive, loaded when the first archive is met: it brings a dozen libraries with it, which no
// start of a host shall pay for. Its functions have the names they have there, without `archive_`.

#include <archive.h>
#include <archive_entry.h>

#include <string>

#include "base/result.h"

namespace trivet::store {

struct LibArchive {
  // The one of this process. kUnavailable when it cannot be loaded. Any thread.
  static Result<const LibArchive*> load();

  decltype(&archive_errno) error_number;
  decltype(&archive_error_string) error_string;
  decltype(&archive_read_new) read_new;
  decltype(&archive_read_free) read_free;
  decltype(&archive_read_support_filter_gzip) read_support_filter_gzip;
  decltype(&archive_read_support_filter_xz) read_support_filter_xz;
  decltype(&archive_read_support_filter_zstd) read_support_filter_zstd;
  decltype(&archive_read_support_format_tar) read_support_format_tar;
  decltype(&archive_read_support_format_zip) read_support_format_zip;
  decltype(&archive_read_open_filename) read_open_filename;
  decltype(&archive_read_next_header) read_next_header;
  decltype(&archive_read_data) read_data;
  decltype(&archive_write_new) write_new;
  decltype(&archive_write_free) write_free;
  decltype(&archive_write_set_format_pax) write_set_format_pax;
  decltype(&archive_write_add_filter_zstd) write_add_filter_zstd;
  decltype(&archive_write_open_fd) write_open_fd;
  decltype(&archive_write_header) write_header;
  decltype(&archive_write_data) write_data;
  decltype(&archive_write_close) write_close;
  decltype(&archive_entry_new) entry_new;
  decltype(&archive_entry_free) entry_free;
  decltype(&archive_entry_clear) entry_clear;
  decltype(&archive_entry_pathname) entry_pathname;
  decltype(&archive_entry_filetype) entry_filetype;
  decltype(&archive_entry_perm) entry_perm;
  decltype(&archive_entry_size) entry_size;
  decltype(&archive_entry_symlink) entry_symlink;
  decltype(&archive_entry_hardlink) entry_hardlink;
  decltype(&archive_entry_copy_pathname) entry_copy_pathname;
  decltype(&archive_entry_copy_symlink) entry_copy_symlink;
  decltype(&archive_entry_set_filetype) entry_set_filetype;
  decltype(&archive_entry_set_perm) entry_set_perm;
  decltype(&archive_entry_set_size) entry_set_size;
  decltype(&archive_entry_set_mtime) entry_set_mtime;

  // What it says was wrong with the last call.
  std::string reason(archive* of) const;
};

// Names of entries are UTF-8 while it lives, in this thread, whatever the process's locale:
// libarchive asks the locale.
class Utf8Names {
 public:
  Utf8Names();
  ~Utf8Names();
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  void* utf8_;
  void* before_;
};

}  // namespace trivet::store
